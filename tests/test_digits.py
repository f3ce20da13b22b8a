"""The engine's rules at 50 digits give the recorded closed forms, for the losses as written and for the stable ones.

`data/closed_forms.json` was computed by mpmath from the formulas; here mpmath's numbers go through the losses and back
through the gradient rules. Inputs are read as decimals, exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.program import symbols
from tinygrad_xe.program.symbols import SymbolArray

mpmath: Any = pytest.importorskip("mpmath", reason="mpmath is not installed: pip install '.[symbolic]'")

DIGITS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text(encoding="utf-8"))
SOFTMAX = [key for key in DIGITS if key.startswith("C5_softmax")]
BOUND = "1e-47"

Function = Callable[..., Any]


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    with mpmath.workdps(50):
        yield


@pytest.fixture(params=[xe.losses.article, xe.losses], ids=["as written", "stable"])
def losses(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The losses. As the article writes them, 1 - p at the logit 20 cancels 9 digits, so they get 10 more."""
    with mpmath.workdps(60 if request.param is xe.losses.article else 50):
        yield request.param


def numbers(key: str, *names: str) -> list[SymbolArray]:
    return [symbols.array(DIGITS[key][name], "mpmath") for name in names]


def assert_recorded(found: Any, expected: Any) -> None:
    """Equal to what is recorded in all but the last digits, relative where that is above 1."""
    right = symbols.array(expected, "mpmath")
    assert isinstance(found, SymbolArray)
    assert found.shape == right.shape
    for a, b in zip(found.values.ravel(), right.values.ravel(), strict=True):
        assert abs(a - b) <= mpmath.mpf(BOUND) * max(1, abs(b)), (a, b)


def summed(loss: Function, **options: Any) -> Function:
    """The sum of a loss of labels and logits, as a function of both."""
    return lambda y, z: np.sum(loss(labels=y, logits=z, **options))


def test_every_recorded_form_is_compared_with():
    tested = {"C1_bce_p", "C2_bce_z", "C3_logistic", "C4_ce_p", "C4_softmax", "C7_kl", "C7_mle", *SOFTMAX}
    tested |= {"C8_weighted", "C8_class_weights", "C8_temperature", "C8_label_smoothing"}
    assert tested == set(DIGITS)


def test_a_wrong_digit_is_seen():
    with pytest.raises(AssertionError):
        assert_recorded(symbols.array(["1.0"], "mpmath"), ["1.0000000000000000000000000000000000000000000001"])


def test_float64_numbers_would_not_pass(losses):
    y, z = (np.array(DIGITS["C2_bce_z"][name], float) for name in "yz")
    found = symbols.array(losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z), "mpmath")
    with pytest.raises(AssertionError):
        assert_recorded(found, DIGITS["C2_bce_z"]["loss"])


def test_c1_binary_on_probabilities(losses):
    c = DIGITS["C1_bce_p"]
    y, p = numbers("C1_bce_p", "y", "p")
    loss: Function = lambda y, p: losses.binary_cross_entropy(labels=y, probs=p)
    assert_recorded(loss(y, p), c["loss"])
    in_labels, in_probs = xe.grad(lambda y, p: np.sum(loss(y, p)), (0, 1))(y, p)
    assert_recorded(in_probs, c["dp"])
    assert_recorded(in_labels, c["dy"])
    assert_recorded(np.diagonal(xe.hessian(lambda p: np.sum(loss(y, p)))(p)), c["d2p"])


def test_c2_binary_on_logits(losses):
    c = DIGITS["C2_bce_z"]
    y, z = numbers("C2_bce_z", "y", "z")
    loss = losses.sigmoid_cross_entropy_with_logits
    assert_recorded(loss(labels=y, logits=z), c["loss"])
    in_labels, in_logits = xe.grad(summed(loss), (0, 1))(y, z)
    assert_recorded(in_logits, c["dz"])
    assert_recorded(in_labels, c["dy"])
    assert_recorded(np.diagonal(xe.hessian(summed(loss), 1)(y, z)), c["d2z"])


def test_as_written_the_loss_loses_nine_digits_at_the_logit_20():
    y, z = numbers("C2_bce_z", "y", "z")
    in_labels = xe.grad(summed(xe.losses.article.sigmoid_cross_entropy_with_logits))(y, z)
    error = abs(in_labels.values[-1] + 20) / 20
    assert mpmath.mpf("1e-46") < error < mpmath.mpf("1e-40")


