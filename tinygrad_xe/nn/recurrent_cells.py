"""One step in time of the recurrent layers RNN, GRU and LSTM, as equations, and the cells that take one step a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops.linear import linear
from ..ops.special import relu, sigmoid
from ..random import Rng, draw, generator
from ..tensor import Tensor, tensor
from .checks import count, features, floating, title
from .module import Module

#: Weight and bias of each gate; the bias is None in a layer without.
Gates = list[tuple[Any, Any]]
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "relu": relu}


class Recurrent(Module):
    """What the cells and the layers share: sizes, the drawing of parameters, gates, and the check of the state."""

    gates: int
    states: tuple[str, ...]

    def __init__(self, input_size: int, hidden_size: int, bias: bool, rng: Rng) -> None:
        who = type(self).__name__
        self.input_size = count(who, "input_size", input_size)
        self.hidden_size = count(who, "hidden_size", hidden_size)
        self.bias = bool(bias)
        self.rng = None if rng is None else generator(rng)  # a copy of the shared one would not follow xe.seed

    def step(self, inputs: Sequence[Any], state: Sequence[Any], hidden: Gates) -> tuple[Any, ...]:
        """The next state, from ``W_i x + b_i`` of each gate, the state, and the weights and biases of the state."""
        raise NotImplementedError

    def _draw(self, features: int, place: str = "") -> None:
        """Make weights and biases, uniform between -1/sqrt(hidden_size) and 1/sqrt(hidden_size), under PyTorch's names.

        Parameters
        ----------
        features : int
            The length of an input at each step.
        place : str
            The end of the names, such as ``_l0_reverse``.
        """
        rows, bound = self.gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            value = draw(self.rng, "uniform", -bound, bound, shape=shape)
            setattr(self, name + place, tensor(value, requires_grad=True))

    def _gates(self, kind: str, place: str = "") -> Gates:
        """Weight and bias of each gate; `kind` is ``ih`` for those of the input, ``hh`` for those of the state.

        A product for each gate is faster than one for all, whose result would be cut at each step: 1.2 times in
        float32, 1.3 times in float64, for a GRU of 64 units and 32 sequences, forward and backward.
        """
        weights = np.split(getattr(self, f"weight_{kind}{place}"), self.gates)
        biases = np.split(getattr(self, f"bias_{kind}{place}"), self.gates) if self.bias else [None] * self.gates
        return list(zip(weights, biases, strict=True))

    def _state(self, state: Any, shape: tuple[int, ...], weight: Tensor) -> tuple[Any, ...]:
        """The state, given as an array or as a pair of them, each of `shape`, as a tuple; zeros if it was left out."""
        names = self.states
        if state is None:
            return tuple(np.zeros(shape, weight.dtype) for _ in names)
        pair = isinstance(state, tuple | list)
        if pair != (len(names) > 1) or (pair and len(state) != len(names)):
            what = f"{len(state)} arrays" if pair else "one array"
            wanted = "a pair.\n  Write (h, c), each" if len(names) > 1 else "one array,"
            raise ShapeError(f"{title(self)}: the state is {what}; expected {wanted} of shape {shape}.")
        given = state if pair else (state,)
        found = tuple(floating(self, one, weight) for one in given)
        for name, one in zip(names, found, strict=True):
            if one.shape != shape:
                raise ShapeError(
                    f"{title(self)}: the state {name} has shape {one.shape}, expected {shape}.\n"
                    f"  Write np.zeros({shape}), or leave it out."
                )
        return found


class RNNStep(Recurrent):
    r""":math:`h' = \tanh(W_i x + b_i + W_h h + b_h)` (J. L. Elman, Finding structure in time, 1990); or relu."""

    gates = 1
    states = ("h",)
    nonlinearity: str

    def step(self, inputs: Sequence[Any], state: Sequence[Any], hidden: Gates) -> tuple[Any, ...]:
        """The next h."""
        (h,) = state
        return (ACTIVATIONS[self.nonlinearity](inputs[0] + linear(h, *hidden[0])),)


class GRUStep(Recurrent):
    r"""Gated recurrent unit (K. Cho et al., 2014), the reset gate after the product, as in cuDNN and PyTorch.

    .. math::
        r &= \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}) \\
        z &= \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz}) \\
        n &= \tanh(W_{in} x + b_{in} + r\,(W_{hn} h + b_{hn})) \\
        h' &= (1 - z)\,n + z\,h
    """

    gates = 3
    states = ("h",)

    def step(self, inputs: Sequence[Any], state: Sequence[Any], hidden: Gates) -> tuple[Any, ...]:
        """The next h; the gates stand in the order r, z, n."""
        (h,) = state
        r = sigmoid(inputs[0] + linear(h, *hidden[0]))
        z = sigmoid(inputs[1] + linear(h, *hidden[1]))
        n = np.tanh(inputs[2] + r * linear(h, *hidden[2]))
        return (n + z * (h - n),)


class LSTMStep(Recurrent):
    r"""Long short-term memory (S. Hochreiter and J. Schmidhuber, 1997) with forget gate (F. A. Gers et al., 2000).

    .. math::
        i &= \sigma(W_{ii} x + b_{ii} + W_{hi} h + b_{hi}) \\
        f &= \sigma(W_{if} x + b_{if} + W_{hf} h + b_{hf}) \\
        g &= \tanh(W_{ig} x + b_{ig} + W_{hg} h + b_{hg}) \\
        o &= \sigma(W_{io} x + b_{io} + W_{ho} h + b_{ho}) \\
        c' &= f c + i g, \quad h' = o \tanh(c')
    """

    gates = 4
    states = ("h", "c")

    def step(self, inputs: Sequence[Any], state: Sequence[Any], hidden: Gates) -> tuple[Any, ...]:
        """The next h and c; the gates stand in the order i, f, g, o."""
        h, c = state
        i, f, g, o = (x + linear(h, *gate) for x, gate in zip(inputs, hidden, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


class RecurrentCell(Recurrent):
    """One step in time of a recurrent layer, for those who write the loop themselves."""

    weight_ih: Tensor
    weight_hh: Tensor

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Rng = None) -> None:
        super().__init__(input_size, hidden_size, bias, rng)
        self._draw(input_size)

    def forward(self, x: Any, state: Any = None) -> Any:
        """The next state.

        Parameters
        ----------
        x : array_like or Tensor
            Shape (N, input_size), or (input_size,).
        state : array_like, Tensor, or a pair of them for an LSTM, optional
            Shape (N, hidden_size), or (hidden_size,); zeros if left out.

        Returns
        -------
        Tensor, or a pair of them for an LSTM

        Raises
        ------
        ShapeError
            When `x` or `state` has another shape.
        """
        x = floating(self, x, self.weight_ih)
        if x.ndim not in (1, 2):
            raise ShapeError(
                f"{title(self)}: the input has shape {x.shape}; expected (N, {self.input_size}), one step of N "
                f"sequences.\n  Write x[t] for a step, or {type(self).__name__.removesuffix('Cell')} for all of them."
            )
        features(self, x, self.input_size)
        state = self._state(state, (*x.shape[:-1], self.hidden_size), self.weight_ih)
        new = self.step([linear(x, *gate) for gate in self._gates("ih")], state, self._gates("hh"))
        return new[0] if len(new) == 1 else new

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


def checked_nonlinearity(who: str, nonlinearity: str) -> str:
    """The name of an activation, if it is one that an RNN can have."""
    if nonlinearity not in ACTIVATIONS:
        raise ArgumentError(f"{who}: nonlinearity is {nonlinearity!r}; it can be 'tanh' or 'relu'.")
    return nonlinearity


class RNNCell(RNNStep, RecurrentCell):
    """One step of an Elman network: ``h = cell(x, h)``. Equation and source: `RNN`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
        Whether there are biases.
    nonlinearity : {"tanh", "relu"}
    rng : numpy.random.Generator, int or None
        Draws the parameters.

    Attributes
    ----------
    weight_ih : Tensor
        Shape (hidden_size, input_size).
    weight_hh : Tensor
        Shape (hidden_size, hidden_size).
    bias_ih, bias_hh : Tensor
        Shape (hidden_size,).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> cell = xe.nn.RNNCell(3, 5, rng=0)
    >>> h = np.zeros((2, 5))
    >>> for x in np.ones((4, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, rng: Rng = None
    ) -> None:
        self.nonlinearity = checked_nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, rng=rng)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class GRUCell(GRUStep, RecurrentCell):
    """One step of a gated recurrent unit: ``h = cell(x, h)``. Equations and source: `GRU`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
        Whether there are biases.
    rng : numpy.random.Generator, int or None
        Draws the parameters.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Tensor
        Shapes (3 * hidden_size, input_size), (3 * hidden_size, hidden_size) and (3 * hidden_size,); the rows of the
        gates r, z, n.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.GRUCell(3, 5, rng=0)(np.ones((2, 3))).shape
    (2, 5)
    """


class LSTMCell(LSTMStep, RecurrentCell):
    """One step of a long short-term memory: ``h, c = cell(x, (h, c))``. Equations and sources: `LSTM`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
        Whether there are biases.
    rng : numpy.random.Generator, int or None
        Draws the parameters.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Tensor
        Shapes (4 * hidden_size, input_size), (4 * hidden_size, hidden_size) and (4 * hidden_size,); the rows of the
        gates i, f, g, o.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> h, c = xe.nn.LSTMCell(3, 5, rng=0)(np.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """
