"""The state of an optimizer: what is saved, that training goes on with the same bits, and what is refused."""

import json

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, ShapeError, optim

KINDS = {
    "sgd": lambda ps: optim.SGD(ps, lr=0.05),
    "momentum": lambda ps: optim.SGD(ps, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda ps: optim.Adam(ps, lr=0.05, amsgrad=True),
    "adamw": lambda ps: optim.AdamW(ps, lr=0.05),
    "rmsprop": lambda ps: optim.RMSprop(ps, lr=0.05, momentum=0.5, centered=True),
}


def leaf(values, dtype=np.float64):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True)


def model(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [leaf(rng.normal(size=s), dtype) for s in [(3, 2), (), (4,)]]


def train(ps, optimizer, steps):
    """Steps that depend on the values alone; every third leaves a parameter out."""
    for step in steps:
        optimizer.zero_grad()
        sum(((p - 1) ** 2).sum() * (i + 1) for i, p in enumerate(ps) if i != 1 or step % 3).backward()
        optimizer.step()


def strict(value):
    """Whether a saved value is made of strings, numbers, lists, dicts and arrays only."""
    if type(value) is dict:
        return all(type(key) is str and strict(item) for key, item in value.items())
    if type(value) is list:
        return all(map(strict, value))
    return value is None or type(value) in (str, int, float, bool, np.ndarray)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("through_json", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_training_that_is_resumed_goes_on_with_the_same_bits(kind, through_json, dtype):
    make = KINDS[kind]
    whole, half = model(dtype), model(dtype)
    first = make(whole)
    train(whole, first, range(12))
    second = make(half)
    train(half, second, range(5))
    saved = second.state_dict()
    assert strict(saved)
    if through_json:
        saved = json.loads(json.dumps(saved, default=lambda array: array.tolist()))
    resumed = [leaf(p.data, dtype) for p in half]
    third = make(resumed)
    third.load_state_dict(saved)
    train(resumed, third, range(5, 12))
    for p, q in zip(whole, resumed):
        np.testing.assert_array_equal(p.data, q.data)
    ours, theirs = first.state_dict(), third.state_dict()
    assert ours["param_groups"] == theirs["param_groups"] and ours["state"].keys() == theirs["state"].keys()
    for i, state in ours["state"].items():
        assert state.keys() == theirs["state"][i].keys()
        for name in state:
            np.testing.assert_array_equal(state[name], theirs["state"][i][name])


def test_what_is_saved_has_pytorchs_names_and_numbers(torch):
    ps = model()
    theirs = [torch.zeros(p.shape, requires_grad=True) for p in ps]
    for name, options in {
        "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {},
        "RMSprop": {"momentum": 0.9, "centered": True},
    }.items():  # fmt: skip
        own = getattr(optim, name)([{"params": ps[:1], "lr": 0.5}, {"params": ps[1:]}], **options)
        other = getattr(torch.optim, name)([{"params": theirs[:1], "lr": 0.5}, {"params": theirs[1:]}], **options)
        for p, q in zip(ps, theirs):
            p.grad, q.grad = np.ones(p.shape), torch.ones(q.shape)
        own.step(), other.step()
        saved, expected = own.state_dict(), other.state_dict()
        assert [g["params"] for g in saved["param_groups"]] == [g["params"] for g in expected["param_groups"]]
        assert [g.keys() <= h.keys() for g, h in zip(saved["param_groups"], expected["param_groups"])] == [True, True]
        for i, state in expected["state"].items():
            assert {k for k in state if k != "step"} == {k for k in saved["state"][str(i)] if k != "step"}
            for key in saved["state"][str(i)].keys() - {"step"}:
                np.testing.assert_allclose(saved["state"][str(i)][key], state[key].numpy(), rtol=1e-6)


def test_a_saved_state_is_a_copy():
    ps = model()
    optimizer = optim.Adam(ps)
    train(ps, optimizer, range(2))
    saved = optimizer.state_dict()
    kept = saved["state"]["0"]["exp_avg"].copy()
    train(ps, optimizer, range(2))
    np.testing.assert_array_equal(saved["state"]["0"]["exp_avg"], kept)
    optimizer.load_state_dict(saved)
    train(ps, optimizer, range(2))
    np.testing.assert_array_equal(saved["state"]["0"]["exp_avg"], kept)


def test_settings_and_names_come_back_too():
    w = leaf([1.0])
    saved = optim.Adam([("w", w)], lr=0.3, betas=(0.5, 0.6)).state_dict()
    assert saved["param_groups"][0]["param_names"] == ["w"] and saved["param_groups"][0]["betas"] == [0.5, 0.6]
    other = optim.Adam([leaf([1.0])])
    other.load_state_dict(saved)
    assert other.lr == 0.3 and other.param_groups[0]["betas"] == (0.5, 0.6)
    with pytest.raises(ArgumentError, match="parameter 'w' in the state stands where 'v' stands here"):
        optim.Adam([("v", w)]).load_state_dict(saved)


def test_a_state_is_cast_to_the_dtype_of_its_parameter():
    ps, singles = model(), model(np.float32)
    optimizer = optim.Adam(ps)
    train(ps, optimizer, range(3))
    other = optim.Adam(singles)
    other.load_state_dict(optimizer.state_dict())
    assert {v.dtype for s in other.state_dict()["state"].values() for k, v in s.items() if k != "step"} == {
        np.dtype(np.float32)
    }


def spoiled(saved, i="0", **values):
    return {**saved, "state": {**saved["state"], i: {**saved["state"]["0"], **values}}}


def without(saved, name):
    return {**saved, "state": {"0": {k: v for k, v in saved["state"]["0"].items() if k != name}}}


def group(saved, drop=None, **values):
    changed = {k: v for k, v in {**saved["param_groups"][0], **values}.items() if k != drop}
    return {**saved, "param_groups": [changed]}


WRONG = {
    "nothing": (lambda s: 3, ArgumentError, "load_state_dict of Adam: got an int, 3; expected what state_dict"),
    "half": (lambda s: {"state": {}}, ArgumentError, "got a dict with 'state'; expected"),
    "groups": (lambda s: {**s, "param_groups": s["param_groups"] * 2}, ArgumentError,
               "the state has 2 groups, the optimizer 1"),
    "no groups": (lambda s: {**s, "param_groups": None}, ArgumentError, "the state has None, the optimizer 1"),
    "group": (lambda s: {**s, "param_groups": [3]}, DTypeError, "group 0 is an int, 3; expected a dict"),
    "other kind": (lambda s: optim.SGD(model()).state_dict(), ArgumentError,
                   "The state lacks 'betas', 'eps', 'amsgrad'. The optimizer has no 'momentum', 'dampening'"),
    "missing setting": (lambda s: group(s, drop="eps"), ArgumentError, "The state lacks 'eps'"),
    "bad setting": (lambda s: group(s, lr=-1.0), ArgumentError, "lr is -1.0"),
    "parameters": (lambda s: group(s, params=[0, 1]), ArgumentError, "group 0 has 2 parameters in the state, 3 here"),
    "state": (lambda s: {**s, "state": [1]}, DTypeError, "'state' is a list"),
    "unknown parameter": (lambda s: spoiled(s, "7"), ArgumentError, "a state of parameter 7; there are 3 parameters"),
    "shape": (lambda s: spoiled(s, exp_avg=np.zeros(6)), ShapeError,
              r"'exp_avg' of parameter 0 has shape \(6,\), the parameter \(3, 2\)"),
    "dtype": (lambda s: spoiled(s, exp_avg=np.full((3, 2), "a")), DTypeError, "'exp_avg' of parameter 0 holds <U1"),
    "unknown array": (lambda s: spoiled(s, momentum_buffer=np.zeros((3, 2))), ArgumentError,
                      "'momentum_buffer' of parameter 0 is unknown; the state has 'step', 'exp_avg', 'exp_avg_sq'"),
    "missing array": (lambda s: without(s, "exp_avg_sq"), ArgumentError, "the state of parameter 0 lacks 'exp_avg_sq'"),
    "step": (lambda s: spoiled(s, step=-1), ArgumentError, "'step' of parameter 0 is -1; expected 0 or more"),
    "half step": (lambda s: spoiled(s, step=1.5), DTypeError, "'step' of parameter 0 is a float, 1.5"),
    "steps": (lambda s: spoiled(s, step=[1]), DTypeError, "'step' of parameter 0 is a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(case):
    ps = model()
    optimizer = optim.Adam(ps, lr=0.05)
    train(ps, optimizer, range(2))
    saved, values = optimizer.state_dict(), [p.numpy() for p in ps]
    spoil, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        optimizer.load_state_dict(spoil(saved))
    after = optimizer.state_dict()
    assert after["param_groups"] == saved["param_groups"]
    for i, state in saved["state"].items():
        for name in state:
            np.testing.assert_array_equal(after["state"][i][name], state[name])
    for p, value in zip(ps, values):
        np.testing.assert_array_equal(p.data, value)
