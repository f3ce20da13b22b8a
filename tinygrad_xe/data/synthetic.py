"""Made up data sets of points in the plane: two moons, two circles, blobs, and a spiral with several arms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import DTypeError, ShapeError
from ..random import Rng, draw, generator
from .checks import as_array, real_number, whole_number
from .embedded import Dataset, _floating

Floats = NDArray[np.float64]


def make_moons(
    n: int = 200, *, noise: float = 0.1, dtype: DTypeLike = np.float64, rng: Rng = None
) -> Dataset:
    """Two half circles that reach into each other: the smallest set that no straight line separates.

    Class 0 is the upper half of the unit circle, ``(cos t, sin t)``, class 1 is ``(1 - cos t, 1/2 - sin t)``, with t in
    equal steps from 0 to pi, both included.

    Parameters
    ----------
    n : int, default 200
        Samples, half of each class; class 0 has one more when n is odd. At least 2.
    noise : float, default 0.1
        Standard deviation of the normal noise added to both coordinates.
    dtype : floating dtype, default float64
        The dtype of ``X``, which is drawn in float64 and rounded once.
    rng : numpy.random.Generator, int or None
        For the noise and the order of the rows; None is the library's generator. The same seed gives the same bits.

    Returns
    -------
    Dataset
        ``X`` of shape (n, 2) and ``y`` of shape (n,), int64, the rows in random order.

    Raises
    ------
    DTypeError, ArgumentError
        When ``dtype`` is not a floating dtype, ``n`` is not a whole number of at least 2, or ``noise`` is negative or
        not finite.

    Notes
    -----
    The curves are those of scikit-learn's ``make_moons``, which gives class 1 the odd sample.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.make_moons(100, rng=0)
    >>> X.shape, np.bincount(y).tolist()
    ((100, 2), [50, 50])
    >>> xe.data.make_moons(100, rng=0).X.tobytes() == X.tobytes()
    True
    """
    upper, lower = _sizes("make_moons", n, 2)
    t, u = np.linspace(0, np.pi, upper), np.linspace(0, np.pi, lower)
    curves = [_points(np.cos(t), np.sin(t)), _points(1 - np.cos(u), 0.5 - np.sin(u))]
    return _noisy("moons", curves, _deviation("make_moons", "noise", noise), dtype, rng)


def make_circles(
    n: int = 200, *, noise: float = 0.05, factor: float = 0.5, dtype: DTypeLike = np.float64, rng: Rng = None
) -> Dataset:
    """Two circles around the origin, one inside the other: class 0 of radius 1, class 1 of radius ``factor``.

    Parameters
    ----------
    n : int, default 200
        Samples, half of each class, in equal steps around the circle; class 0 has one more when n is odd. At least 2.
    noise : float, default 0.05
        Standard deviation of the normal noise added to both coordinates.
    factor : float, default 0.5
        Radius of the inner circle, from 0 to 1.
    dtype : floating dtype, default float64
        The dtype of ``X``, which is drawn in float64 and rounded once.
    rng : numpy.random.Generator, int or None
        For the noise and the order of the rows; None is the library's generator. The same seed gives the same bits.

    Returns
    -------
    Dataset
        ``X`` of shape (n, 2) and ``y`` of shape (n,), int64, the rows in random order.

    Raises
    ------
    DTypeError, ArgumentError
        When ``dtype`` is not a floating dtype, ``n`` is not a whole number of at least 2, or ``noise`` or ``factor``
        is out of range.

    Notes
    -----
    The curves are those of scikit-learn's ``make_circles``, which gives class 1 the odd sample.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.make_circles(6, noise=0, rng=0)
    >>> np.hypot(*X.T).round(6)[np.argsort(y)]
    array([1. , 1. , 1. , 0.5, 0.5, 0.5])
    """
    outer, inner = _sizes("make_circles", n, 2)
    factor = real_number("make_circles", "factor", factor, 0, 1)
    curves = [_circle(outer), factor * _circle(inner)]
    return _noisy("circles", curves, _deviation("make_circles", "noise", noise), dtype, rng)


def make_blobs(
    n: int = 200, *, centers: int | ArrayLike = 3, spread: float = 1.0, dtype: DTypeLike = np.float64, rng: Rng = None
) -> Dataset:
    """Clouds of normally distributed points, one for each class.

    Parameters
    ----------
    n : int, default 200
        Samples, as many of each class; the first classes have one more where n does not divide. At least one for each.
    centers : int or array_like of shape (classes, features), default 3
        Where the clouds lie. A number puts that many at equal distances on the circle of radius 5 around the origin,
        the first at (5, 0). Centers of any number of features may be given.
    spread : float, default 1.0
        Standard deviation of each coordinate.
    dtype : floating dtype, default float64
        The dtype of ``X``, which is drawn in float64 and rounded once.
    rng : numpy.random.Generator, int or None
        For the points and the order of the rows; None is the library's generator. The same seed gives the same bits.

    Returns
    -------
    Dataset
        ``X`` of shape (n, features) and ``y`` of shape (n,), int64, the rows in random order.

    Raises
    ------
    DTypeError, ArgumentError
        When ``dtype`` is not a floating dtype, ``n`` is not a whole number of at least the number of classes, or
        ``spread`` is out of range.
    ShapeError
        When ``centers`` is neither a number nor a table of finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.make_blobs(300, centers=[[0, 0], [8, 8]], rng=0)
    >>> np.bincount(y).tolist(), X[y == 1].mean(axis=0).round().tolist()
    ([150, 150], [8.0, 8.0])
    """
    places = _centers(centers)
    sizes = _sizes("make_blobs", n, len(places))
    clouds = [np.tile(place, (size, 1)) for place, size in zip(places, sizes)]
    return _noisy("blobs", clouds, _deviation("make_blobs", "spread", spread), dtype, rng)


def make_spiral(
    n: int = 300, *, classes: int = 3, turns: float = 0.75, noise: float = 0.03, dtype: DTypeLike = np.float64,
    rng: Rng = None,
) -> Dataset:
    """A spiral of several arms, one for each class, which wind around the origin.

    With r in equal steps up to 1, both 1 and no 0 among them, arm k of K has its points at the radius r and the angle
    ``2 pi (k / K + turns r)``.

    Parameters
    ----------
    n : int, default 300
        Samples, as many of each class; the first classes have one more where n does not divide. At least one for each.
    classes : int, default 3
        The number of arms.
    turns : float, default 0.75
        How often each arm goes around; 0 makes the arms straight, negative ones wind clockwise.
    noise : float, default 0.03
        Standard deviation of the normal noise added to both coordinates. The arms are about ``1 / (classes turns)``
        apart.
    dtype : floating dtype, default float64
        The dtype of ``X``, which is drawn in float64 and rounded once.
    rng : numpy.random.Generator, int or None
        For the noise and the order of the rows; None is the library's generator. The same seed gives the same bits.

    Returns
    -------
    Dataset
        ``X`` of shape (n, 2) and ``y`` of shape (n,), int64, the rows in random order.

    Raises
    ------
    DTypeError, ArgumentError
        When ``dtype`` is not a floating dtype, ``n`` is not a whole number of at least ``classes``, or a number is
        out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.make_spiral(300, noise=0, rng=0)
    >>> np.bincount(y).tolist(), float(np.hypot(*X.T).max().round(6))
    ([100, 100, 100], 1.0)
    """
    sizes = _sizes("make_spiral", n, whole_number("make_spiral", "classes", classes, at_least=1))
    turns = real_number("make_spiral", "turns", turns, -1e6, 1e6)
    arms = []
    for k, size in enumerate(sizes):
        r = np.arange(1, size + 1) / size
        angle = 2 * np.pi * (k / len(sizes) + turns * r)
        arms.append(_points(r * np.cos(angle), r * np.sin(angle)))
    return _noisy("spiral", arms, _deviation("make_spiral", "noise", noise), dtype, rng)


def _sizes(owner: str, n: object, classes: int) -> list[int]:
    """How many of ``n`` samples each class has."""
    number = whole_number(owner, "n", n, at_least=classes)
    return [number // classes + (k < number % classes) for k in range(classes)]


def _deviation(owner: str, name: str, value: object) -> float:
    return real_number(owner, name, value, 0)


def _points(x: Floats, y: Floats) -> Floats:
    return np.stack([x, y], axis=1)


def _circle(size: int) -> Floats:
    """``size`` points at equal distances on the unit circle, from (1, 0) on."""
    angle = 2 * np.pi * np.arange(size) / size
    return _points(np.cos(angle), np.sin(angle))


def _centers(centers: Any) -> Floats:
    """The places that ``centers`` stands for, of shape (classes, features)."""
    if isinstance(centers, bool | int | float | np.generic):
        return 5 * _circle(whole_number("make_blobs", "centers", centers, at_least=1))
    array = as_array("make_blobs", "centers", centers)
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"make_blobs: centers has dtype {array.dtype}; expected numbers, such as [[0, 0], [4, 4]].")
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise ShapeError(
            f"make_blobs: centers has shape {array.shape}; expected (classes, features) of finite numbers.\n"
            "  Write centers=[[0, 0], [4, 4]], or centers=3."
        )
    return array.astype(np.float64)


def _noisy(name: str, classes: list[Floats], deviation: float, dtype: DTypeLike, rng: Rng) -> Dataset:
    """The points of all classes with normal noise, in random order."""
    floating, source = _floating("make_" + name, dtype), generator(rng)
    X = np.concatenate(classes)
    X = X + deviation * draw(source, "standard_normal", shape=X.shape)
    y = np.repeat(np.arange(len(classes)), [len(points) for points in classes])
    order = source.permutation(len(y))
    return Dataset(
        X[order].astype(floating),
        y[order].astype(np.int64),
        name=name,
        feature_names=tuple(f"x{i}" for i in range(X.shape[1])),
        target_names=tuple(map(str, range(len(classes)))),
        description="Made up by tinygrad_xe.data." + ("make_" + name) + ".",
    )
