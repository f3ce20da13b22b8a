"""Optimizers: every update equals PyTorch's; groups, missing gradients, vectors, and what step() warns of."""

import copy
import gc
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GraphError, NonFiniteError, OptimizerWarning, optim

SHAPES = [(3, 4), (4,), (), (4, 2), (0, 3), (2,)]

CASES = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd weight decay": ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "adam": ("Adam", {"lr": 0.05}),
    "adam decay": ("Adam", {"lr": 0.05, "weight_decay": 0.2, "eps": 1e-3}),
    "adam betas": ("Adam", {"lr": 0.05, "betas": (0.3, 0.4)}),
    "adam betas 0": ("Adam", {"lr": 0.05, "betas": (0.0, 0.0)}),
    "amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.5, 0.6)}),
    "adamw": ("AdamW", {"lr": 0.05}),
    "adamw amsgrad": ("AdamW", {"lr": 0.05, "weight_decay": 0.5, "amsgrad": True}),
    "adamw without decay": ("AdamW", {"lr": 0.05, "weight_decay": 0.0}),
    "rmsprop": ("RMSprop", {"lr": 0.02}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.02, "momentum": 0.9, "alpha": 0.5, "weight_decay": 0.1}),
    "rmsprop centered": ("RMSprop", {"lr": 0.02, "centered": True}),
    "rmsprop all": ("RMSprop", {"lr": 0.02, "centered": True, "momentum": 0.7, "weight_decay": 0.1, "eps": 1e-4}),
}


def leaf(values, dtype=np.float64, name=None):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True, name=name)


def close(ours, theirs, rtol=1e-12):
    """Equal to `rtol` of the largest element of all."""
    scale = max(float(np.abs(t).max(initial=0)) for t in theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale)


def side_by_side(torch, name, options, groups, steps=50, missing=0.0, change=None, seed=0):
    """Run both optimizers on the same gradients; return the values of ours and of PyTorch's."""
    rng = np.random.default_rng(seed)
    starts = [rng.normal(size=shape) for shape in SHAPES]
    ours, theirs = [leaf(s) for s in starts], [torch.tensor(s, requires_grad=True) for s in starts]
    own = getattr(optim, name)(
        [{**extra, "params": [ours[i] for i in members]} for members, extra in groups], **options)
    other = getattr(torch.optim, name)(
        [{**extra, "params": [theirs[i] for i in members]} for members, extra in groups], **options, foreach=False)
    for step in range(steps):
        for p, q in zip(ours, theirs):
            p.grad = q.grad = None
            if rng.random() >= missing:
                g = np.asarray(rng.normal(size=p.shape) * 10 ** rng.uniform(-3, 1))
                p.grad = np.array(g, order="F")
                q.grad = torch.tensor(g)
        if change:
            change(step, own), change(step, other)
        own.step(), other.step()
        close([p.data for p in ours], [q.detach().numpy() for q in theirs])
    return own, other


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_an_update_equals_pytorchs_over_50_steps(torch, case, missing):
    name, options = CASES[case]
    side_by_side(torch, name, options, [([0, 1, 2, 3, 4, 5], {})], missing=missing)


@pytest.mark.parametrize("case", ["sgd nesterov", "amsgrad", "adamw", "rmsprop all"])
def test_groups_have_learning_rates_of_their_own_and_can_be_edited(torch, case):
    name, options = CASES[case]

    def change(step, optimizer):
        if step == 20:
            optimizer.param_groups[0]["lr"] = 0.003
            optimizer.param_groups[1]["weight_decay"] = 0.25

    groups = [([0, 2], {"lr": 0.2}), ([1, 3, 4], {}), ([5], {"weight_decay": 0.4})]
    side_by_side(torch, name, options, groups, missing=0.1, change=change)


def test_momentum_switched_on_later_begins_with_the_gradient(torch):
    def change(step, optimizer):
        optimizer.param_groups[0]["momentum"] = 0.9 if 10 <= step < 20 or step > 30 else 0.0

    side_by_side(torch, "SGD", {"lr": 0.1}, [([0, 1, 3], {})], missing=0.2, change=change)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), case=st.sampled_from(sorted(CASES)), missing=st.sampled_from([0.0, 0.1, 0.5, 0.9]))
