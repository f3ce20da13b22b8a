"""Tracing: which functions can be traced, what is captured, what is refused and where, state, and training steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from programs import distance, run_source

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, TraceError

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 3))
labels = rng.integers(0, 2, 12)


def kinds(program):
    return {i.name: i.kind for i in program.inputs}


# -- what is traced ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform", [lambda f: f, xe.grad, xe.value_and_grad, xe.hessian, xe.jacobian, lambda f: xe.grad(xe.grad(f)),
                  lambda f: lambda x: xe.hvp(f, x, np.ones_like(x)), lambda f: lambda x: xe.jvp(f, (x,), (x,)),
                  lambda f: lambda x: xe.vjp(f, x)[1](2.0)],
)  # fmt: skip
def test_every_transform_can_be_traced(transform):
    f = transform(lambda x: np.sum(np.tanh(x) ** 3 * np.exp(-x)))
    try:
        f(np.array([0.3, -0.4]))
    except xe.ShapeError:  # the gradient of a vector
        f = transform(lambda x: np.tanh(x) ** 3 * np.exp(-x))
        first, second = np.float64(0.3), np.float64(-0.7)
    else:
        first, second = np.array([0.3, -0.4]), np.array([-0.7, 1.1])
    program = xe.trace(f, first)
    assert distance(program.run(second), f(second)) <= 2
    assert distance(run_source(program, second), f(second)) <= 2


def test_tensors_go_in_and_what_they_carry_comes_out():
    w = xe.tensor(np.ones(3), requires_grad=True, name="w")
    program = xe.trace(lambda t: (t * X).sum(), w)
    assert kinds(program) == {"w": "argument", "X": "captured"}
    assert program.run(np.full(3, 2.0)) == pytest.approx(2 * X.sum())


def test_captured_arrays_are_called_as_the_user_calls_them():
    class Model:
        def __init__(self):
            self.weight = xe.tensor(np.ones((3, 2)), requires_grad=True)
            self.table = {"shift": np.arange(2.0)}

        def __call__(self, x):
            return x @ self.weight + self.table["shift"]

    program = xe.trace(Model(), X)
    assert kinds(program) == {"x": "argument", "weight": "captured", "shift": "captured"}


def test_the_function_runs_once():
    calls = []

    def f(x):
        calls.append(1)
        return x + 1

    xe.trace(f, np.ones(2))
    assert len(calls) == 1


def test_numbers_of_pythons_stay_weak():
    program = xe.trace(lambda lr, x: (lr * 2) * x, 0.1, np.ones(2, np.float32))
    found = run_source(program, 0.5, np.ones(2, np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [1, 1])


def test_whole_numbers_and_words_are_part_of_the_program():
    program = xe.trace(lambda x, n, how: np.sum(x**n) if how == "sum" else x, np.ones(2), 3, "sum")
    assert kinds(program) == {"x": "argument"}


def test_a_rule_of_the_users_own_is_traced():
    cube = xe.custom_gradient(x=lambda g, x: g * 3 * x**2)(lambda x: x**3)
    f = xe.grad(lambda x: np.sum(cube(x)))
    program = xe.trace(f, np.array([1.0, 2.0]))
    assert distance(program.run(np.array([3.0, 4.0])), np.array([27.0, 48.0])) <= 1


def test_the_line_of_each_step_is_kept():
    def f(x):
        h = np.exp(x)
        return h + 1

    program = xe.trace(f, np.ones(2))
    assert [step.line.partition(": ")[2] for step in program.steps] == ["h = np.exp(x)", "return h + 1"]
    assert program.steps[0].name == "h"


def test_forward_and_backward_are_told_apart():
    program = xe.trace(xe.value_and_grad(lambda x: np.sum(np.sin(x))), np.ones(2))
    assert [(step.function, step.backward) for step in program.steps] == [
        (np.sin, False), (np.sum, False), (np.cos, True),
    ]  # fmt: skip


def test_a_failing_function_leaves_nothing_behind():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        xe.trace(f, np.ones(2))
    assert xe.grad(lambda x: np.sum(x**2))(np.ones(2)).tolist() == [2, 2]


def test_an_array_that_outlives_the_trace_holds_its_value():
    kept = []

    def f(x):
        kept.append(np.exp(x))
        return kept[0]

    xe.trace(f, np.zeros(2))
    assert float((kept[0] + 1).sum()) == 4
    np.testing.assert_array_equal(kept[0], [1, 1])


def test_a_gradient_holds_the_masks_that_the_run_needed():
    f = xe.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0) * x))
    x = np.array([-1.0, 0.0, 4.0])
    with np.errstate(invalid="ignore"):
        program = xe.trace(f, x)
        np.testing.assert_array_equal(f(x), [0, 0, 3])
        np.testing.assert_array_equal(program.run(x), [0, 0, 3])
        np.testing.assert_array_equal(run_source(program, np.array([4.0, -9.0, -0.0])), [3, 0, 0])


# -- what is refused ---------------------------------------------------------------------------------------------------


def decide(x):
    if np.sum(x) > 0:
        return x
    return -x


def take_out(x):
    return x * np.sum(x).item()


def to_float(x):
    return x * math.exp(x[0])


def to_array(x):
    return np.array([x[0], x[1]])


def unknown(x):
    return np.histogram2d(x, x)[0]


def through_a_view(x):
    h = x * 2
    v = h[1:]
    v *= 3
    return h


def masked(x):
    return np.sum(x[x > 0])


def into_a_plain_array(x):
    buffer = np.zeros(3)
    np.multiply(x, 2, out=buffer)
    return buffer


REFUSED = [
    (decide, "if np.sum(x) > 0:", "np.where"), (take_out, "return x * np.sum(x).item()", "look at it outside"),
    (to_float, "math.exp(x[0])", "np.exp"), (to_array, "np.array([x[0], x[1]])", "np.stack"),
    (unknown, "np.histogram2d", "NumPy's functions"), (through_a_view, "v *= 3", "x.copy()"),
    (masked, "x[x > 0]", "np.where"), (into_a_plain_array, "out=buffer", "xe.tensor"),
]  # fmt: skip


@pytest.mark.parametrize("f, line, instead", REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_what_a_program_can_not_hold_is_refused_with_the_line_and_the_way_out(f, line, instead):
    with pytest.raises(TraceError) as caught:
        xe.trace(f, np.ones(3))
    assert line in str(caught.value)
    assert instead in str(caught.value)


@pytest.mark.parametrize("f, line, instead", [REFUSED[0], REFUSED[1], REFUSED[6]])
def test_inside_a_gradient_too(f, line, instead):
    with pytest.raises(TraceError) as caught:
        xe.trace(xe.grad(lambda x: np.sum(f(x))), np.ones(3))
    assert line in str(caught.value)
    assert instead in str(caught.value)


def test_a_trace_in_a_trace_is_refused():
    with pytest.raises(xe.GraphError, match="another trace"):
        xe.trace(lambda x: xe.trace(np.sin, x), np.ones(2))


def test_a_value_instead_of_a_function_is_refused():
    with pytest.raises(xe.DTypeError, match=r"xe.trace\(f, x\)"):
        xe.trace(np.ones(2))


def test_running_with_the_wrong_arrays_names_them():
    program = xe.trace(lambda a, b: a + b, np.ones(2), np.ones(2))
    with pytest.raises(ArgumentError, match=r"expected 2, for \(a, b\)"):
        program.run(np.ones(2))
    with pytest.raises(ArgumentError, match="b has shape"):
        program.run(np.ones(2), np.ones(3))


# -- state -------------------------------------------------------------------------------------------------------------


def test_a_hand_written_training_step_is_a_program_of_its_state():
    w = xe.tensor(np.zeros(3), requires_grad=True, name="w")

    def step(x, y):
        w.zero_grad()
        loss = np.mean((x @ w - y) ** 2)
        loss.backward()
        with xe.no_grad():
            w.assign(w - 0.1 * w.grad)
        return loss

    y = X @ np.array([1.0, -2.0, 3.0])
    program = xe.trace(step, X, y)
    assert kinds(program) == {"x": "argument", "y": "argument", "w": "state"}
    after, grad = w.numpy(), w.grad
    assert type(grad) is np.ndarray
    state = np.zeros(3)
    scope: dict = {}
    exec(program.source, scope)
    found, dw = scope["step"](X, y, state)
    assert distance(state, after) <= 1
    assert distance(dw, grad) <= 1
    for _ in range(3):
        step(X, y)
        scope["step"](X, y, state)
    assert distance(state, w.numpy()) <= 8
    assert found == np.mean(y**2)


@pytest.mark.parametrize(
    "optimizer", [lambda p: xe.optim.SGD(p, lr=0.1), lambda p: xe.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
                  lambda p: xe.optim.Adam(p, lr=0.01)],
    ids=["sgd", "momentum", "adam"],
)  # fmt: skip
def test_a_training_step_with_modules_and_an_optimizer_is_traced_and_does_what_it_does(optimizer):
    def build():
        model = xe.nn.Sequential(
            xe.nn.Linear(3, 4, rng=1, bias=False), xe.nn.BatchNorm1d(4), xe.nn.ReLU(), xe.nn.Dropout(0.25, rng=5),
            xe.nn.Linear(4, 2, rng=2),
        )  # fmt: skip
        optimizer_of = optimizer(model.parameters())

        def step(x, c):
            optimizer_of.zero_grad()
            loss = xe.losses.sparse_softmax_cross_entropy_with_logits(labels=c, logits=model(x), reduction="mean")
            loss.backward()
            optimizer_of.step()
            return loss

        return model, step

    (model, step), (same_model, same_step) = build(), build()
    for _ in range(2):
        step(X, labels)
        same_step(X, labels)
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    program = xe.trace(step, X, labels)
    expected = same_step(X, labels)
    assert "rng" in kinds(program)
    for (name, found), wanted in zip(model.state_dict().items(), same_model.state_dict().values(), strict=True):
        assert distance(np.asarray(found), np.asarray(wanted)) <= 8, name
    step(X, labels)  # the optimizer goes on from there
    same_step(X, labels)
    for found, wanted in zip(model.state_dict().values(), same_model.state_dict().values(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert before.keys() == model.state_dict().keys()
    assert np.isfinite(float(expected.item()))


def test_assigning_by_index_and_in_place_are_writes():
    w = xe.tensor(np.arange(3.0), name="w")
    v = xe.tensor(np.ones(3), requires_grad=True, name="v")

    def f(x):
        w[0] = x[0]
        with xe.no_grad():
            global_v = v
            global_v *= 2
            global_v -= x
        return w + v

    program = xe.trace(f, np.full(3, 5.0))
    assert kinds(program) == {"x": "argument", "w": "state", "v": "state"}
    np.testing.assert_array_equal(w, [5, 1, 2])
    np.testing.assert_array_equal(v.data, [-3, -3, -3])
    result, written = program.run_with_writes(np.full(3, 7.0), w=np.zeros(3), v=np.ones(3))
    np.testing.assert_array_equal(written["w"], [7, 0, 0])
    np.testing.assert_array_equal(written["v"], [-5, -5, -5])
    np.testing.assert_array_equal(result, [2, -5, -5])


def test_two_steps_of_one_optimizer_in_one_program_are_refused():
    w = xe.tensor(np.ones(3), requires_grad=True)
    optimizer = xe.optim.Adam([w], lr=0.1)

    def step(x):
        for _ in range(2):
            optimizer.zero_grad()
            loss = ((w - x) ** 2).sum()
            loss.backward()
            optimizer.step()
        return loss

    with pytest.raises(xe.TraceError, match=r"Adam.step runs a second time in one program(?s:.*)write the loop around"):
        xe.trace(step, np.zeros(3))
