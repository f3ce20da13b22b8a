"""Metrics equal scikit-learn's on random cases, and refuse what would give a wrong number."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import metrics

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module")
def sklearn() -> Any:
    """scikit-learn's metrics; the test is skipped where it is not installed."""
    reason = "scikit-learn, the oracle, is not installed: pip install '.[reference]'"
    return pytest.importorskip("sklearn.metrics", reason=reason)


@st.composite
def cases(draw, low=2):
    """Scores of samples, their classes and weights: few different scores, so that many are equal; classes may lack."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, count = draw(st.integers(1, 30)), draw(st.integers(low, 6))
    scores = rng.standard_normal((n, count)) if draw(st.booleans()) else rng.integers(0, 3, (n, count)).astype(float)
    target = rng.integers(0, draw(st.integers(1, count)), n)
    weight = None
    if draw(st.booleans()):
        weight = rng.integers(0, 3, n) * 0.7 + 0.1 * draw(st.booleans())
        weight[0] += 1
    return scores, target, weight


@given(cases(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_accuracy_and_the_confusion_matrix_are_scikit_learns(sklearn, case, as_scores):
    scores, target, weight = case
    said = scores.argmax(axis=1)
    output = xe.tensor(scores) if as_scores else said
    expected = sklearn.accuracy_score(target, said, sample_weight=weight)
    assert metrics.accuracy(output, target, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    count = scores.shape[1]
    matrix = metrics.confusion_matrix(output, target, classes=count, sample_weight=weight)
    assert matrix.dtype == (np.int64 if weight is None else np.float64)
    np.testing.assert_allclose(
        matrix, sklearn.confusion_matrix(target, said, labels=range(count), sample_weight=weight), **CLOSE
    )


@given(cases(low=3), st.integers(1, 5))
@settings(deadline=None, max_examples=150)
def test_top_k_accuracy_is_scikit_learns_with_equal_scores_too(sklearn, case, k):
    scores, target, weight = case
    count = scores.shape[1]
    k = min(k, count - 1)
    expected = sklearn.top_k_accuracy_score(target, scores, k=k, labels=range(count), sample_weight=weight)
    assert metrics.top_k_accuracy(scores, target, k, sample_weight=weight) == pytest.approx(expected, rel=1e-12)


@given(
    cases(), st.sampled_from(["precision", "recall", "f1"]), st.sampled_from([None, "macro", "micro", "weighted"]),
    st.sampled_from([0.0, 1.0, math.nan]), st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_precision_recall_and_f1_are_scikit_learns(sklearn, case, name, average, zero_division, as_scores):
    scores, target, weight = case
    said, count = scores.argmax(axis=1), scores.shape[1]
    theirs = getattr(sklearn, f"{name}_score")
    labels = range(count) if average is None else None
    expected = theirs(
        target, said, labels=labels, average=average, sample_weight=weight, zero_division=zero_division
    )
    output, classes = (scores, None) if as_scores else (said, count)
    ours = getattr(metrics, name)(
        output, target, average=average, classes=classes, sample_weight=weight, zero_division=zero_division
    )
    np.testing.assert_allclose(ours, expected, **CLOSE)


@given(cases(), st.sampled_from(["precision", "recall", "f1"]), st.sampled_from([0.0, 1.0, math.nan]))
@settings(deadline=None, max_examples=150)
def test_the_binary_average_is_scikit_learns(sklearn, case, name, zero_division):
    scores, target, weight = case
    said, target = scores[:, 0] > 0.5, np.minimum(target, 1)
    expected = getattr(sklearn, f"{name}_score")(
        target, said, labels=[0, 1], average=None, sample_weight=weight, zero_division=zero_division
    )
    ours = getattr(metrics, name)(said, target, sample_weight=weight, zero_division=zero_division)
    np.testing.assert_allclose(ours, expected[1], **CLOSE)


@given(cases(), st.sampled_from([np.float64, np.float32, np.int64]))
@settings(deadline=None, max_examples=150)
def test_the_area_for_two_classes_is_scikit_learns(sklearn, case, dtype):
    scores, target, weight = case
    target, score = np.minimum(target, 1), scores[:, 0].astype(dtype)
    counted = target if weight is None else target[weight > 0]
    if counted.min() == counted.max():
        with pytest.raises(xe.ArgumentError, match="no pairs to compare"):
            metrics.roc_auc(score, target, sample_weight=weight)
        return
    expected = sklearn.roc_auc_score(target, score, sample_weight=weight)
    assert metrics.roc_auc(score, target, sample_weight=weight) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(cases(low=3), st.sampled_from([None, "macro", "weighted"]))
@settings(deadline=None, max_examples=150)
def test_the_area_for_several_classes_is_scikit_learns(sklearn, case, average):
    scores, target, weight = case
    count = scores.shape[1]
    scores = np.concatenate([scores, scores[:1].repeat(count, axis=0)])
    target = np.concatenate([target, np.arange(count)])
    weight = None if weight is None else np.concatenate([weight, np.ones(count)])
    p = np.array(xe.softmax(scores))
    expected = sklearn.roc_auc_score(target, p, multi_class="ovr", average=average, sample_weight=weight)
    np.testing.assert_allclose(metrics.roc_auc(p, target, average=average, sample_weight=weight), expected, **CLOSE)


@given(cases(), st.booleans(), st.sampled_from([np.float64, np.float32]))
@settings(deadline=None, max_examples=150)
def test_log_loss_is_scikit_learns(sklearn, case, binary, dtype):
    scores, target, weight = case
    if binary:
        target, p, count = np.minimum(target, 1), np.array(xe.sigmoid(scores[:, 0])), 2
    else:
        p, count = np.array(xe.softmax(scores)), scores.shape[1]
    expected = sklearn.log_loss(target, p, labels=range(count), sample_weight=weight)
    close = dict(rel=1e-12, abs=1e-15) if dtype == np.float64 else dict(rel=1e-6, abs=1e-6)
    assert metrics.log_loss(p.astype(dtype), target, sample_weight=weight) == pytest.approx(expected, **close)


# -- what is taken ---------------------------------------------------------------------------------------------------


def test_two_columns_of_probabilities_have_the_area_of_the_second():
    p, target = np.array([0.1, 0.4, 0.35, 0.8]), [0, 0, 1, 1]
    assert metrics.roc_auc(np.stack([1 - p, p], axis=1), target) == metrics.roc_auc(p, target) == 0.75


def test_infinite_scores_are_ordered_too():
    assert metrics.roc_auc([-np.inf, 0.0, np.inf, np.inf], [0, 0, 1, 0]) == pytest.approx(2.5 / 3)
    assert metrics.accuracy([[0.0, -np.inf], [-np.inf, 0.0]], [0, 1]) == 1


def test_results_are_python_floats_and_plain_arrays():
    scores, target = xe.tensor([[2.0, 1.0], [0.0, 1.0]], requires_grad=True), xe.tensor([0, 0])
    for found in (metrics.accuracy(scores, target), metrics.f1(scores, target), metrics.precision(scores, target),
                  metrics.log_loss(xe.softmax(scores), target), metrics.roc_auc([0.1, 0.2], [0, 1])):  # fmt: skip
        assert type(found) is float
    assert type(metrics.confusion_matrix(scores, target)) is np.ndarray
    assert type(metrics.recall(scores, target, average=None)) is np.ndarray


def test_sequences_have_the_classes_in_the_last_axis():
    scores = np.zeros((2, 3, 4))
    target = np.array([[0, 1, 2], [3, 3, 0]])
    scores[..., 3] = 1
    assert metrics.accuracy(scores, target) == pytest.approx(2 / 6)
    assert metrics.top_k_accuracy(scores, target, 3) == pytest.approx(4 / 6)
    assert metrics.confusion_matrix(scores, target)[:, 3].tolist() == [2, 1, 1, 2]


def test_what_is_ignored_may_hold_anything():
    scores = np.array([[1.0, 0.0], [np.nan, np.nan], [0.0, 1.0]])
    assert metrics.accuracy(scores, [0, -1, 0], ignore_index=-1) == 0.5
    assert metrics.confusion_matrix(scores, [0, -1, 0], ignore_index=-1).tolist() == [[1, 1], [0, 0]]
    assert metrics.recall(scores, [0, -1, 0], ignore_index=-1, average=None).tolist() == [0.5, 0]
    weight = [1.0, np.nan, 3.0]
    with pytest.raises(xe.ArgumentError, match="sample_weight holds nan"):
        metrics.accuracy(scores, [0, -1, 0], ignore_index=-1, sample_weight=weight)
    weight[1] = 100
    assert metrics.accuracy(scores, [0, -1, 0], ignore_index=-1, sample_weight=weight) == 0.25


def test_labels_that_are_whole_floats_are_class_numbers():
    logits = np.array([-1.0, 2.0, 0.5])
    assert metrics.accuracy(logits > 0, np.array([0.0, 1.0, 0.0])) == pytest.approx(2 / 3)
    assert metrics.roc_auc(logits, np.array([0.0, 1.0, 0.0])) == 1


def test_a_class_that_occurs_nowhere_has_a_place_but_no_part_in_a_mean():
    scores = np.eye(4)[[0, 1, 1]]
    assert metrics.confusion_matrix(scores, [0, 1, 0]).shape == (4, 4)
    assert metrics.f1(scores, [0, 1, 0], average=None).tolist() == pytest.approx([2 / 3, 2 / 3, 0, 0])
    assert metrics.f1(scores, [0, 1, 0], average="macro") == pytest.approx(2 / 3)


def test_accuracy_takes_class_numbers_of_any_size():
    assert metrics.accuracy([0, 10**9], [0, 10**9]) == 1
    assert metrics.accuracy([7, 20_000], [0, 20_000]) == 0.5


def test_a_probability_of_zero_costs_infinitely_much():
    assert metrics.log_loss([0.0, 1.0], [1, 1]) == math.inf
    assert metrics.log_loss([0.0, 1.0], [1, 1], sample_weight=[0, 1]) == 0
    assert math.copysign(1, metrics.log_loss([1.0], [1])) == 1


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda m: m.accuracy(np.zeros(3), [0, 1, 0]), xe.DTypeError, r"output > 0 for logits.*output > 0.5"),
        (lambda m: m.accuracy(np.zeros((3, 1)), [0, 1, 0]), xe.ShapeError, r"Write output\[:, 0\] > 0"),
        (lambda m: m.accuracy([0, 1, 0], [[0], [1], [0]]), xe.ShapeError, r"Write target\[:, 0\]"),
        (lambda m: m.accuracy(np.zeros((3, 2)), [[0], [1], [0]]), xe.ShapeError, r"Write target\[:, 0\]"),
        (lambda m: m.accuracy(np.zeros((3, 2)), np.eye(2)[[0, 1, 0]]), xe.DTypeError, r"target.argmax\(axis=-1\)"),
        (lambda m: m.accuracy(np.zeros((4, 2)), [0, 1, 0]), xe.ShapeError, r"shape \(4, 2\), target \(3,\)"),
        (lambda m: m.accuracy(np.zeros((3, 2)), [0, 2, 0]), xe.ArgumentError, "holds class 2 in 1 of 3 samples"),
        (lambda m: m.accuracy(np.zeros((3, 2)), [0, -1, 0]), xe.ArgumentError, "Write ignore_index=-1"),
        (lambda m: m.accuracy([0, -1, 0], [0, 1, 0]), xe.ArgumentError, "output holds -1 in 1 of 3"),
        (lambda m: m.accuracy([0, 1], [0.3, 0.7]), xe.DTypeError, "target holds 0.3 in 2 of 2"),
        (lambda m: m.accuracy([0, 1], [0.0, np.nan]), xe.DTypeError, "target holds nan in 1 of 2"),
        (lambda m: m.accuracy([0, 1], [0.0, np.inf]), xe.DTypeError, "target holds inf"),
        (lambda m: m.accuracy([[0, np.nan], [1, 0]], [0, 1]), xe.ArgumentError, "NaN in 1 of 2"),
        (lambda m: m.accuracy(["a", "b"], [0, 1]), xe.DTypeError, "output"),
        (lambda m: m.accuracy([0, 1], None), xe.DTypeError, "target is None"),
        (lambda m: m.accuracy([0, 1, 0], np.zeros((3, 2))), xe.ShapeError, r"Write accuracy\(output, target\) if"),
        (lambda m: m.f1([0, 1, 0], np.zeros((3, 2), int)), xe.ShapeError, "if target is one-hot"),
        (lambda m: m.f1([0, 10**9], [0, 1], average="micro"), xe.ArgumentError, "Write classes=1000000001"),
        (lambda m: m.accuracy([], []), xe.ShapeError, "no samples"),
        (lambda m: m.accuracy(np.zeros((0, 3)), np.zeros(0, int)), xe.ShapeError, "no samples"),
        (lambda m: m.accuracy([0, 1], [7, 7], ignore_index=7), xe.ArgumentError, "7, throughout"),
        (lambda m: m.accuracy([0, 1], [0, 1], ignore_index=0.5), xe.DTypeError, "ignore_index is 0.5"),
        (lambda m: m.accuracy([0, 1], [0, 1], sample_weight=[0, 0]), xe.ArgumentError, "every sample_weight is 0"),
        (lambda m: m.accuracy([0, 1], [0, 1], sample_weight=[1, -1]), xe.ArgumentError, "holds -1.0 in 1"),
        (lambda m: m.accuracy([0, 1], [0, 1], sample_weight=[[1], [1]]), xe.ShapeError, r"has shape \(2, 1"),
        (lambda m: m.confusion_matrix([0, 10**9], [0, 1]), xe.ArgumentError, "Write classes=1000000001"),
        (lambda m: m.confusion_matrix(np.array([0, 2**63], np.uint64), [0, 1]), xe.ArgumentError, "too large"),
        (lambda m: m.confusion_matrix([0, 2], [0, 1], classes=2), xe.ArgumentError, "output holds class 2"),
        (lambda m: m.confusion_matrix([0, 1], [0, 2], classes=2), xe.ArgumentError, "target holds class 2"),
        (lambda m: m.confusion_matrix([0, 1], [0, 1], classes=0), xe.ArgumentError, "classes is 0; expected 1"),
        (lambda m: m.confusion_matrix([0, 1], [0, 1], classes=True), xe.DTypeError, "classes is True"),
        (lambda m: m.confusion_matrix(np.zeros((2, 3)), [0, 1], classes=4), xe.ShapeError, "but classes is 4"),
        (lambda m: m.top_k_accuracy([0, 1], [0, 1], 1), xe.ShapeError, "Write accuracy for class numbers"),
        (lambda m: m.top_k_accuracy(np.zeros((2, 3)), [0, 1], 3), xe.ArgumentError, "each sample would be right"),
        (lambda m: m.top_k_accuracy(np.zeros((2, 3)), [0, 3], 1), xe.ArgumentError, "there are 3 classes, 0 to 2"),
        (lambda m: m.top_k_accuracy(np.zeros((2, 3)), [0, 1], 0), xe.ArgumentError, "k is 0; expected 1 or more"),
        (lambda m: m.top_k_accuracy(np.zeros((2, 3)), [0, 1], 1.0), xe.DTypeError, "k is 1.0"),
        (lambda m: m.f1([0, 1, 2], [0, 1, 2]), xe.ArgumentError, "Write average='macro'"),
        (lambda m: m.f1([0, 1], [0, 1], average="mean"), xe.ArgumentError, "expected one of 'binary', 'macro'"),
        (lambda m: m.f1([0, 1], [0, 1], zero_division=0.5), xe.ArgumentError, "zero_division is 0.5"),
        (lambda m: m.roc_auc([0.1, np.nan], [0, 1]), xe.ArgumentError, "output holds NaN in 1"),
        (lambda m: m.roc_auc([0.1, 0.2], [1, 1]), xe.ArgumentError, "nothing but class 1 occurs"),
        (lambda m: m.roc_auc([0.1, 0.2], [0, 0]), xe.ArgumentError, "class 1 does not occur"),
        (lambda m: m.roc_auc([0.1, 0.2], [0, 1], sample_weight=[0, 1]), xe.ArgumentError, "with a weight above 0"),
        (lambda m: m.roc_auc([0.1, 0.2], [0, 2]), xe.ArgumentError, "target holds class 2"),
        (lambda m: m.roc_auc([0.1, 0.2], [0.1, 1]), xe.DTypeError, "target holds 0.1"),
        (lambda m: m.roc_auc([0.1, 0.2], [0, 1], average="micro"), xe.ArgumentError, "expected 'macro', 'weighted'"),
        (lambda m: m.roc_auc([[0.2, 0.8], [2.0, -1.0]], [0, 1]), xe.ArgumentError, r"holds 2; .*xe.softmax\(logits\)"),
        (lambda m: m.roc_auc([[0.2, 0.8], [0.5, 0.6]], [0, 1]), xe.ArgumentError, "sum to 1.1, not to 1, in 1 of 2"),
        (lambda m: m.roc_auc(np.full((2, 3), 1 / 3), [0, 1]), xe.ArgumentError, "class 2 does not occur"),
        (lambda m: m.roc_auc(np.full((2, 3), 1 / 3), np.eye(3)[:2]), xe.ShapeError, "Expected"),
        (lambda m: m.roc_auc(np.zeros((2, 1)), [0, 1]), xe.ShapeError, r"Write output\[:, 0\]\.$"),
        (lambda m: m.log_loss(np.zeros((2, 1)), [0, 1]), xe.ShapeError, r"Write output\[:, 0\]\.$"),
        (lambda m: m.roc_auc([], []), xe.ShapeError, "no samples"),
        (lambda m: m.log_loss([0.5, 1.5], [0, 1]), xe.ArgumentError, r"output holds 1.5.*xe.sigmoid\(logits\)"),
        (lambda m: m.log_loss([0.5, 0.5], [0, 1], sample_weight=[0, 0]), xe.ArgumentError, "every sample_weight is 0"),
        (lambda m: m.log_loss([[0.5, 0.4]], [0]), xe.ArgumentError, "sum to 0.9"),
        (lambda m: m.log_loss([[0.5, 0.5]], [2]), xe.ArgumentError, "there are 2 classes"),
        (lambda m: m.log_loss([[[0.5, 0.5]]], [[1]]), xe.ShapeError, r"\(1, 1, 2\)"),
    ],
)
def test_what_would_give_a_wrong_number_is_refused_with_the_way_out(call, error, message):
    with pytest.raises(error) as raised:
        call(metrics)
    assert re.search(message, str(raised.value), re.DOTALL), raised.value
    assert re.match(r"\w+: ", str(raised.value))
