"""Splits and scaling: proportions, what stays together, seeds, and what is learned from which rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe.data import load_breast_cancer, standardize, train_test_split
from tinygrad_xe.errors import ArgumentError, DTypeError, ShapeError


@given(n=st.integers(2, 60), share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_the_two_parts_make_the_whole_and_rows_stay_together(n, share, seed):
    X, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    if np.ceil(round(share * n, 9)) >= n:
        with pytest.raises(ArgumentError, match="leaves none for training"):
            train_test_split(X, y, test_size=share)
        return
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=share, rng=seed)
    assert sorted([*y_train.tolist(), *y_test.tolist()]) == list(range(n))
    np.testing.assert_array_equal(X_train, X[y_train])
    np.testing.assert_array_equal(X_test, X[y_test])


@pytest.mark.parametrize(("n", "size"), [(10, 0.25), (30, 0.1), (7, 0.5), (1000, 0.001), (12, 5), (3, 0.01)])
def test_the_number_of_test_rows_is_scikit_learns(n, size):
    selection = pytest.importorskip("sklearn.model_selection", reason="the oracle is scikit-learn")
    theirs = [len(part) for part in selection.train_test_split(np.arange(n), test_size=size)]
    ours = [len(part) for part in train_test_split(np.arange(n), test_size=size)]
    assert ours == theirs


def test_a_share_that_is_whole_but_for_rounding_takes_no_further_row():
    assert 0.07 * 100 > 7
    assert len(train_test_split(np.arange(100), test_size=0.07)[1]) == 7


@given(
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=5), share=st.floats(0.05, 0.95), seed=st.integers(0, 9)
)
def test_with_stratify_each_class_has_its_share_to_within_one_row(counts, share, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    total = len(y)
    held_out = int(np.ceil(round(share * total, 9)))
    if min(held_out, total - held_out) < len(counts):
        with pytest.raises(ArgumentError, match="train_test_split: "):
            train_test_split(y, test_size=share, stratify=y)
        return
    train, test = train_test_split(y, test_size=share, stratify=y, rng=seed)
    got = np.bincount(test, minlength=len(counts))
    assert got.sum() == held_out == len(test) and len(train) == total - held_out
    assert (np.abs(got - np.array(counts) * held_out / total) < 1).all()
    np.testing.assert_array_equal(got + np.bincount(train, minlength=len(counts)), counts)


def test_stratified_counts_are_scikit_learns_where_there_is_no_tie():
    selection = pytest.importorskip("sklearn.model_selection", reason="the oracle is scikit-learn")
    y = load_breast_cancer().y
    for size in (0.25, 0.1, 0.33, 100):
        theirs = selection.train_test_split(y, test_size=size, stratify=y, random_state=0)
        ours = train_test_split(y, test_size=size, stratify=y, rng=0)
        assert [np.bincount(part).tolist() for part in ours] == [np.bincount(part).tolist() for part in theirs]


def test_equal_remainders_are_drawn_by_lot():
    y = np.repeat([0, 1, 2], 10)
    extra = {tuple(np.bincount(train_test_split(y, test_size=10, stratify=y, rng=seed)[1])) for seed in range(40)}
    assert extra == {(4, 3, 3), (3, 4, 3), (3, 3, 4)}


def test_classes_may_be_text_truth_values_or_floats():
    for y in (np.array(["a", "b"] * 4), np.array([True, False] * 4), np.array([0.0, 1.0] * 4), ["a", "b"] * 4):
        _, test = train_test_split(y, stratify=y, rng=0)
        assert sorted(test.tolist()) == sorted(set(np.asarray(y).tolist()))


def test_the_same_seed_gives_the_same_split_and_the_librarys_is_the_default():
    X = np.arange(50)
    np.testing.assert_array_equal(train_test_split(X, rng=1)[1], train_test_split(X, rng=1)[1])
    xe.seed(4)
    first = train_test_split(X, stratify=X % 2)[1]
    xe.seed(4)
    np.testing.assert_array_equal(train_test_split(X, stratify=X % 2)[1], first)
    assert train_test_split(X, rng=2)[1].tolist() != train_test_split(X, rng=1)[1].tolist()


def test_the_parts_are_copies():
    X = np.arange(8)
    for part in train_test_split(X, rng=0):
        part[:] = -1
    assert X.tolist() == list(range(8))


@pytest.mark.parametrize(
    ("arrays", "options", "error", "message"),
    [
        ((), {}, ShapeError, "no array to split"),
        (([1, 2], [1]), {}, ShapeError, "array 0 has 2 samples"),
        ((([1, 2], [1, 2]),), {}, DTypeError, r"Write train_test_split\(\*data\)"),
        (([1],), {}, ArgumentError, "test_size=0.25 is 1 of 1 rows and leaves none for training"),
        (([1, 2],), {"test_size": 2}, ArgumentError, "test_size=2 is 2 of 2 rows"),
        (([1, 2],), {"test_size": 0}, ArgumentError, "test_size is 0; expected 1 or more"),
        (([1, 2],), {"test_size": 0.0}, ArgumentError, "test_size is 0.0; expected a share above 0 and below 1"),
        (([1, 2],), {"test_size": 1.0}, ArgumentError, "test_size is 1.0"),
        (([1, 2],), {"test_size": float("nan")}, ArgumentError, "test_size is nan"),
        (([1, 2],), {"test_size": -0.5}, ArgumentError, "test_size is -0.5"),
        (([1, 2],), {"test_size": "half"}, DTypeError, "test_size is 'half'"),
        (([1, 2],), {"test_size": True}, DTypeError, "test_size is True"),
        (([1, 2],), {"stratify": True}, DTypeError, "Write stratify=y"),
        (([1, 2],), {"stratify": [0]}, ShapeError, r"stratify has shape \(1,\)"),
        (([1, 2, 3],), {"stratify": [0, 0, 5]}, ArgumentError, "class 5 has a single row"),
        (([1, 2],), {"stratify": [0, np.nan]}, ArgumentError, "not a number"),
        (([1] * 6,), {"stratify": [0, 0, 1, 1, 2, 2]}, ArgumentError, "test part has 2 rows, fewer than the 3 classes"),
        (([1] * 6,), {"stratify": [0, 0, 1, 1, 2, 2], "test_size": 4}, ArgumentError, "training part has 2 rows"),
    ],
)
def test_impossible_splits_are_refused(arrays, options, error, message):
    with pytest.raises(error, match=f"train_test_split: (?s:.*){message}"):
        train_test_split(*arrays, **options)


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 1e6, 1e300])
def test_values_are_those_of_scikit_learns_scaler_at_any_scale(scale):
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="the oracle is scikit-learn's StandardScaler")
    rng = np.random.default_rng(0)
    train, test = rng.normal(3, 2, (50, 4)), rng.normal(0, 5, (20, 4))
    scaler = preprocessing.StandardScaler().fit(train)
    ours = standardize(train * scale, test * scale)
    np.testing.assert_allclose(ours[0], scaler.transform(train), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours[1], scaler.transform(test), rtol=1e-10, atol=1e-12)


def test_nothing_is_learned_from_the_other_rows():
    train = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(standardize(train, train * 100)[0], standardize(train))


def test_a_column_constant_in_the_training_rows_becomes_0_everywhere():
    train, test = standardize([[0.1, 1], [0.1, 3]], [[7.0, 2]])
    assert train.tolist() == [[0, -1], [0, 1]] and test.tolist() == [[0, 0]]


def test_one_array_gives_an_array_and_several_a_tuple():
    X = np.array([[1.0], [3.0]])
    assert isinstance(standardize(X), np.ndarray)
    parts = standardize(X, X, X)
    assert isinstance(parts, tuple) and len(parts) == 3


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.float16, np.float16), (np.longdouble, np.longdouble),
     (np.int64, np.float64), (np.uint8, np.float64), (bool, np.float64)],
)  # fmt: skip
def test_floating_dtypes_stay_and_whole_numbers_become_float64(dtype, expected):
    train, test = standardize(np.array([[0], [1]], dtype), np.array([[1]], dtype))
    assert train.dtype == test.dtype == expected
    assert train.tolist() == [[-1], [1]] and test.tolist() == [[1]]


def test_any_number_of_axes_is_scaled_place_by_place():
    images = np.random.default_rng(0).normal(size=(6, 3, 2))
    np.testing.assert_allclose(standardize(images).reshape(6, 6), standardize(images.reshape(6, 6)))
    np.testing.assert_allclose(standardize(np.array([1.0, 3.0])), [-1, 1])


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (([[1.0, 2.0]],), ShapeError, "train has shape \\(1, 2\\); a deviation takes 2 rows"),
        (([[1.0], [2.0]], [[1.0, 2.0]]), ShapeError, r"train has shape \(2, 1\), others\[0\] has shape \(1, 2\)"),
        (([[1.0, 2], [3, np.nan]],), ArgumentError, "train has nan at row 1, column 1"),
        (([1.0, 2], [np.inf]), ArgumentError, r"others\[0\] has inf at row 0\."),
        ((["a", "b"],), DTypeError, "train has dtype <U1"),
        (([1j, 2],), DTypeError, "train has dtype complex128"),
        ((3.0,), ShapeError, "train is a single number"),
    ],
)
def test_what_can_not_be_scaled_is_refused(arrays, error, message):
    with pytest.raises(error, match=f"standardize: {message}"):
        standardize(*arrays)


def test_one_hot_is_the_librarys():
    assert xe.data.one_hot is xe.one_hot
    assert "one_hot" in dir(xe.data) and "DataLoader" in dir(xe.data)
    with pytest.raises(AttributeError, match="no attribute 'two_hot'"):
        _ = xe.data.two_hot
