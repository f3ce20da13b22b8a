"""A layer beside PyTorch's with the same weights: values, gradients and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe

Arrays = list[np.ndarray]


def torch() -> Any:
    """PyTorch, or a skip."""
    return pytest.importorskip("torch", reason="PyTorch is the oracle of this test")


def give(ours: Any, theirs: Any) -> None:
    """Load our parameters and buffers into PyTorch's layer, by name; it must have the same names and shapes."""
    t = torch()
    theirs.double().load_state_dict({name: t.tensor(value) for name, value in ours.state_dict().items()}, strict=True)


def shuffled(ours: Any, seed: int = 0) -> Any:
    """The layer with parameters drawn anew, so that no weight is 1 and no bias 0."""
    rng = np.random.default_rng(seed)
    for parameter in ours.parameters():
        parameter.assign(rng.normal(0.3, 1, parameter.shape))
    return ours


def our_derivatives(function: Any, leaves: list[xe.Tensor], seed: int = 0) -> tuple[np.ndarray, Arrays, Arrays]:
    """Value, gradients of its product with random numbers, and gradients of these gradients' product with others."""
    rng = np.random.default_rng(seed)
    out = function()
    zero_grad(leaves)
    (out * rng.normal(size=out.shape)).sum().backward(create_graph=True)
    first = [leaf.grad for leaf in leaves]
    zero_grad(leaves)
    total = sum((g * rng.normal(size=g.shape)).sum() for g in first)
    if total.requires_grad:
        total.backward()
    second = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]
    return out.data, [g.data for g in first], second


def their_derivatives(function: Any, leaves: list[Any], seed: int = 0) -> tuple[np.ndarray, Arrays, Arrays]:
    """The same by PyTorch."""
    t, rng = torch(), np.random.default_rng(seed)
    out = function()
    first = t.autograd.grad((out * t.tensor(rng.normal(size=out.shape))).sum(), leaves, create_graph=True)
    total = sum((g * t.tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
    second = [None] * len(leaves)
    if total.requires_grad:
        second = t.autograd.grad(total, leaves, allow_unused=True)
    filled = [t.zeros_like(leaf) if g is None else g for g, leaf in zip(second, leaves, strict=True)]
    return out.detach().numpy(), [g.detach().numpy() for g in first], [g.numpy(force=True) for g in filled]


def zero_grad(leaves: list[xe.Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None


def assert_agreement(ours: Any, theirs: Any, x: np.ndarray, rtol: float = 1e-9) -> None:
    """Compare both layers on `x`, with the weights of ours: output, gradients and second derivatives."""
    t = torch()
    give(ours, theirs)
    our_leaves, their_leaves = [*ours.parameters()], [*theirs.parameters()]
    mine, other = x, t.tensor(x)
    if x.dtype.kind == "f":
        mine, other = xe.tensor(x, requires_grad=True), t.tensor(x, requires_grad=True)
        our_leaves, their_leaves = [mine, *our_leaves], [other, *their_leaves]
    found = our_derivatives(lambda: ours(mine), our_leaves)
    expected = their_derivatives(lambda: theirs(other), their_leaves)
    np.testing.assert_allclose(found[0], expected[0], rtol=rtol, atol=1e-11)
    for mine_all, theirs_all in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(mine_all, theirs_all, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-10)
