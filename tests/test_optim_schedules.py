"""Schedules: PyTorch's sequences of learning rates, saving and going on, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, optim


def optimizer_of(rates=(0.5, 0.02)):
    return optim.SGD([{"params": [xe.tensor(0.0, requires_grad=True)], "lr": lr} for lr in rates])


SCHEDULES = {
    "constant": ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    "linear": ("LinearLR", {"start_factor": 0.1, "total_iters": 7}),
    "linear down": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 5}),
    "step": ("StepLR", {"step_size": 3, "gamma": 0.3}),
    "multi": ("MultiStepLR", {"milestones": [2, 5, 6], "gamma": 0.5}),
    "exponential": ("ExponentialLR", {"gamma": 0.9}),
    "cosine": ("CosineAnnealingLR", {"T_max": 8, "eta_min": 0.01}),
    "cosine 1": ("CosineAnnealingLR", {"T_max": 1}),
    "lambda": ("LambdaLR", {"lr_lambda": [lambda t: 0.95**t, lambda t: 1 / (1 + t)]}),
}


def pytorch(torch, rates=(0.5, 0.02)):
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in rates])


def sequence(schedule, last, steps=30):
    found = []
    for _ in range(steps):
        found.append(last())
        if not isinstance(schedule, optim.Schedule):
            schedule.optimizer.step()  # or PyTorch warns of the order
        schedule.step()
    return found


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_schedule_gives_pytorchs_learning_rates(torch, case):
    name, options = SCHEDULES[case]
    ours = getattr(optim, name)(optimizer_of(), **options)
    theirs = getattr(torch.optim.lr_scheduler, name)(pytorch(torch), **options)
    np.testing.assert_allclose(
        sequence(ours, lambda: ours.last_lr), sequence(theirs, theirs.get_last_lr), rtol=1e-12, atol=1e-16)
    assert [group["lr"] for group in ours.optimizer.param_groups] == ours.last_lr


PARTS = st.sampled_from(sorted(set(SCHEDULES) - {"lambda"}))


@settings(max_examples=25, deadline=None)
@given(names=st.lists(PARTS, min_size=1, max_size=4), gaps=st.lists(st.integers(1, 6), min_size=3, max_size=3))
def test_schedules_in_sequence_give_pytorchs_learning_rates(torch, names, gaps):
    milestones = np.cumsum(gaps)[: len(names) - 1].tolist()

    def make(module, optimizer):
        parts = [getattr(module, SCHEDULES[n][0])(optimizer, **SCHEDULES[n][1]) for n in names]
        return module.SequentialLR(optimizer, parts, milestones=milestones)

    ours, theirs = make(optim, optimizer_of()), make(torch.optim.lr_scheduler, pytorch(torch))
    np.testing.assert_allclose(
        sequence(ours, lambda: ours.last_lr), sequence(theirs, theirs.get_last_lr), rtol=1e-11, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(
    metrics=st.lists(st.floats(-3, 3) | st.sampled_from([float("nan"), float("inf"), 0.0]), min_size=1, max_size=30),
    mode=st.sampled_from(["min", "max"]), threshold_mode=st.sampled_from(["rel", "abs"]),
    patience=st.integers(0, 3), cooldown=st.integers(0, 2), threshold=st.sampled_from([0.0, 1e-4, 0.5]),
    min_lr=st.sampled_from([0.0, 0.01, [0.1, 0.001]]), eps=st.sampled_from([1e-8, 0.01]),
)  # fmt: skip
def test_reducing_on_a_plateau_gives_pytorchs_learning_rates(torch, metrics, **options):
    options["factor"] = 0.3
    ours = optim.ReduceLROnPlateau(optimizer_of(), **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(pytorch(torch), **options)
    for metric in metrics:
        ours.step(metric)
        theirs.step(metric)
        np.testing.assert_allclose(ours.last_lr, theirs.get_last_lr(), rtol=1e-14)


def make(case, optimizer):
    if case == "sequence":
        parts = [optim.LinearLR(optimizer, 0.1, total_iters=3), optim.CosineAnnealingLR(optimizer, 6)]
        return optim.SequentialLR(optimizer, parts, [3])
    name, options = SCHEDULES[case]
    return getattr(optim, name)(optimizer, **options)


@pytest.mark.parametrize("case", [*SCHEDULES, "sequence"])
@pytest.mark.parametrize("optimizer_first", [True, False])
def test_a_schedule_goes_on_with_the_same_bits(case, optimizer_first):
    whole = make(case, optimizer_of())
    expected = sequence(whole, lambda: whole.last_lr)
    half = make(case, optimizer_of())
    sequence(half, lambda: half.last_lr, 11)
    saved = json.loads(json.dumps([half.optimizer.state_dict(), half.state_dict()]))
    optimizer = optimizer_of()
    if optimizer_first:
        optimizer.load_state_dict(saved[0])
        resumed = make(case, optimizer)
    else:
        resumed = make(case, optimizer)
        optimizer.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    assert sequence(resumed, lambda: resumed.last_lr, 19) == expected[11:]
    assert resumed.state_dict() == whole.state_dict()


def test_a_plateau_goes_on_where_it_was():
    metrics = [3.0, 2.0, 2.0, 2.5, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]

    def run(resume_at):
        schedule = optim.ReduceLROnPlateau(optimizer_of(), patience=1, cooldown=1, factor=0.5)
        found = []
        for i, metric in enumerate(metrics):
            if i == resume_at:
                saved = json.loads(json.dumps([schedule.optimizer.state_dict(), schedule.state_dict()]))
                schedule = optim.ReduceLROnPlateau(optimizer_of((1.0, 1.0)))
                schedule.optimizer.load_state_dict(saved[0])
                schedule.load_state_dict(saved[1])
            schedule.step(metric)
            found.append(schedule.last_lr)
        return found

    plain = run(None)
    assert plain[-1][0] < 0.5
    for resume_at in range(len(metrics)):
        assert run(resume_at) == plain


def test_a_plateau_takes_a_tensor_and_follows_new_groups():
    schedule = optim.ReduceLROnPlateau(optimizer_of((1.0,)), patience=0, factor=0.5)
    for _ in range(2):
        schedule.step(xe.tensor(1.0))
    schedule.optimizer.add_param_group({"params": [xe.tensor(0.0, requires_grad=True)], "lr": 1.0})
    schedule.step(np.float32(1.0))
    assert schedule.last_lr == [0.25, 0.5]
    each = optim.ReduceLROnPlateau(optimizer_of((1.0,)), patience=0, factor=0.5, min_lr=[0.1])
    each.optimizer.add_param_group({"params": [xe.tensor(0.0, requires_grad=True)], "lr": 1.0})
    with pytest.raises(ArgumentError, match="min_lr has 1 numbers, the optimizer now 2 groups"):
        each.step(1.0)
    assert each.steps == 0 and each.best is None
    for wrong in (None, "0.5", [1.0]):
        with pytest.raises(DTypeError, match=r"expected the metric\. Write schedule\.step"):
            schedule.step(wrong)


# -- several schedules, and learning rates that are edited ------------------------------------------------------------

TOGETHER = {
    **{case: SCHEDULES[case] for case in ("constant", "linear", "linear down", "step", "multi", "exponential")},
    "cosine": ("CosineAnnealingLR", {"T_max": 40}), "cosine to": ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.01}),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(TOGETHER)), min_size=1, max_size=3),
    edits=st.dictionaries(st.integers(0, 20), st.floats(0.1, 2.0), max_size=3),
    plateau=st.booleans(), seed=st.integers(0, 1000),
)  # fmt: skip
def test_schedules_of_one_optimizer_and_edits_multiply_as_pytorchs(torch, names, edits, plateau, seed):
    def run(module, optimizer):
        schedules = [getattr(module, TOGETHER[n][0])(optimizer, **TOGETHER[n][1]) for n in names]
        reduction = module.ReduceLROnPlateau(optimizer, factor=0.3, patience=1) if plateau else None
        if module is not optim:
            optimizer.step()  # or PyTorch warns of the order
        metrics = np.random.default_rng(seed).random(20)
        found = []
        for step, metric in enumerate(metrics):
            if step in edits:
                optimizer.param_groups[step % 2]["lr"] = edits[step]
            for schedule in schedules:
                schedule.step()
            if reduction:
                reduction.step(metric)
            found.append([group["lr"] for group in optimizer.param_groups])
        return found

    ours, theirs = run(optim, optimizer_of()), run(torch.optim.lr_scheduler, pytorch(torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)


def test_a_plateau_after_a_warm_up_reduces_for_good():
    optimizer = optimizer_of((1.0,))
    warm_up = optim.LinearLR(optimizer, start_factor=0.1, total_iters=3)
    plateau = optim.ReduceLROnPlateau(optimizer, patience=0)
    found = []
    for _ in range(6):
        warm_up.step()
        plateau.step(1.0)
        found.append(optimizer.lr)
    np.testing.assert_allclose(found, [0.4, 0.07, 0.01, 0.001, 1e-4, 1e-5])


def test_several_schedules_go_on_with_the_same_bits():
    def make(optimizer):
        return [
            optim.LinearLR(optimizer, 0.1, total_iters=5), optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.7),
            optim.CosineAnnealingLR(optimizer, 30, 0.001),
        ]  # fmt: skip

    def run(optimizer, schedules, steps):
        found = []
        for step in steps:
            if step == 6:
                optimizer.param_groups[1]["lr"] = 0.3
            for schedule in schedules:
                schedule.step(*[1.0] * isinstance(schedule, optim.ReduceLROnPlateau))
            found.append([group["lr"] for group in optimizer.param_groups])
        return found

    whole = optimizer_of()
    expected = run(whole, make(whole), range(20))
    for stop in range(1, 20, 3):
        half = optimizer_of()
        schedules = make(half)
        run(half, schedules, range(stop))
        saved = json.loads(json.dumps([half.state_dict(), *(s.state_dict() for s in schedules)]))
        for optimizer_first in (True, False):
            resumed = optimizer_of((1.0, 1.0))
            if optimizer_first:
                resumed.load_state_dict(saved[0])
            others = make(resumed)
            resumed.load_state_dict(saved[0])
            for schedule, state in zip(others, saved[1:]):
                schedule.load_state_dict(state)
            assert run(resumed, others, range(stop, 20)) == expected[stop:]


def test_an_edited_rate_stays_where_a_schedule_has_come_to_zero():
    optimizer = optimizer_of((1.0, 2.0))
    schedule = optim.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=2)
    schedule.step(), schedule.step()
    assert schedule.last_lr == [0.0, 0.0]
    optimizer.param_groups[1]["lr"] = 0.5
    for _ in range(3):
        schedule.step()
        assert schedule.last_lr == [0.0, 0.5]
    optimizer = optimizer_of((1.0,))
    schedule = optim.CosineAnnealingLR(optimizer, T_max=2)
    schedule.step(), schedule.step()
    optimizer.lr = 0.25
    found = []
    for _ in range(3):
        schedule.step()
        found.append(optimizer.lr)
    np.testing.assert_allclose(found, [0.75, 1.5, 0.75])  # up by 1/2, and from then on a cosine of 1.5


def test_a_rate_is_never_below_zero_where_it_was_edited_below_the_least():
    optimizer = optimizer_of((1.0,))
    schedule = optim.CosineAnnealingLR(optimizer, T_max=4, eta_min=0.1)
    for _ in range(5):
        schedule.step()
    optimizer.lr = 0.01
    for _ in range(10):
        schedule.step()
        assert optimizer.lr >= 0


def test_a_schedule_of_functions_follows_new_groups_if_it_has_one_function_for_all():
    new = lambda: {"params": [xe.tensor(0.0, requires_grad=True)], "lr": 4.0}
    schedule = optim.LambdaLR(optimizer_of((1.0,)), lambda steps: 0.5**steps)
    schedule.step()
    schedule.optimizer.add_param_group(new())
    schedule.step()
    assert schedule.last_lr == [0.25, 1.0]
    each = optim.LambdaLR(optimizer_of((1.0,)), [lambda steps: 0.5**steps])
    each.optimizer.add_param_group(new())
    with pytest.raises(ArgumentError, match=r"got 1 functions, the optimizer now has 2 groups\. Write one function"):
        each.step()
    assert each.steps == 0 and each.last_lr == [1.0, 4.0]


def test_a_group_that_is_added_later_follows_the_schedule():
    schedule = optim.StepLR(optimizer_of((1.0,)), step_size=1, gamma=0.5)
    schedule.step()
    schedule.optimizer.add_param_group({"params": [xe.tensor(0.0, requires_grad=True)], "lr": 4.0})
    schedule.step()
    assert schedule.last_lr == [0.25, 1.0]


def test_a_learning_rate_that_a_schedule_sets_is_used_in_the_next_step():
    w = xe.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    schedule = optim.ExponentialLR(optimizer, gamma=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        schedule.step()
    assert w.item() == 1 - 1 - 0.5 - 0.25


WRONG = {
    "no optimizer": (lambda o: optim.StepLR("sgd", 3), DTypeError, "StepLR: got a str, 'sgd'; expected an optimizer"),
    "plateau": (lambda o: optim.ReduceLROnPlateau(None), DTypeError, "got None; expected an optimizer"),
    "step size": (lambda o: optim.StepLR(o, 0), ArgumentError, "StepLR: step_size is 0; expected 1 or more"),
    "step float": (lambda o: optim.StepLR(o, 2.0), DTypeError, "step_size is a float, 2.0; expected a whole number"),
    "gamma": (lambda o: optim.StepLR(o, 2, -1.0), ArgumentError, "gamma is -1.0"),
    "factor": (lambda o: optim.ConstantLR(o, 1.5), ArgumentError, "ConstantLR: factor is 1.5; expected at most 1"),
    "iters": (lambda o: optim.ConstantLR(o, 0.5, 0), ArgumentError, "total_iters is 0"),
    "start": (lambda o: optim.LinearLR(o, 0.0), ArgumentError, "start_factor is 0.0; expected a finite number above 0"),
    "milestones": (lambda o: optim.MultiStepLR(o, [3, 2]), ArgumentError, r"milestones is \[3, 2\]; expected rising"),
    "milestone": (lambda o: optim.MultiStepLR(o, 3), DTypeError, "milestones is an int, 3; expected a list"),
    "T_max": (lambda o: optim.CosineAnnealingLR(o, 0), ArgumentError, "T_max is 0"),
    "eta_min": (lambda o: optim.CosineAnnealingLR(o, 3, -1.0), ArgumentError, "eta_min is -1.0"),
    "functions": (lambda o: optim.LambdaLR(o, [abs]), ArgumentError, "got 1 functions; the optimizer has 2 groups"),
    "function": (lambda o: optim.LambdaLR(o, 0.5), DTypeError, "expected a function of the number of steps"),
    "factor NaN": (lambda o: optim.LambdaLR(o, lambda t: np.nan), ArgumentError, "the factor after 0 steps is nan"),
    "mode": (lambda o: optim.ReduceLROnPlateau(o, "least"), ArgumentError, "mode is 'least'; expected 'min' or 'max'"),
    "reduce by": (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), ArgumentError, "factor is 1.0"),
    "min_lr": (lambda o: optim.ReduceLROnPlateau(o, min_lr=[0.0]), ArgumentError, "min_lr has 1 numbers"),
    "other's": (lambda o: optim.SequentialLR(o, [optim.StepLR(optimizer_of(), 1)], []), ArgumentError,
                "schedule 0 belongs to another optimizer"),
    "not one": (lambda o: optim.SequentialLR(o, [optim.ReduceLROnPlateau(o)], []), DTypeError,
                "schedule 0 is a ReduceLROnPlateau"),
    "too few": (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1)], [3]), ArgumentError,
                "got 1 schedules and 1 milestones"),
    "no rate": (optim.Schedule, DTypeError, "Write it in the class"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_schedule_that_makes_no_sense_is_refused(case):
    build, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        build(optimizer_of())


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    schedule = optim.StepLR(optimizer_of((1.0,)), step_size=2, gamma=0.5)
    state = schedule.state_dict()
    rates = [{"lr": 1.0, "start": 1.0, "rate": 1.0}]
    assert state == {"schedule": "StepLR", "steps": 0, "step_size": 2, "gamma": 0.5, "groups": rates}
    for wrong, message in (
        ({**state, "groups": rates * 2}, "expected a dict for each of the 1 groups"),
        ({**state, "groups": [1.0]}, "expected a dict for each of the 1 groups"),
        ({**state, "groups": [{}]}, r"groups\[0\] has nothing; expected 'lr', 'start' and 'rate'"),
        ({**state, "groups": [{"lr": 1.0, "start": 1.0}]}, r"groups\[0\] has 'lr', 'start'; expected"),
        ({**state, "groups": [{"lr": -1.0}]}, "lr of group 0 is -1.0"),
        (optim.ExponentialLR(optimizer_of(), 0.5).state_dict(), "got the state of 'ExponentialLR'; expected one of"),
        (3, "got the state of 3"),
        ({**state, "more": 1}, "'more' should be in both"),
        ({"schedule": "StepLR", "steps": 2}, "'gamma', 'groups', 'step_size' should be in both"),
        ({**state, "steps": -1}, "steps is -1"),
        ({**state, "steps": 5, "gamma": -1.0}, "gamma is -1.0"),
    ):
        with pytest.raises(ArgumentError, match=message):
            schedule.load_state_dict(wrong)
        assert schedule.state_dict() == state and schedule.last_lr == [1.0]
    both = make("sequence", optimizer_of())
    fine = both.state_dict()
    for wrong in ({**fine, "schedulers": fine["schedulers"][:1]}, {**fine, "milestones": [1, 2]},
                  {k: v for k, v in fine.items() if k != "schedulers"}, {**fine, "schedulers": 3}):
        with pytest.raises(ArgumentError, match="expected the states of 2 schedules"):
            both.load_state_dict(wrong)
    assert both.state_dict() == fine


def test_repr_shows_the_settings_and_the_position():
    schedule = optim.StepLR(optimizer_of((1.0,)), step_size=2, gamma=0.5)
    assert repr(schedule) == "StepLR(step_size=2, gamma=0.5)  # 0 steps, lr=1.0"
