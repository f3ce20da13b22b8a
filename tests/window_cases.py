"""The lines of the table of operations for convolution and pooling; test_conv.py and test_pool.py say more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import one_window
from cases import REAL, Case

from tinygrad_xe.ops.convolution import convolution, transposed_convolution, weight_convolution
from tinygrad_xe.ops.pooling import (
    give_to_largest,
    spread_over_windows,
    take_from_largest,
    window_max,
    window_mean,
)

ONE, NONE = (1, 1), ((0, 0), (0, 0))

#: For a kernel (2, 3) of one group or two: windows side by side, with an element left over, and far apart.
PLAIN = dict(stride=ONE, padding=NONE, dilation=ONE, groups=1)
UNEVEN = dict(stride=(2, 1), padding=((1, 0), (1, 2)), dilation=ONE, groups=2)
WIDE = dict(stride=(1, 2), padding=((1, 1), (2, 2)), dilation=(2, 1), groups=1)

#: For pooling: windows that meet each element once, that overlap and leave some out, and with gaps.
APART = dict(kernel_size=(2, 2), stride=(2, 2), padding=NONE, dilation=ONE)
OVERLAPPING = dict(kernel_size=(3, 2), stride=(1, 3), padding=((1, 1), (0, 1)), dilation=ONE)
GAPS = dict(kernel_size=(2, 2), stride=ONE, padding=NONE, dilation=(3, 2))

#: Where the largest elements are taken from; with ties, whose first counts.
CHOSEN = np.random.default_rng(0).integers(0, 4, (2, 2, 4, 4)).astype(float)


def of_groups(operation: Callable[..., Any]) -> Callable[..., Any]:
    """`operation` of as many channels of x as the weight takes."""

    def call(x: Any, weight: Any, *bias: Any, groups: int, **how: Any) -> Any:
        return operation(x[:, : weight.shape[1] * groups], weight, *bias, groups=groups, **how)

    return call


def of_y(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient in the weight, for as many windows as there are."""

    def call(x: Any, y: Any, counts: tuple[int, int], **how: Any) -> Any:
        return operation(x, y[:, :, : counts[0], : counts[1]], kernel_size=(2, 3), **how)

    return call


def of_choice(operation: Callable[..., Any], windows: bool) -> Callable[..., Any]:
    """`operation` of values with the choice that `CHOSEN` makes; with `windows`, of the first value for each window."""

    def call(values: Any, **how: Any) -> Any:
        top = one_window.largest(CHOSEN, **how)
        return operation(values[:, :, : top.shape[2], : top.shape[3]] if windows else values, CHOSEN, top, **how)

    return call


def symmetric(how: dict[str, Any]) -> dict[str, Any]:
    """PyTorch's options; NotImplemented for those that it lacks."""
    if any(before != after for before, after in how["padding"]):
        return {}
    return how | {"padding": tuple(before for before, _ in how["padding"])}


def torch_convolution(t: Any, x: Any, weight: Any, bias: Any, groups: int, **how: Any) -> Any:
    (top, bottom), (left, right) = how.pop("padding")
    x = t.nn.functional.pad(x[:, : weight.shape[1] * groups], (left, right, top, bottom))
    return t.nn.functional.conv2d(x, weight, bias, groups=groups, **how)


def torch_max(t: Any, x: Any, **how: Any) -> Any:
    given = symmetric(how)
    return t.nn.functional.max_pool2d(x, **given) if given else NotImplemented


def torch_mean(t: Any, x: Any, count_padding: bool, **how: Any) -> Any:
    return t.nn.functional.avg_pool2d(x, **symmetric(how), count_include_pad=count_padding)


# fmt: off
WINDOWS: list[Case] = [
    Case(convolution.function, (REAL, REAL, REAL), ((2, 4, 4, 3), (2, 2, 2, 3), (2,)), (PLAIN, UNEVEN, WIDE),
         call=of_groups(convolution), reference=of_groups(one_window.convolution), torch=torch_convolution,
         empty=False),
    Case(transposed_convolution.function, (REAL, REAL), ((2, 2, 3, 2), (2, 2, 2, 3)),
         (PLAIN | {"size": (4, 4)}, UNEVEN | {"size": (6, 1)}, WIDE | {"size": (3, 2)}),
         call=transposed_convolution, reference=one_window.transposed, empty=False),
    Case(weight_convolution.function, (REAL, REAL), ((2, 4, 4, 3), (2, 2, 4, 4)),
         (PLAIN | {"counts": (3, 1)}, UNEVEN | {"counts": (2, 4)}, WIDE | {"counts": (4, 3)}),
         call=of_y(weight_convolution), reference=of_y(one_window.of_weight), empty=False),
    Case(window_max.function, (REAL,), ((2, 2, 4, 4),), (APART, OVERLAPPING, GAPS), call=window_max,
         reference=one_window.largest, torch=torch_max, empty=False),
    Case(take_from_largest.function, (REAL,), ((2, 2, 4, 4),), (APART, OVERLAPPING, GAPS),
         call=of_choice(take_from_largest, False), empty=False,
         reference=lambda values, **how: one_window.of_largest(values, CHOSEN, **how)),
    Case(give_to_largest.function, (REAL,), ((2, 2, 4, 4),), (APART, OVERLAPPING, GAPS),
         call=of_choice(give_to_largest, True), reference=of_choice(
             lambda values, x, top, **how: one_window.to_largest(values, x, **how), True),
         empty=False),
    Case(window_mean.function, (REAL,), ((2, 2, 4, 4),), empty=False, call=window_mean,
         options=tuple(dict(kernel_size=(2, 3), stride=stride, padding=padding, count_padding=counted)
                       for stride, padding in (((2, 3), NONE), (ONE, ((1, 1), (1, 1)))) for counted in (False, True)),
         reference=one_window.mean, torch=torch_mean),
    Case(spread_over_windows.function, (REAL,), ((2, 2, 3, 2),), empty=False, call=spread_over_windows,
         options=(dict(size=(4, 4), kernel_size=(2, 3), stride=ONE, padding=NONE, count_padding=True),
                  dict(size=(4, 4), kernel_size=(2, 3), stride=(2, 3), padding=((1, 1), (1, 1)), count_padding=False)),
         reference=one_window.shared_mean),
]
# fmt: on
