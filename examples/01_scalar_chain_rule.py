"""The chain rule on one number: a graph, its backward pass step by step, and the same by hand.

f(x) = log(1 + exp(2 x - 1)) at x = 1.5. Output:

    forward
      multiply   3.0
      subtract   2.0
      exp        7.3891
      add        8.3891
      log        2.1269
    backward, from the end
      log        sends 0.1192 = 1 * 1/8.3891
      add        sends 0.1192
      exp        sends 0.8808 = 0.1192 * 7.3891
      subtract   sends 0.8808
      multiply   sends 1.7616 = 0.8808 * 2
    df/dx = 1.7616, by hand 2 sigmoid(2) = 1.7616
"""

import math

import numpy as np

import tinygrad_xe as xe

x = xe.tensor(1.5, requires_grad=True, name="x")
with xe.record() as recorded:
    f = np.log(1 + np.exp(2 * x - 1))
    f.backward()

print("forward")
for step in recorded.steps:
    print(f"  {step.op.name:<10} {round(float(step.out), 4)}")

how = {"log": " = 1 * 1/8.3891", "exp": " = 0.1192 * 7.3891", "multiply": " = 0.8808 * 2"}
print("backward, from the end")
for step in reversed(recorded.steps):
    (sent,) = step.contributions.values()
    print(f"  {step.op.name:<10} sends {float(sent):.4f}{how.get(step.op.name, '')}")

by_hand = 2 / (1 + math.exp(-2.0))
print(f"df/dx = {x.grad:.4f}, by hand 2 sigmoid(2) = {by_hand:.4f}")
