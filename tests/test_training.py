"""fit: the loop, what it is given, what it refuses, and what it gives back."""

import contextlib
import os
import signal
import sys
import threading

import numpy as np
import pytest
from training_samples import blobs, mlp, same_weights, trainable

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.data import DataLoader
from tinygrad_xe.errors import ArgumentError, DTypeError, NonFiniteError, OptimizerWarning, ShapeError
from tinygrad_xe.training import Callback, fit

# -- the loop ----------------------------------------------------------------------------------------------------------


def test_fit_does_what_the_loop_written_by_hand_does():
    X, y = blobs()
    model, arguments = trainable(momentum=0.9)
    history = fit(model, DataLoader((X, y), 16, shuffle=True, rng=5), epochs=3, **arguments)
    other, given = trainable(momentum=0.9)
    losses = []
    loader = DataLoader((X, y), 16, shuffle=True, rng=5)
    for _ in range(3):
        total = 0.0
        for x, target in loader:
            given["optimizer"].zero_grad()
            loss = given["loss"](other(x), target)
            loss.backward()
            given["optimizer"].step()
            total += loss.item() * len(x)
        losses.append(total / len(X))
    assert same_weights(model, other)
    assert history["loss"] == losses


def test_arrays_a_dataset_a_loader_and_a_list_of_batches_train_alike():
    X, y = blobs()
    batches = [(X[i : i + 16], y[i : i + 16]) for i in range(0, 60, 16)]
    trained = []
    for data, more in (
        ((X, y), {"batch_size": 16, "shuffle": False}),
        (xe.data.Dataset(X, y), {"batch_size": 16, "shuffle": False}),
        (DataLoader((X, y), 16), {}),
        (batches, {}),
        ([list(batch) for batch in batches], {}),
    ):
        model, arguments = trainable()
        fit(model, data, epochs=2, **arguments, **more)
        trained.append(model)
    assert all(same_weights(trained[0], model) for model in trained[1:])


def test_arrays_are_shuffled_by_the_seed():
    X, y = blobs()
    losses = []
    for seed in (1, 1, 2):
        xe.seed(seed)
        model, arguments = trainable()
        losses.append(fit(model, (X, y), epochs=2, batch_size=7, **arguments)["loss"])
    assert losses[0] == losses[1] != losses[2]


