"""A training with everything that a checkpoint has to hold; as a program it runs it, to be killed at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from training_samples import blobs

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.checkpoints import save
from tinygrad_xe.data import DataLoader
from tinygrad_xe.training import Callback, fit


class Average(Callback):
    """A moving average of the weights: a callback with a state."""

    def __init__(self):
        self.mean = None

    def on_batch(self, run):
        now = run.model.state_dict()["0.weight"]
        self.mean = now if self.mean is None else 0.9 * self.mean + 0.1 * now

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


def make(kind="adam", data="arrays", seed=11):
    """A model, its data, and the arguments of fit."""
    xe.seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 8, rng=0), nn.BatchNorm1d(8), np.tanh, nn.Dropout(0.3), nn.Linear(8, 8, rng=1),
        nn.Dropout(0.5, rng=7), nn.Linear(8, 3, rng=2),
    )  # fmt: skip
    X, y = blobs(50)
    more = {}
    if kind == "adam":
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        more["schedule"] = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        more["validation"] = blobs(20, 1)
        more["metrics"] = {"accuracy": lambda output, target: np.mean(output.argmax(1) == target)}
        more |= {"patience": 50, "keep_best": True, "clip_norm": 2.0}
    else:
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        more["schedule"] = optim.CosineAnnealingLR(optimizer, T_max=60)
        more |= {"schedule_every": "step", "steps": True, "dtype": np.float32}
        more["validation"] = DataLoader(blobs(20, 1), 7, shuffle=True, rng=3)
    given = {
        "arrays": (X, y),
        "loader": DataLoader((X, y), 8, shuffle=True, rng=5),
        "list": [(X[i : i + 8], y[i : i + 8]) for i in range(0, 50, 8)],
    }[data]
    if data == "arrays":
        more["batch_size"] = 8
    average = Average()
    arguments = {"loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "callbacks": [average], "progress": False}
    return model, given, arguments | more, average


def result(model, history, average, optimizer):
    """Everything that a training ends with, as arrays and text."""
    arrays = {f"model.{name}": value for name, value in model.state_dict().items()} | {"mean": average.mean}
    for i, own in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{i}.{name}": np.asarray(value) for name, value in own.items()}
    arrays["draw"] = np.asarray(xe.random.generator().random())  # where the library's generator is
    return arrays, history.to_json()


if __name__ == "__main__":
    folder, out, epochs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    model, data, arguments, average = make()
    print("ready", flush=True)
    history = fit(model, data, epochs=epochs, checkpoint=folder, checkpoint_every=3, resume=True, **arguments)
    arrays, text = result(model, history, average, arguments["optimizer"])
    save(arrays, out)
    out.with_suffix(".json").write_text(text)
