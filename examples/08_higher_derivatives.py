"""Derivatives of tanh up to the seventh, by xe.grad of xe.grad of ..., and by hand.

With t = tanh(x), dt/dx = 1 - t^2, so every derivative is a polynomial in t: p becomes p'(t) (1 - t^2). Output:

    order  xe.grad, nested          polynomial in t = tanh(0.3)
        1  0.915136961827           0.915136961827
        2  -0.533181878201          -0.533181878201
        3  -1.364306106101          -1.364306106101
        4  3.722485816614           3.722485816614
        5  6.113703931953           6.113703931953
        6  -52.176307576786         -52.176307576786
        7  -14.423048009484         -14.423048009484
"""

import numpy as np
from numpy.polynomial import Polynomial

import tinygrad_xe as xe

x = 0.3
derivative, polynomial = np.tanh, Polynomial([0, 1])
print("order  xe.grad, nested          polynomial in t = tanh(0.3)")
for order in range(1, 8):
    derivative = xe.grad(derivative)
    polynomial = polynomial.deriv() * Polynomial([1, 0, -1])  # dt/dx = 1 - t^2
    found, expected = derivative(x), polynomial(np.tanh(x))
    assert abs(found - expected) < 1e-12 * abs(expected)
    print(f"{order:5d}  {found:<22.12f}   {expected:.12f}")
