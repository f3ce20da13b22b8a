"""What belongs to a training beside the model: a loss with parameters, generators and modules further down."""

import os
import signal

import numpy as np
import pytest
from training_samples import blobs, mlp

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.data import DataLoader
from tinygrad_xe.errors import ArgumentError, DTypeError, NonFiniteError
from tinygrad_xe.training import Callback, fit


class Tempered(nn.Module):
    """Cross-entropy at a temperature that is learnt, and a buffer that counts."""

    def __init__(self):
        self.log_t = xe.tensor(0.3, requires_grad=True)
        self.register_buffer("calls", np.array(0))

    def forward(self, output, target):
        self.calls = self.calls.data + 1
        return nn.CrossEntropyLoss()(output * np.exp(-self.log_t), target) + 0.01 * self.log_t**2


class Halt(Callback):
    def __init__(self, step=None):
        self.step = step

    def on_batch(self, run):
        if run.step == self.step:
            raise RuntimeError("halt")


def with_loss(epochs=3, stop=None, lr=0.05, **more):
    xe.seed(0)
    model, loss = mlp(), Tempered()
    optimizer = optim.Adam([*model.parameters(), *loss.parameters()], lr=lr)
    history = fit(model, blobs(), loss=loss, optimizer=optimizer, epochs=epochs, batch_size=20, progress=False,
                  callbacks=[Halt(stop)], **more)  # fmt: skip
    return history, model.state_dict() | {f"loss.{name}": value for name, value in loss.state_dict().items()}


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.tobytes() == other[name].tobytes(), name


def test_the_parameters_of_a_loss_are_in_checkpoints(tmp_path):
    history, whole = with_loss()
    with pytest.raises(RuntimeError):
        with_loss(stop=5, checkpoint=tmp_path, checkpoint_every=2)
    resumed, weights = with_loss(checkpoint=tmp_path, checkpoint_every=2, resume=True)
    assert resumed == history
    same(weights, whole)


def test_parameters_that_only_the_optimizer_knows_are_in_checkpoints_too(tmp_path):
    def run(epochs, **where):
        xe.seed(0)
        model, scale = mlp(), xe.tensor(1.0, requires_grad=True)
        optimizer = optim.SGD([*model.parameters(), scale], lr=0.05)
        loss = lambda output, target: nn.CrossEntropyLoss()(output * scale, target)
        fit(model, blobs(), loss=loss, optimizer=optimizer, epochs=epochs, progress=False, **where)
        return model.state_dict() | {"scale": scale.numpy()}

    whole = run(4)
    run(2, checkpoint=tmp_path)
    same(run(4, checkpoint=tmp_path, resume=True), whole)


def test_keep_best_and_the_past_have_the_parameters_of_a_loss():
    X, y = blobs(20, 1)
    history, weights = with_loss(epochs=4, keep_best=True, validation=(X, (y + 1) % 3), record=4)
    assert history.best_epoch == 0
    np.testing.assert_array_equal(weights["loss.log_t"], with_loss(epochs=1, keep_best=True)[1]["loss.log_t"])
    for step in (0, 5, 11):
        moment = history.at(step)
        assert moment.loss.item() == history.steps["loss"][step] and "loss.log_t" in moment.gradients


def test_the_norm_that_is_clipped_has_the_gradient_of_a_loss():
    norms = []

    class Norm(Callback):
        def on_batch(self, run):
            held = run.optimizer.param_groups[0]["params"]
            norms.append(sum(float(np.vdot(p.grad, p.grad)) for p in held) ** 0.5)

    model, loss = mlp(), Tempered()
    optimizer = optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    fit(model, blobs(), loss=loss, optimizer=optimizer, epochs=2, clip_norm=1e-3, callbacks=[Norm()], progress=False)
    np.testing.assert_allclose(norms, 1e-3, rtol=1e-3)


def test_a_failed_step_leaves_the_loss_as_it_was():
    X, y = blobs(20)
    bad = np.where(np.arange(20)[:, None] == 3, np.nan, X)
    model, loss = mlp(), Tempered()
    optimizer = optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    with pytest.raises(NonFiniteError, match="at step 2"):
        fit(model, [(X, y), (X, y), (bad, y)], loss=loss, optimizer=optimizer, epochs=1, progress=False)
    assert loss.calls.item() == 2 and loss.log_t.grad is None


