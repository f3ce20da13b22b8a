"""A training loop written out: what `xe.fit` does, in plain code to copy and change.

Batches, gradients, clipping, updates; after each epoch validation and the learning rate's schedule; early stopping, and
the best weights, in a file digits.npz in the folder that it is run in. Output:

    epoch  learning rate  loss  clipped  validation loss  accuracy
        0        0.00500  1.35       10             0.53      0.91
        4        0.00500  0.10        0             0.17      0.94
        8        0.00500  0.05        0             0.15      0.96
       12        0.00150  0.03        1             0.18      0.95
       16        0.00045  0.03        1             0.18      0.96
    stopped after epoch 16: no better since epoch 8
    held-out accuracy 0.97
"""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn

EPOCHS, PATIENCE, LONGEST = 60, 8, 1.0

xe.seed(0)
X, y = xe.data.load_digits(split="train")
X_test, y_test = xe.data.load_digits(split="test")
X, X_valid, y, y_valid = xe.data.train_test_split(X, y, test_size=0.2, stratify=y)
X, X_valid, X_test = xe.data.standardize(X, X_valid, X_test)  # by mean and deviation of the first
loader = xe.data.DataLoader((X, y), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 10))
loss = nn.CrossEntropyLoss()
optimizer = xe.optim.AdamW(model.parameters(), lr=0.005, weight_decay=0.01)
schedule = xe.optim.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)


def evaluate(X, y):
    """Loss and accuracy, without dropout and without a graph."""
    model.eval()
    with xe.no_grad():
        logits = model(X)
        return loss(logits, y).item(), xe.metrics.accuracy(logits, y)


print("epoch  learning rate  loss  clipped  validation loss  accuracy")
lowest, best_epoch, best_weights = np.inf, 0, {}
for epoch in range(EPOCHS):
    model.train()
    rate, total, clipped = optimizer.lr, 0.0, 0
    for x, target in loader:
        optimizer.zero_grad()
        value = loss(model(x), target)
        if not np.isfinite(value.item()):
            raise ArithmeticError(f"the loss is {value.item()}; xe.detect_nonfinite() finds where that comes from")
        value.backward()
        clipped += xe.optim.clip_grad_norm(model.parameters(), LONGEST) > LONGEST
        optimizer.step()
        total += value.item() * len(x)

    valid_loss, accuracy = evaluate(X_valid, y_valid)
    schedule.step(valid_loss)
    if epoch % 4 == 0:
        print(f"{epoch:5d}  {rate:13.5f}  {total / len(X):4.2f}  {clipped:7d}  {valid_loss:15.2f}  {accuracy:8.2f}")
    if valid_loss < lowest:
        lowest, best_epoch, best_weights = valid_loss, epoch, model.state_dict()
    elif epoch - best_epoch == PATIENCE:
        print(f"stopped after epoch {epoch}: no better since epoch {best_epoch}")
        break

xe.save(best_weights, "digits.npz")
model.load_state_dict(xe.load("digits.npz"))
print(f"held-out accuracy {evaluate(X_test, y_test)[1]:.2f}")