def test_c2_at_full_relative_accuracy_in_the_tail():
    """In the stable form, no digit is lost at the logit 20 either, where 1 - p is 2e-9."""
    c = DIGITS["C2_bce_z"]
    y, z = numbers("C2_bce_z", "y", "z")
    loss = xe.losses.sigmoid_cross_entropy_with_logits
    for found, expected in (loss(labels=y, logits=z), c["loss"]), (xe.grad(summed(loss), 1)(y, z), c["dz"]):
        for a, b in zip(found.values, symbols.array(expected, "mpmath").values, strict=True):
            assert abs(a - b) <= abs(b) * mpmath.mpf("1e-48")


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_c3_logistic_regression(losses, reduction):
    c = DIGITS["C3_logistic"]
    X, y, theta = numbers("C3_logistic", "X", "y", "theta")

    def loss(theta: Any) -> Any:
        return losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ theta, reduction=reduction)

    value, gradient = xe.value_and_grad(loss)(theta)
    assert_recorded(value, c[f"loss_{reduction}"])
    assert_recorded(gradient, c[f"grad_{reduction}"])
    if reduction == "sum":
        assert_recorded(xe.hessian(loss)(theta), c["hessian_sum"])
    assert_recorded(xe.sigmoid(X @ theta), c["p"])


def test_c4_multi_class_on_probabilities(losses):
    c = DIGITS["C4_ce_p"]
    y, p = numbers("C4_ce_p", "y", "p")
    loss: Function = lambda y, p: losses.cross_entropy(labels=y, probs=p)
    assert_recorded(loss(y, p), c["loss"])
    in_labels, in_probs = xe.grad(loss, (0, 1))(y, p)
    assert_recorded(in_probs, c["dp"])
    assert_recorded(in_labels, c["dy"])


@pytest.mark.parametrize("softmax", [xe.losses.article.softmax, xe.softmax], ids=["as written", "stable"])
def test_c4_softmax(softmax):
    (z,) = numbers("C4_softmax", "z")
    assert_recorded(softmax(z), DIGITS["C4_softmax"]["p"])
    assert_recorded(xe.jacobian(softmax)(z), DIGITS["C4_softmax"]["jacobian"])


@pytest.mark.parametrize("key", SOFTMAX)
def test_c5_and_c6_multi_class_on_logits(losses, key):
    c = DIGITS[key]
    y, z = numbers(key, "y", "z")
    loss = losses.softmax_cross_entropy_with_logits_v2
    assert_recorded(loss(labels=y, logits=z), c["loss"])
    in_labels, in_logits = xe.grad(summed(loss), (0, 1))(y, z)
    assert_recorded(in_logits, c["dz"])
    assert_recorded(in_labels, c["dy"])
    assert_recorded(xe.hessian(summed(loss), 1)(y, z), c["hessian"])
    first = losses.softmax_cross_entropy_with_logits
    assert_recorded(first(labels=y, logits=z), c["loss"])
    assert_recorded(xe.grad(summed(first), 1)(y, z), c["dz"])


def test_c5_with_a_class_number(losses):
    c = DIGITS["C5_softmax_hard"]
    (z,) = numbers("C5_softmax_hard", "z")
    t = np.array(c["y"].index("1.0"))

    def loss(z: Any) -> Any:
        return losses.sparse_softmax_cross_entropy_with_logits(labels=t[None], logits=z[None])[0]

    assert_recorded(loss(z), c["loss"])
    assert_recorded(xe.grad(loss)(z), c["dz"])
    assert_recorded(xe.hessian(loss)(z), c["hessian"])


def test_c7_divergence():
    c, soft = DIGITS["C7_kl"], DIGITS["C5_softmax_soft"]
    y, z = numbers("C7_kl", "y", "z")
    assert_recorded(xe.losses.kl_divergence(labels=y, logits=z), c["kl"])
    assert_recorded(xe.losses.entropy(probs=y), c["entropy"])
    assert_recorded(xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z), c["ce"])
    gradient = xe.grad(lambda z: xe.losses.kl_divergence(labels=y, logits=z))
    assert_recorded(gradient(z), soft["dz"])
    assert_recorded(xe.jacobian(gradient)(z), soft["hessian"])
    on_probs = xe.losses.kl_divergence(labels=y, probs=symbols.array(soft["p"], "mpmath"))
    assert_recorded(on_probs, c["kl"])