def test_several_inputs_come_before_the_target():
    class Add(nn.Module):
        def __init__(self):
            self.w = xe.tensor(np.zeros(2), requires_grad=True)

        def forward(self, a, b):
            return (a + b) @ self.w

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30, 2))
    model = Add()
    history = fit(
        model, (a, b, (a + b) @ [1.0, -2.0]), epochs=60, loss=lambda z, t: ((z - t) ** 2).mean(),
        optimizer=optim.SGD(model.parameters(), lr=0.1), progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(model.w.data, [1.0, -2.0], atol=1e-6)
    assert history["loss"][-1] < 1e-10


def test_any_object_with_parameters_can_be_trained():
    class Line:
        def __init__(self):
            self.slope = xe.tensor(0.0, requires_grad=True)

        def parameters(self):
            return [self.slope]

        def __call__(self, x):
            return self.slope * x

    line, x = Line(), np.linspace(-1, 1, 20)
    optimizer = optim.SGD(line.parameters(), lr=0.5)
    fit(line, (x, 3 * x), epochs=60, loss=lambda z, t: ((z - t) ** 2).mean(), optimizer=optimizer, progress=False)
    assert line.slope.item() == pytest.approx(3.0)


def test_validation_and_metrics_are_measured_on_all_samples_without_training_on_them():
    X, y = blobs()
    Xv, yv = blobs(25, seed=1)
    model, arguments = trainable()

    def accuracy(output, target):
        assert isinstance(output, np.ndarray) and isinstance(target, np.ndarray)
        return np.mean(output.argmax(1) == target)

    history = fit(
        model, (X, y), epochs=2, validation=(Xv, yv), batch_size=7, metrics={"accuracy": accuracy}, **arguments
    )
    assert list(history) == ["loss", "accuracy", "validation loss", "validation accuracy"]
    with xe.no_grad():
        output = model(Xv)
    assert history["validation loss"][-1] == pytest.approx(arguments["loss"](output, yv).item(), rel=1e-12)
    assert history["validation accuracy"][-1] == np.mean(output.data.argmax(1) == yv)


def test_the_model_is_in_training_mode_while_it_trains_and_has_its_modes_back_after():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(self.training)
            return x

    model = nn.Sequential(Spy(), nn.Linear(2, 3, rng=0), nn.Sequential(Spy()))
    model.eval()
    model[2].train()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    data = blobs(8)
    fit(model, data, epochs=1, validation=data, loss=nn.CrossEntropyLoss(), optimizer=optimizer, progress=False)
    assert seen == [True, True, False, False]
    assert not model.training and not model[0].training and model[2].training and model[2][0].training


def test_a_schedule_is_called_after_each_epoch_or_each_step():
    data = blobs(20)
    rates = {}
    for every in ("epoch", "step"):
        model, arguments = trainable(rate=1e-3)
        schedule = optim.StepLR(arguments["optimizer"], step_size=1, gamma=0.5)
        history = fit(model, data, epochs=3, batch_size=10, schedule=schedule, schedule_every=every, **arguments)
        rates[every] = history["lr"]
    assert rates["epoch"] == [1e-3, 5e-4, 2.5e-4]
    assert rates["step"] == [1e-3 / 4, 1e-3 / 16, 1e-3 / 64]


def test_a_schedule_that_looks_at_a_loss_gets_the_validation_loss():
    seen = []

    class Watching:
        def step(self, metric):
            seen.append(metric)

        def state_dict(self):
            return {}

    model, arguments = trainable()
    history = fit(model, blobs(), epochs=2, validation=blobs(9, 1), schedule=Watching(), **arguments)
    assert seen == history["validation loss"]
    model, arguments = trainable()
    plateau = optim.ReduceLROnPlateau(arguments["optimizer"], factor=0.5, patience=0, threshold=1.0)
    history = fit(model, blobs(), epochs=4, schedule=plateau, **arguments)
    assert history["lr"][-1] < history["lr"][0]
    with pytest.raises(ArgumentError, match="known after an epoch"):
        fit(model, blobs(), epochs=1, schedule=plateau, schedule_every="step", **arguments)


def test_gradients_are_clipped_to_the_norm():
    norms = []

    class Norm(Callback):
        def on_batch(self, run):
            norms.append(sum(float(np.sum(p.grad**2)) for p in run.model.parameters()) ** 0.5)

    model, arguments = trainable()
    fit(model, blobs(), epochs=1, clip_norm=1e-3, callbacks=[Norm()], **arguments)
    assert all(norm <= 1e-3 * (1 + 1e-9) for norm in norms)


def test_dtype_casts_the_model_and_the_batches():
    X, y = blobs()
    seen = set()

    def loss(output, target):
        seen.add((output.dtype, target.dtype))
        return nn.CrossEntropyLoss()(output, target)

    for data in ((X, y), [(X, y)], DataLoader((X, y), 30)):
        model, arguments = trainable()
        fit(model, data, epochs=1, dtype=np.float32, validation=(X, y), **{**arguments, "loss": loss})
        assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert seen == {(np.dtype(np.float32), y.dtype)}


def test_parameters_that_the_optimizer_does_not_hold_stay_and_gather_no_gradient():
    model = mlp()
    before = model[0].weight.numpy()
    optimizer = optim.SGD(model[2].parameters(), lr=0.1)
    with pytest.warns(OptimizerWarning, match=r"SGD does not hold '0.weight', '0.bias': they stay as they are") as told:
        fit(model, blobs(), epochs=1, loss=nn.CrossEntropyLoss(), optimizer=optimizer, progress=False)
    assert len(told) == 1 and told[0].filename == __file__
    np.testing.assert_array_equal(model[0].weight.data, before)
    one_batch = model[0].weight.grad
    assert np.abs(one_batch).max() < 10


# -- stopping ----------------------------------------------------------------------------------------------------------


class Scripted:
    """A loss whose validation values are given."""

    def __init__(self, values):
        self.values, self.i = values, -1

    def __call__(self, output, target):
        if output.requires_grad:
            return (output * 0).sum() + 1.0 + (output**2).mean() * 1e-3
        self.i += 1
        return xe.tensor(self.values[self.i])


def test_patience_stops_when_the_validation_loss_gets_no_better():
    model, arguments = trainable()
    arguments["loss"] = Scripted([3.0, 2.0, 2.5, np.nan, 2.0, 1.0, 1.0])
    data = blobs(6)
    history = fit(model, data, epochs=7, validation=data, patience=3, **arguments)
    assert history["validation loss"][:3] == [3.0, 2.0, 2.5] and history.epochs == 5
    assert history.stopped == "stopped early: no better for 3 epochs"
    assert history.best_epoch == 1 and not history.interrupted


def test_keep_best_gives_the_weights_of_the_best_epoch_back():
    model, arguments = trainable()
    arguments["loss"] = Scripted([3.0, 1.0, 2.0, 2.0])
    data = blobs(6)
    kept = []

    class Keep(Callback):
        def on_epoch(self, run):
            kept.append(run.model.state_dict())

    fit(model, data, epochs=4, validation=data, keep_best=True, callbacks=[Keep()], **arguments)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, kept[1][name])
    assert not np.array_equal(kept[1]["0.weight"], kept[3]["0.weight"])