def test_a_schedule_of_another_optimizer_is_refused():
    model = mlp()
    optimizer, other = (optim.SGD(model.parameters(), lr=0.1) for _ in range(2))
    with pytest.raises(ArgumentError, match="the schedule, a StepLR, belongs to another optimizer"):
        fit(model, blobs(), loss=nn.CrossEntropyLoss(), optimizer=optimizer, schedule=optim.StepLR(other, 1), epochs=1)


class Wrapped:
    """Batches of a loader that it holds, with noise of a generator one further down."""

    class Noise:
        def __init__(self):
            self.rng = np.random.default_rng(1)

    def __init__(self):
        self.loader, self.noise = DataLoader(blobs(), 10, shuffle=True, rng=3), self.Noise()

    def __iter__(self):
        for x, y in self.loader:
            yield x + 0.1 * self.noise.rng.standard_normal(x.shape), y

    def __len__(self):
        return len(self.loader)


def train(data, epochs=4, model=None, **more):
    xe.seed(0)
    model = mlp() if model is None else model
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    history = fit(model, data, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=epochs, progress=False, **more)
    return history, [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("stop", [4, 12, 15])
def test_generators_in_objects_that_the_data_hold_go_on(tmp_path, stop):
    history, whole = train(Wrapped(), callbacks=[Halt()])
    with pytest.raises(RuntimeError):
        train(Wrapped(), callbacks=[Halt(stop)], checkpoint=tmp_path, checkpoint_every=4)
    resumed, weights = train(Wrapped(), callbacks=[Halt()], checkpoint=tmp_path, checkpoint_every=4, resume=True)
    assert resumed == history
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights))


def test_looking_back_leaves_the_generators_of_the_data_where_they_are():
    data = Wrapped()
    history, _ = train(data, record=5)
    before = [rng.bit_generator.state for rng in (data.noise.rng, data.loader._rng)]
    history.at(7)
    assert before == [rng.bit_generator.state for rng in (data.noise.rng, data.loader._rng)]


def test_a_generator_that_can_not_be_saved_is_refused():
    data = Wrapped()
    data.noise.rng = np.random.RandomState(0)
    with pytest.raises(ArgumentError, match=r"data.noise.rng is a numpy.random.*RandomState"):
        train(data)


@pytest.mark.parametrize("stop", [9, 12])
def test_another_loop_over_the_loader_in_a_callback_does_not_move_the_checkpoint(tmp_path, stop):
    class Peek(Callback):
        def __init__(self, loader):
            self.loader = loader

        def on_batch(self, run):
            if run.step == 7:
                next(iter(self.loader))

    def run(stop=None, **where):
        loader = DataLoader(blobs(), 10, shuffle=True, rng=0)
        return train(loader, callbacks=[Peek(loader), Halt(stop)], **where)

    history, whole = run()
    with pytest.raises(RuntimeError):
        run(stop, checkpoint=tmp_path, checkpoint_every=8 if stop == 9 else 11)
    resumed, weights = run(checkpoint=tmp_path, checkpoint_every=8 if stop == 9 else 11, resume=True)
    assert resumed == history
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights))


def test_a_loader_that_is_its_own_validation_is_resumed_in_the_middle_of_an_epoch(tmp_path):
    def run(stop=None, **where):
        loader = DataLoader(blobs(), 10, shuffle=True, rng=0)
        return train(loader, validation=loader, callbacks=[Halt(stop)], **where)

    history, whole = run()
    with pytest.raises(RuntimeError):
        run(11, checkpoint=tmp_path, checkpoint_every=10)
    resumed, weights = run(checkpoint=tmp_path, checkpoint_every=10, resume=True)
    assert resumed == history
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights))


class Plain:
    """A model that is no Module, but holds one."""

    def __init__(self):
        self.net = nn.Sequential(nn.Linear(2, 8, rng=0), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3, rng=1))

    def __call__(self, x):
        return self.net(x)

    def parameters(self):
        return self.net.parameters()


def test_modules_in_the_attributes_of_a_plain_model_are_validated_and_saved(tmp_path):
    def run(model, epochs, **where):
        return train(blobs(), epochs, model, validation=blobs(20, 1), **where)[0], None

    inner = Plain()
    whole, by_module = Plain(), train(blobs(), 4, inner.net, validation=blobs(20, 1))[0]
    history, _ = run(whole, 4)
    assert history == by_module
    run(Plain(), 2, checkpoint=tmp_path)
    model = Plain()
    assert run(model, 4, checkpoint=tmp_path, resume=True)[0] == history
    same(model.net.state_dict(), whole.net.state_dict())


