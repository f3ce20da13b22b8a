"""The sweep: what backward() writes and where, what it refuses, and what may change between forward and backward."""

import gc
import importlib
import re

import numpy as np
import pytest
from derivatives import slope

import tinygrad_xe as xe
from tinygrad_xe.backward import fit, holds_nan
from tinygrad_xe.graph import FINGERPRINT_BYTES

declarations = importlib.import_module("tinygrad_xe.op")  # xe.op is the function


def leaf(*values, name=None, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True, name=name)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


# -- sweeping again ----------------------------------------------------------------------------------------------------


def test_a_second_backward_names_retain_graph_and_the_line():
    x = leaf(1, 2)
    out = (x * x).sum()  # this line
    out.backward()
    message = r"this graph was used by an earlier backward\(\)(.|\n)*_sweep\.py:\d+: .*# this line\n.*retain_graph=True"
    with pytest.raises(xe.GraphError, match=message):
        out.backward()
    same(x.grad, [2, 4])


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_shared_subgraph_that_was_released_raises_and_is_named(create_graph):
    x = leaf(1, 2)
    shared = np.exp(x)
    shared.name = "shared"
    shared.sum().backward()
    kept = x.grad.copy()
    with pytest.raises(xe.GraphError, match=r"part of this graph \(exp 'shared'\) was used by an earlier backward"):
        (shared * 2).sum().backward(create_graph=create_graph)
    same(x.grad, kept)


def test_retain_graph_lets_the_graph_be_swept_again():
    x = leaf(1, 2)
    out = (x**3).sum()
    for times in (1, 2, 3):
        out.backward(retain_graph=True)
        same(x.grad, times * np.array([3, 12]))
    out.backward()
    with pytest.raises(xe.GraphError):
        out.backward()


def test_create_graph_keeps_the_graph_too():
    x = leaf(1, 2)
    out = (x**3).sum()
    out.backward(create_graph=True)
    x.zero_grad()
    out.backward()
    same(x.grad, [3, 12])


def test_a_released_result_can_still_be_read_as_numbers():
    x = leaf(1, 2)
    out = (x * x).sum()
    out.backward()
    assert float(out) == 5 and np.asarray(out) == 5


# -- an error loses nothing --------------------------------------------------------------------------------------------

FAIL = []


@declarations.differentiable("x", x=lambda g: failing(g))
def fragile(x):
    """x, whose rule does what the test asks for."""
    return +x


def failing(g):
    if not FAIL:
        return g
    if FAIL[0] is RuntimeError:
        raise RuntimeError("in a rule")
    return FAIL[0](g)


@pytest.fixture
def fail():
    yield FAIL
    FAIL.clear()


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_that_raises_leaves_gradients_untouched_and_the_graph_usable(fail, create_graph):
    x, y = leaf(1, 2), leaf(3, 4)
    x.grad, y.grad = np.array([10.0, 10.0]), np.array([20.0, 20.0])
    out = (fragile(x) * y).sum()
    fail.append(RuntimeError)
    with pytest.raises(RuntimeError, match="in a rule"):
        out.backward(create_graph=create_graph)
    same(x.grad, [10, 10])
    same(y.grad, [20, 20])
    fail.clear()
    out.backward()
    same(x.grad, [13, 14])
    same(y.grad, [21, 22])


WRONG = {"too few": lambda g: g[:1], "2-d": lambda g: np.ones((2, 2)), "0-d": lambda g: g.sum()}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_rule_that_returns_a_wrong_shape_is_named(fail, wrong):
    x = leaf(1, 2)
    out = fragile(x).sum()
    fail.append(wrong)
    with pytest.raises(xe.ShapeError, match=r"fragile: a gradient rule returned a cotangent of .* of shape \(2,\)"):
        out.backward()
    assert x.grad is None
    fail.clear()
    out.backward()
    same(x.grad, [1, 1])


@declarations.differentiable("x, axis=None", reduces="x", x=lambda g: g[..., :3])
def mistaken(x, axis=None):
    """The sum of x, with a rule that can't be spread over its shape."""
    return np.sum(x, axis)