def test_callbacks_are_called_in_order_and_can_stop():
    calls = []

    class Log(Callback):
        def on_start(self, run):
            calls.append("start")

        def on_batch(self, run):
            calls.append((run.epoch, run.step, len(run.batch[0]), round(run.last_loss, 3) > 0))
            if run.step == 5:
                run.stop("enough")

        def on_epoch(self, run):
            calls.append(f"epoch {run.epoch}: {len(run.history['loss'])}")

        def on_end(self, run):
            calls.append("end")

    model, arguments = trainable()
    history = fit(model, blobs(20), epochs=9, batch_size=8, callbacks=[Log()], **arguments)
    assert calls == [
        "start", (0, 1, 8, True), (0, 2, 8, True), (0, 3, 4, True), "epoch 1: 1", (1, 4, 8, True), (1, 5, 8, True),
        "end",
    ]  # fmt: skip
    assert history.stopped == "enough" and history.epochs == 1


class PressAt(Callback):
    def __init__(self, step, times=1):
        self.step, self.times = step, times

    def on_batch(self, run):
        if run.step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_after_the_step_and_returns_what_there_is():
    model, arguments = trainable()
    before = signal.getsignal(signal.SIGINT)
    history = fit(model, blobs(20), epochs=9, batch_size=8, steps=True, callbacks=[PressAt(5)], **arguments)
    assert history.interrupted and history.stopped == "interrupted"
    assert history.epochs == 1 and len(history.steps["loss"]) == 5
    assert signal.getsignal(signal.SIGINT) is before
    assert "interrupted" in repr(history)


def test_ctrl_c_in_an_update_lets_it_end():
    class Slow(optim.SGD):
        def step(self, closure=None):
            if self.count == 2:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            self.count += 1
            super().step()

    data, trained = blobs(20), []
    for kind in (Slow, optim.SGD):
        model, arguments = trainable(kind=kind)
        arguments["optimizer"].count = 0
        callbacks = [] if kind is Slow else [PressAt(3)]
        history = fit(model, data, epochs=9, batch_size=8, shuffle=False, callbacks=callbacks, **arguments)
        assert history.interrupted
        trained.append(model)
    assert same_weights(*trained)


