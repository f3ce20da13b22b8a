"""L-BFGS: PyTorch's parameters after every step, line searches that meet bad points, saving and going on."""

import copy
import json
import math

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, OptimizerWarning, ShapeError, optim


def rosenbrock(p):
    return ((1 - p[0][:-1]) ** 2 + 100 * (p[0][1:] - p[0][:-1] ** 2) ** 2).sum()


def logistic(library, p):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 2, 30).astype(float)
    if library is not None:
        x, y = library.tensor(x), library.tensor(y)
    exp, log = (np.exp, np.log) if library is None else (library.exp, library.log)
    z = x @ p[0] + p[1]
    return (log(1 + exp(z)) - y * z).mean() + 0.01 * (p[0] ** 2).sum()


PROBLEMS = {
    "rosenbrock": (lambda library: rosenbrock, [[-1.0, 1.5, 0.3]]),
    "logistic": (lambda library: lambda p: logistic(library, p), [[0.1, -0.2, 0.3, 0.0], 0.5]),
    "quadratic": (lambda library: lambda p: (p[0] ** 2).sum() + 10 * (p[1] - 1) ** 2, [[3.0, -4.0], 2.0]),
    "quartic": (lambda library: lambda p: (p[0] ** 4).sum() - (p[0] ** 2).sum(), [[0.3, -2.0, 5.0]]),
}


def closure_of(optimizer, parameters, function):
    def closure():
        optimizer.zero_grad()
        loss = function(parameters)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("options", [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 3},
    {"line_search_fn": "strong_wolfe", "max_eval": 5, "lr": 0.5},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"lr": 0.01, "max_iter": 5},
    {"lr": 0.02, "history_size": 3},
], ids=str)  # fmt: skip
def test_parameters_equal_pytorchs_after_each_of_50_steps(torch, problem, options):
    """To 1e-8; where rounding grows, to ten times what PyTorch's own run moves by when it starts 1e-15 away."""
    function, start = PROBLEMS[problem]

    def run(make, module, values):
        parameters = [make(v) for v in values]
        optimizer = module.LBFGS(parameters, **options)
        closure = closure_of(optimizer, parameters, function(None if module is optim else torch))
        rows = []
        for _ in range(50):
            loss = optimizer.step(closure).item()
            values = [p.numpy() if module is optim else p.detach().numpy() for p in parameters]
            rows.append(np.concatenate([[loss], *map(np.ravel, values)]))
        return np.array(rows), optimizer, parameters

    def pytorchs(v):
        return torch.tensor(v, dtype=torch.float64, requires_grad=True)

    ours, own, _ = run(lambda v: xe.tensor(np.array(v), requires_grad=True), optim, start)
    theirs, other, tensors = run(pytorchs, torch.optim, start)
    nearby, _, _ = run(pytorchs, torch.optim, [(np.array(v) * (1 + 1e-15)).tolist() for v in start])
    allowed = np.maximum(1e-8, 10 * np.abs(nearby - theirs).max(axis=1))
    apart = np.abs(ours - theirs).max(axis=1)
    assert (apart <= allowed).all(), (apart / allowed).max()
    counts, state = other.state[tensors[0]], own.state_dict()["state"]
    if state and (allowed == 1e-8).all():
        assert (state["0"]["n_iter"], state["0"]["func_evals"]) == (counts["n_iter"], counts["func_evals"])


def problem(start=(-1.0, 1.5), **options):
    w = xe.tensor(np.array(start), requires_grad=True)
    optimizer = optim.LBFGS([w], **{"line_search_fn": "strong_wolfe", "max_iter": 4} | options)
    return w, optimizer, closure_of(optimizer, [w], rosenbrock)