@pytest.mark.filterwarnings("ignore:.*no parameter has a gradient")
def test_any_pattern_of_missing_gradients_equals_pytorchs(torch, seed, case, missing):
    name, options = CASES[case]
    side_by_side(torch, name, options, [([0, 3], {"lr": 0.01}), ([5, 1, 2], {})], 12, missing, seed=seed)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
@pytest.mark.parametrize("case", CASES)
def test_every_dtype_stays_what_it_is(case, dtype):
    name, options = CASES[case]
    w = leaf([1.0, -2.0], dtype)
    optimizer = getattr(optim, name)([w], **options)
    for _ in range(3):
        w.grad = np.array([0.5, 0.25], dtype)
        optimizer.step()
    assert w.dtype == dtype and np.isfinite(w.data).all()
    for state in optimizer.state_dict()["state"].values():
        assert {value.dtype for name, value in state.items() if name != "step"} <= {np.dtype(dtype)}


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_an_update_changes_nothing_that_is_handed_in(name):
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {"amsgrad": True}
    kind = getattr(optim, name)
    group = kind([leaf([0.0])], **options, weight_decay=0.1).param_groups[0]
    values, gradients, state = np.array([1.0, 2.0]), np.array([0.3, -0.4]), {}
    for _ in range(3):
        for array in (values, gradients, *(v for v in state.values() if isinstance(v, np.ndarray))):
            array.flags.writeable = False
        values, new = kind.update(values, gradients, state, group)
        state = {**state, **{k: np.array(v) if k != "step" else v for k, v in new.items()}}
    assert values.shape == (2,)


# -- vectors -----------------------------------------------------------------------------------------------------------


def test_the_parameters_of_a_group_and_dtype_lie_in_one_vector():
    ps = [leaf(np.ones((3, 2))), leaf([1.0], np.float32), leaf(2.0), leaf([3.0, 4.0], np.float32)]
    optimizer = optim.SGD(ps, lr=0.1)
    assert ps[0].data.base is ps[2].data.base and ps[1].data.base is ps[3].data.base
    assert ps[0].data.base is not ps[1].data.base
    for p in ps:
        p.grad = np.ones(p.shape, p.dtype)
    before = ps[0].data
    optimizer.step()
    assert before[0, 0] == 0.9 and [p.data.ravel()[0] for p in ps] == pytest.approx([0.9, 0.9, 1.9, 2.9])


def test_a_graph_that_saved_old_values_says_so_after_a_step():
    w = leaf([1.0, 2.0], name="w")
    optimizer = optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(GraphError, match="'w', shape \\(2,\\), was assigned to after it was used"):
        loss.backward()
    fresh = leaf([1.0])
    loss = (fresh * fresh).sum()
    optimizer = optim.SGD([fresh], lr=0.1)
    loss.backward()
    optimizer.step()
    assert fresh.tolist() == [0.8]


def test_a_frozen_parameter_and_one_without_gradient_keep_value_and_state():
    a, b, c = leaf([1.0]), leaf([2.0]), leaf([3.0])
    optimizer = optim.Adam([a, b, c], lr=0.1)
    for p in (a, b, c):
        p.grad = np.ones(1)
    optimizer.step()
    kept = [b.item(), c.item()]
    b.requires_grad, c.grad, a.grad = False, None, np.ones(1)
    assert b.grad is not None
    optimizer.step()
    state = optimizer.state_dict()["state"]
    assert [b.item(), c.item()] == kept and [state[i]["step"] for i in "012"] == [2, 1, 1]
    b.requires_grad = True
    for p in (a, b, c):
        p.grad = np.full(1, 2.0)
    optimizer.step()
    state = optimizer.state_dict()["state"]
    assert [state[i]["step"] for i in "012"] == [3, 2, 2] and b.item() < kept[0]


def test_a_step_without_any_gradient_changes_nothing():
    w = leaf([1.0])
    optimizer = optim.Adam([w])
    with pytest.warns(OptimizerWarning, match="Adam.step: no parameter has a gradient: nothing was changed") as seen:
        assert optimizer.step() is None
    assert len(seen) == 1 and seen[0].filename == __file__
    assert w.tolist() == [1.0] and optimizer.state_dict()["state"] == {}
    optimizer.step()  # it warns once


