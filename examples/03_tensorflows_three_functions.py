"""Softmax regression on the digits, and what TensorFlow's three softmax cross-entropies do with labels.

Output:

    one sample, logits [1, -0.5, 0.25], class 0
      softmax_..._with_logits           loss 0.527976   dlogits [-0.410  0.132  0.279]   dlabels None
      softmax_..._with_logits_v2        loss 0.527976   dlogits [-0.410  0.132  0.279]   dlabels [ 0.528  2.028  1.278]
      sparse_softmax_..._with_logits    loss 0.527976   dlogits [-0.410  0.132  0.279]   dlabels None
    probabilities given as logits (a common mistake): loss 0.860775
    digits, 300 steps: loss 0.0600, held-out accuracy 0.958
"""

import warnings

import numpy as np

import tinygrad_xe as xe

warnings.simplefilter("ignore", xe.LabelGradientWarning)  # the first function says that its labels get no gradient
losses = xe.losses


def show(name, loss, logits, labels):
    loss.sum().backward()
    row = lambda g: "None" if g is None else "[" + " ".join(f"{v:6.3f}" for v in g.ravel()) + "]"
    print(f"  {name:<33} loss {loss.item():.6f}   dlogits {row(logits.grad)}   dlabels {row(labels.grad)}")


print("one sample, logits [1, -0.5, 0.25], class 0")
for suffix in ("", "_v2"):
    logits = xe.tensor([[1.0, -0.5, 0.25]], requires_grad=True)
    labels = xe.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    function = getattr(losses, f"softmax_cross_entropy_with_logits{suffix}")
    show(f"softmax_..._with_logits{suffix}", function(labels=labels, logits=logits), logits, labels)
logits, classes = xe.tensor([[1.0, -0.5, 0.25]], requires_grad=True), xe.tensor([0])
loss = losses.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)
show("sparse_softmax_..._with_logits", loss, logits, classes)

twice = losses.sparse_softmax_cross_entropy_with_logits(labels=[0], logits=xe.softmax(logits))
print(f"probabilities given as logits (a common mistake): loss {twice.item():.6f}")

X, y = xe.data.load_digits(split="train", standardize=True)
W, b = xe.tensor(np.zeros((64, 10)), requires_grad=True), xe.tensor(np.zeros(10), requires_grad=True)
for _ in range(300):
    W.zero_grad(), b.zero_grad()
    loss = losses.sparse_softmax_cross_entropy_with_logits(labels=y, logits=X @ W + b, reduction="mean")
    loss.backward()
    with xe.no_grad():
        W -= 0.5 * W.grad
        b -= 0.5 * b.grad
X_test, y_test = xe.data.load_digits(split="test", standardize=True)
right = np.mean((X_test @ W + b).argmax(axis=1) == y_test)
print(f"digits, 300 steps: loss {loss:.4f}, held-out accuracy {right:.3f}")
