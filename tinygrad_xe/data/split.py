"""Splits into training and test rows, and scaling that is fitted on the training rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, DTypeError, ShapeError
from ..random import Array, Rng, generator
from .checks import as_array, equally_long, real_number, whole_number
from .embedded import _standardized


def train_test_split(
    *arrays: ArrayLike, test_size: float = 0.25, rng: Rng = None, stratify: ArrayLike | None = None
) -> tuple[Array, ...]:
    """Split rows at random into training and test rows, those of several arrays alike.

    Parameters
    ----------
    *arrays : array_like
        Axis 0 counts the samples, in all alike.
    test_size : float or int, default 0.25
        The share of the test rows, above 0 and below 1, which is rounded up to a number of rows; or a whole number,
        that many rows.
    rng : numpy.random.Generator, int or None
        Which rows, and their order; None is the library's generator. scikit-learn's ``random_state``.
    stratify : array_like of shape (samples,), optional
        Classes, most often ``y``: each has its share of the test rows, to within less than one row.

    Returns
    -------
    tuple of ndarray
        ``(X_train, X_test, y_train, y_test, ...)``, copies, rows in random order: two for each array.

    Raises
    ------
    ShapeError
        When the arrays or ``stratify`` are not equally long, or empty.
    ArgumentError
        When a part would be empty; with ``stratify``, when a class has a single row, or a part fewer rows than there
        are classes.
    DTypeError
        For a ``test_size`` that is no number, or a tuple of arrays in place of arrays.

    Notes
    -----
    With ``stratify`` every class gets the whole rows of its exact share; the rows that are still missing then go to the
    classes with the largest remainders (the method of Hare and Niemeyer), by lot among equal ones.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.load_iris()
    >>> X_train, X_test, y_train, y_test = xe.data.train_test_split(X, y, test_size=0.2, stratify=y, rng=0)
    >>> X_train.shape, X_test.shape, np.bincount(y_test).tolist()
    ((120, 4), (30, 4), [10, 10, 10])
    """
    owner = "train_test_split"
    if not arrays:
        raise ShapeError(f"{owner}: there is no array to split.\n  Write {owner}(X, y).")
    if any(isinstance(array, tuple) for array in arrays):
        raise DTypeError(f"{owner}: got a tuple, expected arrays.\n  Write {owner}(*data) for the arrays of a tuple.")
    rows = equally_long(owner, arrays, "array {}")
    samples = len(rows[0])
    held_out = _held_out(test_size, samples)
    source = generator(rng)
    if stratify is None:
        order = source.permutation(samples)
        test, train = order[:held_out], order[held_out:]
    else:
        classes = _classes(stratify, samples)
        taken = _apportioned(np.bincount(classes), held_out, source)
        parts = [source.permutation(np.flatnonzero(classes == k)) for k in range(len(taken))]
        test = source.permutation(np.concatenate([part[:k] for part, k in zip(parts, taken)]))
        train = source.permutation(np.concatenate([part[k:] for part, k in zip(parts, taken)]))
    return tuple(array[chosen] for array in rows for chosen in (train, test))


def _held_out(test_size: object, samples: int) -> int:
    """The number of test rows that ``test_size`` asks for."""
    owner = "train_test_split"
    if isinstance(test_size, int | np.integer) and not isinstance(test_size, bool):
        count = whole_number(owner, "test_size", test_size, at_least=1)
    else:
        share = real_number(owner, "test_size", test_size, 0)
        if not 0 < share < 1:
            raise ArgumentError(
                f"{owner}: test_size is {share}; expected a share above 0 and below 1, or a whole number of rows.\n"
                f"  Write test_size=0.25, or test_size={max(1, int(share))} for rows."
            )
        # 0.1 * 30 is 3.0000000000000004 or so: such a rest is rounding and takes no further row
        count = int(np.ceil(round(share * samples, 9)))
        count = max(count, 1)
    if count >= samples:
        raise ArgumentError(
            f"{owner}: test_size={test_size!r} is {count} of {samples} rows and leaves none for training."
        )
    return count


def _classes(stratify: Any, samples: int) -> NDArray[np.intp]:
    """The class of each row as a number from 0 on."""
    owner = "train_test_split"
    if isinstance(stratify, bool):
        raise DTypeError(f"{owner}: stratify is {stratify}; expected the classes, one a row.\n  Write stratify=y.")
    given = as_array(owner, "stratify", stratify)
    if given.shape != (samples,):
        raise ShapeError(f"{owner}: stratify has shape {given.shape}; expected one class a row, ({samples},).")
    if given.dtype.kind in "fcmM" and not (given == given).all():
        raise ArgumentError(f"{owner}: stratify has values that are not a number, which are of no class.")
    names, classes = np.unique(given, return_inverse=True)
    counts = np.bincount(classes)
    if counts.min() < 2:
        raise ArgumentError(
            f"{owner}: class {names[counts.argmin()].item()!r} has a single row, which can't be in both parts.\n"
            "  Leave such rows out, or write stratify=None."
        )
    return classes


def _apportioned(counts: NDArray[np.intp], rows: int, source: np.random.Generator) -> list[int]:
    """How many of ``rows`` test rows each class gives, by largest remainder; ties by lot."""
    total = int(counts.sum())
    for name, part in (("test", rows), ("training", total - rows)):
        if part < len(counts):
            raise ArgumentError(
                f"train_test_split: the {name} part has {part} rows, fewer than the {len(counts)} classes.\n"
                "  Write another test_size, or stratify=None."
            )
    taken, rest = np.divmod(counts * rows, total)  # whole numbers, so that equal remainders are equal
    order = np.lexsort((source.permutation(len(counts)), -rest))
    taken[order[: rows - int(taken.sum())]] += 1
    return [int(number) for number in taken]


def standardize(train: ArrayLike, *others: ArrayLike) -> Any:
    """Subtract the mean of each column of ``train`` and divide by its standard deviation, in ``others`` as well.

    ``(x - mean(train)) / std(train)`` with the deviation of the whole, ``sqrt(mean((x - mean)^2))``. Nothing is learned
    from the rows of ``others``.

    Parameters
    ----------
    train : array_like, shape (samples, ...)
        Training rows, at least 2. Each place behind axis 0 is a column.
    *others : array_like
        Arrays with the same columns, such as the test rows.

    Returns
    -------
    ndarray, or tuple of ndarray
        As many as were given: new arrays in the order of the arguments, of the given floating dtype, or of float64 for
        whole numbers. Arithmetic is done in float64 at least, and rounded once.
        A column that is constant in ``train`` has no deviation, and becomes 0 in all arrays.

    Raises
    ------
    ShapeError
        When the columns differ, or ``train`` has fewer than 2 rows.
    DTypeError
        For anything but real numbers.
    ArgumentError
        When there is an infinity or NaN: in which array, row and column.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> train, test = xe.data.standardize([[1.0, 7.0], [3.0, 7.0]], [[5.0, 8.0]])
    >>> train.tolist(), test.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[3.0, 0.0]])
    """
    names = ["train"] + [f"others[{i}]" for i in range(len(others))]
    arrays = [_measures(name, array) for name, array in zip(names, (train, *others))]
    first = arrays[0]
    if len(first) < 2:
        raise ShapeError(f"standardize: train has shape {first.shape}; a deviation takes 2 rows or more.")
    for name, array in zip(names, arrays):
        if array.shape[1:] != first.shape[1:]:
            raise ShapeError(
                f"standardize: train has shape {first.shape}, {name} has shape {array.shape}.\n"
                "  They may differ in the number of rows alone."
            )
    wide = [array.astype(np.result_type(array, np.float64)) for array in arrays]
    made = tuple(
        _standardized(array, wide[0]).astype(given.dtype if given.dtype.kind == "f" else np.float64)
        for array, given in zip(wide, arrays)
    )
    return made if others else made[0]


def _measures(name: str, value: Any) -> Array:
    """``value`` as an array of finite real numbers with an axis of rows."""
    array = as_array("standardize", name, value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"standardize: {name} has dtype {array.dtype}; expected real numbers.")
    if array.ndim == 0:
        raise ShapeError(f"standardize: {name} is a single number; expected (samples, ...).")
    if not np.isfinite(array).all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~np.isfinite(array)))
        raise ArgumentError(
            f"standardize: {name} has {array[place]} at row {place[0]}"
            + (f", column {place[1] if len(place) == 2 else place[1:]}" if len(place) > 1 else "")
            + ".\n  Leave such rows out, or fill them in, before scaling."
        )
    return array
