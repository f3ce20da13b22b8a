"""Rare classes: what class weights, label smoothing and ignore_index change in the cross-entropy.

Three clouds of points overlap; of 100 points, about 87 belong to class 0, 9 to class 1 and 4 to class 2, and a fifth of
them have no label, -1. A network that only wants few errors forgets the rare classes; weights bring them back, at the
price of more errors. Smoothing makes the network less sure of itself. Both together go wrong: what is smoothed off a
label goes to all classes by weight, so mostly to the rare ones. Output:

    labels: 1587 of class 0, 158 of class 1, 71 of class 2, 481 unknown

                        accuracy   recall of 0, 1, 2    their mean   mean confidence
    plain               0.90       0.98   0.43   0.28   0.56         0.91
    class weights       0.71       0.70   0.78   0.85   0.78         0.77
    label smoothing     0.90       0.98   0.42   0.24   0.55         0.79
    both                0.10       0.00   0.75   0.97   0.57         0.55

    ignored or left out: losses 1.4192 and 1.4192
"""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn

xe.seed(0)
rng = xe.random.generator()
CENTERS = [[0, 0], [2, 0], [0, 2]]


def points(n):
    """Clouds of which the second and the third are thinned out."""
    X, y = xe.data.make_blobs(n, centers=CENTERS)
    kept = rng.random(n) < np.array([1.0, 0.1, 0.05])[y]
    return X[kept], y[kept]


X, y = points(6000)
X_test, y_test = points(60_000)
labels = np.where(rng.random(len(y)) < 0.2, -1, y)
counts = np.bincount(labels[labels >= 0])
balanced = counts.sum() / (3 * counts)  # the rarer a class, the more it weighs


def train(loss):
    model = nn.Sequential(nn.Linear(2, 16, rng=1), nn.Tanh(), nn.Linear(16, 3, rng=2))
    optimizer = xe.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        loss(model(X), labels).backward()
        optimizer.step()
    return model


print(f"labels: {counts[0]} of class 0, {counts[1]} of class 1, {counts[2]} of class 2, {np.sum(labels < 0)} unknown\n")
print("                    accuracy   recall of 0, 1, 2    their mean   mean confidence")
for name, loss in {
    "plain": nn.CrossEntropyLoss(ignore_index=-1),
    "class weights": nn.CrossEntropyLoss(balanced, ignore_index=-1),
    "label smoothing": nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=0.2),
    "both": nn.CrossEntropyLoss(balanced, ignore_index=-1, label_smoothing=0.2),
}.items():
    model = train(loss)
    with xe.no_grad():
        logits = model(X_test)
    recall = xe.metrics.recall(logits, y_test, average=None)
    confidence = xe.softmax(logits).max(axis=1).mean().item()
    print(f"{name:<20}{xe.metrics.accuracy(logits, y_test):.2f}       " + "   ".join(f"{r:.2f}" for r in recall)
          + f"   {recall.mean():.2f}         {confidence:.2f}")  # fmt: skip

# A sample that is ignored is as if it were not there.
known = labels >= 0
ignored = nn.CrossEntropyLoss(ignore_index=-1)(model(X), labels)
left_out = nn.CrossEntropyLoss()(model(X[known]), labels[known])
print(f"\nignored or left out: losses {ignored.item():.4f} and {left_out.item():.4f}")