def test_a_step_without_any_gradient_that_comes_after_others_does_not_warn():
    w = leaf([1.0])
    optimizer = optim.SGD([w], lr=0.1)
    train([w], optimizer, 1)
    optimizer.zero_grad()
    optimizer.step()


def test_a_step_of_frozen_parameters_says_so():
    w = leaf([1.0])
    w.requires_grad = False
    with pytest.warns(OptimizerWarning, match=r"SGD.step: all parameters are frozen.*\n.*requires_grad_\(True\)"):
        optim.SGD([w]).step()


def test_gradients_are_reset_to_none_only():
    w = leaf([1.0])
    optimizer = optim.SGD([w], lr=0.1)
    backward(w)
    with pytest.raises(ArgumentError, match=r"set_to_none is False; a gradient that was reset is None\.\n  Write opt"):
        optimizer.zero_grad(set_to_none=False)
    assert w.grad is not None
    optimizer.zero_grad(set_to_none=True)
    assert w.grad is None


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
def test_an_optimizer_that_refuses_nonfinite_gradients_changes_nothing(kind):
    a, b, c = leaf([1.0]), leaf([2.0, 3.0]), leaf([1.0], np.float32)
    optimizer = kind([{"params": [a]}, {"params": [b, c]}], lr=0.1)
    optimizer.refuses_nonfinite = True
    for bad in (np.nan, np.inf, -np.inf):
        for rest in (None, np.ones(1)):
            a.grad, b.grad, c.grad = rest, np.ones(2), np.array([bad], np.float32)
            with pytest.raises(NonFiniteError, match="step: a gradient is NaN or infinite; nothing was changed"):
                optimizer.step()
            assert [p.tolist() for p in (a, b, c)] == [[1.0], [2.0, 3.0], [1.0]]
            assert optimizer.state_dict()["state"] == {}
    a.grad, b.grad, c.grad = np.ones(1), np.full(2, 1e200), np.full(1, 1e30, np.float32)  # whose squares overflow
    with np.errstate(over="ignore"):
        optimizer.step()
    assert a.tolist() != [1.0]


def train(model, optimizer, steps=5):
    for i in range(steps):
        optimizer.zero_grad()
        sum(((p - i) ** 2).sum() for p in model).backward()
        optimizer.step()


def test_a_model_that_is_cast_moved_or_assigned_to_is_gathered_again():
    def run(disturb):
        ps = [leaf([1.0, 2.0]), leaf([[3.0]])]
        optimizer = optim.Adam(ps, lr=0.1)
        train(ps, optimizer)
        disturb(ps)
        train(ps, optimizer)
        return np.concatenate([p.data.ravel() for p in ps])

    def thaw(ps):
        ps[0].requires_grad = False
        ps[0].requires_grad = True

    plain = run(lambda ps: None)
    np.testing.assert_array_equal(run(thaw), plain)
    np.testing.assert_array_equal(run(lambda ps: [p.move(np.empty(p.shape)) for p in ps]), plain)
    np.testing.assert_array_equal(run(lambda ps: [p.assign(p.data) for p in ps]), plain)
    np.testing.assert_array_equal(run(lambda ps: optim.SGD(ps[:1])), plain)
    single = run(lambda ps: [p.recast(np.float32) for p in ps])
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, plain, rtol=1e-5)
    mixed = run(lambda ps: ps[0].recast(np.float32))
    np.testing.assert_allclose(mixed, plain, rtol=1e-5)


def test_a_module_can_be_cast_after_its_optimizer_was_made():
    class Line(xe.nn.Module):
        def __init__(self):
            self.w, self.b = leaf([1.0, 2.0]), leaf(0.5)

        def forward(self, x):
            return x @ self.w + self.b

    model = Line()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.astype(np.float32)
    for _ in range(2):
        optimizer.zero_grad()
        (model(np.ones((3, 2), np.float32)) ** 2).mean().backward()
        optimizer.step()
    assert model.w.dtype == np.float32 and model.w.data.base is model.b.data.base


