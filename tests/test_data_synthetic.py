"""The made up sets: curves, balance, seeds, and refusals."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import data
from tinygrad_xe.errors import ArgumentError, DTypeError, ShapeError

MAKERS = {"moons": data.make_moons, "circles": data.make_circles, "blobs": data.make_blobs, "spiral": data.make_spiral}
WIDTH = {"moons": "noise", "circles": "noise", "blobs": "spread", "spiral": "noise"}

every_set = pytest.mark.parametrize("name", sorted(MAKERS))


def in_order(points):
    return points[np.lexsort(points.round(9).T)]


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_without_noise_the_points_are_those_of_scikit_learn(name):
    datasets = pytest.importorskip("sklearn.datasets", reason="the oracle is scikit-learn")
    options = {"factor": 0.3} if name == "circles" else {}
    theirs, classes = getattr(datasets, f"make_{name}")(60, shuffle=False, noise=None, **options)
    X, y = MAKERS[name](60, noise=0, rng=0, **options)
    for k in (0, 1):
        np.testing.assert_allclose(in_order(X[y == k]), in_order(theirs[classes == k]), atol=1e-12)


@every_set
def test_shapes_and_dtypes_are_as_documented(name):
    made = MAKERS[name](31, rng=0)
    assert type(made) is data.Dataset and made.name == name
    X, y = made
    assert X.shape == (31, 2) and X.dtype == np.float64 and y.shape == (31,) and y.dtype == np.int64
    assert np.isfinite(X).all()
    assert made.feature_names == ("x0", "x1")
    assert made.target_names == tuple(str(k) for k in range(y.max() + 1))


@every_set
@pytest.mark.parametrize("n", [3, 30, 31, 32])
def test_the_classes_are_as_large_as_each_other_within_one_and_the_first_are_the_larger(name, n):
    counts = np.bincount(MAKERS[name](n, rng=0).y)
    assert counts.sum() == n and counts.max() - counts.min() <= 1
    assert (np.diff(counts) <= 0).all()


@every_set
@pytest.mark.parametrize("dtype", [np.float16, np.float32, "float64"])
def test_another_dtype_has_the_same_points_rounded_once(name, dtype):
    X, y = MAKERS[name](30, rng=0)
    found = MAKERS[name](30, dtype=dtype, rng=0)
    assert found.X.dtype == dtype and found.y.dtype == np.int64
    np.testing.assert_array_equal(found.X, X.astype(dtype))
    np.testing.assert_array_equal(found.y, y)


@every_set
@pytest.mark.parametrize("dtype", [int, "flt", complex])
def test_a_dtype_that_is_no_floating_one_is_refused(name, dtype):
    with pytest.raises(DTypeError, match=rf"make_{name}: dtype is (?s:.*)Write make_{name}\(dtype=np.float32\)"):
        MAKERS[name](dtype=dtype)


@every_set
def test_the_same_seed_gives_the_same_bits_and_another_does_not(name):
    first, second, other = MAKERS[name](rng=1), MAKERS[name](rng=1), MAKERS[name](rng=2)
    assert first.X.tobytes() == second.X.tobytes() and first.y.tobytes() == second.y.tobytes()
    assert first.X.tobytes() != other.X.tobytes()


@every_set
def test_the_librarys_generator_is_the_default_and_a_generator_goes_on(name):
    xe.seed(3)
    first = MAKERS[name]()
    xe.seed(3)
    assert MAKERS[name]().X.tobytes() == first.X.tobytes()
    rng = np.random.default_rng(3)
    assert MAKERS[name](rng=rng).X.tobytes() == first.X.tobytes()
    assert MAKERS[name](rng=rng).X.tobytes() != first.X.tobytes()


@every_set
def test_the_rows_are_in_random_order(name):
    y = MAKERS[name](100, rng=0).y
    assert (np.diff(y) < 0).sum() > 15


@every_set
def test_the_noise_has_the_deviation_asked_for(name):
    quiet, loud = (MAKERS[name](4000, rng=0, **{WIDTH[name]: width}) for width in (0, 0.25))
    # one seed, so the same order: what differs is the noise
    np.testing.assert_array_equal(quiet.y, loud.y)
    noise = loud.X - quiet.X
    np.testing.assert_allclose(noise.std(axis=0), 0.25, rtol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.02)


def test_blobs_lie_at_the_centers_of_any_number_of_features():
    centers = np.array([[0, 0, 9], [5, 5, 5]])
    X, y = data.make_blobs(10, centers=centers, spread=0, rng=0)
    np.testing.assert_array_equal(X, centers[y])
    X, y = data.make_blobs(8, centers=4, spread=0, rng=0)
    np.testing.assert_allclose(X, np.array([[5, 0], [0, 5], [-5, 0], [0, -5]])[y], atol=1e-12)


def test_the_arms_of_a_spiral_are_each_other_turned():
    X, y = data.make_spiral(40, classes=4, turns=0.5, noise=0, rng=0)
    first, second = (X[y == k][np.argsort(np.hypot(*X[y == k].T))] for k in (0, 1))
    np.testing.assert_allclose(second, first @ np.array([[0, 1], [-1, 0]]), atol=1e-12)
    np.testing.assert_allclose(np.hypot(*first.T), np.arange(1, 11) / 10)
    np.testing.assert_allclose(first[-1], [-1, 0], atol=1e-12)


@pytest.mark.parametrize("turns", [0, -0.75])
def test_arms_may_be_straight_or_wind_the_other_way(turns):
    X, _ = data.make_spiral(20, classes=1, turns=turns, noise=0, rng=0)
    angle = np.unwrap(np.arctan2(*X[np.argsort(np.hypot(*X.T))].T[::-1]))
    np.testing.assert_allclose(angle, 2 * np.pi * turns * np.arange(1, 21) / 20, atol=1e-9)


@every_set
@pytest.mark.parametrize("n", [0, 1, -5])
def test_too_few_samples_for_the_classes_are_refused(name, n):
    with pytest.raises(ArgumentError, match=rf"make_{name}: n is {n}; expected [23] or more"):
        MAKERS[name](n)


@every_set
def test_a_number_of_samples_that_is_not_whole_is_refused(name):
    with pytest.raises(DTypeError, match=rf"make_{name}: n is 10\.0, a float(?s:.*)Write n=10"):
        MAKERS[name](10.0)


@every_set
@pytest.mark.parametrize("width", [-0.1, float("nan"), float("inf")])
def test_an_impossible_noise_is_refused(name, width):
    with pytest.raises(ArgumentError, match=rf"make_{name}: {WIDTH[name]} is {width}"):
        MAKERS[name](**{WIDTH[name]: width})


@every_set
def test_a_noise_that_is_no_number_is_refused(name):
    with pytest.raises(DTypeError, match=rf"make_{name}: {WIDTH[name]} is None"):
        MAKERS[name](**{WIDTH[name]: None})


@pytest.mark.parametrize("factor", [-0.1, 1.5])
def test_an_impossible_factor_is_refused(factor):
    with pytest.raises(ArgumentError, match=rf"factor is {factor}; expected a number from 0 to 1"):
        data.make_circles(factor=factor)


@pytest.mark.parametrize(
    ("centers", "error"),
    [(0, ArgumentError), (2.5, DTypeError), ([1, 2], ShapeError), ([["a", "b"]], DTypeError),
     ([[1, np.nan]], ShapeError), (None, DTypeError), (np.zeros((0, 2)), ShapeError), ([[1], [2, 3]], ShapeError)],
)  # fmt: skip
def test_impossible_centers_are_refused(centers, error):
    with pytest.raises(error, match="make_blobs: "):
        data.make_blobs(centers=centers)
