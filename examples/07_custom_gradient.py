"""Gradient rules of one's own: for a function that overflows, with a slip, and for rounding.

The naive log(1 + exp(x)) is inf at 1000, and its derivative inf / inf; one line gives the derivative that we know.
Output:

    x        naive: value  slope       log1pexp: value  slope     second
    0        0.693147       0.5         0.693147         0.5       0.25
    2        2.12693        0.880797    2.12693          0.880797  0.104994
    1000     inf            nan         1000             1         0
    checked with differences, to second order: True
    a slip in a rule: the gradient in x is 4, by differences 12
    whole weights, learned straight through: [ 2. -1.  0.  3.]
"""

import numpy as np

import tinygrad_xe as xe


def naive(x):
    return np.log(1 + np.exp(x))


@xe.custom_gradient(x=lambda g, x: g / (1 + np.exp(-x)))
def log1pexp(x):
    """log(1 + exp(x)) without overflow; its rule is plain NumPy, so it can be differentiated again."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


print("x        naive: value  slope       log1pexp: value  slope     second")
for x in (0.0, 2.0, 1000.0):
    with np.errstate(over="ignore", invalid="ignore"):
        bad = float(naive(x)), float(xe.grad(naive)(x))
    good = float(log1pexp(x)), float(xe.grad(log1pexp)(x)), float(xe.grad(xe.grad(log1pexp))(x))
    print(f"{x:<8g} {bad[0]:<13.6g}  {bad[1]:<10.6g}  {good[0]:<15.6g}  {good[1]:<8.6g}  {good[2]:.6g}")

print("checked with differences, to second order:", xe.check_gradients(log1pexp, np.linspace(-3, 3, 7), order=2).ok)

# A slip in a rule: n is missing before x ** (n - 1).
power = xe.op(np.power, "x, n", x=lambda g, x, *, n: g * x ** (n - 1))
try:
    xe.check_gradients(lambda x: power(x, 3), 2.0)
except xe.XeError as error:
    print("a slip in a rule:", str(error).splitlines()[0].rpartition(": ")[2])

# Rounding has the slope 0 almost everywhere, which stops all learning. Straight through, its slope is said to be 1:
# weights are rounded in the forward pass and learn as if they were not.
rounded = xe.op(np.round, "w", w=lambda g: g)
rng = np.random.default_rng(0)
X = rng.standard_normal((50, 4))
y = X @ np.array([2.0, -1.0, 0.0, 3.0])
w = np.zeros(4)
for _ in range(100):
    w -= 0.1 * xe.grad(lambda w: np.mean((X @ rounded(w) - y) ** 2))(w)
print("whole weights, learned straight through:", rounded(w))