def test_two_optimizers_over_the_same_parameters_take_turns():
    def run(make):
        ps = [leaf([1.0, 2.0]), leaf([3.0])]
        first, second = make(ps)
        for _ in range(4):
            train(ps, first, 1)
            train(ps, second, 1)
        return [p.tolist() for p in ps]

    shared = run(lambda ps: (optim.Adam(ps, lr=0.1), optim.SGD(ps, lr=0.1, momentum=0.5)))
    halves = run(lambda ps: (optim.Adam([{"params": [p]} for p in ps], lr=0.1), optim.SGD(ps, lr=0.1, momentum=0.5)))
    assert shared == halves


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
def test_a_copy_of_model_and_optimizer_goes_on_by_itself(duplicate, kind):
    ps = [leaf([1.0, 2.0]), leaf([[3.0]])]
    optimizer = kind(ps, lr=0.1)
    train(ps, optimizer)
    others, other = duplicate((ps, optimizer))
    train(ps, optimizer)
    train(others, other)
    assert [p.tolist() for p in others] == [p.tolist() for p in ps]
    assert others[0].data.base is others[1].data.base is not ps[0].data.base


def test_gradients_that_are_tensors_or_in_another_order_of_memory_are_used():
    w, v = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([1.0])
    optimizer = optim.SGD([w, v], lr=0.5)
    ((w**2).sum() + v.sum()).backward(create_graph=True)
    assert isinstance(w.grad, xe.Tensor)
    optimizer.step()
    assert w.tolist() == [[0.0, 0.0], [0.0, 0.0]] and v.tolist() == [0.5]
    w.grad, v.grad = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), np.ones(1)
    optimizer.step()
    assert w.tolist() == [[-0.5, -1.0], [-1.5, -2.0]] and v.tolist() == [0.0]


def test_a_closure_is_called_first_also_under_no_grad():
    w = leaf([1.0])
    optimizer = optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with xe.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert w.tolist() == [0.8]
    with pytest.raises(DTypeError, match="the closure is a float"):
        optimizer.step(0.3)


def test_memory_does_not_grow_over_10000_steps():
    ps = [leaf(np.ones((8, 8))), leaf(np.ones(8))]
    gs = [np.ones((8, 8)), np.ones(8)]
    optimizer = optim.Adam(ps, lr=1e-4)

    def run(steps):
        for _ in range(steps):
            for p, g in zip(ps, gs):
                p.grad = g.copy()
            optimizer.step()

    run(100)
    gc.collect()
    tracemalloc.start()
    run(100)
    before = tracemalloc.get_traced_memory()[0]
    run(9_900)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000


# -- warnings ----------------------------------------------------------------------------------------------------------


def backward(*ps):
    sum((p**2).sum() for p in ps).backward()


@pytest.mark.parametrize("size", [3, 20_000])
def test_gradients_that_were_never_zeroed_warn_once(size):
    w, b = leaf(np.ones(size)), leaf([1.0])
    optimizer = optim.SGD([w, b], lr=0.01)
    backward(w, b)
    optimizer.step()
    backward(w, b)
    with pytest.warns(OptimizerWarning, match="SGD.step: the gradients were never zeroed") as seen:
        optimizer.step()
    assert len(seen) == 1 and seen[0].filename == __file__
    backward(w, b)
    optimizer.step()


def test_a_single_gradient_that_was_forgotten_warns():
    w, b = leaf([1.0, 2.0]), leaf([1.0])
    optimizer = optim.Adam([w, b])
    backward(w, b)
    optimizer.step()
    w.grad = None
    backward(w, b)
    with pytest.warns(OptimizerWarning, match="Adam.step: the gradients were never zeroed"):
        optimizer.step()


def test_gradients_that_are_tensors_and_never_zeroed_warn():
    w = leaf([1.0, 2.0])
    optimizer = optim.SGD([w], lr=0.01)
    (w**2).sum().backward(create_graph=True)
    optimizer.step()
    (w**2).sum().backward(create_graph=True)
    with pytest.warns(OptimizerWarning, match="never zeroed"):
        optimizer.step()


