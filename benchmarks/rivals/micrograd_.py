"""micrograd, which knows scalars only: the moons MLP with the hinge loss, as in its own demonstration."""

from __future__ import annotations

from micrograd.engine import Value
from micrograd.nn import MLP

from ..engines import Bench
from ..workloads import Workload

KINDS = ("mlp",)


def build(workload: Workload) -> Bench | None:
    if workload.loss != "hinge":
        return None
    weights, biases = workload.parameters[::2], workload.parameters[1::2]
    network = MLP(weights[0].shape[0], [len(b) for b in biases])
    for layer, weight, bias in zip(network.layers, weights, biases):
        for j, neuron in enumerate(layer.neurons):
            neuron.b.data = float(bias[j])
            for i, w in enumerate(neuron.w):
                w.data = float(weight[i, j])
    inputs = [[Value(float(x)) for x in row] for row in workload.inputs]
    labels = [float(y) for y in workload.labels]

    def step():
        losses = [(1 + -y * network(row)).relu() for row, y in zip(inputs, labels)]
        loss = sum(losses) * (1.0 / len(losses))
        network.zero_grad()
        loss.backward()
        for p in network.parameters():
            p.data -= workload.learning_rate * p.grad
        return loss

    return Bench(step, loss=lambda value: value.data, checked_steps=2)
