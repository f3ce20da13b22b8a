"""The losses as the article writes them: equal to the stable forms where nothing rounds away, and where they break."""

import json
import operator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xe as xe
from tinygrad_xe.errors import ArgumentError
from tinygrad_xe.losses import article

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)

DIGITS = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text())

BINARY = ["sigmoid_cross_entropy_with_logits", "weighted_cross_entropy_with_logits"]
DENSE = ["softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"]
SPARSE = "sparse_softmax_cross_entropy_with_logits"


def both(name, **arguments):
    """Value and gradient in the logits or probabilities, of the article's form and of the stable one."""
    wanted = "probs" if "probs" in arguments else "logits"
    found = []
    for module in (article, xe.losses):
        x = xe.tensor(arguments[wanted], requires_grad=True)
        with np.errstate(all="ignore"):
            loss = getattr(module, name)(**{**arguments, wanted: x})
            loss.sum().backward()
        found.append((loss.numpy(), x.grad))
    return found


def agree(name, **arguments):
    (value, gradient), (stable_value, stable_gradient) = both(name, **arguments)
    np.testing.assert_allclose(value, stable_value, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(gradient, stable_gradient, rtol=1e-10, atol=1e-13)


logits = st.floats(-5, 5)
reductions = st.sampled_from(["none", "sum", "mean"])


@EXAMPLES
@given(st.data(), st.sampled_from(BINARY), reductions)
def test_the_binary_forms_agree_with_the_stable_ones_for_moderate_logits(data, name, reduction):
    z = data.draw(arrays(np.float64, (2, 3), elements=logits))
    y = data.draw(arrays(np.float64, (2, 3), elements=st.floats(0, 1)))
    agree(name, labels=y, logits=z, reduction=reduction, **({"pos_weight": 2.5} if name.startswith("weighted") else {}))


@EXAMPLES
@given(st.data(), st.sampled_from([*DENSE, SPARSE]), reductions, st.sampled_from([0, 1, -1]))
def test_the_softmax_forms_agree_with_the_stable_ones_for_moderate_logits(data, name, reduction, axis):
    z = data.draw(arrays(np.float64, (3, 3), elements=logits))
    if name == SPARSE:
        y = data.draw(arrays(np.int64, 3, elements=st.integers(0, 2)))
    else:
        y = data.draw(arrays(np.float64, (3, 3), elements=st.floats(-2, 2)))
    agree(name, labels=y, logits=z, axis=axis, reduction=reduction)


@EXAMPLES
@given(st.data(), st.sampled_from(["binary_cross_entropy", "cross_entropy"]), reductions)
def test_the_forms_on_probabilities_agree_with_the_stable_ones_inside_the_interval(data, name, reduction):
    p = data.draw(arrays(np.float64, (2, 3), elements=st.floats(0.01, 0.99)))
    y = data.draw(arrays(np.float64, (2, 3), elements=st.floats(0, 1)))
    agree(name, labels=y, probs=p, reduction=reduction)


def test_the_labels_of_the_second_version_have_a_gradient_and_those_of_the_first_have_none():
    z, y = np.array([1.0, -0.5, 0.25]), xe.tensor([0.25, 0.5, 0.25], requires_grad=True)
    article.softmax_cross_entropy_with_logits_v2(labels=y, logits=z).backward()
    np.testing.assert_allclose(y.grad, np.log(np.sum(np.exp(z))) - z, rtol=1e-14)
    first = article.softmax_cross_entropy_with_logits(labels=y, logits=xe.tensor(z, requires_grad=True))
    y.grad = None
    first.backward()
    assert y.grad is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "label, logit, loss, gradient",
    [(1, 1000, 0, 0), (0, 1000, 1000, 1), (1, -1000, 1000, -1), (0, -1000, 0, 0)],
)
def test_at_logits_of_1000_the_binary_form_breaks_and_the_stable_one_is_exact(dtype, label, logit, loss, gradient):
    arguments = dict(labels=np.array([label], dtype), logits=np.array([logit], dtype))
    (value, slope), (stable_value, stable_slope) = both(BINARY[0], **arguments)
    assert stable_value == loss and stable_slope == gradient
    assert stable_value.dtype == stable_slope.dtype == dtype
    assert not np.isfinite(value).all() or not np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*DENSE, SPARSE])
