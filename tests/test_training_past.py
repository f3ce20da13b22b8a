"""history.at: a past step again, with its model, batch, graph and gradients."""

import re

import numpy as np
import pytest
from training_samples import blobs, same_weights, trainable

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.errors import BoundsError, GraphError, NonFiniteError
from tinygrad_xe.training import Callback, fit


class Keep(Callback):
    """The weights before each step, and the gradients, batch and loss of it."""

    def on_start(self, run):
        self.weights, self.gradients, self.batches, self.losses = [run.model.state_dict()], [], [], []

    def on_batch(self, run):
        self.weights.append(run.model.state_dict())
        self.gradients.append({name: p.grad.copy() for name, p in run.model.named_parameters()})
        self.batches.append(run.batch)
        self.losses.append(run.last_loss)


def noisy(rng=7):
    """A model that draws, and has buffers: everything that makes a step hard to make again."""
    return nn.Sequential(
        nn.Linear(2, 8, rng=0), nn.BatchNorm1d(8), np.tanh, nn.Dropout(0.3), nn.Linear(8, 8, rng=1),
        nn.Dropout(0.5, rng=rng), nn.Linear(8, 3, rng=2),
    )  # fmt: skip


def recorded(record=4, epochs=3, kind=optim.Adam, **more):
    xe.seed(3)
    model, keep = noisy(), Keep()
    optimizer = kind(model.parameters(), lr=0.01)
    schedule = optim.StepLR(optimizer, step_size=1, gamma=0.7)
    history = fit(
        model, blobs(), epochs=epochs, batch_size=9, validation=blobs(20, 1), loss=nn.CrossEntropyLoss(),
        optimizer=optimizer, schedule=schedule, record=record, callbacks=[keep], progress=False, **more,
    )  # fmt: skip
    return model, optimizer, history, keep


@pytest.mark.parametrize("record", [1, 4, 5, 1000])
def test_each_past_step_comes_again_to_the_bit(record):
    _, _, history, keep = recorded(record)
    assert len(history.steps["loss"]) == 21
    for step in (0, 3, 6, 7, 13, 20, 14):
        moment = history.at(step)
        assert (moment.step, moment.epoch) == (step, step // 7)
        assert moment.loss.item() == history.steps["loss"][step] == keep.losses[step]
        for name, value in moment.model.state_dict().items():
            if "running" not in name and "batches" not in name:  # its forward pass has moved the statistics on
                assert value.tobytes() == keep.weights[step][name].tobytes(), name
        assert moment.gradients.keys() == keep.gradients[step].keys()
        for name, gradient in moment.gradients.items():
            np.testing.assert_array_equal(gradient, keep.gradients[step][name])
        for part, then in zip(moment.batch, keep.batches[step]):
            np.testing.assert_array_equal(part, then)


def test_looking_back_changes_nothing():
    model, optimizer, history, _ = recorded()
    weights, state, text = model.state_dict(), repr(optimizer.state_dict()), history.to_json()
    generators = repr(xe.random.state())
    gradient = model[0].weight.grad.copy()
    mode = model.training
    history.at(9)
    assert model.state_dict().keys() == weights.keys()
    assert all(value.tobytes() == weights[name].tobytes() for name, value in model.state_dict().items())
    assert repr(optimizer.state_dict()) == state and history.to_json() == text
    assert repr(xe.random.state()) == generators and model.training is mode
    np.testing.assert_array_equal(model[0].weight.grad, gradient)


def test_a_training_goes_on_after_a_look_back_as_if_there_had_been_none():
    results = []
    for look in (False, True):
        model, optimizer, history, _ = recorded()
        if look:
            history.at(5)
        more = fit(model, blobs(), epochs=2, loss=nn.CrossEntropyLoss(), optimizer=optimizer, progress=False)
        results.append((model, more))
    assert same_weights(results[0][0], results[1][0]) and results[0][1] == results[1][1]


def test_steps_count_from_the_end_too_and_there_are_no_others():
    _, _, history, _ = recorded()
    assert history.at(-1).step == 20 and history.at(-21).step == 0
    for step in (21, -22, 1000):
        with pytest.raises(BoundsError, match=f"no step {step}; steps 0 to 20"):
            history.at(step)
    assert re.fullmatch(r"<step 20, in epoch 2: loss \d\.\d+>", repr(history.at(20)))


def test_the_graph_of_a_past_step_can_be_drawn_and_stepped_through():
    _, _, history, _ = recorded()
    moment = history.at(8)
    assert "0.weight" in str(xe.viz.graph(moment.loss).source) or "weight" in str(xe.viz.graph(moment.loss).source)
    assert xe.viz.explore(moment.loss) is not None
    np.testing.assert_array_equal(
        moment.record.cotangent_of(moment.model[0].weight.node), moment.gradients["0.weight"]
    )


def test_a_run_that_diverged_can_be_looked_into_at_the_step_that_failed():
    X, y = blobs(40)
    bad = X.copy()
    bad[3] = np.nan
    model, arguments = trainable()
    with np.errstate(invalid="ignore"), pytest.raises(NonFiniteError) as caught:
        fit(model, [(X, y)] * 5 + [(bad, y)], epochs=2, record=2, **arguments)
    error = caught.value
    with np.errstate(invalid="ignore"):
        moment = error.history.at(error.step)
    assert moment.step == 5 and np.isnan(moment.loss.item()) and np.isnan(moment.batch[0]).any()
    assert same_weights(moment.model, model)
    assert error.history.at(4).loss.item() == error.history.steps["loss"][4]


def test_data_that_were_changed_since_are_found_out():
    X, y = blobs()
    model, arguments = trainable()
    history = fit(model, [(X, y)], epochs=5, record=2, **arguments)
    weights = model.state_dict()
    X += 0.1
    with pytest.raises(GraphError, match=r"(?s)step 2 had the loss .* Data were changed since"):
        history.at(3)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, weights[name])


