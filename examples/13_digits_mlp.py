"""Handwritten digits by a network of two hidden layers: 0.97 or more of the held-out images are read right.

The images are few: noise, new at every epoch, and label smoothing keep the network from learning them by heart, and
make 0.98 of the 0.97 without both. The settings are those that did best in a cross-validation on the training images;
with other seeds the accuracy is 0.980 to 0.987. Output:

    Sequential(  # 85,002 parameters
      (0): Linear(64, 256)  # 16,640 parameters
      (1): ReLU()
      (2): Linear(256, 256)  # 65,792 parameters
      (3): ReLU()
      (4): Linear(256, 10)  # 2,570 parameters
    )
    epoch 10   loss 0.689   training accuracy 0.984
    epoch 20   loss 0.631   training accuracy 0.996
    epoch 30   loss 0.610   training accuracy 0.999
    epoch 40   loss 0.586   training accuracy 0.999
    held-out accuracy 0.987, in the two best guesses 0.993
    recall of each digit, 0 to 9: 1.00 1.00 1.00 0.96 1.00 0.98 1.00 1.00 0.95 0.98
"""

import tinygrad_xe as xe
from tinygrad_xe import nn

EPOCHS, NOISE = 40, 0.2

xe.seed(0)
rng = xe.random.generator()
X, y = xe.data.load_digits(split="train")
X_test, y_test = xe.data.load_digits(split="test")
X, X_test = X / 16, X_test / 16  # from 0, white, to 1, black

model = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(),
    nn.Linear(256, 256), nn.ReLU(),
    nn.Linear(256, 10),
)  # fmt: skip
print(model)

loss = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = xe.optim.AdamW(model.parameters(), lr=0.003)
schedule = xe.optim.CosineAnnealingLR(optimizer, EPOCHS)
batches = xe.data.DataLoader((X, y), batch_size=64, shuffle=True)

for epoch in range(EPOCHS):
    total = 0.0
    for x, digit in batches:
        optimizer.zero_grad()
        error = loss(model(x + NOISE * rng.standard_normal(x.shape)), digit)
        error.backward()
        optimizer.step()
        total += error.item()
    schedule.step()
    if epoch % 10 == 9:
        with xe.no_grad():
            train = xe.metrics.accuracy(model(X), y)
        print(f"epoch {epoch + 1}   loss {total / len(batches):.3f}   training accuracy {train:.3f}")

with xe.no_grad():
    logits = model(X_test)
accuracy = xe.metrics.accuracy(logits, y_test)
print(f"held-out accuracy {accuracy:.3f}, in the two best guesses {xe.metrics.top_k_accuracy(logits, y_test, 2):.3f}")
assert accuracy >= 0.97

print("recall of each digit, 0 to 9:", *[f"{r:.2f}" for r in xe.metrics.recall(logits, y_test, average=None)])
