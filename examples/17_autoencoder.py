"""An autoencoder: 64 pixels through a bottleneck of 6 numbers and back, learnt from the digits without their labels.

The numbers in the middle have to tell all that the second half needs to draw the digit again. Principal components do
the same by straight lines only. Output:

    mean squared error on held-out images
        the mean image         0.0738
        6 principal components 0.0299
        autoencoder            0.0191

    held-out digits, and as they are drawn again from 6 numbers each

       #O.       :O##.       :#         :#o       ::O#.
      o#O#      .O::OO       #O       .O###       OO:O:
     .#: o          O:      o#.#O     .o oO       o.oO
     .#: .:        #O      :#: #:      ..#o       :#o
     :#. .:        O.      o#O##.      ####O     .##
     .#  .:        oO       o###       :O#:.     ::O.
      #O:#.      ::##         #o        oO       .oo:
      .O#:       ##O         o#.        Oo        O#:

      .#o        O###.       .O         oOo       oO#o
      O#o:      .O:o#o       #O        :Oo#.     .#ooO.
     .#. :       : :#.      O#.o:      o.:#      .O.:O
     :#  .         Oo      .#:.#o     .:.OO       OOO:
     :#..o:        #O      o#O##:     .###O.      O#O.
     .#. O:        OO      .OO##       OO#o       O#o
      #oo#.       oOo        .#:       .oO        Oo:
      .##:       O#o         .O         O:        oO.
"""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn

CODE, EPOCHS = 6, 60

xe.seed(0)
X, _ = xe.data.load_digits(split="train")
X_test, y_test = xe.data.load_digits(split="test")
X, X_test = X / 16, X_test / 16  # from 0, white, to 1, black

encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CODE))
decoder = nn.Sequential(nn.Linear(CODE, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
model = nn.Sequential(encoder, decoder)

loss = nn.MSELoss()
optimizer = xe.optim.Adam(model.parameters(), lr=0.005)
schedule = xe.optim.CosineAnnealingLR(optimizer, EPOCHS)
batches = xe.data.DataLoader(X, batch_size=64, shuffle=True)
for _ in range(EPOCHS):
    for x in batches:
        optimizer.zero_grad()
        loss(model(x), x).backward()
        optimizer.step()
    schedule.step()

with xe.no_grad():
    drawn = model(X_test).data

# Principal components of the training images, as many.
mean = X.mean(axis=0)
axes = np.linalg.svd(X - mean, full_matrices=False)[2][:CODE]
straight = (X_test - mean) @ axes.T @ axes + mean

print("mean squared error on held-out images")
for name, guess in [("the mean image", mean), (f"{CODE} principal components", straight), ("autoencoder", drawn)]:
    print(f"    {name:<22} {np.mean((X_test - guess) ** 2):.4f}")

print("\nheld-out digits, and as they are drawn again from 6 numbers each")
some = [np.flatnonzero(y_test == digit)[0] for digit in (0, 3, 4, 7, 8)]
for images in (X_test[some], drawn[some]):
    print()
    for row in range(8):
        print("   ".join("".join(" .:oO#"[int(5.99 * p)] for p in image[8 * row : 8 * row + 8]) for image in images))