def test_a_hidden_generator_is_found_out():
    X, y = blobs()
    rng = np.random.default_rng(0)
    model, arguments = trainable()
    loss = lambda output, target: nn.CrossEntropyLoss()(output + rng.normal(size=output.shape), target)
    history = fit(model, [(X, y)], epochs=5, record=2, **{**arguments, "loss": loss})
    with pytest.raises(GraphError, match="numbers are drawn from a generator that fit does not know of"):
        history.at(3)


def test_early_stopping_and_the_best_weights_do_not_disturb_the_past():
    _, _, history, keep = recorded(record=6, epochs=30, patience=2, keep_best=True)
    assert history.epochs >= 3
    step = len(history.steps["loss"]) - 2
    moment = history.at(step)
    np.testing.assert_array_equal(moment.model[0].weight.data, keep.weights[step]["0.weight"])


def test_an_interrupted_training_can_be_looked_into():
    class Press(Callback):
        def on_batch(self, run):
            if run.step == 5:
                raise KeyboardInterrupt

    model, arguments = trainable()
    history = fit(model, blobs(), epochs=5, record=2, validation=blobs(), callbacks=[Press()], **arguments)
    assert history.interrupted and history.at(4).loss.item() == history.steps["loss"][4]


def test_a_loss_that_knows_the_model_gives_the_gradients_of_its_penalty_too():
    model, arguments = trainable()
    arguments["loss"] = lambda output, target: nn.CrossEntropyLoss()(output, target) + (model[0].weight ** 2).sum()
    keep = Keep()
    history = fit(model, blobs(), epochs=6, record=2, callbacks=[keep], **arguments)
    gradient, data = model[0].weight.grad.copy(), model[0].weight.numpy()
    moments = [history.at(step) for step in (0, 3)]
    for moment in moments:
        for name, value in moment.gradients.items():
            assert value.tobytes() == keep.gradients[moment.step][name].tobytes(), name
        for name, parameter in moment.model.named_parameters():
            assert parameter.data.tobytes() == keep.weights[moment.step][name].tobytes()
            np.testing.assert_array_equal(parameter.grad, moment.gradients[name])
    np.testing.assert_array_equal(model[0].weight.grad, gradient)
    np.testing.assert_array_equal(model[0].weight.data, data)


def test_the_past_of_a_training_that_goes_on_is_refused():
    class Look(Callback):
        def __init__(self):
            self.seen = []

        def on_batch(self, run):
            if run.step == 2:
                with pytest.raises(GraphError, match="this training is still going on"):
                    run.history.at(1)

        def on_end(self, run):
            self.seen.append(run.history.at(1).step)

    model, arguments = trainable()
    look = Look()
    fit(model, blobs(), epochs=3, batch_size=20, record=2, callbacks=[look], **arguments)
    assert look.seen == [1]


def test_a_loader_begins_its_next_epoch_after_a_look_back():
    loader = xe.data.DataLoader(blobs(), 10, shuffle=True, rng=0)

    class Press(Callback):
        def on_batch(self, run):
            if run.step == 8:
                raise KeyboardInterrupt

    model, arguments = trainable()
    history = fit(model, loader, epochs=3, record=2, callbacks=[Press()], **arguments)
    assert history.interrupted
    before = loader.state_dict()
    history.at(3)
    assert loader.state_dict() == before and len(list(loader)) == len(loader)