def test_a_second_ctrl_c_breaks_a_step_off_and_undoes_its_forward_pass():
    model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 3, rng=1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    calls, at_two = [], []

    def loss(output, target):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return nn.CrossEntropyLoss()(output, target)

    class Keep(Callback):
        def on_batch(self, run):
            at_two[:] = [run.model.state_dict()]

    history = fit(
        model, blobs(40), epochs=2, batch_size=10, loss=loss, optimizer=optimizer, callbacks=[Keep()], progress=False
    )
    assert history.interrupted and history.epochs == 0
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, at_two[0][name])


def test_fit_runs_in_a_thread_that_gets_no_signals():
    model, arguments = trainable()
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(model, blobs(), epochs=2, **arguments)))
    thread.start()
    thread.join()
    assert found[0].epochs == 2


# -- what is refused ---------------------------------------------------------------------------------------------------


def refused(kind, match, *, model=None, data=None, **changes):
    made, arguments = trainable()
    arguments = {"epochs": 1, **arguments, **changes}
    with pytest.raises(kind, match=match) as caught:
        fit(made if model is None else model, blobs() if data is None else data, **arguments)
    return str(caught.value)


def test_a_loss_by_keywords_is_refused_with_what_to_write():
    message = refused(DTypeError, "takes labels=, logits= by keyword",
                      loss=xe.losses.sparse_softmax_cross_entropy_with_logits)  # fmt: skip
    assert "loss=xe.nn.CrossEntropyLoss(), or loss=lambda output, target: " in message
    written = message.split(", or loss=")[1].rstrip(".")
    model, arguments = trainable()
    history = fit(model, blobs(), epochs=1, **{**arguments, "loss": eval(written)})
    assert history.epochs == 1
    for function in (xe.losses.mse, xe.losses.huber, xe.losses.mae, xe.losses.sigmoid_cross_entropy_with_logits):
        message = refused(DTypeError, "by keyword", loss=function)
        assert "labels=target" in message and "=output" in message
        assert isinstance(eval(message.split("loss=")[1].split(",")[0]), nn.Module)

    def mine(*, wanted, got):
        return got

    assert "mine(wanted=output, got=output)" in refused(DTypeError, "by keyword", loss=mine)


def test_a_loss_of_many_numbers_or_none_is_refused():
    assert 'reduction="mean"' in refused(
        ShapeError, r"shape \(32,\); expected a single number", loss=nn.CrossEntropyLoss(reduction="none")
    )
    refused(DTypeError, "returned a float; expected a Tensor", loss=lambda output, target: output.sum().item())
    refused(DTypeError, "loss is the class", loss=nn.CrossEntropyLoss)
    refused(DTypeError, "loss is 'mse'", loss="mse")


def test_an_optimizer_of_another_model_is_refused():
    message = refused(ArgumentError, "none of which is the model's", model=mlp())
    assert "SGD(model.parameters(), ...)" in message
    refused(DTypeError, "optimizer is the class SGD", optimizer=optim.SGD)
    refused(DTypeError, "optimizer is 'adam'", optimizer="adam")
    model = mlp()
    refused(DTypeError, "LBFGS computes the loss several times", model=model, optimizer=optim.LBFGS(model.parameters()))


def test_a_model_that_has_nothing_to_train_is_refused():
    class Empty(nn.Module):
        def forward(self, x):
            return x

    refused(ArgumentError, "has no parameters", model=Empty())
    refused(DTypeError, "expected a xe.nn.Module", model=lambda x: x)
    refused(DTypeError, "model is the class Linear", model=nn.Linear)
    refused(ArgumentError, "frozen", model=mlp().requires_grad_(False))


def test_data_that_are_no_batches_are_refused():
    X, y = blobs()
    assert "data=(X, y)" in refused(DTypeError, "one ndarray, without targets", data=X)
    refused(DTypeError, "one list", data=[X, y])
    refused(ArgumentError, r"data=\(X, X\)", data=(X,))
    refused(DTypeError, "batch 0 of data is a ndarray", data=DataLoader(X))
    refused(DTypeError, "data is a int", data=3)
    refused(ArgumentError, "gave no batch in epoch 0", data=iter(()))
    refused(DTypeError, "one list", data=[])
    refused(ArgumentError, "gone through once", data=iter([(X, y)]), epochs=2)
    refused(ArgumentError, "makes its own batches", data=DataLoader((X, y)), batch_size=3)
    refused(ArgumentError, "makes its own batches", data=[(X, y)], shuffle=True)
    refused(ArgumentError, "validation gave no batch", validation=iter(()))