def test_a_reduction_whose_rule_does_not_fit_its_input_is_named():
    x = xe.tensor(np.ones((2, 4)), requires_grad=True)
    with pytest.raises(xe.ShapeError, match=r"mistaken: .* of shape \(1, 3\) for an input of shape \(2, 4\)"):
        mistaken(x, 0).backward(np.ones(4))


def test_a_rule_of_another_dtype_is_cast(fail):
    x = leaf(1, 2, dtype=np.float32)
    out = fragile(x).sum()
    fail.append(lambda g: g.astype(np.float64))
    out.backward()
    assert x.grad.dtype == np.float32


def test_a_rule_that_returns_none_sends_nothing(fail):
    x, y = leaf(1, 2), leaf(3, 4)
    fail.append(lambda g: None)
    (fragile(x) + y).sum().backward(retain_graph=True)
    (fragile(x) + y).sum().backward(create_graph=True)
    assert x.grad is None and y.grad is not None


# -- where gradients are written ---------------------------------------------------------------------------------------


def test_a_preset_buffer_is_added_to_in_place():
    x, buffer = leaf(1, 2), np.array([10.0, 20.0])
    x.grad = buffer
    (x * x).sum().backward()
    assert x.grad is buffer
    same(buffer, [12, 24])


def test_a_preset_view_of_a_larger_buffer_is_added_to_in_place():
    x, y, flat = leaf(1, 2), leaf(3, 4), np.zeros(4)
    x.grad, y.grad = flat[:2], flat[2:]
    (x * y).sum().backward()
    same(flat, [3, 4, 1, 2])


def test_a_preset_0d_buffer_is_added_to_in_place():
    x, buffer = xe.tensor(3.0, requires_grad=True), np.array(10.0)
    x.grad = buffer
    (x * x).backward()
    assert x.grad is buffer and buffer == 16


def test_gradients_accumulate_until_they_are_reset():
    x = leaf(1, 2)
    for _ in range(2):
        (x * x).sum().backward()
    same(x.grad, [4, 8])
    x.zero_grad()
    assert x.grad is None


ALIASES = {
    "x + y": lambda x, y: x + y,
    "views": lambda x, y: x.reshape(2, 1)[:, 0] + y[:],
    "the same cotangent, twice removed": lambda x, y: (x + 0) + (y + 0),
    "concatenate": lambda x, y: np.concatenate([x, y])[:2] + np.concatenate([x, y])[2:],
    "flip and transpose": lambda x, y: np.flip(x) + y.T,
    "broadcast": lambda x, y: np.broadcast_to(x, (1, 2))[0] + y,
}


@pytest.mark.parametrize("function", ALIASES.values(), ids=ALIASES)
def test_two_leaves_never_share_gradient_memory_nor_with_the_argument(function):
    x, y, given = leaf(1, 2), leaf(3, 4), np.array([5.0, 6.0])
    function(x, y).backward(given)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, given) and not np.shares_memory(y.grad, given)
    for t in (x, y):
        assert t.grad.flags.writeable and t.grad.flags.owndata
    x.grad += 100
    same(given, [5, 6])
    same(y.grad, [5, 6])


def test_the_argument_is_copied_for_a_leaf_that_is_the_root():
    x, given = leaf(1, 2), np.array([5.0, 6.0])
    x.backward(given)
    same(x.grad, given)
    assert not np.shares_memory(x.grad, given)


def test_the_gradient_of_a_bias_owns_its_memory():
    w, b = xe.tensor(np.ones((3, 2)), requires_grad=True), leaf(1, 2)
    (np.ones((4, 3)) @ w + b).sum().backward()
    same(b.grad, [4, 4])
    b.grad += 1
    other = leaf(1, 2)
    (np.ones((4, 3)) @ w + other).sum().backward()
    same(other.grad, [4, 4])


def test_the_gradient_of_a_sum_is_an_array_that_can_be_written():
    x = leaf(1, 2)
    x.sum().backward()
    x.grad *= 3
    same(x.grad, [3, 3])


# -- shapes of graphs --------------------------------------------------------------------------------------------------


