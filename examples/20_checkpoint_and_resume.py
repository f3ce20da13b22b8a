"""A training that is cut off, and goes on from its checkpoint to the same bits as one that nothing happened to.

A checkpoint holds the weights, the optimizer, the schedule, the place in the data, the history, and the state of the
random generator. A process that is killed leaves the newest one that was complete. Output:

    without a cut: 8 epochs
    cut off: no power, at step 170 in epoch 3
    in the folder: step-000000100-epoch-00002 step-000000150-epoch-00003
    resumed: 8 epochs
    0.weight               the same bits
    0.bias                 the same bits
    1.weight               the same bits
    1.bias                 the same bits
    4.weight               the same bits
    4.bias                 the same bits
    1.running_mean         the same bits
    1.running_var          the same bits
    1.num_batches_tracked  the same bits
    every number of the history: the same
"""

import tempfile

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn
from tinygrad_xe.training import Callback

EPOCHS = 8
train, test = (xe.data.load_digits(split=part, standardize=True) for part in ("train", "test"))


class PowerCut(Callback):
    """Ends the training by an error, in the middle of an epoch."""

    def __init__(self, step):
        self.step = step

    def on_batch(self, run):
        if run.step == self.step:
            raise RuntimeError(f"no power, at step {run.step} in epoch {run.epoch}")


def training(power_cut=None, **where):
    """Make everything anew, as a process that starts does; the weights at the end, and the history."""
    xe.seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
    optimizer = xe.optim.Adam(model.parameters(), lr=0.005)
    history = xe.fit(
        model, train, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=EPOCHS, validation=test,
        schedule=xe.optim.CosineAnnealingLR(optimizer, EPOCHS), callbacks=[PowerCut(power_cut)], progress=False,
        **where,
    )  # fmt: skip
    return model.state_dict(), history


weights, history = training()
print(f"without a cut: {history.epochs} epochs")

with tempfile.TemporaryDirectory() as folder:
    try:
        training(power_cut=170, checkpoint=folder, checkpoint_every=50, keep=2)
    except RuntimeError as error:
        print(f"cut off: {error}")
    print("in the folder:", *(path.name for path in xe.checkpoints.Folder(folder).complete()))
    again, resumed = training(checkpoint=folder, checkpoint_every=50, resume=True)
print(f"resumed: {resumed.epochs} epochs")

for name, value in weights.items():
    print(f"{name:<22}", "the same bits" if np.array_equal(value, again[name]) else "different")
print("every number of the history:", "the same" if resumed == history else "different")
