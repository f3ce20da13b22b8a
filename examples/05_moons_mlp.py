"""A two-layer network on two interleaved half moons, trained by plain gradient descent.

Output:

    step    0   loss 0.69   accuracy 0.55
    step  500   loss 0.03   accuracy 0.99
    step 1000   loss 0.01   accuracy 1.00
    step 1500   loss 0.01   accuracy 1.00

    .......................................#
    .....................................###
    ....................................####
    ...........#####..................######
    ..........########...............#######
    .........###########...........#########
    ........##############.......###########
    .......##################..#############
    ......##################################
    .....###################################
"""

import numpy as np

import tinygrad_xe as xe

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 200)
label = np.repeat([0.0, 1.0], 100)
X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
X[label == 1] = [1, 0.5] - X[label == 1]
X += 0.1 * rng.standard_normal(X.shape)

W1 = xe.tensor(rng.standard_normal((2, 16)), requires_grad=True, name="W1")
b1 = xe.tensor(np.zeros(16), requires_grad=True, name="b1")
W2 = xe.tensor(rng.standard_normal(16) / 100, requires_grad=True, name="W2")
b2 = xe.tensor(0.0, requires_grad=True, name="b2")


def network(x):
    return np.tanh(x @ W1 + b1) @ W2 + b2


for step in range(1501):
    z = network(X)
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=label, logits=z, reduction="mean")
    if step % 500 == 0:
        print(f"step {step:4d}   loss {loss:.2f}   accuracy {np.mean((z.data > 0) == label):.2f}")
    loss.backward()
    with xe.no_grad():
        for w in (W1, b1, W2, b2):
            w -= 1.0 * w.grad
            w.zero_grad()

# The plane as the network sees it: '#' where it says 1.
print()
for v in np.linspace(1.2, -0.7, 10):
    row = network(np.stack([np.linspace(-1.2, 2.2, 40), np.full(40, v)], axis=1))
    print("".join("#" if z > 0 else "." for z in row.data))