def test_a_diamond_sums_both_ways():
    x = leaf(0.3, -0.7)
    s = np.sin(x)
    (np.exp(s) * np.cos(s)).sum().backward()
    at = np.sin([0.3, -0.7])
    same(x.grad, np.cos([0.3, -0.7]) * np.exp(at) * (np.cos(at) - np.sin(at)))


def test_a_diamond_of_unequal_arms_waits_for_the_longer_one():
    x = leaf(2)
    a = x * x
    b = a * 3
    c = b + 1
    (a * c * x).sum().backward()  # 3 x^5 + x^3
    same(x.grad, [15 * 16 + 3 * 4])


def test_a_graph_agrees_with_central_differences():
    rng = np.random.default_rng(3)
    arrays = [rng.uniform(0.5, 1, (3, 4)), rng.uniform(0.5, 1, (4,))]
    direction = [rng.uniform(-1, 1, a.shape) for a in arrays]

    def function(x, b):
        h = np.tanh(x @ x.T) @ x + b
        return (np.exp(-h) * h.sum(axis=0, keepdims=True) / (1 + h * h)).sum()

    tensors = [xe.tensor(a, requires_grad=True) for a in arrays]
    function(*tensors).backward()
    found = sum(np.sum(t.grad * d) for t, d in zip(tensors, direction, strict=True))
    differences = slope(lambda both: function(*both), arrays, direction)
    np.testing.assert_allclose(found, differences, rtol=1e-8)


def test_doubling_a_hundred_times_gives_two_to_the_hundredth():
    x = a = xe.tensor(1.0, requires_grad=True)
    for _ in range(100):
        a = a + a
    a.backward()
    assert x.grad == 2.0**100


def test_the_same_leaf_twice_in_one_operation_counts_twice():
    x, m = leaf(3), xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (x * x).sum().backward()
    same(x.grad, [6])
    (m @ m).sum().backward()
    ones = np.ones((2, 2))
    same(m.grad, ones @ m.data.T + m.data.T @ ones)
    y = leaf(1, 2)
    np.concatenate([y, y, y]).sum().backward()
    same(y.grad, [3, 3])


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_leaf_as_the_root_gets_one(create_graph):
    x = xe.tensor(3.0, requires_grad=True)
    x.backward(create_graph=create_graph)
    x.backward(create_graph=create_graph)
    assert x.grad.item() == 2


def test_only_what_the_result_depends_on_gets_a_gradient():
    x, y = leaf(1), leaf(2)
    y * 3
    (x * 3).sum().backward()
    assert y.grad is None


