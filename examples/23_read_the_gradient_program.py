"""The gradient of a two-layer network, as the NumPy program that it is.

`xe.trace` runs a function once and writes down every call of NumPy's that it makes, the backward pass included. The
program is data: it can be printed, counted, drawn by `xe.viz.graph`, kept as JSON, and run without this library.
Output:

    import numpy as np


    def sigmoid(x):
        \"\"\"1 / (1 + exp(-x)) without overflow.\"\"\"
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)


    def loss_and_gradient(W1, b1, W2, b2, X, y):
        # forward
        h = np.tanh(X @ W1 + b1)                    # h = np.tanh(X @ W1 + b1)
        z = h @ W2 + b2                             # z = h @ W2 + b2
        loss = np.mean(np.logaddexp(0, z) - y * z)  # return np.mean(np.logaddexp(0, z) - y * z)
        # backward
        dz = -y / 427 + sigmoid(z) / 427
        db2 = np.sum(dz, axis=0, keepdims=True)
        dh = dz[..., None] * W2
        dW2 = h.T @ dz
        t = dh - dh * h * h
        db1 = np.sum(t, axis=0)
        dW1 = X.T @ t
        return loss, (dW1, db1, dW2, db2)

    {'calls': '24', 'flops': '451,766', 'bytes': '817,192'}
    the same value: True
    the same gradients: True
    the same text after JSON: True
"""

import numpy as np

import tinygrad_xe as xe

X, y = xe.data.load_breast_cancer(split="train", standardize=True)
rng = np.random.default_rng(0)
parameters = rng.standard_normal((30, 8)) / 6, np.zeros(8), rng.standard_normal(8) / 3, np.zeros(1)


def loss(W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    return np.mean(np.logaddexp(0, z) - y * z)


program = xe.trace(xe.value_and_grad(loss, argnums=(0, 1, 2, 3)), *parameters)
print(program.source)
print({name: f"{count:,}" for name, count in program.counts().items()})

# The text needs NumPy alone.
scope = {}
exec(program.source, scope)
value, gradients = scope[program.name](*parameters, X, y)
expected_value, expected = xe.value_and_grad(loss, argnums=(0, 1, 2, 3))(*parameters)
print("the same value:", bool(np.isclose(value, expected_value, rtol=1e-15)))
print("the same gradients:", all(np.allclose(a, b, rtol=1e-13, atol=1e-16) for a, b in zip(gradients, expected)))

again = xe.Program.from_json(program.to_json())
print("the same text after JSON:", again.source == program.source)
