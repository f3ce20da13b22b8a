"""One gradient three ways: the article's closed form E18, the loss built from operations, and the library's loss.

The gradient of the breast-cancer data's cross-entropy at a random point, then 300 steps of gradient descent. Output:

    gradient at a random theta, largest difference from X^T (h - y)
      log-likelihood by hand   below 1e-14
      xe.losses                below 1e-14
    after 300 steps: loss 0.0622, held-out accuracy 0.993
"""

import numpy as np

import tinygrad_xe as xe

X, y = xe.data.load_breast_cancer(split="train", standardize=True)
X = np.hstack([X, np.ones((len(X), 1))])  # the constant term
theta = np.random.default_rng(0).standard_normal(X.shape[1]) / 10

# 1. The closed form: the mean over the samples of (h - y) x.
closed = xe.closed_forms.logistic_regression(X, y, theta, mean=True).gradient

# 2. By hand: E14 in its stable form, log(1 + exp(z)) - y z.
w = xe.tensor(theta, requires_grad=True, name="w")
z = X @ w
np.mean(np.logaddexp(0, z) - y * z).backward()
by_hand = w.grad

# 3. With the loss.
w.zero_grad()
xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ w, reduction="mean").backward()

print("gradient at a random theta, largest difference from X^T (h - y)")
for name, gradient in (("log-likelihood by hand", by_hand), ("xe.losses", w.grad)):
    assert np.max(np.abs(gradient - closed)) < 1e-14
    print(f"  {name:<24} below 1e-14")

with xe.no_grad():
    w.assign(np.zeros_like(theta))
for _ in range(300):
    w.zero_grad()
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ w, reduction="mean")
    loss.backward()
    with xe.no_grad():
        w -= 0.5 * w.grad

X_test, y_test = xe.data.load_breast_cancer(split="test", standardize=True)
guess = np.hstack([X_test, np.ones((len(X_test), 1))]) @ w.numpy() > 0
print(f"after 300 steps: loss {loss:.4f}, held-out accuracy {np.mean(guess == y_test):.3f}")