def test_a_result_of_one_element_needs_no_argument():
    x = xe.tensor([[2.0]], requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == (1, 1) and x.grad[0, 0] == 4


BROADCAST = {
    "a bias": ((2,), (5, 2)),
    "a bias in float32": ((2,), (5, 2)),
    "a column": ((5, 1), (5, 2)),
    "a number": ((), (5, 2)),
    "one element": ((1, 1), (5, 2)),
    "leading axes": ((2,), (3, 5, 2)),
    "leading and stretched axes": ((5, 1), (3, 5, 2)),
    "no rows": ((2,), (0, 2)),
}


@pytest.mark.parametrize("name", BROADCAST)
def test_the_gradient_of_what_was_broadcast_is_summed(name):
    small, large = BROADCAST[name]
    dtype = np.float32 if "float32" in name else float
    weights = np.arange(np.prod(large), dtype=dtype).reshape(large)
    for create_graph in (False, True):
        x = xe.tensor(np.ones(small, dtype), requires_grad=True)
        (x * weights).sum().backward(create_graph=create_graph)
        lead = len(large) - len(small)
        axes = (*range(lead), *(i + lead for i, n in enumerate(small) if n == 1))
        expected = weights.sum(axis=axes).reshape(small)
        assert x.grad.shape == small and x.grad.dtype == dtype
        same(getattr(x.grad, "data", x.grad) if create_graph else x.grad, expected)


def test_fit_sums_over_an_axis_only_for_operations_that_broadcast():
    node = leaf(1, 2).node
    broadcasts = declarations.REGISTRY[np.add]
    same(fit(np.ones((3, 2)), node, broadcasts), [3, 3])
    with pytest.raises(xe.ShapeError, match=r"only operations declared with broadcasts=True are summed"):
        fit(np.ones((3, 2)), node, declarations.REGISTRY[np.transpose])


def test_holds_nan_sees_a_nan_but_no_infinity():
    assert holds_nan(np.array([1.0, np.nan]))
    assert not holds_nan(np.array([1.0, np.inf]))
    assert not holds_nan(np.float64(0))


# -- the argument of backward ------------------------------------------------------------------------------------------


def test_an_argument_of_the_wrong_shape_names_both_shapes():
    x = leaf(1, 2, 3)
    message = r"the gradient has shape \(3, 1\), multiply 'product' has shape \(3,\)"
    y = x * 2
    y.name = "product"
    with pytest.raises(xe.ShapeError, match=message):
        y.backward(np.ones((3, 1)))
    with pytest.raises(xe.ShapeError, match=r"\(\)"):
        y.backward(1.0)
    assert x.grad is None


@pytest.mark.parametrize("argument", [
    np.array([3, 4]), np.array([3, 4], np.float32), np.array([3, 4], ">f8"), [3, 4], (3.0, 4.0), xe.tensor([3.0, 4.0]),
    xe.tensor([3, 4]), np.array([3, 9, 4, 9])[::2],
], ids=["int", "float32", "big-endian", "list", "tuple", "Tensor", "Tensor of int", "strided"])  # fmt: skip
@pytest.mark.parametrize("create_graph", [False, True])
def test_an_argument_of_another_type_is_cast(argument, create_graph):
    x = leaf(1, 2)
    (x * x).backward(argument, create_graph=create_graph)
    grad = x.grad.data if create_graph else x.grad
    assert grad.dtype == np.float64 and grad.dtype.isnative
    same(grad, [6, 16])


def test_a_tracked_argument_is_differentiated_under_create_graph_and_a_number_otherwise():
    x, g = leaf(1, 2), leaf(3, 4)
    out = x * x
    out.backward(g, retain_graph=True)
    same(x.grad, [6, 16])
    assert g.grad is None
    x.zero_grad()
    out.backward(g, create_graph=True)
    first = x.grad
    x.zero_grad(), g.zero_grad()
    first.sum().backward()
    same(g.grad, [2, 4])
    same(x.grad, [6, 8])


def test_float32_stays_float32():
    x, b = xe.tensor(np.ones((3, 2), np.float32), requires_grad=True), leaf(1, 2, dtype=np.float32)
    out = (np.exp(x * 2 + b) / 3).mean()
    assert out.dtype == np.float32
    out.backward()
    assert x.grad.dtype == b.grad.dtype == np.float32


def test_float32_stays_float32_beside_float64():
    x, y = leaf(1, 2, dtype=np.float32), leaf(3, 4)
    (x * y).sum().backward()
    assert x.grad.dtype == np.float32 and y.grad.dtype == np.float64
    same(x.grad, [3, 4])


def test_backward_of_more_than_one_value_names_the_variable_its_line_and_the_fix():
    x = leaf(1, 2)
    y = x * 2  # made here
    y.name = "y"
    message = r"multiply 'y' has shape \(2,\) \(made at test_sweep\.py:\d+: .*# made here\)(.|\n)*t\.sum\(\)\.backward"
    with pytest.raises(xe.ShapeError, match=message):
        y.backward()


def test_backward_without_a_graph_says_why():
    with pytest.raises(xe.GraphError, match=r"tensor 'c', shape \(1,\), has no graph(.|\n)*requires_grad=True"):
        xe.tensor([1.0], name="c").backward()
    x = leaf(1)
    with xe.no_grad():
        y = x * 2
    with pytest.raises(xe.GraphError, match="no_grad"):
        y.backward()
    with pytest.raises(xe.GraphError, match="a comparison"):
        (x > 0).backward()


# -- derivatives of higher order ---------------------------------------------------------------------------------------


def test_gradients_under_create_graph_are_tensors_and_accumulate():
    x = leaf(1, 2)
    for times in (1, 2):
        (x**3).sum().backward(create_graph=True)
        assert isinstance(x.grad, xe.Tensor) and x.grad.requires_grad
        same(x.grad.data, times * np.array([3, 12]))
    total = x.grad
    x.zero_grad()
    total.sum().backward()
    same(x.grad, [12, 24])


def test_a_recorded_gradient_is_added_to_a_preset_array():
    x = leaf(1, 2)
    x.grad = np.array([10.0, 10.0])
    (x**3).sum().backward(create_graph=True)
    assert isinstance(x.grad, xe.Tensor)
    same(x.grad.data, [13, 22])


def test_a_plain_gradient_is_added_to_a_recorded_one():
    x = leaf(1, 2)
    (x**3).sum().backward(create_graph=True)
    (x**3).sum().backward()
    assert isinstance(x.grad, xe.Tensor)
    same(x.grad.data, [6, 24])


def test_derivatives_of_the_sixth_order_are_exact():
    x = leaf(0.5)
    y = np.sin(x)
    for _ in range(6):
        x.zero_grad()
        y.sum().backward(create_graph=True)
        y = x.grad
    same(y.data, -np.sin([0.5]))


def test_the_saved_result_is_differentiated_through_its_own_node():
    x = leaf(0.3)
    np.tanh(x).sum().backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.sum().backward()
    t = np.tanh(0.3)
    same(x.grad, [-2 * t * (1 - t * t)])


def test_second_derivatives_through_a_variadic_operation():
    x, y, constant = leaf(1, 2), leaf(3, 4), np.array([5.0])
    out = np.concatenate([x, constant, y])
    (out**3).sum().backward(create_graph=True)
    first = x.grad.sum() + 2 * y.grad.sum()
    x.zero_grad(), y.zero_grad()
    first.backward()
    same(x.grad, [6, 12])
    same(y.grad, [36, 48])


LABELS = np.array([2, 0])
LOGITS = np.array([[0.3, -1.0, 0.7], [2.0, 0.1, -0.4]])
DIRECTION = np.array([[0.5, -0.2, 1.0], [0.3, 0.9, -0.7]])


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_a_residual_is_differentiated_as_the_operation_that_it_is_the_output_of():
    z = xe.tensor(LOGITS, requires_grad=True)
    loss = xe.losses.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=z)
    loss.sum().backward(create_graph=True)
    first = z.grad
    p = softmax(LOGITS)
    same(first.data, p - np.eye(3)[LABELS])
    z.zero_grad()
    (first * DIRECTION).sum().backward()
    same(z.grad, p * (DIRECTION - (p * DIRECTION).sum(axis=1, keepdims=True)))  # the Hessian diag(p) - p p^T