def test_gradients_that_are_used_twice_warn_once():
    w, frozen = leaf(np.ones(3)), leaf([1.0])
    optimizer = optim.SGD([w, frozen], lr=0.01)
    backward(w)
    optimizer.step()
    with pytest.warns(OptimizerWarning, match="SGD.step: the gradients are used twice"):
        optimizer.step()
    optimizer.step()


def test_nothing_warns_where_gradients_are_zeroed_in_any_way_or_added_up_on_purpose():
    w, b = leaf([1.0, 2.0]), leaf([[1.0]])
    optimizer = optim.SGD([w, b], lr=0.01, momentum=0.9)

    def in_place():
        for p in (w, b):
            p.grad[...] = 0

    def fill():
        w.grad.fill(0)
        b.zero_grad()

    def none():
        w.grad = b.grad = None

    def twice():
        optimizer.zero_grad()
        backward(w, b)

    def partly():
        optimizer.zero_grad()
        backward(b)

    def by_hand():
        w.grad[...], b.grad[...] = 3.0, 4.0

    for prepare in (optimizer.zero_grad, in_place, fill, none, twice, partly, by_hand, optimizer.zero_grad) * 3:
        if w.grad is not None or prepare is not by_hand:
            prepare() if w.grad is not None else optimizer.zero_grad()
        backward(w, b)
        optimizer.step()
    by_hand()
    optimizer.step()


def test_gradients_that_are_constant_or_zero_do_not_warn():
    w = leaf([1.0, 2.0])
    optimizer = optim.SGD([w], lr=0.01)
    for _ in range(20):  # freed and made again, most likely at the same address
        optimizer.zero_grad()
        w.sum().backward()
        w.sum().backward()
        optimizer.step()
    w.grad = np.zeros(2)
    optimizer.step()
    optimizer.step()
    w.sum().backward()
    optimizer.step()


def test_an_optimizer_that_is_gone_is_forgotten():
    from tinygrad_xe.optim.usage import recent

    gc.collect()
    before = len(recent)
    optimizer = optim.SGD([leaf([1.0])])
    assert len(recent) == before + 1
    del optimizer
    gc.collect()
    assert len(recent) == before


# -- groups and settings -----------------------------------------------------------------------------------------------


def test_the_learning_rate_is_read_and_set_over_all_groups():
    optimizer = optim.SGD([{"params": [leaf([1.0])], "lr": 0.5}, {"params": [leaf([1.0])]}], lr=0.1)
    assert optimizer.lr == [0.5, 0.1]
    optimizer.lr = np.float32(0.25)
    assert optimizer.lr == 0.25 and type(optimizer.lr) is float
    with pytest.raises(ArgumentError, match=r"SGD: lr is -1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.25


def test_a_group_can_be_added_replaced_and_removed_while_training():
    a, b, c = leaf([1.0]), leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([a], lr=0.1, momentum=0.5)
    optimizer.add_param_group({"params": [b], "lr": 0.2})
    train([a, b], optimizer, 2)
    assert a.tolist() != [1.0] and b.tolist() != [1.0]
    optimizer.param_groups[1]["params"][0] = c
    kept = b.tolist()
    train([a, b, c], optimizer, 1)
    assert b.tolist() == kept and c.tolist() != [1.0]
    del optimizer.param_groups[0]
    kept = a.tolist()
    train([a, c], optimizer, 1)
    assert a.tolist() == kept
    with pytest.raises(ArgumentError, match="parameter 0 of group 0 is parameter 0 of group 1 too"):
        optimizer.add_param_group({"params": [c]})
    assert len(optimizer.param_groups) == 1


def test_an_edited_setting_that_is_out_of_range_stops_the_step_before_anything_changes():
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.1)
    backward(a, b)
    optimizer.param_groups[1]["lr"] = float("nan")
    with pytest.raises(ArgumentError, match="lr is nan"):
        optimizer.step()
    optimizer.param_groups[1]["lr"] = "0.1"
    with pytest.raises(DTypeError, match=r"lr is a str, '0\.1'; expected a number"):
        optimizer.step()
    assert a.tolist() == b.tolist() == [1.0]


