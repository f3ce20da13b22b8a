"""Every operation in ops_cases.py: value, gradients of both orders, linearity, dtypes, memory, shapes, far values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cases import REAL, Variant, variants
from derivatives import gradients, inner, leaves, random, second, slope
from losses_cases import LOSSES
from ops_cases import CASES as OPS

import tinygrad_xe as xe
from tinygrad_xe.graph import Node
from tinygrad_xe.op import COMPARISONS, COMPOSED, REGISTRY

Arrays = list[np.ndarray]

CASES = [*OPS, *LOSSES]
EVERY = list(variants(CASES))
FIRST = [Variant(case, case.options[0]) for case in CASES]


def elementwise(variant: Variant) -> bool:
    """Whether the inputs of a case go together element by element."""
    declared = REGISTRY.get(variant.case.function)
    return variant.case.function in (np.clip, np.nan_to_num) or (declared is not None and declared.elementwise)


PAIRS = [v for v in EVERY if elementwise(v) and len(v.case.domains) == 2 and REGISTRY[v.case.function].broadcasts]


def nodes(tensor: xe.Tensor) -> Iterator[Node]:
    """Every recorded operation that `tensor` was computed by."""
    pending, seen = [tensor.node], set()
    while pending:
        node = pending.pop()
        if node is not None and node.op is not None and node.op.function not in COMPARISONS and node not in seen:
            seen.add(node)
            yield node
            pending.extend(node.parents)


def rule_results(node: Node, g: Any) -> Iterator[Any]:
    """What the rules of one recorded operation return, before the engine fits it."""
    with np.errstate(all="ignore"):
        return (result for result in node.op.vjp(node, node.saved, g) if result is not None)


def test_every_operation_has_a_line_in_the_table():
    declared = {f for f in (*REGISTRY, *COMPOSED) if not (getattr(f, "__module__", None) or "").startswith("test")}
    lines = {case.function for case in CASES}
    assert declared - lines == set(), "operations without a line in CASES"
    assert lines - declared == set(), "lines in CASES for what is not an operation"


def test_no_operation_has_two_lines():
    assert len({case.function for case in CASES}) == len(CASES)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_value_is_that_of_numpy_or_of_the_reference_formula(variant):
    arrays = variant.inputs()
    expected = variant.expected(*arrays)
    found = variant.run(*leaves(arrays))
    assert isinstance(found, xe.Tensor)
    assert found.shape == np.shape(expected) and found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-12 if variant.case.reference else 1e-15, atol=1e-15)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_gradient_is_the_slope(variant):
    rng = np.random.default_rng(1)
    arrays = variant.inputs()
    cotangent = rng.uniform(-1, 1, np.shape(variant.expected(*arrays)))
    found = gradients(variant.run, arrays, cotangent)
    for _ in range(2):
        direction = random(rng, arrays)
        expected = slope(lambda moved: inner(variant.expected(*moved), cotangent), arrays, direction)
        assert sum(inner(g, d) for g, d in zip(found, direction, strict=True)) == pytest.approx(
            expected, rel=1e-8, abs=1e-8
        )


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_second_derivative_is_the_slope_of_the_first(variant):
    rng = np.random.default_rng(2)
    arrays = variant.inputs()
    cotangent = rng.uniform(-1, 1, np.shape(variant.expected(*arrays)))
    direction = random(rng, arrays)
    found = second(variant.run, arrays, cotangent, direction)

    def first(moved: Arrays) -> float:
        return sum(inner(g, d) for g, d in zip(gradients(variant.run, moved[:-1], moved[-1]), direction, strict=True))

    along = random(rng, [*arrays, cotangent])
    expected = slope(first, [*arrays, cotangent], along)
    assert sum(inner(g, d) for g, d in zip(found, along, strict=True)) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_rules_are_linear_in_the_cotangent(variant):
    rng = np.random.default_rng(3)
    out = variant.run(*leaves(variant.inputs()))
    for node in nodes(out):
        g1, g2 = rng.uniform(-1, 1, (2, *node.shape))
        for both, one, two in zip(
            rule_results(node, g1 + 2 * g2), rule_results(node, g1), rule_results(node, g2), strict=True
        ):
            np.testing.assert_allclose(both, one + 2 * two, rtol=1e-12, atol=1e-13)
        assert not any(np.any(zero) for zero in rule_results(node, np.zeros(node.shape)))


@pytest.mark.parametrize("variant", [v for v in EVERY if not v.case.float64], ids=str)
def test_float32_is_kept_by_the_value_and_by_every_rule_itself(variant):
    out = variant.run(*leaves([a.astype(np.float32) for a in variant.inputs()]))
    assert out.dtype == np.float32
    for node in nodes(out):
        assert node.dtype == np.float32
        assert {g.dtype for g in rule_results(node, np.ones(node.shape, np.float32))} <= {np.dtype(np.float32)}, node


NUMPYS = {case.function for case in OPS}
NUMBERS = [
    v for v in PAIRS if v.case.function in NUMPYS and not v.case.float64 and v.case.function is not xe.elu.function
]


@pytest.mark.parametrize("number", [1.5, 2, True], ids=repr)
@pytest.mark.parametrize("variant", NUMBERS, ids=str)
def test_a_python_number_beside_float32_is_weak(variant, number):
    array, other = (a.astype(np.float32) for a in variant.inputs())
    for arguments in ((leaves([array])[0], number), (number, leaves([other])[0])):
        out = variant.run(*arguments)
        assert out.dtype == np.float32
        for node in nodes(out):
            assert {g.dtype for g in rule_results(node, np.ones(node.shape, np.float32))} <= {np.dtype(np.float32)}, (
                node
            )


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_gradients_have_the_dtype_of_their_inputs_to_second_order(variant):
    arrays = [a.astype(np.float32) for a in variant.inputs()]
    cotangent = np.ones_like(variant.expected(*arrays))
    assert [g.dtype for g in gradients(variant.run, arrays, cotangent)] == [np.float32] * len(arrays)
    assert [g.dtype for g in second(variant.run, arrays, cotangent, arrays)[:-1]] == [np.float32] * len(arrays)


SELECTING = [v for v in EVERY if v.case.function in REGISTRY and REGISTRY[v.case.function].taken]


@pytest.mark.parametrize(
    "variant", [v for v in SELECTING if v.options.get("keepdims", True) and v.options.get("axis") != ()], ids=str
)
def test_a_branch_that_is_called_not_taken_has_the_gradient_0(variant):
    arrays = [np.round(a) for a in variant.inputs()]  # with ties
    if elementwise(variant):
        arrays[-1].flat[:2] = np.nan
    node = variant.run(*leaves(arrays)).node
    values = dict(zip(node.op.saves, node.saved, strict=True))
    with np.errstate(all="ignore"):
        results = dict(zip(node.op.inputs, node.op.vjp(node, node.saved, np.ones(node.shape)), strict=True))
    assert node.op.taken
    for name, condition in node.op.taken.items():
        words = condition.__code__.co_varnames[: condition.__code__.co_argcount]
        taken = np.broadcast_to(condition(*(values[word] for word in words)), results[name].shape)
        assert not np.any(results[name][~taken])
        assert not taken.all() and taken.any()


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_rules_do_not_write_into_what_they_are_given(variant):
    tensors = leaves(variant.inputs())
    out = variant.run(*tensors)
    before = [t.numpy() for t in tensors]
    for node in nodes(out):
        for saved in node.saved:
            for array in saved if isinstance(saved, list) else (saved,):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False
        g = np.ones(node.shape)
        g.flags.writeable = False
        list(rule_results(node, g))
    for t, values in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(t.data, values)


SHAPES = [
    ((3, 1), (1, 2)),
    ((2, 3), ()),
    ((), (2,)),
    ((1,), (3, 1)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (1, 3)),
    ((1, 1), (1,)),
    ((), ()),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("variant", PAIRS, ids=str)
def test_a_gradient_is_summed_where_its_input_was_broadcast(variant, shapes):
    arrays = variant.inputs(shapes)
    whole = np.broadcast_shapes(*shapes)
    cotangent = np.random.default_rng(4).uniform(-1, 1, whole)
    found = gradients(variant.run, arrays, cotangent)
    full = gradients(variant.run, [np.broadcast_to(a, whole) for a in arrays], cotangent)
    for g, spread, shape in zip(found, full, shapes, strict=True):
        lead = len(whole) - len(shape)
        axes = (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1))
        np.testing.assert_allclose(g, spread.sum(axes).reshape(shape), rtol=1e-13, atol=1e-14)


def far_values(variant: Variant, dtype: Any) -> Arrays:
    """Every combination of the far values of the domains, for elementwise functions; else rows of them."""
    far = [np.array(domain.far, dtype) for domain in variant.case.domains]
    if elementwise(variant):
        return [a.reshape(-1) for a in np.meshgrid(*far)]
    return [np.resize(values, shape) for values, shape in zip(far, variant.shapes, strict=True)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("variant", [v for v in FIRST if all(d.far for d in v.case.domains)], ids=str)
def test_far_values_make_no_nan_and_no_warning_that_numpy_does_not_make(variant, dtype):
    arrays = far_values(variant, dtype)
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        if variant.case.reference is None:
            variant.expected(*arrays)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        out = variant.run(*leaves(arrays))
    assert {str(w.message) for w in found} <= {str(w.message) for w in expected}
    assert not np.isnan(out.data).any()
    with np.errstate(all="ignore"):
        for g in gradients(variant.run, arrays):
            assert not np.isnan(g).any()


def layouts(a: np.ndarray) -> Iterator[np.ndarray]:
    """The same values in other memory: Fortran order, every second element of a larger array, reversed axes."""
    yield np.array(a, order="F")
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    every_second = wide[(slice(None, None, 2),) * a.ndim + (...,)]
    every_second[...] = a
    yield every_second
    backwards = (slice(None, None, -1),) * a.ndim
    yield np.array(a[backwards])[backwards]


def leaf_around(a: np.ndarray) -> xe.Tensor:
    """A leaf that holds `a` itself: xe.tensor would copy it."""
    made = xe.tensor(a, requires_grad=True)
    made._data = a
    return made


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_layout_in_memory_does_not_matter(variant):
    arrays = variant.inputs()
    cotangent = np.random.default_rng(5).uniform(-1, 1, np.shape(variant.expected(*arrays)))
    expected = gradients(variant.run, arrays, cotangent)
    for others in zip(*(layouts(a) for a in arrays), strict=True):
        for g in (cotangent, np.array(cotangent, order="F")):
            tensors = [leaf_around(a) for a in others]
            variant.run(*tensors).backward(g)
            for t, wanted in zip(tensors, expected, strict=True):
                np.testing.assert_allclose(0 if t.grad is None else t.grad, wanted, rtol=1e-13, atol=1e-14)


def zero_sizes(shapes: tuple[tuple[int, ...], ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The shapes with every axis of a given length set to 0, for each length."""
    for n in {n for shape in shapes for n in shape}:
        yield tuple(tuple(0 if m == n else m for m in shape) for shape in shapes)