@pytest.mark.parametrize("how", ["arrays", "json", "copy"])
def test_a_state_goes_on_with_the_same_bits(how):
    w, optimizer, closure = problem(history_size=3)
    for _ in range(2):
        optimizer.step(closure)
    if how == "copy":
        v, other = copy.deepcopy((w, optimizer))
    else:
        saved = optimizer.state_dict()
        if how == "json":
            saved = json.loads(json.dumps(saved, default=lambda array: array.tolist()))
        v, other, _ = problem(w.tolist())
        other.load_state_dict(saved)
    again = closure_of(other, [v], rosenbrock)
    for _ in range(4):
        optimizer.step(closure), other.step(again)
        assert v.tolist() == w.tolist()


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    w, optimizer, closure = problem()
    empty = optimizer.state_dict()
    assert empty["state"] == {}
    optimizer.step(closure)
    fine = optimizer.state_dict()
    own = fine["state"]["0"]
    assert own["old_dirs"].shape[1:] == (2,) and own["ro"].ndim == 1
    for wrong, kind, message in (
        ({"0": {**own, "d": np.zeros(3)}}, ShapeError, r"'d' has shape \(3,\); expected \(2,\)"),
        ({"0": {k: v for k, v in own.items() if k != "t"}}, ArgumentError, "'t' should be in the state"),
        ({"0": {**own, "n_iter": -1}}, ArgumentError, "n_iter is -1"),
        ({"0": {**own, "t": math.nan}}, ArgumentError, "t is nan"),
        ({"1": own}, ArgumentError, "expected one state, of parameter 0"),
    ):
        with pytest.raises(kind, match=message):
            optimizer.load_state_dict({**fine, "state": wrong})
    with pytest.raises(ArgumentError, match="expected what state_dict"):
        optimizer.load_state_dict({"state": {}})
    with pytest.raises(ArgumentError, match="expected what state_dict"):
        optimizer.load_state_dict(3)
    with pytest.raises(ArgumentError, match="the settings of group 0 differ"):
        optimizer.load_state_dict(optim.SGD([w]).state_dict())
    np.testing.assert_array_equal(optimizer.state_dict()["state"]["0"]["d"], own["d"])
    optimizer.load_state_dict(empty)
    assert optimizer.state_dict()["state"] == {}


def test_a_loss_that_is_not_finite_on_the_way_is_stepped_back_from():
    w = xe.tensor([3.0], requires_grad=True)
    optimizer = optim.LBFGS([w], lr=100.0, line_search_fn="strong_wolfe")

    def loss_of(p):
        with np.errstate(invalid="ignore"):
            return (p[0] - np.log(p[0])).sum()  # NaN below 0

    optimizer.step(closure_of(optimizer, [w], loss_of))
    assert w.item() == pytest.approx(1.0, abs=1e-5)


def test_a_closure_that_raises_leaves_the_parameters_where_an_iteration_ended():
    w, optimizer, closure = problem()
    calls = 0

    def failing():
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyError("lost")
        return closure()

    with pytest.raises(KeyError):
        optimizer.step(failing)
    twin, second, own = problem(max_iter=1)
    second.step(own)
    assert w.tolist() in ([-1.0, 1.5], twin.tolist())
    optimizer.step(closure)
    assert np.isfinite(w.data).all()


def test_a_missing_gradient_counts_as_zero_and_frozen_parameters_stay():
    a, b, c = (xe.tensor([2.0], requires_grad=True) for _ in range(3))
    optimizer = optim.LBFGS([a, b, c], line_search_fn="strong_wolfe")
    c.requires_grad = False
    c.grad = np.ones(1)
    optimizer.step(closure_of(optimizer, [a, b, c], lambda p: (p[0] ** 2).sum()))
    assert abs(a.item()) < 1e-6 and b.tolist() == c.tolist() == [2.0]


def test_single_precision_stays_single():
    w = xe.tensor(np.array([-1.0, 1.5], np.float32), requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=60, line_search_fn="strong_wolfe")
    optimizer.step(closure_of(optimizer, [w], rosenbrock))
    assert w.dtype == np.float32
    np.testing.assert_allclose(w.data, 1, atol=1e-2)