def test_a_generator_that_is_used_up_is_named_in_its_epoch():
    X, y = blobs()

    class Once:
        def __init__(self):
            self.batches = iter([(X, y)])

        def __iter__(self):
            return self.batches

    refused(ArgumentError, "gave no batch in epoch 1", data=Once(), epochs=2)


@pytest.mark.parametrize("changes", [
    {"epochs": 0}, {"epochs": 1.5}, {"epochs": True}, {"patience": 0}, {"record": -1}, {"checkpoint_every": 0},
    {"checkpoint_every": "step"}, {"clip_norm": 0}, {"resume": True}, {"schedule_every": "batch"},
    {"metrics": {"loss": np.mean}},
])  # fmt: skip
def test_values_out_of_range_are_refused(changes):
    refused(ArgumentError, f"{next(iter(changes))}|can't be called|folder", **changes)


def test_wrong_kinds_are_refused():
    refused(DTypeError, "metrics must be a dict", metrics=[np.mean])
    refused(DTypeError, "callbacks is", callbacks=[lambda run: None])
    refused(DTypeError, "schedule must be", schedule=optim.StepLR)


# -- numbers that are not finite ---------------------------------------------------------------------------------------


def test_a_loss_that_is_nan_stops_with_the_line_and_leaves_the_model_as_it_was():
    X, y = blobs(40)
    X[25] = np.inf
    model, arguments = trainable()
    states = []

    class Keep(Callback):
        def on_batch(self, run):
            states.append(run.model.state_dict())

    def loss(output, target):
        return arguments["loss"](output - output.max(), target)

    wanted = pytest.raises(NonFiniteError, match="fit: the loss is nan at step 6")
    with np.errstate(invalid="ignore"), wanted as caught:
        fit(
            model, [(X[:10], y[:10]), (X[10:20], y[10:20])] * 3 + [(X[20:30], y[20:30])], epochs=2,
            callbacks=[Keep()], steps=True, **{**arguments, "loss": loss},
        )  # fmt: skip
    error = caught.value
    assert "forward: " in str(error) and "(epoch 0, batch 6)" in str(error)
    assert error.step == 6 and error.epoch == 0
    assert len(error.history.steps["loss"]) == 7 and np.isnan(error.history.steps["loss"][-1])
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, states[-1][name])
    assert all(p.grad is None for p in model.parameters())


def test_a_gradient_that_is_not_finite_never_reaches_the_weights():
    class Root(nn.Module):
        def __init__(self):
            self.w = xe.tensor(np.array([1.0, 0.0]), requires_grad=True)

        def forward(self, x):
            return np.sqrt(self.w) * x

    for more in ({}, {"clip_norm": 1.0}):
        model = Root()
        with pytest.raises(NonFiniteError, match="gradient of 'w' is not finite at step 0") as caught:
            fit(
                model, [(np.ones(2), np.ones(2))], epochs=1, loss=lambda z, t: ((z - t) ** 2).mean(),
                optimizer=optim.SGD(model.parameters(), lr=0.1), progress=False, **more,
            )  # fmt: skip
        assert "the gradient rule of sqrt" in str(caught.value) and "return np.sqrt(self.w) * x" in str(caught.value)
        np.testing.assert_array_equal(model.w.data, [1.0, 0.0])


