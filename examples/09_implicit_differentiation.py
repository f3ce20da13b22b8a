"""The gradient of a fixed point x = f(x, theta) without keeping the iterations that found it.

The implicit function theorem: dx/dtheta = (1 - df/dx)^-1 df/dtheta. So a cotangent g of x goes back by one solved
system and one vjp, which together are the rule of a custom gradient. Output:

    gradient of the loss in theta: [-0.84324   0.166864  0.951811  1.177994 -0.078037]
    the same by differences: True
    unrolled   largest error
           5   6e-02
          10   5e-03
          20   6e-05
          40   8e-09
    second derivative by differences: True
"""

import numpy as np

import tinygrad_xe as xe

rng = np.random.default_rng(0)
W = rng.standard_normal((5, 5))
W *= 0.7 / np.linalg.norm(W, 2)  # f shrinks distances, so that the iteration converges
target = rng.standard_normal(5)
theta = rng.standard_normal(5)


def f(x, theta):
    return np.tanh(W @ x + theta)


def iterate(theta, steps):
    x = np.zeros(5)
    for _ in range(steps):
        x = f(x, theta)
    return x


def implicit(g, out, theta):
    J = xe.jacobian(f)(out, theta)  # df/dx at the fixed point
    adjoint = np.linalg.solve(np.eye(5) - J.T, g)
    return xe.vjp(lambda theta: f(out, theta), theta)[1](adjoint)[0]


@xe.custom_gradient(theta=implicit)
def fixed_point(theta):
    return iterate(theta, 100)


def loss(solve):
    return lambda theta: np.sum((solve(theta) - target) ** 2)


x = fixed_point(theta)
assert np.max(np.abs(x - f(x, theta))) < 1e-15

exact = xe.grad(loss(fixed_point))(theta)
print("gradient of the loss in theta:", exact.round(6))
print("the same by differences:", xe.check_gradients(loss(fixed_point), theta).ok)

print("unrolled   largest error")
for steps in (5, 10, 20, 40):
    unrolled = xe.grad(loss(lambda theta, steps=steps: iterate(theta, steps)))(theta)
    print(f"{steps:8d}   {np.max(np.abs(unrolled - exact)):.0e}")
print("second derivative by differences:", xe.check_gradients(loss(fixed_point), theta, order=2).ok)