def test_a_model_can_be_cast_between_steps():
    w, optimizer, closure = problem()
    optimizer.step(closure)
    w.recast(np.float32)
    for _ in range(15):
        optimizer.step(closure)
    assert w.dtype == np.float32
    np.testing.assert_allclose(w.data, 1, atol=1e-2)


def test_what_is_remembered_is_cast_with_the_model():
    w, optimizer, closure = problem(max_iter=4)
    optimizer.step(closure)
    for dtype in (np.float32, np.float64):
        w.recast(dtype)
        optimizer.step(closure)
        memory = optimizer._memory
        vectors = [memory["d"], memory["prev_flat_grad"], *memory["old_dirs"], *memory["old_stps"]]
        assert len(vectors) > 4 and {vector.dtype for vector in vectors} == {np.dtype(dtype)}
    saved = optimizer.state_dict()
    again = optim.LBFGS([w])
    again.load_state_dict(saved)
    np.testing.assert_array_equal(again.state_dict()["state"]["0"]["old_dirs"], saved["state"]["0"]["old_dirs"])


def test_parameters_that_are_added_between_steps_are_refused():
    w, optimizer, closure = problem(max_iter=2)
    optimizer.step(closure)
    optimizer.param_groups[0]["params"].append(xe.tensor([1.0], requires_grad=True))
    before = w.tolist()
    with pytest.raises(ArgumentError, match="the directions that it remembers have 2 values, the parameters now 3"):
        optimizer.step(closure)
    assert w.tolist() == before


def test_a_closure_without_backward_says_so():
    w = xe.tensor([3.0, 1.0], requires_grad=True)
    optimizer = optim.LBFGS([w])
    with pytest.warns(OptimizerWarning, match=r"LBFGS.step: the closure gave no .*\n  Write loss.backward") as seen:
        assert optimizer.step(lambda: (w**2).sum()).item() == 10.0
    assert len(seen) == 1 and seen[0].filename == __file__ and w.tolist() == [3.0, 1.0]
    optimizer.step(lambda: (w**2).sum())  # it warns once
    w.requires_grad = False
    with pytest.warns(OptimizerWarning, match="LBFGS.step: all parameters are frozen"):
        optim.LBFGS([w]).step(lambda: (w**2).sum())


def test_a_closure_that_does_not_zero_the_gradients_warns():
    w = xe.tensor([3.0, 1.0], requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=2)

    def closure():
        loss = (w**2).sum()
        loss.backward()
        return loss

    with pytest.warns(OptimizerWarning, match=r"LBFGS.step: the gradients were never zeroed"):
        optimizer.step(closure)


def test_what_lbfgs_can_not_do_is_refused():
    _, optimizer, _ = problem()
    with pytest.raises(DTypeError, match="it needs a closure"):
        optimizer.step()
    with pytest.raises(DTypeError, match="the closure returned None; expected the loss"):
        optimizer.step(lambda: None)
    with pytest.raises(ArgumentError, match="a second group can't be added"):
        optimizer.add_param_group({"params": [xe.tensor(1.0, requires_grad=True)]})
    leaves = [xe.tensor(np.ones(2, dtype), requires_grad=True) for dtype in (np.float32, np.float64)]
    with pytest.raises(ArgumentError, match="got parameters of float32 and float64"):
        optim.LBFGS(leaves)
    with pytest.raises(ArgumentError, match="got 2 groups"):
        optim.LBFGS([{"params": [p]} for p in leaves])


@pytest.mark.parametrize("options, message", [
    ({"max_iter": 0}, "max_iter is 0"),
    ({"max_eval": 0}, "max_eval is 0"),
    ({"history_size": 0}, "history_size is 0"),
    ({"tolerance_grad": -1.0}, "tolerance_grad is -1.0"),
    ({"line_search_fn": "wolfe"}, "line_search_fn is 'wolfe'; expected None or 'strong_wolfe'"),
])  # fmt: skip
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ArgumentError, match=f"LBFGS: {message}"):
        problem(**options)