def test_a_residual_agrees_with_pytorch_in_second_order(torch):
    z = torch.tensor(LOGITS, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(LABELS), reduction="sum")
    (first,) = torch.autograd.grad(loss, z, create_graph=True)
    (theirs,) = torch.autograd.grad((first * torch.tensor(DIRECTION)).sum(), z)
    ours = xe.tensor(LOGITS, requires_grad=True)
    xe.losses.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=ours).sum().backward(create_graph=True)
    first = ours.grad
    ours.zero_grad()
    (first * DIRECTION).sum().backward()
    np.testing.assert_allclose(ours.grad, theirs.numpy(), rtol=1e-12)


def test_a_residual_whose_inputs_are_all_plain_is_a_constant():
    labels = xe.tensor([[0.2, 0.8]], requires_grad=True)
    logits = np.array([[0.3, -1.0]])
    loss = xe.losses.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    loss.sum().backward(create_graph=True)
    same(labels.grad.data, -np.log(softmax(logits)))


# -- leaves that were assigned to --------------------------------------------------------------------------------------

USES = {
    "multiply": lambda w: w * w,
    "log": np.log,
    "a transpose": lambda w: w.T * w.T,
    "a reshape": lambda w: np.square(w.reshape(-1)),
    "an index": lambda w: np.square(w[1:]),
    "a view of a view": lambda w: np.square(w.reshape(-1)[1:].reshape(3, 1)),
    "matmul": lambda w: w @ w,
    "a matmul of its transpose": lambda w: np.ones((2, 2)) @ w.T @ w,
}

