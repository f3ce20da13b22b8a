"""L-BFGS against Newton's method: logistic regression on the breast-cancer data, down to the lowest loss.

Newton's method solves with the Hessian, 31 x 31 second derivatives, at each step, and needs few steps. L-BFGS guesses
the curvature from its last gradients: more steps, each for the price of one gradient. Output:

    loss above the lowest one
    step  Newton       L-BFGS
       0  6e-01        6e-01
       2  6e-02        2e-01
       4  2e-03        5e-02
       6  8e-08        6e-03
       8  below 1e-12  5e-04
      10  done         2e-04
      12  done         1e-05
      14  done         2e-06
      16  done         1e-07
      18  done         4e-09
      20  done         7e-10
    Newton took 8 Hessians and as many gradients, L-BFGS 21 gradients.
    The coefficients agree to 1e-04.
"""

import numpy as np

import tinygrad_xe as xe

X, y = xe.data.load_breast_cancer(split="train", standardize=True)
X = np.hstack([X, np.ones((len(X), 1))])  # the constant term


def loss(theta):
    z = X @ theta
    return np.mean(np.logaddexp(0, z) - y * z) + 0.005 * np.sum(theta**2)


# Newton: a Hessian and a gradient at each step.
gradient, hessian = xe.grad(loss), xe.hessian(loss)
newton = np.zeros(X.shape[1])
newton_losses = [loss(newton)]
while np.linalg.norm(gradient(newton)) > 1e-12:
    newton = newton - np.linalg.solve(hessian(newton), gradient(newton))
    newton_losses.append(loss(newton))
lowest = newton_losses[-1]

# L-BFGS: it asks for the loss and the gradient where it wants them, and ends when neither changes any more.
theta = xe.tensor(np.zeros(X.shape[1]), requires_grad=True)
optimizer = xe.optim.LBFGS([theta], max_iter=100, line_search_fn="strong_wolfe")
lbfgs_losses = []


def closure():
    optimizer.zero_grad()
    value = loss(theta)
    value.backward()
    lbfgs_losses.append(value.item())
    return value


optimizer.step(closure)


def above(losses, step):
    """How far a loss is above the lowest one."""
    gap = losses[step] - lowest if step < len(losses) else 0.0
    return "done" if step >= len(losses) else f"{gap:.0e}" if gap > 1e-12 else "below 1e-12"


print("loss above the lowest one\nstep  Newton       L-BFGS")
for step in range(0, len(lbfgs_losses), 2):
    print(f"{step:4d}  {above(newton_losses, step):<11}  {above(lbfgs_losses, step)}")
print(f"Newton took {len(newton_losses) - 1} Hessians and as many gradients, L-BFGS {len(lbfgs_losses)} gradients.")
print(f"The coefficients agree to {np.max(np.abs(theta.data - newton)):.0e}.")
