"""Look back into a training that blew up: where the first bad number was made, and when things began to go wrong.

A Poisson regression is trained with a learning rate that rises to 2, which is too much. `fit` names the operation and
the line. But that was the end of it: the gradient had grown for many steps, while the loss looked good. Any past step
can be had again with its weights, batch and gradients, and be drawn. Output:

    fit: the loss is inf at step 37 (epoch 37, batch 0), with the weights that the steps before have made.
      forward: exp made shape (400,)
        at 21_when_it_went_wrong.py:40: return np.mean(np.exp(z) - y * z)

    step  learning rate  loss      gradient's norm
       0           0.02  2.04      3e+00
       8           0.18  -1.13     7e-01
      16           0.34  -1.28     1e-02
      22           0.46  -1.28     5e-05   the smallest
      24           0.50  -1.28     1e-04
      26           0.53  -1.28     7e-04
      28           0.57  -1.28     4e-03
      30           0.61  -1.28     3e-02
      32           0.65  -1.27     2e-01
      34           0.69  -0.974    2e+00
      36           0.73  1.08e+04  4e+04

    The largest curvature is 6.17: rates above 0.32 diverge, here from step 16 on.
    To see the step: xe.viz.graph(history.at(22).loss).save('step.svg'), or xe.viz.explore(...)
"""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn

rng = np.random.default_rng(0)
X = rng.standard_normal((400, 3))
counts = rng.poisson(np.exp(X @ [0.5, 0.4, -0.3] + 1))


def poisson(z, y):
    """The negative log-likelihood of counts y with the mean exp(z), but for a constant."""
    return np.mean(np.exp(z) - y * z)


model = nn.Sequential(nn.Linear(3, 1, rng=0), nn.Flatten(0))
optimizer = xe.optim.SGD(model.parameters(), lr=2.0)
warm_up = xe.optim.LinearLR(optimizer, start_factor=0.01, total_iters=100)
try:
    with np.errstate(over="ignore"):  # NumPy's warning, where fit raises an error that says more
        xe.fit(
            model, [(X, counts)], loss=poisson, optimizer=optimizer, schedule=warm_up, epochs=100, record=20,
            progress=False,
        )  # fmt: skip
except xe.NonFiniteError as error:
    print(*(line.partition(", from")[0] for line in str(error).splitlines()[:3]), sep="\n")
    history, failed = error.history, error.step

moments = [history.at(step) for step in range(failed)]
norms = [np.sqrt(sum(np.vdot(g, g) for g in moment.gradients.values())) for moment in moments]
turn = int(np.argmin(norms))

print("\nstep  learning rate  loss      gradient's norm")
for step in [*range(0, turn, 8), *range(turn, failed, 2)]:
    note = "   the smallest" if step == turn else ""
    print(f"{step:4d}  {history['lr'][step]:13.2f}  {moments[step].loss.item():<8.3g}  {norms[step]:.0e}{note}")

# Gradient descent overshoots further at each step once the learning rate is above 2 / (largest curvature).
X1 = np.hstack([X, np.ones((400, 1))])
weights = np.append(moments[turn].model[0].weight.data, moments[turn].model[0].bias.data)
curvature = np.linalg.eigvalsh(xe.hessian(lambda w: poisson(X1 @ w, counts))(weights))
most = 2 / curvature[-1]
begin = int(np.argmax(np.array(history["lr"]) > most))
print(f"\nThe largest curvature is {curvature[-1]:.2f}: rates above {most:.2f} diverge, here from step {begin} on.")
print(f"To see the step: xe.viz.graph(history.at({turn}).loss).save('step.svg'), or xe.viz.explore(...)")