def test_a_generator_that_a_later_step_draws_from_first_is_named():
    class Late(nn.Module):
        def __init__(self):
            self.line, self.noise, self.calls = nn.Linear(2, 3, rng=0), np.random.default_rng(0), 0

        def forward(self, x):
            self.calls += 1
            out = self.line(x)
            if self.calls > 2 and self.noise.random() >= 0.5:
                out = out * np.inf
            return out

    with pytest.raises(NonFiniteError, match=r"that the first step did not draw from: model\.noise\."):
        train([blobs()], 9, Late())


def test_a_validation_loss_that_is_nan_is_in_the_history_and_never_the_best():
    X, y = blobs(20)
    history, _ = train(blobs(), 3, validation=(X * np.nan, y), keep_best=True)
    assert np.isnan(history["validation loss"]).all() and history.best_epoch is None


def test_ctrl_c_after_the_last_step_is_told():
    class Press(Callback):
        def on_end(self, run):
            os.kill(os.getpid(), signal.SIGINT)

    history, _ = train(blobs(), 1, callbacks=[Press()])
    assert history.interrupted and history.epochs == 1


def test_layers_that_a_callback_has_unfrozen_are_trained_on_after_a_resumption(tmp_path):
    class Thaw(Callback):
        def on_epoch(self, run):
            if run.epoch == 1:
                run.model[0].requires_grad_(True)

    def run(epochs, **more):
        model = mlp()
        model[0].requires_grad_(False)
        return model, train(blobs(), epochs, model, callbacks=[Thaw()], **more)

    first, (history, whole) = run(3, record=1)
    _, _ = run(2, checkpoint=tmp_path)
    _, (resumed, weights) = run(3, checkpoint=tmp_path, resume=True)
    assert resumed["loss"] == history["loss"]
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights))
    start = mlp()[0].weight.data
    moments = [history.at(step) for step in (0, 5)]
    assert "0.weight" not in moments[0].gradients and "0.weight" in moments[1].gradients
    np.testing.assert_array_equal(moments[0].model[0].weight.data, start)
    assert first[0].weight.requires_grad


def test_steps_that_were_written_down_are_not_dropped(tmp_path):
    whole, _ = train(blobs(), 3, steps=True)
    train(blobs(), 2, steps=True, checkpoint=tmp_path)
    assert train(blobs(), 3, checkpoint=tmp_path, resume=True)[0].steps == whole.steps


def test_a_metric_that_gives_no_number_is_named():
    with pytest.raises(DTypeError, match=r"the metric 'rows' gave shape \(32, 3\); expected a number"):
        train(blobs(), 1, metrics={"rows": lambda output, target: output})
    with pytest.raises(DTypeError, match="the metric 'none' gave NoneType"):
        train(blobs(), 1, metrics={"none": lambda output, target: None})


def test_a_schedule_without_a_state_is_refused_where_it_would_be_needed(tmp_path):
    class Bare:
        def step(self):
            pass

    with pytest.raises(DTypeError, match="need a schedule with state_dict"):
        train(blobs(), 1, schedule=Bare(), checkpoint=tmp_path)
    train(blobs(), 1, schedule=Bare())


@pytest.mark.parametrize("changes, error, message", [
    ({"clip_norm": "a"}, ArgumentError, "clip_norm is 'a'; expected a number above 0"),
    ({"checkpoint": ""}, ArgumentError, 'checkpoint is ""; expected the name of a folder'),
])  # fmt: skip
def test_bad_values_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        train(blobs(), 1, **changes)


def test_a_step_that_is_no_whole_number_is_refused():
    history, _ = train(blobs(), 2, record=1)
    for step in (1.5, "a", True):
        with pytest.raises(DTypeError, match="expected a whole number, the step"):
            history.at(step)


def test_a_training_goes_on_when_standard_error_is_closed(monkeypatch):
    class Broken:
        def isatty(self):
            return False

        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

        def flush(self):
            raise BrokenPipeError(32, "Broken pipe")

    for stream in (Broken(), None):
        monkeypatch.setattr("sys.stderr", stream)
        model = mlp()
        optimizer = optim.SGD(model.parameters(), lr=0.05)
        assert fit(model, blobs(), loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=2).epochs == 2


def test_ctrl_c_in_a_training_inside_a_callback_ends_both():
    class Press(Callback):
        def on_batch(self, run):
            if run.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    class Nested(Callback):
        def on_epoch(self, run):
            self.inner = train(blobs(), 5, callbacks=[Press()])[0]

    nested = Nested()
    outer, _ = train(blobs(), 3, callbacks=[nested])
    assert nested.inner.interrupted and nested.inner.epochs == 1
    assert outer.interrupted and outer.epochs == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