def test_c7_maximum_likelihood():
    c = DIGITS["C7_mle"]
    y, p, z = numbers("C7_mle", "y", "p_hat", "logit_hat")

    def on_probs(p: Any) -> Any:
        return np.sum(xe.losses.bernoulli_nll(labels=y, probs=np.broadcast_to(p, y.shape)))

    def on_logit(z: Any) -> Any:
        return np.sum(xe.losses.bernoulli_nll(labels=y, logits=np.broadcast_to(z, y.shape)))

    assert_recorded(on_probs(p), c["min_nll"])
    assert_recorded(on_logit(z), c["min_nll"])
    assert_recorded(xe.grad(on_probs)(p), "0")
    assert_recorded(xe.grad(on_logit)(z), "0")
    assert_recorded(xe.hessian(on_probs)(p), c["curvature"])


def test_c8_pos_weight(losses):
    c = DIGITS["C8_weighted"]
    y, z, q = numbers("C8_weighted", "y", "z", "q")

    def loss(y: Any, z: Any, q: Any) -> Any:
        return losses.weighted_cross_entropy_with_logits(labels=y, logits=z, pos_weight=q)

    assert_recorded(loss(y, z, q), c["loss"])
    in_labels, in_logits = xe.grad(lambda y, z: np.sum(loss(y, z, q)), (0, 1))(y, z)
    assert_recorded(in_logits, c["dz"])
    assert_recorded(in_labels, c["dy"])
    in_weights = xe.grad(lambda q: np.sum(loss(y, z, q)))(q + np.zeros_like(z))
    assert_recorded(in_weights, c["dq"])
    assert_recorded(xe.grad(lambda q: np.sum(loss(y, z, q)))(q), np.sum(symbols.array(c["dq"], "mpmath")))
    at_zero = xe.grad(lambda z: np.sum(loss(symbols.array([1, 0], "mpmath"), z, q)))(np.zeros_like(z[:2]))
    assert_recorded(at_zero, [c["dz_at_0_y1"], c["dz_at_0_y0"]])


def test_c8_class_weights(losses):
    c = DIGITS["C8_class_weights"]
    w, y, z = numbers("C8_class_weights", "w", "y", "z")

    def loss(z: Any) -> Any:
        if losses is xe.losses:
            return losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z, class_weight=w)
        return losses.softmax_cross_entropy_with_logits_v2(labels=w * y, logits=z)

    assert_recorded(loss(z), c["loss"])
    assert_recorded(xe.grad(loss)(z), c["dz"])


def test_c8_temperature(losses):
    c = DIGITS["C8_temperature"]
    y, z, T = numbers("C8_temperature", "y", "z", "T")

    def loss(z: Any, T: Any) -> Any:
        if losses is xe.losses:
            return losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z, temperature=T)
        return losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z / T)

    assert_recorded(loss(z, T), c["loss"])
    in_logits, in_temperature = xe.grad(loss, (0, 1))(z, T)
    assert_recorded(in_logits, c["dz"])
    assert_recorded(in_temperature, c["dT"])


def test_c8_label_smoothing(losses):
    c = DIGITS["C8_label_smoothing"]
    y, z, eps = numbers("C8_label_smoothing", "y", "z", "eps")

    def loss(z: Any) -> Any:
        if losses is xe.losses:
            return losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z, label_smoothing=eps)
        return losses.softmax_cross_entropy_with_logits_v2(labels=(1 - eps) * y + eps / len(y), logits=z)

    assert_recorded(loss(z), c["loss"])
    assert_recorded(xe.grad(loss)(z), c["dz"])


# -- what is not recorded: the stable losses against the written ones, where those still have their digits -------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_and_its_derivatives_are_those_of_the_formula(gamma):
    y, z = numbers("C2_bce_z", "y", "z")

    def written(y: Any, z: Any) -> Any:
        p = xe.losses.article.sigmoid(z)
        return np.sum(-y * (1 - p) ** gamma * np.log(p) - (1 - y) * p**gamma * np.log(1 - p))

    def stable(y: Any, z: Any) -> Any:
        return xe.losses.binary_focal_cross_entropy(labels=y, logits=z, gamma=gamma, reduction="sum")

    with mpmath.workdps(60):
        assert_recorded(stable(y, z), written(y, z))
        for found, right in zip(xe.grad(stable, (0, 1))(y, z), xe.grad(written, (0, 1))(y, z), strict=True):
            assert_recorded(found, right)


def test_masked_logits_keep_their_limits_at_any_precision():
    y, z = symbols.array([0, 1, 0], "mpmath"), symbols.array([-np.inf, 1, "0.1"], "mpmath")
    value, gradient = xe.value_and_grad(summed(xe.losses.softmax_cross_entropy_with_logits_v2), 1)(y, z)
    assert_recorded(value, mpmath.log1p(mpmath.exp(mpmath.mpf("-0.9"))))
    p = 1 / (1 + mpmath.exp(mpmath.mpf("0.9")))
    assert_recorded(gradient, [0, -p, p])
