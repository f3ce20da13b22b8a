"""The pictures that the README shows: a graph, a page that steps through it, and plots of a training.

They are written to the folder that it is run in. The graph's picture needs Graphviz or the extra [viz], the plots the
extra [plot]; what can't be drawn is left out. Output:

    The loss is 0.2126. Its graph has 9 nodes, the explorer 14 steps.
    step    0   loss 0.695
    step  100   loss 0.222
    step  200   loss 0.108
    step  300   loss 0.055
"""

import contextlib

import numpy as np

import tinygrad_xe as xe

# One sample of a logistic regression, whose z has two paths to the loss.
w, b = xe.tensor([0.6, -1.1, 0.3], requires_grad=True), xe.tensor(-0.5, requires_grad=True)
x, y = np.array([1.5, -0.4, 2.0]), np.array(1.0)


def loss():
    z = w @ x + b
    return np.logaddexp(0, z) - y * z


picture = xe.viz.graph(loss)
picture.digraph.attr(bgcolor="white")
explorer = xe.viz.explore(loss, path="explorer.html")
nodes = len(picture.layout.cards)
print(f"The loss is {loss().item():.4f}. Its graph has {nodes} nodes, the explorer {explorer.steps} steps.")
with contextlib.suppress(xe.viz.RenderError):  # there is no Graphviz
    picture.save("graph.svg")

# A network on two interleaved half moons.
rng = np.random.default_rng(0)
angle, label = rng.uniform(0, np.pi, 200), np.repeat([0, 1], 100)
X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
X[label == 1] = [1, 0.5] - X[label == 1]
X += 0.1 * rng.standard_normal(X.shape)
start = {"W1": rng.standard_normal((2, 16)), "b1": np.zeros(16), "W2": rng.standard_normal(16) / 100, "b2": 0.0}
p = {name: xe.tensor(value, requires_grad=True, name=name) for name, value in start.items()}


def logits(x):
    return np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


history, ratios = {"loss": []}, {name: [] for name in p}
for step in range(301):
    mean = xe.losses.sigmoid_cross_entropy_with_logits(labels=label, logits=logits(X), reduction="mean")
    for value in p.values():
        value.zero_grad()
    mean.backward()
    before = {name: value.numpy().copy() for name, value in p.items()}
    with xe.no_grad():
        for value in p.values():
            value -= 1.0 * value.grad
    history["loss"].append(mean.item())
    for name, ratio in xe.viz.update_ratio(before, p).items():
        ratios[name].append(ratio)
    if step % 100 == 0:
        print(f"step {step:4d}   loss {mean.item():.3f}")

with contextlib.suppress(ImportError):  # there is no matplotlib
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    xe.viz.plot_history(history, log=True, ax=axes[0, 0])
    xe.viz.plot_update_ratio(ratios, ax=axes[0, 1])
    xe.viz.plot_decision(lambda x: xe.sigmoid(logits(x)), X, label, resolution=100, ax=axes[1, 0])
    xe.viz.plot_hist(p, ax=axes[1, 1])
    figure.savefig("training.svg", metadata={"Date": None})
