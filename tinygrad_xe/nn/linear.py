"""Linear, Embedding and Flatten."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dispatch import plain
from ..errors import BoundsError, ShapeError
from ..ops.linear import linear
from ..random import Rng, draw, generator
from ..tensor import Tensor, tensor
from .checks import count, features, floating, refuse_tuple, title
from .functional import embedding
from .module import Module


class Linear(Module):
    r"""``y = x @ weight.T + bias``: a matrix of weights and a bias.

    Parameters
    ----------
    in_features, out_features : int
        Lengths of the last axis of the input and of the output.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, int or None
        For the first values; None is the library's generator, see ``xe.seed``.

    Attributes
    ----------
    weight : Tensor
        Shape (out_features, in_features); at first uniform in :math:`\pm 1/\sqrt{\text{in\_features}}`, PyTorch's
        choice. float64; ``layer.astype(np.float32)`` stands for PyTorch's ``dtype=``.
    bias : Tensor or None
        Shape (out_features,); drawn in the same way.

    Raises
    ------
    ShapeError
        When called with an input whose last axis has another length.
    DTypeError
        When called with whole numbers.

    Warns
    -----
    MixedDtypeWarning
        When called with float64 numbers while the weights are float32.

    See Also
    --------
    tinygrad_xe.linear : The function.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(64, 10, rng=0)
    >>> layer
    Linear(64, 10)  # 650 parameters
    >>> layer(np.zeros((32, 64))).shape
    (32, 10)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: Rng = None) -> None:
        self.in_features = count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)
        rng, bound = generator(rng), 1 / math.sqrt(self.in_features)
        shape = self.out_features, self.in_features
        self.weight = tensor(draw(rng, "uniform", -bound, bound, shape=shape), requires_grad=True)
        self.bias = tensor(draw(rng, "uniform", -bound, bound, shape=shape[:1]), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """``x @ weight.T + bias``, of shape (..., out_features)."""
        x = floating(self, x, self.weight)
        features(self, x, self.in_features)
        return linear.call(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """``64, 10``."""
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """A table of vectors, looked up by number: for words, characters, categories.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        How many vectors there are, and how long they are.
    padding_idx : int, optional
        A vector that is 0 at first and receives no gradient.
    rng : numpy.random.Generator, int or None
        For the first values; None is the library's generator, see ``xe.seed``.

    Attributes
    ----------
    weight : Tensor
        Shape (num_embeddings, embedding_dim); at first normal with mean 0 and variance 1, PyTorch's choice.

    Raises
    ------
    BoundsError
        When called with a number that has no vector.
    DTypeError
        When called with numbers that are not integers.

    See Also
    --------
    tinygrad_xe.embedding : The function.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Embedding(27, 8, rng=0)
    >>> layer
    Embedding(27, 8)  # 216 parameters
    >>> layer(np.array([[0, 26], [3, 3]])).shape
    (2, 2, 8)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, rng: Rng = None
    ) -> None:
        self.num_embeddings = count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = count("Embedding", "embedding_dim", embedding_dim)
        rows = self.num_embeddings
        self.padding_idx = None if padding_idx is None else count("Embedding", "padding_idx", padding_idx, least=0)
        if padding_idx is not None and padding_idx >= rows:
            raise BoundsError(f"Embedding: padding_idx is {padding_idx}; there are {rows} vectors, 0 to {rows - 1}.")
        values = draw(rng, "standard_normal", shape=(rows, self.embedding_dim))
        if self.padding_idx is not None:
            values[self.padding_idx] = 0
        self.weight = tensor(values, requires_grad=True)

    def forward(self, x: Any) -> Any:
        """``weight[x]``, of shape ``(*x.shape, embedding_dim)``."""
        refuse_tuple(self, x)
        return embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """``27, 8``."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Flatten(Module):
    """Join axes into one: by default all but the first, the batch.

    Parameters
    ----------
    start_axis, end_axis : int
        The first and the last of the axes that are joined; PyTorch's ``start_dim``, ``end_dim``.

    Raises
    ------
    ShapeError
        When called with an array that has no such axes.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.Flatten()(np.zeros((32, 3, 8, 8))).shape
    (32, 192)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: Any) -> Any:
        """`x` in a shape with fewer axes."""
        if type(x) is not Tensor:
            refuse_tuple(self, x)
            x = plain(title(self), "the input", x)
        shape = np.shape(x)
        n = len(shape)
        first, last = (axis + n if axis < 0 else axis for axis in (self.start_axis, self.end_axis))
        if not 0 <= first <= last < n:
            raise ShapeError(
                f"{title(self)}: the input has shape {shape}; expected axes {self.start_axis} to {self.end_axis} in it."
                + ("\n  Write x[None] for a batch of one sample." if n == 1 else "")
            )
        return np.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """``1, -1``, unless these are the defaults."""
        return "" if (self.start_axis, self.end_axis) == (1, -1) else f"{self.start_axis}, {self.end_axis}"
