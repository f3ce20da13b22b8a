"""MultiheadAttention: several heads, each of which attends in its own projection of queries, keys and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops.linear import linear
from ..random import Rng, draw, generator
from ..tensor import tensor
from .checks import count, floating, title
from .functional import dropout, probability
from .linear import Linear
from .module import Module
from .scaled_dot_product import Array, Shape, attention_weights, both, causal, read_mask


class MultiheadAttention(Module):
    r"""Attention by several heads, each in its own projection: ``output, weights = attention(query, key, value)``.

    .. math::
        h_i = \mathrm{softmax}\!\left(\frac{Q_i K_i^T}{\sqrt{d}} + M\right) V_i, \quad
        \mathrm{output} = [h_1, h_2, \dots]\,W_o^T + b_o

    with :math:`Q_i = Q W_{q,i}^T + b_{q,i}`, and so on, of :math:`d` features, ``embed_dim / num_heads``.

    Parameters
    ----------
    embed_dim : int
        Features of query, key, value and output.
    num_heads : int
        Must divide `embed_dim`.
    dropout : float
        Probability with which, in training, a weight is dropped.
    bias : bool
        Whether the projections have biases.
    batch_first : bool
        Whether sequences come first, (N, L, embed_dim), and not places, (L, N, embed_dim), PyTorch's default.
    rng : numpy.random.Generator, int or None
        Draws the parameters and the dropout.

    Attributes
    ----------
    in_proj_weight : Tensor
        Shape (3 * embed_dim, embed_dim): the rows of query, key and value. At first Xavier-uniform.
    in_proj_bias : Tensor or None
        Shape (3 * embed_dim,). At first 0.
    out_proj : Linear
        Its bias is 0 at first.

    Raises
    ------
    ArgumentError
        When `num_heads` does not divide `embed_dim`, or `dropout` is no probability.

    Notes
    -----
    Names, shapes and results are PyTorch's, which gives NaN where a query may attend to no key; here the heads give 0
    there, with an EmptyMeanWarning. Its ``kdim``, ``vdim``, ``add_bias_kv`` and ``add_zero_attn`` are not offered.
    Source: A. Vaswani et al., Attention is all you need, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> attention = xe.nn.MultiheadAttention(8, 2, batch_first=True, rng=0)
    >>> x = np.random.default_rng(0).standard_normal((4, 5, 8))
    >>> output, weights = attention(x, x, x, is_causal=True)
    >>> output.shape, weights.shape
    ((4, 5, 8), (4, 5, 5))
    >>> weights[0, 0]
    tensor([1., 0., 0., 0., 0.], op=getitem)
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, batch_first: bool = False,
        rng: Rng = None,
    ) -> None:  # fmt: skip
        who = "MultiheadAttention"
        self.embed_dim, self.num_heads = count(who, "embed_dim", embed_dim), count(who, "num_heads", num_heads)
        if self.embed_dim % self.num_heads:
            raise ArgumentError(
                f"{who}: embed_dim is {embed_dim}, num_heads {num_heads}: the features can't be shared out evenly.\n"
                f"  Write embed_dim={-(-embed_dim // num_heads) * num_heads}."
            )
        self.dropout = probability(f"{who}: dropout", dropout)
        self.batch_first = bool(batch_first)
        self.rng = None if rng is None else generator(rng)  # a copy of the shared one would not follow xe.seed
        bound = math.sqrt(6 / (4 * self.embed_dim))  # Xavier, of embed_dim inputs and 3 * embed_dim outputs
        drawn = draw(self.rng, "uniform", -bound, bound, shape=(3 * self.embed_dim, self.embed_dim))
        self.in_proj_weight = tensor(drawn, requires_grad=True)
        self.in_proj_bias = tensor(np.zeros(3 * self.embed_dim), requires_grad=True) if bias else None
        self.out_proj = Linear(self.embed_dim, self.embed_dim, bias=bias, rng=self.rng)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign(np.zeros(self.embed_dim))

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """The attended values, projected, and the weights.

        Parameters
        ----------
        query, key, value : array_like or Tensor
            Shapes (N, L, embed_dim) and twice (N, S, embed_dim) with ``batch_first``, else (L, N, embed_dim) and
            (S, N, embed_dim); without N for single sequences.
        key_padding_mask : array_like, optional
            Shape (N, S), or (S,). Booleans: True at padding, to which nothing may attend. Numbers are added to the
            scores.
        need_weights : bool
            Whether to return the weights; None stands in their place if not.
        attn_mask : array_like or Tensor, optional
            Shape (L, S), or (N * num_heads, L, S). Booleans: True where a query may **not** attend to a key. Numbers
            are added to the scores; -inf where it may not.
        average_attn_weights : bool
            Whether the weights are averaged over the heads.
        is_causal : bool
            Whether a query attends only to the keys of its own place and of those before it, beside what the masks say.

        Returns
        -------
        output : Tensor
            Of the shape of `query`.
        weights : Tensor or None
            Shape (N, L, S), or (N, num_heads, L, S) if not averaged; without N for single sequences. In training
            some of them have been dropped.

        Raises
        ------
        ShapeError
            When the shapes do not go together.
        DTypeError
            For a mask of whole numbers.

        Warns
        -----
        EmptyMeanWarning
            When a query may attend to no key.
        """
        query, key, value = (floating(self, x, self.in_proj_weight) for x in (query, key, value))
        across = query.ndim == 3 and not self.batch_first
        if across:
            query, key, value = (np.swapaxes(x, 0, 1) if x.ndim == 3 else x for x in (query, key, value))
        self._check_shapes(query.shape, key.shape, value.shape)

        weights = np.split(self.in_proj_weight, 3)
        biases = [None] * 3 if self.in_proj_bias is None else np.split(self.in_proj_bias, 3)
        q, k, v = (
            self._heads(linear(x, weight, bias))
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        masks = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask}
        allowed, added = self._masks(masks, is_causal, (*q.shape[:-1], k.shape[-2]))
        attention = attention_weights(title(self), q, k, allowed, added)  # (N, num_heads, L, S)
        if self.dropout and self.training:
            attention = dropout(attention, self.dropout, rng=self.rng)

        output = self.out_proj(np.swapaxes(attention @ v, -2, -3).reshape(*query.shape))
        output = np.swapaxes(output, 0, 1) if across else output
        if not need_weights:
            return output, None
        return output, attention.mean(-3) if average_attn_weights else attention

    def _heads(self, x: Any) -> Any:
        """(..., L, embed_dim) to (..., num_heads, L, embed_dim / num_heads)."""
        return np.swapaxes(x.reshape(*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads), -2, -3)

    def _check_shapes(self, query: Shape, key: Shape, value: Shape) -> None:
        """Raise unless the shapes, sequences first, go together."""
        e = self.embed_dim
        matrices = len(query) in (2, 3) and query[-1] == key[-1] == e
        if matrices and key == value and query[:-2] == key[:-2] and key[-2]:
            return
        across = len(query) == 3 and not self.batch_first
        given = ", ".join(str((x[1], x[0], *x[2:]) if across and len(x) == 3 else x) for x in (query, key, value))
        batch = f"(N, L, {e}), (N, S, {e})" if self.batch_first else f"(L, N, {e}), (S, N, {e})"
        raise ShapeError(
            f"{title(self)}: query, key and value have shapes {given}; expected {batch} twice, or without N for single "
            "sequences, with one key or more."
            + ("" if self.batch_first else "\n  Write batch_first=True if sequences come first.")
        )

    def _masks(self, masks: dict[str, Any], is_causal: bool, scores: Shape) -> tuple[Array | None, Any]:
        """Where the masks allow attention, and what they add to the scores, of shape (..., num_heads, L, S)."""
        allowed, added = causal(*scores[-2:]) if is_causal else None, None
        expected = {
            "attn_mask": (scores[-2:], (math.prod(scores[:-2]), *scores[-2:])),
            "key_padding_mask": ((*scores[:-3], scores[-1]),),
        }
        for name, mask in masks.items():
            if mask is None:
                continue
            where, numbers = read_mask(title(self), name, mask, true_means_allowed=False)
            shape = np.shape(mask)
            if shape not in expected[name]:
                raise ShapeError(
                    f"{title(self)}: {name} has shape {shape}; expected {' or '.join(map(str, expected[name]))}."
                )
            place = scores if len(shape) == 3 else shape if name == "attn_mask" else (*shape[:-1], 1, 1, shape[-1])
            allowed = both(allowed, None if where is None else where.reshape(place))
            if numbers is not None:
                added = numbers.reshape(place) if added is None else added + numbers.reshape(place)
        return allowed, added

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        shown = {"dropout": 0.0, "batch_first": False}
        changed = [f"{name}={getattr(self, name)}" for name, usual in shown.items() if getattr(self, name) != usual]
        bias = [] if self.in_proj_bias is not None else ["bias=False"]
        return ", ".join([str(self.embed_dim), str(self.num_heads), *changed, *bias])
