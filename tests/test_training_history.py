"""History: lists per epoch and step, a table to look at, JSON and back."""

import math

import pytest
from training_samples import blobs, trainable

import tinygrad_xe as xe
from tinygrad_xe.errors import FileError, GraphError
from tinygrad_xe.training import History, fit


def made(epochs=3):
    history = History()
    for i in range(epochs):
        history.add({"loss": 1 / (i + 1), "validation loss": 1.5 - i})
    return history


def test_a_history_is_a_mapping_of_lists():
    history = made()
    assert dict(history) == {"loss": [1.0, 0.5, 1 / 3], "validation loss": [1.5, 0.5, -0.5]}
    assert len(history) == 2 and history.epochs == 3 and "lr" not in history
    assert History().epochs == 0


def test_a_history_can_be_plotted():
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [plot], is not installed")
    model, arguments = trainable()
    history = fit(model, blobs(), epochs=4, validation=blobs(9, 1), steps=True, **arguments)
    ax = xe.viz.plot_history(history)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "validation loss"]
    assert len(xe.viz.plot_history(history.steps).lines[0].get_xdata()) == 8


def test_json_brings_back_the_same_history_also_what_is_not_finite():
    history = made()
    history.add({"loss": math.nan, "validation loss": -math.inf})
    history.steps["loss"] = [0.1, math.inf]
    history.interrupted, history.stopped, history.best_epoch = True, "interrupted", 2
    again = History.from_json(history.to_json())
    assert again == history and again.steps["loss"] == [0.1, math.inf]
    assert (again.interrupted, again.stopped, again.best_epoch) == (True, "interrupted", 2)
    assert math.isnan(again["loss"][-1]) and again["validation loss"][-1] == -math.inf
    assert again != made() and history != 3


@pytest.mark.parametrize("text", [
    "", "[]", "3", "{}", '{"kind": "tinygrad_xe history", "format": 99}',
    '{"kind": "tinygrad_xe history", "format": 1}', '{"kind": "other", "format": 1}',
    made().to_json()[:-9], made().to_json().replace("0.5", '"x"'),
])  # fmt: skip
def test_other_text_is_refused(text):
    with pytest.raises(FileError, match="not what to_json"):
        History.from_json(text)


def test_the_table_shows_the_ends_of_a_long_history_and_the_best_epoch():
    history = made(40)
    history.best_epoch = 39
    lines = repr(history).splitlines()
    assert lines[0] == "History of 40 epochs"
    assert [line.split()[0] for line in lines[1:]] == [
        "epoch", "0", "1", "2", "3", "4", "...", "35", "36", "37", "38", "39"
    ]  # fmt: skip
    assert lines[-1].endswith("best")
    assert repr(History()) == "History of 0 epochs"
    assert len(repr(made(10)).splitlines()) == 12


def test_without_record_there_is_no_way_back():
    with pytest.raises(GraphError, match=r"record=100"):
        made().at(0)