CHANGES = {
    "-=": lambda w: w.__isub__(0.5),
    "+=": lambda w: w.__iadd__(0.5),
    "*=": lambda w: w.__imul__(2.0),
    "**=": lambda w: w.__ipow__(2),
    "assign": lambda w: w.assign(np.ones((2, 2))),
    "w[0] = ...": lambda w: w.__setitem__(0, 5.0),
}


def square_leaf(name=None):
    return xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name=name)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_leaf_that_was_assigned_to_after_it_was_used_raises(use, change):
    w, other = square_leaf("w"), leaf(1)
    out = use(w).sum() + other.sum()
    with xe.no_grad():
        change(w)
    message = r"tensor 'w', shape \(2, 2\), was assigned to after it was used at\n.*test_sweep"
    with pytest.raises(xe.GraphError, match=message):
        out.backward()
    assert w.grad is None and other.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_error_for_an_assigned_leaf_names_its_line(create_graph):
    w = square_leaf()
    out = np.exp(w * w).sum()  # used here
    with xe.no_grad():
        w -= 1
    with pytest.raises(xe.GraphError, match=r"test_sweep\.py:\d+: out = np\.exp\(w \* w\)\.sum\(\)  # used here"):
        out.backward(create_graph=create_graph)


def test_assign_needs_no_no_grad_and_is_noticed_too():
    w = square_leaf()
    out = (w * w).sum()
    w.assign(w.data * 2)
    with pytest.raises(xe.GraphError, match="was assigned to"):
        out.backward()


@pytest.mark.parametrize("use", [
    lambda w: w + 1, lambda w: w * 3.0, lambda w: w.T, lambda w: w[1:], np.exp, lambda w: w.sum(),
    lambda w: np.sin(w + 0), lambda w: w @ np.ones((2, 2)), lambda w: w.reshape(-1) + 1,
    lambda w: np.concatenate([w, w]), lambda w: np.sqrt(w * 2),
], ids=["+ 1", "* 3", "T", "index", "exp", "sum", "sin of a copy", "matmul", "reshape", "concatenate", "of a product"])
def test_a_leaf_whose_value_was_not_needed_can_be_assigned_to(use):
    w, reference = square_leaf(), square_leaf()
    out = use(w).sum()
    with xe.no_grad():
        w -= 0.5
    out.backward()
    use(reference).sum().backward()
    same(w.grad, reference.grad)


def test_a_leaf_that_was_assigned_to_before_it_was_used_is_fine():
    w = square_leaf()
    with xe.no_grad():
        w *= 2
    (w * w).sum().backward()
    same(w.grad, 2 * w.data)


def test_a_leaf_assigned_to_between_two_uses_raises_for_the_first_one():
    w = square_leaf()
    early = w * w
    with xe.no_grad():
        w *= 2
    late = w * w
    late.sum().backward(retain_graph=True)
    w.zero_grad()
    with pytest.raises(xe.GraphError, match="was assigned to"):
        (early + late).sum().backward()
    assert w.grad is None


def test_an_assignment_after_a_use_that_does_not_need_it_and_before_one_that_does_is_fine():
    w = square_leaf()
    early = w + 1
    with xe.no_grad():
        w -= 0.5
    (early.sum() + (w * w).sum()).backward()
    same(w.grad, 1 + 2 * w.data)


def test_assigning_to_a_leaf_of_another_graph_does_not_matter():
    w, v = square_leaf(), square_leaf()
    out = (w * w).sum()
    with xe.no_grad():
        v -= 1
    out.backward()
    same(w.grad, 2 * w.data)


def test_a_detached_value_keeps_what_the_leaf_held():
    w, x = square_leaf(), square_leaf()
    out = (x * w.detach()).sum()
    before = w.numpy()
    with xe.no_grad():
        w -= 1
    out.backward()
    same(x.grad, before)


def test_a_training_loop_with_assignments_runs():
    w = xe.tensor([5.0, -3.0], requires_grad=True)
    for _ in range(60):
        w.zero_grad()
        ((w - [1.0, 2.0]) ** 2).sum().backward()
        with xe.no_grad():
            w -= 0.25 * w.grad
    np.testing.assert_allclose(w.data, [1, 2], atol=1e-12)