@pytest.mark.parametrize("label, loss", [(0, 0), (1, 1000), (2, 2000)])
def test_at_logits_of_1000_the_softmax_form_breaks_and_the_stable_one_is_exact(dtype, name, label, loss):
    z = np.array([[1000, 0, -1000]], dtype)
    labels = np.array([label]) if name == SPARSE else np.eye(3, dtype=dtype)[[label]]
    (value, slope), (stable_value, stable_slope) = both(name, labels=labels, logits=z)
    assert stable_value == loss
    np.testing.assert_array_equal(stable_slope, np.eye(3)[[0]] - np.eye(3)[[label]])
    assert stable_value.dtype == stable_slope.dtype == dtype
    assert not np.isfinite(value).all() and not np.isfinite(slope).all()


def test_the_loss_of_a_certain_prediction_is_lost_and_the_stable_one_keeps_it():
    arguments = dict(labels=np.array([0]), logits=np.array([[40.0, 0.0]]))
    (value, _), (stable_value, stable_slope) = both(SPARSE, **arguments)
    assert value == 0
    np.testing.assert_allclose(stable_value, [4.248354255291589e-18], rtol=1e-15)
    np.testing.assert_allclose(stable_slope, [[-4.248354255291589e-18, 4.248354255291589e-18]], rtol=1e-15)


class Element:
    """A number or symbol of another library in an object array: NumPy's exp and log call its methods."""

    def __init__(self, value, library):
        self.value, self.library = value, library

    def exp(self):
        return Element(self.library.exp(self.value), self.library)

    def log(self):
        return Element(self.library.log(self.value), self.library)

    def __neg__(self):
        return Element(-self.value, self.library)


def with_operator(symbol):
    def method(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Element(getattr(operator, symbol)(self.value, getattr(other, "value", other)), self.library)

    def reflected(self, other):
        return Element(getattr(operator, symbol)(getattr(other, "value", other), self.value), self.library)

    setattr(Element, f"__{symbol}__", method)
    setattr(Element, f"__r{symbol}__", reflected)


for symbol in ("add", "sub", "mul", "truediv"):
    with_operator(symbol)


def elements(values, library):
    """An object array of elements with the given values, of the shape of the nested lists."""
    flat = [Element(value, library) for value in np.ravel(values)]
    return np.array(flat, object).reshape(np.shape(values))


@pytest.mark.parametrize(
    "name, key, given",
    [
        ("binary_cross_entropy", "C1_bce_p", {"labels": "y", "probs": "p"}),
        ("cross_entropy", "C4_ce_p", {"labels": "y", "probs": "p"}),
        ("sigmoid_cross_entropy_with_logits", "C2_bce_z", {"labels": "y", "logits": "z"}),
        ("weighted_cross_entropy_with_logits", "C8_weighted", {"labels": "y", "logits": "z", "pos_weight": "q"}),
        ("softmax_cross_entropy_with_logits_v2", "C5_softmax_unnormalised", {"labels": "y", "logits": "z"}),
        ("softmax_cross_entropy_with_logits", "C5_softmax_soft", {"labels": "y", "logits": "z"}),
    ],
)
def test_on_numbers_of_50_digits_the_article_s_functions_give_50_digits(name, key, given):
    mpmath = pytest.importorskip("mpmath", reason="mpmath, the oracle, is not installed: pip install '.[reference]'")
    with mpmath.workdps(50):
        numbers = {k: np.vectorize(mpmath.mpf, otypes=[object])(DIGITS[key][v]) for k, v in given.items()}
        loss = getattr(article, name)(**{k: elements(v, mpmath) for k, v in numbers.items()})
        for found, expected in zip(np.ravel(loss), np.ravel(DIGITS[key]["loss"]), strict=True):
            assert abs(found.value - mpmath.mpf(expected)) < mpmath.mpf("1e-46")


def test_the_gradients_of_the_article_follow_by_symbols():
    sympy = pytest.importorskip("sympy", reason="SymPy, the oracle, is not installed: pip install '.[reference]'")
    y, z, a, b = sympy.symbols("y z a b", real=True)
    loss = article.sigmoid_cross_entropy_with_logits(labels=elements([y], sympy), logits=elements([z], sympy))
    h = 1 / (1 + sympy.exp(-z))
    assert sympy.simplify(sympy.diff(loss[0].value, z) - (h - y)) == 0
    loss = article.softmax_cross_entropy_with_logits_v2(
        labels=elements([y, 1 - y], sympy), logits=elements([a, b], sympy))
    p = sympy.exp(a) / (sympy.exp(a) + sympy.exp(b))
    assert sympy.simplify(sympy.diff(loss.value, a) - (p - y)) == 0


def test_an_unknown_reduction_is_named():
    with pytest.raises(ArgumentError, match="reduction is 'average'; it can be 'none', 'sum' or 'mean'"):
        article.binary_cross_entropy(labels=np.ones(1), probs=np.full(1, 0.5), reduction="average")


def test_arguments_are_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        article.cross_entropy(np.ones(2), np.ones(2))