def test_no_group_of_an_optimizer_is_updated_when_the_gradient_of_another_is_not_finite():
    class Two(nn.Module):
        def __init__(self):
            self.a = xe.tensor(np.array([1.0, 2.0]), requires_grad=True)
            self.b = xe.tensor(np.array([4.0, 0.0]), requires_grad=True)

        def forward(self, x):
            return self.a * x + np.sqrt(self.b)

    model = Two()
    groups = [{"params": [model.a]}, {"params": [model.b], "lr": 1e-3}]
    optimizer = optim.Adam(groups, lr=0.1)
    with pytest.raises(NonFiniteError, match="gradient of 'b' is not finite at step 0"):
        fit(
            model, [(np.ones(2), np.ones(2))], epochs=1, loss=lambda z, t: ((z - t) ** 2).mean(), optimizer=optimizer,
            progress=False,
        )  # fmt: skip
    np.testing.assert_array_equal(model.a.data, [1.0, 2.0])
    np.testing.assert_array_equal(model.b.data, [4.0, 0.0])
    assert not optimizer.state_dict()["state"]
    model.a.grad = np.full(2, np.inf)
    with np.errstate(invalid="ignore"):
        optimizer.step()  # outside of fit an optimizer does what it is told
    assert not np.isfinite(model.a.data).any()


def test_numpys_warnings_do_not_come_before_the_error_of_fit():
    model = nn.Linear(1, 1, rng=0)
    batch, target = np.full((4, 1), 1e4), np.ones((4, 1))
    arguments = {"optimizer": optim.SGD(model.parameters(), lr=0.1), "epochs": 1, "progress": False}
    loss = lambda output, target: np.exp(output * output).mean()
    with pytest.raises(NonFiniteError, match="exp made"):
        fit(model, [(batch, target)], loss=loss, **arguments)
    with pytest.raises(NonFiniteError, match="exp made"):
        fit(model, [(batch, target)], loss=loss, debug=True, **arguments)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):  # asked for by the user
        fit(model, [(batch, target)], loss=loss, **arguments)
    with pytest.raises(NonFiniteError) as caught:
        fit(model, [(batch * 1e-8, target), (batch, target)], loss=loss, record=1, **arguments)
    assert caught.value.history.at(1).loss.item() == np.inf

    def metric(output, target):
        return np.exp(np.float64(1e4))

    with pytest.warns(RuntimeWarning, match="overflow"):
        fit(model, [(batch * 1e-8, target)], loss=loss, metrics={"metric": metric}, **arguments)


def test_a_failed_training_leaves_the_optimizer_as_it_was():
    model, arguments = trainable()
    fit(model, blobs(), epochs=1, **arguments)
    assert arguments["optimizer"].refuses_nonfinite is False
    with pytest.raises(NonFiniteError):
        fit(model, [(np.full((3, 2), np.nan), np.zeros(3, int))], epochs=1, **arguments)
    assert arguments["optimizer"].refuses_nonfinite is False


def test_an_optimizer_of_ones_own_whose_step_knows_nothing_of_it_is_guarded_too():
    class Plain(optim.SGD):
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.assign(p.data - 0.1 * p.grad)

    model = nn.Linear(1, 1, rng=0)
    before = model.state_dict()
    loss = lambda output, target: np.sqrt(output * 0).sum()
    with pytest.raises(NonFiniteError, match="the gradient of 'weight' is not finite at step 0"):
        fit(
            model, [(np.ones((2, 1)), np.ones(2))], loss=loss, optimizer=Plain(model.parameters()), epochs=1,
            progress=False,
        )  # fmt: skip
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_gradients_whose_squares_overflow_are_no_failure():
    model, arguments = trainable(rate=1e-30)
    loss = lambda output, target: (output * 1e25).sum()
    fit(model, blobs(), epochs=1, dtype=np.float32, **{**arguments, "loss": loss})