def test_a_leaf_that_is_gone_leaves_nothing_to_check():
    w = square_leaf()
    out = (w * w).sum()
    with xe.no_grad():
        w -= 1
    del w
    gc.collect()
    with pytest.raises(xe.GraphError, match="was assigned to"):
        out.backward()


# -- plain arrays that were changed ------------------------------------------------------------------------------------

ARRAYS = {
    "float64": np.arange(1.0, 7.0).reshape(2, 3),
    "float32": np.arange(1, 7, dtype=np.float32).reshape(2, 3),
    "float16": np.arange(1, 7, dtype=np.float16).reshape(2, 3),
    "int64": np.arange(1, 7).reshape(2, 3),
    "uint8": np.arange(1, 7, dtype=np.uint8).reshape(2, 3),
    "bool": np.array([[True, False, True], [False, True, True]]),
    "F order": np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3)),
    "not contiguous": np.arange(1.0, 25.0).reshape(4, 6)[::2, ::2],
    "with NaN": np.array([[np.nan, 1.0, 2.0], [3.0, np.nan, 4.0]]),
    "0-d": np.array(3.0),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("kind", ARRAYS)
def test_a_plain_array_that_was_changed_raises(kind, create_graph):
    array = ARRAYS[kind].copy(order="K") if kind != "not contiguous" else np.arange(1.0, 25.0).reshape(4, 6)[::2, ::2]
    x = xe.tensor(np.ones((2, 3)), requires_grad=True)
    out = (x * array).sum()
    array[(-1,) * array.ndim] = 0
    shape = re.escape(str(array.shape))
    message = rf"the array b of multiply, shape {shape}, was changed after it was used at\n.*test_sweep"
    with pytest.raises(xe.GraphError, match=message):
        out.backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_plain_array_that_was_not_changed_does_not_raise(kind):
    array = ARRAYS[kind]
    x = xe.tensor(np.ones((2, 3)), requires_grad=True)
    (x * array).sum().backward()
    np.testing.assert_array_equal(x.grad, np.broadcast_to(array, (2, 3)))


def test_an_exchange_of_two_elements_is_noticed():
    x, array = leaf(1, 2), np.array([3.0, 4.0])
    out = (x * array).sum()
    array[:] = array[::-1].copy()
    with pytest.raises(xe.GraphError, match=r"Pass a copy: x\.copy\(\)"):
        out.backward()


def test_a_change_that_was_undone_does_not_raise():
    x, array = leaf(1, 2), np.array([3.0, 4.0])
    out = (x * array).sum()
    array += 1
    array -= 1
    out.backward()
    same(x.grad, [3, 4])


LARGE = 4 * FINGERPRINT_BYTES // 8


