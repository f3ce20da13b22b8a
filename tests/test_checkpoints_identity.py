"""A checkpoint knows the training that it belongs to: another one does not go on from it without a word."""

import numpy as np
import pytest
from training_samples import blobs, mlp

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.checkpoints import Folder
from tinygrad_xe.errors import ArgumentError, XeWarning
from tinygrad_xe.training import Callback, fit


class First(Callback):
    pass


class Second(Callback):
    pass


class StopAt(Callback):
    def __init__(self, step, again=False):
        self.step, self.again = step, again

    def on_start(self, run):
        if self.again:
            run.history.stopped = ""

    def on_batch(self, run):
        if run.step == self.step:
            run.stop("time is up")


def train(folder=None, epochs=1, kind=optim.SGD, lr=0.05, settings=None, scheduled=False, **more):
    xe.seed(0)
    model = mlp()
    optimizer = kind(model.parameters(), lr=lr, **settings or {})
    if scheduled:
        more["schedule"] = optim.StepLR(optimizer, step_size=1)
    given = {"loss": nn.CrossEntropyLoss(), "batch_size": 20, "progress": False} | more
    where = {} if folder is None else {"checkpoint": folder, "resume": True}
    return model, fit(model, blobs(), optimizer=optimizer, epochs=epochs, **where, **given)


@pytest.mark.parametrize("changes, message", [
    ({"kind": optim.Adam}, "optimizer was SGD in the training that is to go on; now it is Adam"),
    ({"lr": 0.01}, "lr of the optimizer was 0.05 in the training that is to go on; now it is 0.01"),
    ({"settings": {"momentum": 0.9}}, "momentum of the optimizer was 0.0 .* now it is 0.9"),
    ({"loss": lambda output, target: (output**2).mean()}, "loss was CrossEntropyLoss .* now it is <lambda>"),
    ({"clip_norm": 1.0}, "clip_norm was None .* now it is 1.0"),
    ({"patience": 3}, "patience was None .* now it is 3"),
    ({"keep_best": True}, "keep_best was False .* now it is True"),
    ({"scheduled": True}, "schedule was None .* now it is StepLR"),
    ({"callbacks": [Second(), First()]}, r"callbacks was \[First, Second\] .* now it is \[Second, First\]"),
])  # fmt: skip
def test_an_argument_that_differs_is_refused_with_both_values(tmp_path, changes, message):
    given = {"callbacks": [First(), Second()]}
    train(tmp_path, **given)
    with pytest.raises(ArgumentError, match=message):
        train(tmp_path, epochs=2, **given | changes)


def test_what_changes_no_bit_may_differ(tmp_path):
    whole, history = train(epochs=3)
    train(tmp_path, epochs=2, checkpoint_every=2)
    model, resumed = train(tmp_path, epochs=3, keep=1, debug=True, record=None)
    assert resumed == history
    np.testing.assert_array_equal(model[0].weight.data, whole[0].weight.data)


def test_an_optimizer_that_was_used_since_is_that_of_the_checkpoint(tmp_path):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.StepLR(optimizer, step_size=1, gamma=0.5)
    for epochs in (2, 3):
        history = fit(model, blobs(), loss=nn.CrossEntropyLoss(), optimizer=optimizer, schedule=schedule, epochs=epochs,
                      checkpoint=tmp_path, resume=True, progress=False)  # fmt: skip
    assert history["lr"] == [0.1, 0.05, 0.025]


def test_a_training_that_a_callback_stopped_says_so_and_can_go_on(tmp_path):
    whole, history = train(epochs=2, callbacks=[StopAt(None)])
    _, first = train(tmp_path, epochs=2, callbacks=[StopAt(2)])
    assert first.stopped == "time is up"
    with pytest.warns(XeWarning, match="was ended in epoch 0, at step 2, by 'time is up', and stays so") as told:
        _, same = train(tmp_path, epochs=2, callbacks=[StopAt(None)])
    assert told[0].filename == __file__ and same.epochs == 0 and same.stopped == "time is up"
    with pytest.warns(XeWarning, match='write run.history.stopped = ""'):
        model, resumed = train(tmp_path, epochs=2, callbacks=[StopAt(None, again=True)])
    assert resumed == history
    np.testing.assert_array_equal(model[0].weight.data, whole[0].weight.data)


def test_fewer_epochs_than_were_made_are_told(tmp_path):
    train(tmp_path, epochs=3)
    with pytest.warns(XeWarning, match="has made 3 epochs, and epochs=2 asks for no more"):
        assert train(tmp_path, epochs=2)[1].epochs == 3


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_patience_ends_where_it_would_have_without_a_stop(tmp_path, first):
    X, y = blobs(20, 1)
    more = {"validation": (X, (y + 1) % 3), "patience": 2}  # it gets worse from the first epoch on
    whole, history = train(epochs=10, **more)
    assert history.epochs == 3 and history.stopped
    ended = train(tmp_path, epochs=first, **more)[1].stopped
    assert bool(ended) == (first == 4)
    if ended:
        with pytest.warns(XeWarning, match="stopped early"):
            model, resumed = train(tmp_path, epochs=10, **more)
    else:
        model, resumed = train(tmp_path, epochs=10, **more)
    assert resumed == history
    np.testing.assert_array_equal(model[0].weight.data, whole[0].weight.data)


def test_a_checkpoint_that_does_not_say_whose_it_is_can_be_gone_on_from(tmp_path):
    history = train(epochs=2)[1]
    train(tmp_path / "whole")
    state = Folder(tmp_path / "whole").read()
    del state["training"], state["run"]["frozen"]
    Folder(tmp_path / "less").write(state, step=3, epoch=1)
    assert train(tmp_path / "less", epochs=2)[1] == history
