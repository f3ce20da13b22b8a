"""Functions that layers are made of: one_hot, embedding, dropout, layer_norm."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..dispatch import NUMBERS, bare, plain
from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError
from ..ops.normalize import normalize
from ..random import Rng, draw
from ..tensor import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


def one_hot(indices: Any, num_classes: int | None = None, dtype: DTypeLike = np.float64) -> Array:
    """Class numbers as rows with a single 1.

    Parameters
    ----------
    indices : array_like of int
        From 0 to ``num_classes - 1``, of any shape.
    num_classes : int, optional
        Length of a row; one more than the largest of `indices` if it is left out.
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray
        Shape ``(*indices.shape, num_classes)``. It carries no gradient.

    Raises
    ------
    DTypeError
        For indices that are not integers.
    BoundsError
        For an index that is no class: which, and where.
    ArgumentError
        For less than one class, or when there are no indices to count the classes by.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.one_hot([0, 2, 1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    places = whole("one_hot", indices)
    if num_classes is None:
        if not places.size:
            raise ArgumentError(
                "one_hot: there are no indices to count the classes by. Write one_hot(indices, num_classes)."
            )
        classes = int(places.max()) + 1
        if classes < 1:
            raise negative("one_hot", places)
    else:
        try:
            classes = operator.index(num_classes)
        except TypeError:
            raise DTypeError(f"one_hot: num_classes is {num_classes!r}; expected a whole number.") from None
        if classes < 1:
            raise ArgumentError(f"one_hot: num_classes is {classes}; expected 1 or more.")
    refuse_outside("one_hot", places, classes, f"there are {classes} classes")
    rows: Array = (places[..., None] == np.arange(classes)).astype(dtype)
    return rows


def embedding(indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """Rows of a table by their numbers, ``weight[indices]``: vectors for words, characters, categories.

    Parameters
    ----------
    indices : array_like of int
        From 0 to the number of rows less 1, of any shape.
    weight : array_like or Tensor
        Shape (rows, width).
    padding_idx : int, optional
        A row that receives no gradient.

    Returns
    -------
    ndarray or Tensor
        Shape ``(*indices.shape, width)``. The gradient of a row is the sum of the cotangents of its uses.

    Raises
    ------
    DTypeError
        For indices that are not integers.
    BoundsError
        For an index that is no row, a negative one too: which, where, and how many rows there are.
    ShapeError
        When `weight` is not a matrix.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> table = xe.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], requires_grad=True)
    >>> rows = xe.embedding([2, 0, 2], table)
    >>> rows.data
    array([[4., 5.],
           [0., 1.],
           [4., 5.]])
    >>> rows.sum().backward()
    >>> table.grad
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    table = weight if type(weight) is Tensor else plain("embedding", "weight", weight)
    if np.ndim(table) != 2:
        raise ShapeError(f"embedding: weight has shape {np.shape(table)}; expected a matrix, a row for each index.")
    rows = len(table)
    places = whole("embedding", indices)
    refuse_outside("embedding", places, rows, f"the table has {rows} rows")
    found = table[places]
    if padding_idx is None:
        return found
    if not 0 <= operator.index(padding_idx) < rows:
        raise BoundsError(f"embedding: padding_idx is {padding_idx}; the table has {rows} rows, 0 to {rows - 1}.")
    if type(found) is not Tensor:
        return found
    return np.where((places != padding_idx)[..., None], found, found.detach())


def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Rng = None) -> Any:
    r"""Set each element to 0 with probability `p`, and divide the others by ``1 - p``.

    .. math:: y_i = \frac{m_i}{1 - p} x_i, \quad m_i \in \{0, 1\}, \quad P(m_i = 0) = p

    so that the expected value stays the same (inverted dropout).

    Parameters
    ----------
    x : array_like or Tensor
    p : float
        In [0, 1].
    training : bool
        By False, `x` is returned as it is.
    rng : numpy.random.Generator, int or None
        Where the elements are drawn; None is the library's generator, see ``xe.seed``.

    Returns
    -------
    ndarray or Tensor
        Of the shape and dtype of `x`.

    Raises
    ------
    ArgumentError
        When `p` is outside [0, 1].
    DTypeError
        When `x` holds whole numbers.

    Notes
    -----
    Source: N. Srivastava et al., Dropout, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.dropout(np.ones(8), 0.25, rng=0)
    array([1.33333333, 1.33333333, 0.        , 0.        , 1.33333333,
           1.33333333, 1.33333333, 1.33333333])
    """
    share = probability("dropout", p)
    values = x if type(x) is Tensor else plain("dropout", "x", x)
    if values is x and type(x) in NUMBERS:
        values = np.asarray(x)
    if values.dtype.kind != "f":
        raise DTypeError(
            f"dropout: x has dtype {values.dtype}; expected floating-point numbers. Write x.astype(float)."
        )
    if not training or share == 0:
        return values
    mask = (draw(rng, "random", shape=values.shape) >= share).astype(values.dtype)
    if share < 1:
        mask *= 1 / (1 - share)
    return values * mask


def layer_norm(
    x: Any, normalized_shape: int | tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    r"""Give each sample mean 0 and variance 1 over its last axes, then scale and shift its features.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot w + b

    with the mean and the (biased) variance over the axes of `normalized_shape`.

    Parameters
    ----------
    x : array_like or Tensor
        Shape ``(..., *normalized_shape)``.
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    weight, bias : array_like or Tensor, optional
        Of shape `normalized_shape`.
    eps : float
        0 or more.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `x`.

    Raises
    ------
    ShapeError
        When the last axes of `x`, or `weight` or `bias`, have another shape.
    ArgumentError
        For a negative `eps`.

    Notes
    -----
    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.layer_norm(np.array([[1.0, 3.0], [100.0, 100.0]]), 2, bias=np.array([0.0, 10.0]), eps=0.0001)
    array([[-0.99995, 10.99995],
           [ 0.     , 10.     ]])
    """
    last = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    shape = np.shape(x)
    if not last or shape[-len(last) :] != last:
        raise ShapeError(
            f"layer_norm: x has shape {shape}, normalized_shape is {last}; expected the lengths of its last axes."
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and np.shape(value) != last:
            raise ShapeError(f"layer_norm: {name} has shape {np.shape(value)}; expected normalized_shape, {last}.")
    if not eps >= 0:
        raise ArgumentError(f"layer_norm: eps is {eps}; expected 0 or more, a small number beside the variance.")
    out = normalize(x, axis=-1 if len(last) == 1 else tuple(range(-len(last), 0)), eps=eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


# -- checks ------------------------------------------------------------------------------------------------------------


def probability(who: str, p: Any) -> float:
    """`p` as a float in [0, 1]."""
    try:
        share = float(p)
    except (TypeError, ValueError):
        raise DTypeError(f"{who}: p is {p!r}; expected a number, the share of elements that are dropped.") from None
    if not 0 <= share <= 1:
        raise ArgumentError(f"{who}: p is {p}; it is the share of elements that are dropped, from 0 to 1.")
    return share


def whole(who: str, indices: Any) -> Array:
    """Indices as a plain array of integers."""
    places = np.asarray(bare(indices))
    if places.dtype.kind not in "iu":
        if not places.size and type(indices) is list:
            return places.astype(np.intp)
        raise DTypeError(f"{who}: the indices have dtype {places.dtype}; expected integers. Write indices.astype(int).")
    return places


def refuse_outside(who: str, places: Array, count: int, there: str) -> None:
    """Raise for the first index that is not in 0 to ``count - 1``; negative ones wrap round to large ones: one pass."""
    if places.size and int(places.astype(np.int64, copy=False).view(np.uint64).max()) >= count:
        wrong = (places < 0) | (places >= count)
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        value = int(places[first])
        if value < 0:
            raise negative(who, places)
        raise BoundsError(f"{who}: index {value}{at(first)} is out of range; {there}, numbered 0 to {count - 1}.")


def negative(who: str, places: Array) -> BoundsError:
    """The error for the first negative index."""
    first = tuple(int(i) for i in np.argwhere(places < 0)[0])
    return BoundsError(f"{who}: index {int(places[first])}{at(first)} is negative; the numbers begin at 0.")


def at(place: tuple[int, ...]) -> str:
    """The part of a message that says where in the indices."""
    return f" at {list(place)}" if place else ""
