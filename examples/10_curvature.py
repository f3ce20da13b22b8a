"""The largest curvature of a network's loss, by Hessian-vector products and from the whole Hessian.

Power iteration needs H v alone, which costs about three gradients, whatever the size of H. Gradient descent is stable
with steps below 2 / curvature. Output:

    step   loss    largest curvature   from all of H   2 / curvature
       0   0.4688  1.1725              1.1725          1.706
     100   0.1916  1.0750              1.0750          1.860
     200   0.1110  1.3184              1.3184          1.517
     300   0.0625  1.1824              1.1824          1.692
"""

import numpy as np

import tinygrad_xe as xe

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 100)
label = np.repeat([0.0, 1.0], 50)
X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
X[label == 1] = [1, 0.5] - X[label == 1]


def loss(p):
    z = np.tanh(X @ p["W"] + p["b"]) @ p["v"]
    return xe.losses.sigmoid_cross_entropy_with_logits(labels=label, logits=z, reduction="mean")


def normalized(v):
    length = np.sqrt(sum(np.sum(a**2) for a in v.values()))
    return {key: a / length for key, a in v.items()}, length


def largest_curvature(p, steps=200):
    """Power iteration with Hessian-vector products: the matrix is never made."""
    v, _ = normalized({key: rng.standard_normal(a.shape) for key, a in p.items()})
    for _ in range(steps):
        v, curvature = normalized(xe.hvp(loss, p, v))
    return curvature


def full_matrix(p):
    """The whole Hessian, its blocks side by side."""
    H = xe.hessian(loss)(p)
    sizes = {key: a.size for key, a in p.items()}
    return np.block([[H[a][b].reshape(sizes[a], sizes[b]) for b in p] for a in p])


p = {"W": rng.standard_normal((2, 8)), "b": np.zeros(8), "v": rng.standard_normal(8)}
print("step   loss    largest curvature   from all of H   2 / curvature")
for step in range(301):
    if step % 100 == 0:
        eigenvalues = np.linalg.eigvalsh(full_matrix(p))
        top = largest_curvature(p)
        print(f"{step:4d}   {loss(p):.4f}  {top:<18.4f}  {np.abs(eigenvalues).max():<14.4f}  {2 / top:.3f}")
    p = {key: p[key] - 0.5 * g for key, g in xe.grad(loss)(p).items()}
