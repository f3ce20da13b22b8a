"""Recurrent layers over whole sequences: RNN, GRU and LSTM, of one or more layers, in one direction or in both."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..errors import ShapeError, XeWarning
from ..graph import users_level
from ..ops.linear import linear
from ..random import Rng
from ..tensor import Tensor
from .checks import count, features, floating, title
from .functional import dropout, probability
from .recurrent_cells import GRUStep, LSTMStep, Recurrent, RNNStep, checked_nonlinearity


def in_steps(x: Any) -> list[Any]:
    """The slices of `x` along its first axis, cut in two stages.

    The cotangent of a slice is padded with zeros to the size of what it was cut from: T slices of T steps cost T**2,
    slices of about sqrt(T) slices T**1.5.
    """
    size = math.isqrt(len(x))
    return [step for start in range(0, len(x), size) for step in x[start : start + size]]


class RecurrentLayer(Recurrent):
    """What the layers share: the loop over time, layers and directions."""

    weight_ih_l0: Tensor

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, *, rng: Rng = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, rng)
        who = type(self).__name__
        self.num_layers = count(who, "num_layers", num_layers)
        self.dropout = probability(f"{who}: dropout", dropout)
        if dropout and self.num_layers == 1:
            warnings.warn(
                f"{who}: dropout={dropout} does nothing in one layer, since it acts between layers.\n"
                "  Write num_layers=2, or Dropout on the output.",
                XeWarning,
                stacklevel=users_level(),
            )
        self.batch_first, self.bidirectional = bool(batch_first), bool(bidirectional)
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(self.num_layers):
            for direction in self.directions:
                below = len(self.directions) * self.hidden_size if layer else self.input_size
                self._draw(below, f"_l{layer}{direction}")

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """The states of the last layer at all steps, and the states of all layers after their last step.

        Parameters
        ----------
        x : array_like or Tensor
            Shape (T, N, input_size): T steps of N sequences; (N, T, input_size) with ``batch_first``; or
            (T, input_size), a single sequence.
        state : array_like, Tensor, or a pair (h_0, c_0) of them for an LSTM, optional
            Shape (layers * directions, N, hidden_size), also with ``batch_first``; without N for a single sequence.
            Zeros if left out.

        Returns
        -------
        output : Tensor
            Shape (T, N, hidden_size), (N, T, hidden_size) or (T, hidden_size); the last axis is twice as long with two
            directions, forwards first.
        h_n : Tensor, or a pair (h_n, c_n) of them for an LSTM
            Of the shape of `state`: layer 0 forwards, layer 0 backwards, layer 1 forwards, and so on.

        Raises
        ------
        ShapeError
            When `x` or `state` has another shape, or there are no steps.
        """
        x = self._checked(floating(self, x, self.weight_ih_l0))
        single = x.ndim == 2
        x = x[:, None] if single else np.swapaxes(x, 0, 1) if self.batch_first else x  # (T, N, input_size)
        places, sizes = self.num_layers * len(self.directions), (x.shape[1],) * (not single)
        state = self._state(state, (places, *sizes, self.hidden_size), self.weight_ih_l0)
        state = tuple(s[:, None] for s in state) if single else state

        finals: list[Any] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, self.dropout, self.training, rng=self.rng)
            outputs = []
            for direction in self.directions:
                begin = tuple(s[len(finals)] for s in state)
                output, final = self._run(x, f"_l{layer}{direction}", begin)
                outputs.append(output)
                finals.append(final)
            x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)

        last = [np.stack(each) for each in zip(*finals, strict=True)]
        if single:
            x, last = x[:, 0], [s[:, 0] for s in last]
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        return x, last[0] if len(last) == 1 else tuple(last)

    def _run(self, x: Any, place: str, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """One layer in one direction: the outputs, (T, N, hidden_size), and the state after the last step."""
        backwards = place.endswith("_reverse")
        inputs = [linear(x, *gate) for gate in self._gates("ih", place)]  # for all steps at once
        steps = list(zip(*map(in_steps, inputs), strict=True))
        hidden = self._gates("hh", place)
        outputs = []
        for step in reversed(steps) if backwards else steps:
            state = self.step(step, state, hidden)
            outputs.append(state[0])
        return np.stack(outputs[::-1] if backwards else outputs), state

    def _checked(self, x: Any) -> Any:
        """`x`, if it has two or three axes, one step or more, and the right number of features."""
        axes = "(N, T, {})" if self.batch_first else "(T, N, {})"
        if x.ndim not in (2, 3):
            more = f"\n  Write x.reshape({', '.join(map(str, x.shape[:2]))}, -1)." if x.ndim > 3 else ""
            raise ShapeError(
                f"{title(self)}: the input has shape {x.shape}; expected {axes.format(self.input_size)}, T steps of N "
                f"sequences, or (T, {self.input_size}), a single one.{more}"
            )
        features(self, x, self.input_size)
        if x.shape[self.batch_first if x.ndim == 3 else 0] == 0:
            raise ShapeError(f"{title(self)}: the input has shape {x.shape}; expected 1 step or more.")
        return x

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        shown = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        changed = [f"{name}={getattr(self, name)}" for name, usual in shown.items() if getattr(self, name) != usual]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


class RNN(RNNStep, RecurrentLayer):
    r"""Elman's recurrent network: ``output, h_n = rnn(x, h_0)``.

    .. math:: h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Parameters
    ----------
    input_size : int
        Length of an input at each step.
    hidden_size : int
        Length of the state.
    num_layers : int
        Layers, each of which reads the states of the one below.
    nonlinearity : {"tanh", "relu"}
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether sequences come first in input and output, (N, T, ...), and not the steps, (T, N, ...).
    dropout : float
        Probability with which, in training, an output of a layer but the last is dropped.
    bidirectional : bool
        Whether each layer also runs from the last step to the first; the outputs are joined.
    rng : numpy.random.Generator, int or None
        Draws the parameters and the dropout.

    Attributes
    ----------
    weight_ih_l0, weight_ih_l1, ... : Tensor
        Shape (hidden_size, input_size); (hidden_size, directions * hidden_size) from layer 1 on. With the ending
        ``_reverse`` for the other direction, as all that follow.
    weight_hh_l0, ... : Tensor
        Shape (hidden_size, hidden_size).
    bias_ih_l0, bias_hh_l0, ... : Tensor
        Shape (hidden_size,).

    Warns
    -----
    XeWarning
        For `dropout` in a single layer, where it does nothing.

    Notes
    -----
    Shapes of `x`, `h_0` and the results: see ``RNN.forward``. Names, shapes, initial values (uniform between
    -1/sqrt(hidden_size) and 1/sqrt(hidden_size)) and results are PyTorch's. A gradient flows back through all steps;
    pass ``h_n.detach()`` as the next `h_0` to end it there.
    Source: J. L. Elman, Finding structure in time, 1990.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> rnn = xe.nn.RNN(3, 5, num_layers=2, rng=0)
    >>> output, h_n = rnn(np.ones((7, 2, 3)))
    >>> output.shape, h_n.shape
    ((7, 2, 5), (2, 2, 5))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *, rng: Rng = None,
    ) -> None:  # fmt: skip
        self.nonlinearity = checked_nonlinearity("RNN", nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng=rng)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class GRU(GRUStep, RecurrentLayer):
    r"""Gated recurrent units: ``output, h_n = gru(x, h_0)``.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t\,(W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t)\,n_t + z_t\,h_{t-1}

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng
        As in `RNN`.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ... : Tensor
        As in `RNN`, with three times as many rows: of the gates r, z, n.

    Warns
    -----
    XeWarning
        For `dropout` in a single layer, where it does nothing.

    Notes
    -----
    Names, shapes, initial values and results are PyTorch's. The reset gate r acts after the product with the state,
    as in cuDNN; in the paper it acts before. Source: K. Cho et al., Learning phrase representations using RNN
    encoder-decoder for statistical machine translation, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> gru = xe.nn.GRU(3, 5, batch_first=True, bidirectional=True, rng=0)
    >>> gru
    GRU(3, 5, batch_first=True, bidirectional=True)  # 300 parameters
    >>> output, h_n = gru(np.ones((2, 7, 3)))
    >>> output.shape, h_n.shape
    ((2, 7, 10), (2, 2, 5))
    """


class LSTM(LSTMStep, RecurrentLayer):
    r"""Long short-term memory: ``output, (h_n, c_n) = lstm(x, (h_0, c_0))``.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t c_{t-1} + i_t g_t, \quad h_t = o_t \tanh(c_t)

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng
        As in `RNN`.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ... : Tensor
        As in `RNN`, with four times as many rows: of the gates i, f, g, o.

    Warns
    -----
    XeWarning
        For `dropout` in a single layer, where it does nothing.

    Notes
    -----
    Names, shapes, initial values and results are PyTorch's; its ``proj_size`` is not offered. Sources: S. Hochreiter
    and J. Schmidhuber, Long short-term memory, 1997; the forget gate: F. A. Gers, J. Schmidhuber and F. Cummins,
    Learning to forget, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> lstm = xe.nn.LSTM(3, 5, rng=0)
    >>> output, (h_n, c_n) = lstm(np.ones((7, 2, 3)))
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 2, 5), (1, 2, 5), (1, 2, 5))
    """
