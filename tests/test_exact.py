"""The engine's gradients of the article's losses equal the closed forms exactly: their difference simplifies to 0.

The losses are `losses.article`, made of exp, log, sums and divisions, so what is put to the proof are the rules of
those operations and the sweep. The closed forms are written here, in the notation of the article's audit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from symbolic import assert_equal, is_zero

import tinygrad_xe as xe
from tinygrad_xe.op import REGISTRY
from tinygrad_xe.program import symbols
from tinygrad_xe.program.symbols import SymbolArray, sympy_array

article = xe.losses.article
Loss = Callable[..., Any]


def sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    return np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)


def diagonal(v: SymbolArray) -> SymbolArray:
    return symbols.array(np.eye(len(v)), "sympy") * v


def categorical(labels: Any, logits: Any) -> Any:
    return article.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)


def binary(labels: Any, logits: Any) -> Any:
    return article.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, reduction="sum")


def regression(X: Any, y: Any, theta: Any) -> Any:
    return binary(y, X @ theta)


def mixed(f: Loss, a: Any, b: Any) -> Any:
    """The derivatives of the gradient in `b` with respect to `a`: shape of b + shape of a."""
    return xe.jacobian(lambda a: xe.grad(f, 1)(a, b))(a)


@pytest.fixture(scope="module")
def Y() -> SymbolArray:
    return sympy_array("y", (2,))


@pytest.fixture(scope="module")
def Z() -> SymbolArray:
    return sympy_array("z", (2,))


@pytest.fixture(scope="module")
def y() -> SymbolArray:
    return sympy_array("y", (3,))


@pytest.fixture(scope="module")
def z() -> SymbolArray:
    return sympy_array("z", (3,))


# -- the judge itself --------------------------------------------------------------------------------------------------


def test_the_judge_does_not_take_a_wrong_form_for_a_right_one(Y, Z):
    gradient = xe.grad(binary, 1)(Y, Z)
    assert not is_zero((gradient - (sigma(Z) + Y)).values[0])
    assert not is_zero((gradient - sigma(Z)).values[0])


def test_the_judge_sees_a_rule_that_is_wrong(Y, Z, monkeypatch):
    xe.grad(binary, 1)(Y, Z)  # the first call generates the code
    right = REGISTRY[np.log].vjp
    monkeypatch.setattr(REGISTRY[np.log], "vjp", lambda *given: tuple(2 * g for g in right(*given)))
    assert not is_zero((xe.grad(binary, 1)(Y, Z) - (sigma(Z) - Y)).values[0])


# -- C1: binary, on probabilities --------------------------------------------------------------------------------------


def binary_on_probs(y: Any, p: Any) -> Any:
    return article.binary_cross_entropy(labels=y, probs=p, reduction="sum")


def test_c1_the_gradients_on_probabilities(Y):
    p = sympy_array("p", (2,), positive=True)
    in_labels, in_probs = xe.grad(binary_on_probs, (0, 1))(Y, p)
    assert_equal(in_probs, (p - Y) / (p * (1 - p)))
    assert_equal(in_labels, np.log(1 - p) - np.log(p))


def test_c1_the_second_derivatives_on_probabilities(Y):
    p = sympy_array("p", (2,), positive=True)
    curvature = xe.hessian(binary_on_probs, 1)(Y, p)
    assert_equal(curvature, diagonal(Y / p**2 + (1 - Y) / (1 - p) ** 2))
    assert_equal(mixed(binary_on_probs, Y, p), diagonal(-1 / (p * (1 - p))))


# -- C2: binary, on logits ---------------------------------------------------------------------------------------------


def test_c2_the_gradients_on_logits(Y, Z):
    in_labels, in_logits = xe.grad(binary, (0, 1))(Y, Z)
    assert_equal(in_logits, sigma(Z) - Y)
    assert_equal(in_logits, (1 - Y) * sigma(Z) - Y * sigma(-Z))
    assert_equal(in_labels, -Z)


def test_c2_the_derivatives_of_second_and_third_order():
    y, z = sympy_array("y"), sympy_array("z")
    p = sigma(z)
    second = xe.grad(xe.grad(binary, 1), 1)
    assert_equal(second(y, z), p * (1 - p))
    assert_equal(xe.grad(second, 1)(y, z), p * (1 - p) * (1 - 2 * p))
    assert_equal(xe.grad(xe.grad(binary, 1), 0)(y, z), symbols.array(-1, "sympy"))
    assert_equal(xe.grad(second, 0)(y, z), symbols.array(0, "sympy"))


# -- C3: logistic regression, E18 --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def X() -> SymbolArray:
    return sympy_array("x", (2, 2))


@pytest.fixture(scope="module")
def theta() -> SymbolArray:
    return sympy_array("t", (2,))


def test_c3_the_gradient_of_logistic_regression_is_the_articles_result(X, Y, theta):
    assert_equal(xe.grad(regression, 2)(X, Y, theta), X.T @ (sigma(X @ theta) - Y))


def test_c3_the_gradients_in_data_and_labels(X, Y, theta):
    in_data, in_labels = xe.grad(regression, (0, 1))(X, Y, theta)
    assert_equal(in_data, (sigma(X @ theta) - Y)[:, None] * theta)
    assert_equal(in_labels, -(X @ theta))


def test_c3_the_mean_is_divided_by_the_number_of_samples(X, Y, theta):
    def loss(theta: Any) -> Any:
        return article.sigmoid_cross_entropy_with_logits(labels=Y, logits=X @ theta, reduction="mean")

    assert_equal(xe.grad(loss)(theta), X.T @ (sigma(X @ theta) - Y) / 2)


def test_c3_the_hessian_of_logistic_regression(X, Y, theta):
    p = sigma(X @ theta)
    assert_equal(xe.hessian(regression, 2)(X, Y, theta), X.T @ ((p * (1 - p))[:, None] * X))


def test_c3_the_hessian_vector_product(X, Y, theta):
    v, p = sympy_array("v", (2,)), sigma(X @ theta)
    found = xe.hvp(lambda theta: regression(X, Y, theta), theta, v)
    assert_equal(found, X.T @ (p * (1 - p) * (X @ v)))


@pytest.mark.parametrize("written", ["E12", "E13", "E14"])
def test_the_lines_of_the_articles_derivation_have_one_gradient(written, X, Y, theta):
    def line(theta: Any) -> Any:
        u = X @ theta
        if written == "E12":
            return -np.sum(Y * np.log(1 / (1 + np.exp(-u))) + (1 - Y) * np.log(np.exp(-u) / (1 + np.exp(-u))))
        if written == "E13":
            return -np.sum(Y * u - Y * np.log(1 + np.exp(u)) - (1 - Y) * np.log(1 + np.exp(u)))
        return -np.sum(Y * u - np.log(1 + np.exp(u)))

    assert_equal(xe.grad(line)(theta), X.T @ (sigma(X @ theta) - Y))


# -- C4: multi-class, on probabilities; softmax ------------------------------------------------------------------------


def test_c4_the_gradients_on_class_probabilities(y):
    p = sympy_array("p", (3,), positive=True)
    loss: Loss = lambda y, p: article.cross_entropy(labels=y, probs=p)
    in_labels, in_probs = xe.grad(loss, (0, 1))(y, p)
    assert_equal(in_probs, -y / p)
    assert_equal(in_labels, -np.log(p))
    assert_equal(xe.hessian(loss, 1)(y, p), diagonal(y / p**2))


def test_c4_the_jacobians_of_softmax_and_its_logarithm(z):
    p, one = softmax(z), symbols.array(np.eye(3), "sympy")
    assert_equal(xe.jacobian(article.softmax)(z), diagonal(p) - np.outer(p, p))
    assert_equal(xe.jacobian(lambda z: np.log(article.softmax(z)))(z), one - np.stack([p, p, p]))
    assert_equal(xe.grad(lambda z: np.log(np.sum(np.exp(z))))(z), p)


# -- C5, C6: multi-class, on logits ------------------------------------------------------------------------------------


def test_c5_the_gradients_hold_for_any_labels(y, z):
    p, S = softmax(z), np.sum(y)
    in_labels, in_logits = xe.grad(categorical, (0, 1))(y, z)
    assert_equal(in_logits, p * S - y)
    assert_equal(in_labels, np.log(np.sum(np.exp(z))) - z)
    assert is_zero(np.sum(in_logits).item())


def test_c5_a_batch_has_the_gradient_of_each_of_its_samples():
    y, z = sympy_array("y", (2, 2)), sympy_array("z", (2, 2))
    gradient = xe.grad(lambda z: np.sum(categorical(y, z)))(z)
    assert_equal(gradient, softmax(z) * np.sum(y, axis=-1, keepdims=True) - y)


@pytest.mark.parametrize("t", [0, 1, 2])
def test_c5_the_gradient_for_a_class_number(t, z):
    def loss(z: Any) -> Any:
        return article.sparse_softmax_cross_entropy_with_logits(labels=np.array(t), logits=z)

    assert_equal(xe.grad(loss)(z), softmax(z) - np.eye(3)[t])


def test_c6_the_hessian_of_softmax_cross_entropy(y, z):
    p, S = softmax(z), np.sum(y)
    assert_equal(xe.hessian(categorical, 1)(y, z), S * (diagonal(p) - np.outer(p, p)))


def test_c6_the_hessian_vector_product(y, z):
    v, p, S = sympy_array("v", (3,)), softmax(z), np.sum(y)
    found = xe.hvp(lambda z: categorical(y, z), z, v)
    assert_equal(found, S * (p * v - p * np.sum(p * v)))


def test_c6_the_mixed_derivatives_in_logits_and_labels(y, z):
    p, one = softmax(z), symbols.array(np.eye(3), "sympy")
    assert_equal(mixed(categorical, y, z), np.stack([p, p, p], axis=1) - one)


def test_c7_the_divergence_has_the_gradient_of_the_cross_entropy(z):
    y = sympy_array("y", (3,), positive=True)

    def divergence(z: Any) -> Any:
        return np.sum(y * (np.log(y) - np.log(article.softmax(z))))

    assert_equal(xe.grad(divergence)(z), softmax(z) * np.sum(y) - y)


# -- C8: variants ------------------------------------------------------------------------------------------------------


def weighted(y: Any, z: Any, q: Any) -> Any:
    return np.sum(article.weighted_cross_entropy_with_logits(labels=y, logits=z, pos_weight=q))


def test_c8_pos_weight():
    y, z, q = sympy_array("y"), sympy_array("z"), sympy_array("q", positive=True)
    in_labels, in_logits, in_weight = xe.grad(weighted, (0, 1, 2))(y, z, q)
    softplus = np.log(1 + np.exp(-z))
    assert_equal(in_logits, (1 - y) * sigma(z) - q * y * sigma(-z))
    assert_equal(in_labels, -z + (q - 1) * softplus)
    assert_equal(in_weight, y * softplus)


def test_c8_the_second_derivatives_of_pos_weight():
    y, z, q = sympy_array("y"), sympy_array("z"), sympy_array("q", positive=True)
    p = sigma(z)
    in_logits = xe.grad(weighted, 1)
    assert_equal(xe.grad(in_logits, 1)(y, z, q), (1 - y + q * y) * p * (1 - p))
    assert_equal(xe.grad(in_logits, 2)(y, z, q), -y * sigma(-z))
    assert_equal(xe.grad(in_logits, 0)(y, z, q), -sigma(z) - q * sigma(-z))


def test_c8_class_weights(y, z):
    w = sympy_array("w", (3,), positive=True)
    in_weights, in_logits = xe.grad(lambda w, z: categorical(w * y, z), (0, 1))(w, z)
    assert_equal(in_logits, softmax(z) * np.sum(w * y) - w * y)
    assert_equal(in_weights, -y * np.log(softmax(z)))


def test_c8_temperature():
    y, z, T = sympy_array("y", (2,)), sympy_array("z", (2,)), sympy_array("T", positive=True)
    excess = softmax(z / T) * np.sum(y) - y
    in_logits, in_temperature = xe.grad(lambda z, T: categorical(y, z / T), (0, 1))(z, T)
    assert_equal(in_logits, excess / T)
    assert_equal(in_temperature, -np.sum(excess * z) / T**2)


def test_c8_label_smoothing(z):
    y, amount = sympy_array("y", (3,)), sympy_array("e")
    in_amount, in_logits = xe.grad(lambda e, z: categorical((1 - e) * y + e / 3, z), (0, 1))(amount, z)
    smooth = (1 - amount) * y + amount / 3
    assert_equal(in_logits, softmax(z) * np.sum(smooth) - smooth)
    # with S = 1 the derivative in the amount is z_t - mean(z) for the hard label t
    hard = in_amount.item().subs(dict(zip(y.values, (0, 1, 0), strict=True)))
    assert is_zero(hard - (z[1] - np.sum(z) / 3).item())


@pytest.mark.parametrize("gamma", [1, 2, 3])
def test_c8_focal(gamma):
    z = sympy_array("z")
    p = sigma(z)

    def focal(z: Any) -> Any:
        p = article.sigmoid(z)
        return -((1 - p) ** gamma) * np.log(p)

    assert_equal(xe.grad(focal)(z), (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1))


# -- C9: the stable forms, on each side of their kinks -----------------------------------------------------------------

SIDES = [{"positive": True}, {"negative": True}]


@pytest.mark.parametrize("side", SIDES, ids=["z above 0", "z below 0"])
def test_c9_the_stable_binary_loss_is_the_articles(side):
    y, z = sympy_array("y"), sympy_array("z", **side)
    stable: Loss = lambda y, z: xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    assert_equal(stable(y, z), binary(y, z))
    in_labels, in_logits = xe.grad(stable, (0, 1))(y, z)
    assert_equal(in_logits, sigma(z) - y)
    assert_equal(in_labels, -z)
    assert_equal(xe.grad(xe.grad(stable, 1), 1)(y, z), sigma(z) * (1 - sigma(z)))


@pytest.mark.parametrize("side", SIDES, ids=["z above 0", "z below 0"])
def test_c9_the_stable_weighted_loss_is_the_articles(side):
    y, z, q = sympy_array("y"), sympy_array("z", **side), sympy_array("q", positive=True)

    def stable(y: Any, z: Any, q: Any) -> Any:
        return xe.losses.weighted_cross_entropy_with_logits(labels=y, logits=z, pos_weight=q)

    assert_equal(stable(y, z, q), weighted(y, z, q))
    for i in range(3):
        assert_equal(xe.grad(stable, i)(y, z, q), xe.grad(weighted, i)(y, z, q))


@pytest.mark.parametrize("top", [0, 1, 2])
def test_c9_the_stable_softmax_loss_is_the_articles_whichever_class_is_the_largest(top, y):
    least, above = sympy_array("m"), sympy_array("a", (2,), positive=True)
    steps = [least, least + above[0], least + above[0] + above[1]]
    z = np.stack([steps[(i - top - 1) % 3] for i in range(3)])

    def stable(y: Any, z: Any) -> Any:
        return xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)

    assert_equal(stable(y, z), categorical(y, z))
    in_labels, in_logits = xe.grad(stable, (0, 1))(y, z)
    assert_equal(in_logits, softmax(z) * np.sum(y) - y)
    assert_equal(in_labels, np.log(np.sum(np.exp(z))) - z)
    p = softmax(z)
    assert_equal(xe.hessian(stable, 1)(y, z), np.sum(y) * (diagonal(p) - np.outer(p, p)))
