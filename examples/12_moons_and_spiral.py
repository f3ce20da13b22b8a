"""Two moons, and a spiral of three arms: a small network learns each, and pictures show what it decides where.

The picture is written to the file that is named on the command line, decisions.svg if none is. It needs the extra
[plot], and is left out without it; the plane in letters needs nothing. Output:

    moons
    step   0   loss 0.804   accuracy 0.27
    step 100   loss 0.007   accuracy 1.00
    step 200   loss 0.002   accuracy 1.00
    spiral
    step   0   loss 1.098   accuracy 0.37
    step 100   loss 0.057   accuracy 0.98
    step 200   loss 0.039   accuracy 0.98

    .......................................#     oooooooooooooooooooooooooooooooooooooooo
    .....................................###     oooooooooooooooooooooooooooooooooooooooo
    ...................................#####     .ooooooo.................ooooooooooo####
    ..............#####..............#######     ........................oooooooooo######
    ............#########...........########     ........###########.....oooooooo########
    ..........############........##########     ........#######oooooooooooooooo#########
    .........###############################     .........#############ooooo#############
    .......#################################     ...............#########################
    ......##################################     ....................####################
    ....####################################     .....................###################
"""

import sys

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn


def train(X, y, classes):
    """A network with two hidden layers, trained on all points at each step."""
    model = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, classes))
    optimizer = xe.optim.Adam(model.parameters(), lr=0.02)
    loss = nn.CrossEntropyLoss()
    for step in range(201):
        optimizer.zero_grad()
        logits = model(X)
        error = loss(logits, y)
        error.backward()
        if step % 100 == 0:
            print(f"step {step:3d}   loss {error.item():.3f}   accuracy {xe.metrics.accuracy(logits, y):.2f}")
        optimizer.step()
    return model


def plane(model, X, letters):
    """The class that the model gives to each point of the plane, as rows of letters."""
    (left, low), (right, high) = X.min(axis=0), X.max(axis=0)
    u, v = np.meshgrid(np.linspace(left, right, 40), np.linspace(high, low, 10))
    with xe.no_grad():
        classes = model(np.stack([u, v], axis=-1)).argmax(axis=-1)
    return ["".join(letters[k] for k in row) for row in classes]


xe.seed(0)
sets = {"moons": xe.data.make_moons(300, noise=0.15), "spiral": xe.data.make_spiral(300, noise=0.05)}
models = {}
for name, (X, y) in sets.items():
    print(name)
    models[name] = train(X, y, classes=y.max() + 1)
print()
planes = [plane(models[name], X, ".#o") for name, (X, y) in sets.items()]
for moons, spiral in zip(*planes):
    print(moons, spiral, sep="     ")

try:
    from matplotlib import pyplot
except ImportError:
    sys.exit()
figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for ax, (name, (X, y)) in zip(axes, sets.items()):
    xe.viz.plot_decision(models[name], X, y, ax=ax)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "decisions.svg", metadata={"Date": None})
