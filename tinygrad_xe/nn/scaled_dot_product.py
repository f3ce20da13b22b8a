"""Attention as a function: the scaled dot product of queries and keys, and what masks allow."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..dispatch import answers_numpy
from ..errors import DTypeError, EmptyMeanWarning, ShapeError
from ..graph import users_level
from ..ops.special import softmax
from ..random import Rng
from ..tensor import Tensor
from .functional import dropout

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, *, rng: Rng = None,
) -> Any:  # fmt: skip
    r"""The mean of the values, for each query, with weights by how well their keys agree with it.

    .. math:: \mathrm{softmax}\!\left(\frac{Q K^T}{\sqrt{E}} + M\right) V

    Parameters
    ----------
    query : array_like or Tensor
        :math:`Q`, shape (..., L, E).
    key, value : array_like or Tensor
        :math:`K` and :math:`V`, shapes (..., S, E) and (..., S, D).
    attn_mask : array_like or Tensor, optional
        Of a shape that broadcasts to (..., L, S). Booleans: True where a query may attend to a key. Numbers:
        :math:`M`, added to the scores; -inf where a query may not attend.
    dropout_p : float
        Probability with which a weight is dropped. It is dropped whenever this is above 0: pass 0 in evaluation.
    is_causal : bool
        Whether a query attends only to the keys of its own place and of those before it.
    scale : float, optional
        Stands for :math:`1 / \sqrt{E}`.
    rng : numpy.random.Generator, int or None
        Draws the dropout.

    Returns
    -------
    ndarray or Tensor
        Shape (..., L, D).

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DTypeError
        For a mask of whole numbers, whose meaning would be a guess.

    Warns
    -----
    EmptyMeanWarning
        When a query may attend to no key: its result is then 0, with gradient 0.

    Notes
    -----
    Scores of -inf get the weight 0 exactly. PyTorch's function has the same arguments and values, and 0 for a query
    that may attend to no key; its ``MultiheadAttention`` gives NaN there, and reads boolean masks the other way round,
    as `MultiheadAttention` here does. Source: A. Vaswani et al., Attention is all you need, 2017, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> query = key = np.zeros((3, 4))
    >>> value = np.array([[1.0], [3.0], [8.0]])
    >>> xe.nn.scaled_dot_product_attention(query, key, value, is_causal=True)
    array([[1.],
           [2.],
           [4.]])
    """
    who = "scaled_dot_product_attention"
    query, key, value = (x if answers_numpy(x) else np.asarray(x) for x in (query, key, value))
    q, k, v = query.shape, key.shape, value.shape
    matrices = min(len(q), len(k), len(v)) >= 2 and q[-1] == k[-1] and k[-2] == v[-2] and q[-1] * k[-2]
    if not (matrices and broadcast(q[:-2], k[:-2], v[:-2])):
        raise ShapeError(
            f"{who}: query has shape {q}, key {k}, value {v}; expected (..., L, E), (..., S, E) and (..., S, D), with "
            "one feature and one key or more."
        )
    allowed, bias = None, None
    if attn_mask is not None:
        allowed, bias = read_mask(who, "attn_mask", attn_mask, true_means_allowed=True)
    if is_causal:
        allowed = both(allowed, causal(q[-2], k[-2]))
    weights = attention_weights(who, query, key, allowed, bias, scale)
    return (dropout(weights, dropout_p, rng=rng) if dropout_p else weights) @ value


def attention_weights(who: str, query: Any, key: Any, allowed: Any, bias: Any, scale: float | None = None) -> Any:
    """The softmax of ``scale * query @ key.T + bias`` over the keys that are `allowed`; 0 if none is."""
    scores = (query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)) @ np.swapaxes(key, -1, -2)
    for mask in (allowed, bias):
        if mask is not None and not fits(mask.shape, scores.shape):
            raise ShapeError(
                f"{who}: the mask has shape {mask.shape}; it must broadcast to {scores.shape}, the shape of the scores:"
                " a row for each query, a column for each key."
            )
    if bias is not None:
        scores = scores + (bias if bias.dtype == scores.dtype else bias.astype(scores.dtype))
    if allowed is None:
        return softmax(scores)
    empty = ~allowed.any(-1, keepdims=True)
    if not empty.any():
        return softmax(np.where(allowed, scores, -math.inf))
    warnings.warn(
        f"{who}: a query may attend to no key: the mean of no values is taken as 0, with gradient 0.\n"
        "  Let it attend to one, or leave sequences without a key out of the batch.",
        EmptyMeanWarning,
        stacklevel=users_level(),
    )
    instead = np.where(empty, 0, -math.inf).astype(scores.dtype)  # a softmax of nothing but -inf would be NaN
    return np.where(empty, 0, softmax(np.where(allowed, scores, instead)))


def fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether `shape` broadcasts to `wanted`."""
    return len(shape) <= len(wanted) and all(n in (1, m) for n, m in zip(shape[::-1], wanted[::-1], strict=False))


def broadcast(*shapes: Shape) -> bool:
    """Whether `shapes` broadcast against each other."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def causal(queries: int, keys: int) -> Array:
    """Whether a query may attend to a key: to its own place and those before it."""
    return np.tri(queries, keys, dtype=bool)


def both(first: Array | None, second: Array | None) -> Array | None:
    """Where both allow; None allows everywhere."""
    return second if first is None else first if second is None else first & second


def read_mask(who: str, name: str, mask: Any, true_means_allowed: bool) -> tuple[Array | None, Any]:
    """Where a mask allows attention, and what it adds to the scores; None for everywhere, and for nothing.

    Raises
    ------
    DTypeError
        For whole numbers.
    """
    mask = mask if answers_numpy(mask) else np.asarray(mask)
    values = mask.data if isinstance(mask, Tensor) else mask
    if values.dtype.kind == "b":
        return values if true_means_allowed else ~values, None
    if values.dtype.kind != "f":
        way = "may attend" if true_means_allowed else "may not attend"
        raise DTypeError(
            f"{who}: {name} has dtype {values.dtype}; expected booleans, or numbers that are added to the scores.\n"
            f"  Write {name}.astype(bool), if 1 says that a query {way} to a key."
        )
    allowed = values != -math.inf
    return (None if allowed.all() else allowed), mask