@pytest.mark.parametrize("variant", [v for v in EVERY if v.case.empty], ids=str)
def test_an_array_without_elements_gives_what_numpy_gives(variant):
    for shapes in zero_sizes(variant.shapes):
        arrays = variant.inputs(shapes)
        with warnings.catch_warnings(record=True) as theirs, np.errstate(all="warn"):
            warnings.simplefilter("always")
            try:
                expected = variant.expected(*arrays)
            except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
                expected = error
        with warnings.catch_warnings(record=True) as ours:
            warnings.simplefilter("always")
            if isinstance(expected, Exception):
                with pytest.raises((ValueError, IndexError, TypeError, ZeroDivisionError)):
                    variant.run(*leaves(arrays))
                continue
            tensors = leaves(arrays)
            out = variant.run(*tensors)
            np.testing.assert_array_equal(out.data, expected)
            assert out.shape == np.shape(expected)
            out.backward(np.ones(out.shape))
        assert {str(w.message) for w in ours} <= {str(w.message) for w in theirs}
        assert all(t.grad is None or t.grad.shape == t.shape for t in tensors)


@pytest.mark.parametrize("variant", [v for v in EVERY if v.case.torch is not None], ids=str)
def test_pytorch_agrees_to_second_order(variant, torch):
    rng = np.random.default_rng(6)
    arrays = variant.inputs()
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = variant.case.torch(torch, *theirs, **variant.options)
    if out is NotImplemented:
        pytest.skip("PyTorch has no such option")
    value = variant.run(*leaves(arrays))
    np.testing.assert_allclose(value.data, out.numpy(force=True), rtol=1e-12, atol=1e-13)

    cotangent, direction = rng.uniform(-1, 1, value.shape), random(rng, arrays)
    g = torch.tensor(cotangent, requires_grad=True)
    first = torch.autograd.grad(out, theirs, g, create_graph=True)
    for found, wanted in zip(gradients(variant.run, arrays, cotangent), first, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(force=True), rtol=1e-10, atol=1e-12)
    product = sum((f * torch.tensor(d)).sum() for f, d in zip(first, direction, strict=True))
    if not product.requires_grad:
        return
    found = second(variant.run, arrays, cotangent, direction)
    for ours, wanted in zip(found, torch.autograd.grad(product, [*theirs, g], allow_unused=True), strict=True):
        np.testing.assert_allclose(ours, 0 if wanted is None else wanted.numpy(force=True), rtol=1e-9, atol=1e-11)


def test_the_draws_stay_apart_and_off_the_hole():
    drawn = np.sort(np.concatenate([a.reshape(-1) for a in REAL.draw(np.random.default_rng(0), [(3, 4), (5,)])]))
    assert len(drawn) == 17 and np.diff(drawn).min() > 0.1
    assert -3 < drawn[0] and drawn[-1] < 3