@pytest.mark.parametrize("make", [
    lambda: np.ones(LARGE),
    lambda: np.ones((LARGE // 64, 64)).T,
    lambda: np.ones((LARGE // 64, 128))[:, ::2],
], ids=["C order", "F order", "not contiguous"])  # fmt: skip
def test_a_large_array_that_was_changed_everywhere_or_at_a_sampled_place_raises(make):
    for change in (lambda a: a.__imul__(2), lambda a: a.__setitem__((0,) * a.ndim, 5.0)):
        array = make()
        x = xe.tensor(np.ones(array.shape), requires_grad=True)
        out = (x * array).sum()
        change(array)
        with pytest.raises(xe.GraphError, match="was changed after it was used"):
            out.backward()


def test_an_array_of_64_kb_is_compared_in_every_place():
    array = np.ones(FINGERPRINT_BYTES // 8)
    x = xe.tensor(np.ones(array.shape), requires_grad=True)
    out = (x * array).sum()
    array[4321] = 2
    with pytest.raises(xe.GraphError, match="was changed after it was used"):
        out.backward()


def test_an_array_whose_value_was_not_needed_can_be_changed():
    x, array = leaf(1, 2), np.array([3.0, 4.0])
    out = (x + array).sum() + (array / 2 + x).sum()
    array += 1
    out.backward()
    same(x.grad, [2, 2])


def test_index_arrays_are_copied_and_can_be_changed():
    x = leaf(1, 2, 3)
    integers, mask = np.array([0, 2, 2]), np.array([True, False, True])
    taken = np.array([1, 1])
    out = x[integers].sum() + 10 * x[mask].sum() + 100 * np.take(x, taken).sum()
    integers[:], mask[:], taken[:] = 1, True, 0
    out.backward()
    same(x.grad, [11, 200, 12])


def test_a_changed_condition_of_where_raises():
    x, condition = leaf(1, 2), np.array([True, False])
    out = np.where(condition, x, 2 * x).sum()
    condition[:] = False
    with pytest.raises(xe.GraphError, match="the array condition of where"):
        out.backward()


def test_a_tensor_copies_the_array_that_it_is_made_of():
    array = np.array([1.0, 2.0])
    x, constant = xe.tensor(array, requires_grad=True), xe.tensor(array)
    out = (x * x * constant).sum()
    array += 100
    out.backward()
    same(x.grad, [2, 8])


def test_an_untracked_tensor_can_be_assigned_to_without_harm():
    x, constant = leaf(1, 2), xe.tensor([3.0, 4.0])
    out = (x * constant).sum()
    constant.assign([5.0, 6.0])
    out.backward()
    same(x.grad, [3, 4])


# -- declarations of one's own, under create_graph ---------------------------------------------------------------------


@declarations.differentiable("arrays", variadic="arrays", arrays=lambda g, arrays: [3 * g * a * a for a in arrays])
def sum_of_cubes(arrays):
    """The sum of the cubes of several arrays of one shape."""
    return sum(np.asarray(a) ** 3 for a in arrays)


def test_a_variadic_rule_that_names_its_arrays_is_differentiated_again():
    x, y = leaf(1, 2), leaf(3, 4)
    sum_of_cubes([x, np.array([7.0, 7.0]), y]).backward([1, 1], create_graph=True)
    first = x.grad + 10 * y.grad
    x.zero_grad(), y.zero_grad()
    first.sum().backward()
    same(x.grad, [6, 12])
    same(y.grad, [180, 240])


def sine_and_product(a, b):
    """a * sin(b), and sin(b)."""
    sine = np.sin(b)
    return a * sine, sine


times_sine = declarations.op(
    sine_and_product, "a, b -> out, sine", residuals={"sine": (declarations.REGISTRY[np.sin], "b")},
    a=lambda g, sine: g * sine, b=lambda g, a, b: g * a * np.cos(b),
)  # fmt: skip


def test_a_residual_of_a_plain_input_is_a_constant_and_of_a_tracked_one_is_differentiated():
    plain, a, b = np.array([0.3, 0.7]), leaf(1, 2), leaf(0.3, 0.7)
    times_sine(a, plain).backward([1, 1], create_graph=True)
    same(a.grad.data, np.sin(plain))
    a.zero_grad()
    times_sine(a, b).backward([1, 1], create_graph=True)
    first = a.grad
    a.zero_grad(), b.zero_grad()
    first.sum().backward()
    same(b.grad, np.cos(plain))


def test_a_view_of_a_leaf_that_was_assigned_to_and_dropped_is_noticed():
    x, w = (xe.tensor(values, requires_grad=True) for values in ([1.0, 1.0], [3.0, 4.0]))
    out = (x * w[:]).sum()
    with xe.no_grad():
        w -= 100
    del w
    with pytest.raises(xe.GraphError, match="was assigned to after it was used"):
        out.backward()


def test_a_leaf_used_as_a_condition_and_assigned_to_is_noticed():
    x, w = (xe.tensor(values, requires_grad=True) for values in ([1.0, 1.0], [0.0, 4.0]))
    out = np.where(w, x, 2 * x).sum()
    with xe.no_grad():
        w *= 0
    with pytest.raises(xe.GraphError, match="the array condition of where"):
        out.backward()


def test_recorded_gradients_of_two_leaves_are_two_tensors():
    x, y = (xe.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    given = xe.tensor([1.0, 1.0])
    (x + y).backward(given, create_graph=True)
    assert x.grad is not y.grad and x.grad is not given
    x.grad.assign([5.0, 5.0])
    np.testing.assert_array_equal(y.grad.data, [1, 1])
    np.testing.assert_array_equal(given.data, [1, 1])