def test_repr_shows_settings_and_sizes():
    assert repr(optim.SGD([leaf(np.ones((2, 3))), leaf([1.0])], lr=0.1)) == (
        "SGD(lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)  # 2 tensors, 7 values"
    )
    two = repr(optim.Adam([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])], "lr": 0.5}]))
    assert "group 0: lr=0.001, betas=(0.9, 0.999)" in two and "group 1: lr=0.5" in two


def exhausted():
    generator = (p for p in [leaf([1.0])])
    optim.SGD(generator)
    return generator


shared_leaf = leaf([1.0])

WRONG = {
    "empty list": (lambda: [], ArgumentError, "SGD: no parameters: got an empty list"),
    "exhausted": (exhausted, ArgumentError, "the generator gave none. Perhaps it was used up before"),
    "tensor": (lambda: leaf([1.0, 2.0]), DTypeError, r"got one Tensor, of shape \(2,\).*Write \[t\]"),
    "dict": (lambda: {"w": leaf([1.0])}, DTypeError, r"got a dict.*Write list\(d.values\(\)\)"),
    "module": (xe.nn.Module, DTypeError, r"got a Module.*Write model.parameters\(\)"),
    "number": (lambda: 3, DTypeError, "got an int, 3; expected an iterable of Tensors"),
    "text": (lambda: "w", DTypeError, "got a str"),
    "array": (lambda: [np.ones(2)], DTypeError, r"is a ndarray.*Write xe.tensor\(values, requires_grad=True"),
    "object": (lambda: [None], DTypeError, "parameter 0 is None; expected a Tensor"),
    "computed": (lambda: [leaf([1.0]) * 2], ArgumentError, r"parameter 0, shape \(1,\), was computed"),
    "integers": (lambda: [xe.tensor([1, 2])], DTypeError, "parameter 0 holds int64; expected floating-point values"),
    "twice": (lambda: [shared_leaf, leaf([1.0]), shared_leaf], ArgumentError, "parameters 0 and 2 are the same Tensor"),
    "two groups": (lambda: [{"params": [shared_leaf]}, {"params": [shared_leaf]}], ArgumentError, "each can be in one"),
    "half named": (lambda: [("w", leaf([1.0])), leaf([1.0])], DTypeError, "parameter 1 has no name, others have"),
    "no params": (lambda: [{"lr": 0.1}], DTypeError, "group 0 is a dict without 'params', with 'lr'"),
    "half groups": (lambda: [{"params": [leaf([1.0])]}, leaf([1.0])], DTypeError, "group 1 is a Tensor"),
    "unknown setting": (lambda: [{"params": [leaf([1.0])], "rate": 1}], ArgumentError, "a group has 'rate'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_parameters_that_can_not_be_optimized_are_refused(case):
    make, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        optim.SGD(make())


def test_named_parameters_are_taken_with_their_names():
    w, b = leaf([1.0]), leaf([2.0])
    optimizer = optim.SGD([("w", w), ("b", b)], lr=0.1)
    assert optimizer.param_groups[0]["params"] == [w, b] and optimizer.param_groups[0]["param_names"] == ["w", "b"]
    with pytest.raises(DTypeError, match="parameter 'w' is None"):
        optim.SGD([("w", None)])


@pytest.mark.parametrize("kind, settings_, message", [
    (optim.SGD, {"lr": -0.1}, "SGD: lr is -0.1; expected a finite number from 0 on"),
    (optim.SGD, {"lr": float("inf")}, "lr is inf"),
    (optim.SGD, {"momentum": -1}, "momentum is -1"),
    (optim.SGD, {"dampening": float("nan")}, "dampening is nan; expected a finite number\\."),
    (optim.SGD, {"nesterov": True}, "nesterov=True with momentum=0.0 and dampening=0.0"),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "needs momentum and no dampening"),
    (optim.Adam, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] is 1.0; expected a finite number from 0 on and below 1"),
    (optim.AdamW, {"betas": (-0.1, 0.9)}, r"AdamW: betas\[0\] is -0.1"),
    (optim.Adam, {"eps": -1.0}, "eps is -1.0"),
    (optim.RMSprop, {"alpha": 1.5}, "alpha is 1.5"),
    (optim.RMSprop, {"momentum": -0.5}, "momentum is -0.5"),
])  # fmt: skip
def test_settings_out_of_range_are_refused(kind, settings_, message):
    with pytest.raises(ArgumentError, match=message):
        kind([leaf([1.0])], **settings_)


@pytest.mark.parametrize("kind, settings_, message", [
    (optim.SGD, {"lr": "0.1"}, "SGD: lr is a str, '0.1'; expected a number"),
    (optim.SGD, {"lr": None}, "lr is None"),
    (optim.SGD, {"lr": True}, "lr is a bool"),
    (optim.SGD, {"nesterov": 1}, "nesterov is an int, 1; expected True or False"),
    (optim.Adam, {"betas": 0.9}, "betas is a float, 0.9; expected two numbers"),
    (optim.Adam, {"betas": (0.9,)}, "expected two numbers"),
    (optim.Adam, {"amsgrad": "yes"}, "amsgrad is a str"),
])  # fmt: skip
def test_settings_of_another_type_are_refused(kind, settings_, message):
    with pytest.raises(DTypeError, match=message):
        kind([leaf([1.0])], **settings_)


@pytest.mark.parametrize("kind, settings_, message", [
    (optim.SGD, {"maximize": True},
     r"SGD: there is no setting 'maximize'; the settings are 'lr', 'momentum', 'dampening', 'weight_decay', 'nesterov'"
     r"\.\n  To maximize, write \(-loss\)\.backward\(\)\."),
    (optim.Adam, {"learning_rate": 0.1, "eps": 1e-8}, r"no setting 'learning_rate'; .*\n  Write lr=\."),
    (optim.Adam, {"beta": (0.9, 0.999)}, r"no setting 'beta'; .*\n  Write betas=\."),
    (optim.AdamW, {"fused": True, "foreach": None}, r"'fused', 'foreach'; .*\n  It has no meaning here: leave it"),
    (optim.RMSprop, {"rho": 0.9}, r"\n  Write alpha=\."),
    (optim.LBFGS, {"zzz": 1}, r"LBFGS: there is no setting 'zzz'; .*'line_search_fn'\.$"),
])  # fmt: skip
def test_settings_that_do_not_exist_are_refused_with_a_list_of_those_that_do(kind, settings_, message):
    with pytest.raises(TypeError, match=message) as caught:
        kind([leaf([1.0])], **settings_)
    assert isinstance(caught.value, DTypeError)


def test_pytorchs_names_that_are_not_there_say_what_to_write():
    for name, hint in {
        "clip_grad_norm_": r"clip_grad_norm\(model.parameters\(\), max_norm\)", "clip_grad_value_": "clip_grad_value",
        "lr_scheduler": r"xe.optim.StepLR\(", "ChainedScheduler": "they multiply", "Adagrad": "'Adagrad'$",
    }.items():  # fmt: skip
        with pytest.raises(AttributeError, match=hint):
            getattr(optim, name)


def test_an_optimizer_without_an_update_says_what_to_write():
    w = leaf([1.0])
    w.grad = np.ones(1)
    with pytest.raises(DTypeError, match="Write it in the class"):
        optim.Optimizer([w], lr=0.1).step()


def test_an_optimizer_of_ones_own_needs_an_update_alone():
    class Sign(optim.Optimizer):
        @staticmethod
        def update(values, gradients, state, settings):
            return values - settings["lr"] * np.sign(gradients), {"step": state.get("step", 0) + 1}

    w = leaf([1.0, -1.0])
    optimizer = Sign([w], lr=0.5)
    backward(w)
    optimizer.step()
    assert w.tolist() == [0.5, -0.5] and optimizer.state_dict()["state"]["0"] == {"step": 1}


def test_a_changed_learning_rate_leaves_the_vectors_where_they_are():
    w = leaf([1.0, 2.0])
    optimizer = optim.SGD([w], lr=0.1)
    before = w.data.base
    optimizer.lr = 0.5
    train([w], optimizer, 1)
    optimizer.param_groups[0]["lr"] = np.float64(0.25)
    train([w], optimizer, 1)
    assert w.data.base is before and w.tolist() == [0.0, 0.0] and type(optimizer.lr) is float