def test_buffers_and_generators_are_put_back_for_the_report():
    model = nn.Sequential(nn.Linear(2, 6, rng=0), nn.BatchNorm1d(6), nn.Dropout(0.5, rng=3), nn.Linear(6, 3, rng=1))
    masks = []
    model[2].register_forward_hook(lambda module, args, out: masks.append(out.data == 0))
    X, y = blobs(30)
    bad = X.copy()
    bad[0] = np.nan
    means = []

    class Keep(Callback):
        def on_batch(self, run):
            means.append(run.model[1].running_mean.numpy())

    with pytest.raises(NonFiniteError, match="at step 2"):
        fit(
            model, [(X, y), (X, y), (bad, y)], epochs=1, loss=nn.CrossEntropyLoss(), callbacks=[Keep()], progress=False,
            optimizer=optim.SGD(model.parameters(), lr=0.1),
        )  # fmt: skip
    np.testing.assert_array_equal(masks[2], masks[3])  # the failed step, and its repetition
    assert not np.array_equal(masks[1], masks[2])
    np.testing.assert_array_equal(model[1].running_mean.data, means[-1])
    assert model[1].num_batches_tracked.item() == 2


def test_a_failure_leaves_generators_that_no_step_draws_from_where_they_are():
    X, y = blobs(30)
    bad = X.copy()
    bad[7] = np.nan
    draws = []
    for data in ((bad, y), (X, y)):
        xe.seed(4)
        model, arguments = trainable()
        with np.errstate(invalid="ignore"), contextlib.suppress(NonFiniteError):
            fit(model, data, epochs=1, **arguments)
        draws.append(xe.random.generator().random())
    assert draws[0] == draws[1]


def test_debug_names_what_ordinary_training_would_pass_over():
    X, y = blobs(10)

    class Hidden(nn.Module):
        def __init__(self):
            self.linear, self.unused = nn.Linear(2, 3, rng=0), xe.tensor(np.zeros(2), requires_grad=True)

        def forward(self, x):
            return self.linear(x)

    model = Hidden()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    arguments = {"epochs": 1, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "progress": False, "debug": True}
    with pytest.warns(OptimizerWarning, match="does not depend on 'unused'"):
        fit(model, (X, y), **arguments)
    before = model.state_dict()
    arguments["loss"] = lambda output, target: 1 / np.sqrt(np.square(output * 0).sum())
    with np.errstate(divide="ignore"), pytest.raises(NonFiniteError, match="forward: divide made inf") as caught:
        fit(model, (X, y), **arguments)
    assert caught.value.history is not None and caught.value.step == 0
    np.testing.assert_array_equal(model.linear.weight.data, before["linear.weight"])


# -- progress ----------------------------------------------------------------------------------------------------------


def test_without_a_terminal_there_is_one_plain_line_per_tenth(capsys):
    model, arguments = trainable()
    fit(model, blobs(), epochs=30, batch_size=16, validation=blobs(9, 1), **{**arguments, "progress": True})
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert not out and "\r" not in err
    assert [line.split("%")[0].strip() for line in lines] == [str(10 * k) for k in range(1, 11)]
    assert "step 120, epoch 30/30, loss " in lines[-1] and "validation loss" in lines[-1]


def test_data_of_unknown_length_show_progress_by_epochs(capsys):
    X, y = blobs()

    class Stream:
        def __iter__(self):
            yield X, y

    model, arguments = trainable()
    fit(model, Stream(), epochs=20, **{**arguments, "progress": True})
    assert len(capsys.readouterr().err.splitlines()) == 10


def test_progress_false_prints_nothing(capsys):
    model, arguments = trainable()
    fit(model, blobs(), epochs=2, **arguments)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_tqdm_draws_a_bar_a_few_times_a_second(monkeypatch, capsys):
    pytest.importorskip("tqdm", reason="tqdm, of the extra [progress], is not installed")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    model, arguments = trainable()
    fit(model, blobs(), epochs=100, batch_size=16, **{**arguments, "progress": True})
    err = capsys.readouterr().err
    assert "400/400" in err and "loss" in err
    assert err.count("\r") < 30


def test_without_tqdm_a_terminal_gets_plain_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    model, arguments = trainable()
    fit(model, blobs(), epochs=10, **{**arguments, "progress": True})
    assert len(capsys.readouterr().err.splitlines()) == 10
