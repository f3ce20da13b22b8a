"""A model of text by attention: one transformer block reads Shakespeare's sonnets, then writes some lines itself.

At each place the block looks back at up to 31 characters before it, and chooses by their content what to take from
where. The loss is that of the next character, in nats. Output:

    epoch 0   held-out loss 4.51
    epoch 1   held-out loss 2.20
    epoch 2   held-out loss 2.05
    epoch 3   held-out loss 1.98

    Shall I compare thee in the the was the all show shall dimper'd in thee ver'd das be thou thered wort;
    The wherichouds, beaut on that thou and,
      That the love the my shom be then therearthe wherest t
"""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn

LENGTH, WIDTH = 32, 64

xe.seed(0)
codes, alphabet = xe.data.text_codes(xe.data.load_text())


class Writer(nn.Module):
    """Logits of the next character at each place, shape (n, t, letters), for codes of shape (n, t), t up to LENGTH."""

    def __init__(self, letters):
        self.embedding, self.position = nn.Embedding(letters, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.norm1, self.attention = nn.LayerNorm(WIDTH), nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.network = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))
        self.head = nn.Linear(WIDTH, letters)

    def forward(self, x):
        h = self.embedding(x) + self.position(np.arange(x.shape[1]))
        a = self.norm1(h)
        h = h + self.attention(a, a, a, is_causal=True, need_weights=False)[0]
        h = h + self.network(self.norm2(h))
        return self.head(h)


model = Writer(len(alphabet))
loss = nn.CrossEntropyLoss()
optimizer = xe.optim.Adam(model.parameters(), lr=0.005)
train, held_out = codes[:-10_000], codes[-10_000:]
batches = xe.data.DataLoader(xe.data.windows(train, LENGTH, step=16), batch_size=32, shuffle=True)


def judge():
    """The loss on sonnets that the model has not read."""
    x, y = xe.data.windows(held_out, LENGTH)
    with xe.no_grad():
        return loss(model(x), y).item()


print(f"epoch 0   held-out loss {judge():.2f}")
for epoch in range(1, 4):
    for x, y in batches:
        optimizer.zero_grad()
        error = loss(model(x), y)
        error.backward()
        optimizer.step()
    print(f"epoch {epoch}   held-out loss {judge():.2f}")

# Write: each next character is drawn by the model's probabilities, sharpened by a temperature.
rng = np.random.default_rng(0)
written = list(xe.data.text_codes("Shall I compare thee", alphabet)[0])
with xe.no_grad():
    while len(written) < 200:
        logits = model(np.array([written[-LENGTH:]]))[0, -1]
        p = xe.softmax(logits / 0.5)
        written.append(rng.choice(len(alphabet), p=p))
print()
print(xe.data.codes_text(written, alphabet))
