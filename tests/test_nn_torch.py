"""Whole models trained beside PyTorch, from the same parameters on the same batches: the same losses for 100 steps."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xe as xe

STEPS, N, LIMIT = 100, 16, 0.3


# Each model is written once: `nn` is our module of layers or PyTorch's, `f` has the functions beside them.


def mlp(nn, f):
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = nn.Linear(20, 32), nn.Linear(32, 32), nn.Linear(32, 5)

        def forward(self, x):
            return self.third(f.tanh(self.second(f.relu(self.first(x)))))

    return MLP()


def convnet(nn, f):
    class Convnet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.conv2, self.norm2 = nn.Conv2d(4, 8, 3, stride=1), nn.BatchNorm2d(8)
            self.pool, self.out = nn.MaxPool2d(2), nn.Linear(8, 5)

        def forward(self, x):
            x = self.pool(f.relu(self.norm1(self.conv1(x))))  # (N, 4, 4, 4)
            x = self.pool(f.relu(self.norm2(self.conv2(x))))  # (N, 8, 1, 1)
            return self.out(x.reshape(x.shape[0], -1))

    return Convnet()


def gru(nn, f):
    class CharacterModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.gru, self.out = nn.Embedding(12, 6), nn.GRU(6, 10, 2), nn.Linear(10, 12)

        def forward(self, x):
            output, _ = self.gru(self.embedding(x))
            return self.out(output).reshape(-1, 12)

    return CharacterModel()


def attention(nn, f):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.places = nn.Embedding(12, 8), nn.Embedding(7, 8)
            self.norm1, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm2, self.wide, self.narrow = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
            self.out = nn.Linear(8, 12)

        def forward(self, x):
            x = self.embedding(x) + self.places(f.arange(7))
            y = self.norm1(x)
            x = x + self.attention(y, y, y, attn_mask=f.later(7), need_weights=False)[0]
            x = x + self.narrow(f.gelu(self.wide(self.norm2(x))))
            return self.out(x).reshape(-1, 12)

    return Block()


class Ours:
    """What the models need beside layers, ours."""

    relu, tanh, gelu, arange = staticmethod(xe.relu), np.tanh, staticmethod(xe.gelu), np.arange

    @staticmethod
    def later(count):
        return ~np.tri(count, dtype=bool)


def theirs(torch):
    """The same, PyTorch's."""

    class Theirs:
        relu, tanh, gelu, arange = torch.relu, torch.tanh, torch.nn.functional.gelu, torch.arange

        @staticmethod
        def later(count):
            return torch.ones(count, count, dtype=torch.bool).triu(1)

    return Theirs


def batches(name):
    """A batch for each step: inputs and class numbers that can be learned from them."""
    draws = np.random.default_rng(5)
    for _ in range(STEPS):
        if name == "mlp":
            x = draws.standard_normal((N, 20))
            yield x, x[:, :5].argmax(1)
        elif name == "convnet":
            labels = draws.integers(0, 5, N)
            image = draws.standard_normal((N, 1, 8, 8))
            image[np.arange(N), 0, labels + 1] += 2.0  # a bright row
            yield image, labels
        else:
            start, step = draws.integers(0, 12, N), draws.integers(1, 3, N)
            text = (start + step * np.arange(8)[:, None]) % 12  # (8, N): letters, each one or two after the last
            inputs, following = text[:-1], text[1:]
            yield (inputs.T, following.T.reshape(-1)) if name == "attention" else (inputs, following.reshape(-1))


MODELS = {"mlp": mlp, "convnet": convnet, "gru": gru, "attention": attention}
OPTIMIZERS = [
    ("SGD", {"lr": 0.2}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 1e-2}),
    ("AdamW", {"lr": 1e-2, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 1e-3}),
]


def trained(model, loss_of, optimizer, on, name, clip=None):
    """Train for 100 steps; the losses, and the norms of the gradients if they are clipped."""
    losses, norms = [], []
    for x, labels in batches(name):
        optimizer.zero_grad()
        loss = loss_of(model(on(x)), on(labels))
        loss.backward()
        if clip is not None:
            norms.append(float(clip(model.parameters(), LIMIT)))
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def twins(torch, name):
    torch.manual_seed(3)
    other, mine = MODELS[name](torch.nn, theirs(torch)).double(), MODELS[name](xe.nn, Ours)
    mine.load_state_dict({key: value.numpy() for key, value in other.state_dict().items()})
    return mine, other


def agree(torch, name, optimizer, settings, clipped=False):
    """Train both; compare all losses, norms, parameters and running statistics; return the losses and the norms."""
    mine, other = twins(torch, name)
    clips = (xe.optim.clip_grad_norm, torch.nn.utils.clip_grad_norm_) if clipped else (None, None)
    step = getattr(xe.optim, optimizer)(mine.parameters(), **settings)
    losses, norms = trained(mine, xe.nn.CrossEntropyLoss(), step, np.asarray, name, clips[0])
    step = getattr(torch.optim, optimizer)(other.parameters(), **settings)
    expected, their_norms = trained(other, torch.nn.CrossEntropyLoss(), step, torch.tensor, name, clips[1])
    np.testing.assert_allclose(losses, expected, 1e-9)  # measured: 1e-14
    np.testing.assert_allclose(norms, their_norms, 1e-7)
    held = mine.state_dict()
    assert set(held) == set(other.state_dict())
    for key, value in other.state_dict().items():
        np.testing.assert_allclose(held[key], value.numpy(), 1e-7, 1e-9, err_msg=key)
    return losses, norms


@pytest.mark.parametrize("optimizer, settings", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_hundred_steps_give_pytorchs_losses(torch, name, optimizer, settings):
    losses, _ = agree(torch, name, optimizer, settings)
    assert losses[-1] < 0.95 * losses[0]  # it has learned something


@pytest.mark.parametrize("name", MODELS)
def test_so_do_a_hundred_steps_with_gradients_clipped_by_their_norm(torch, name):
    _, norms = agree(torch, name, "SGD", {"lr": 0.1, "momentum": 0.9}, clipped=True)
    assert max(norms) > LIMIT


def test_a_trained_convnet_gives_pytorchs_logits_in_evaluation(torch):
    mine, other = twins(torch, "convnet")
    trained(mine, xe.nn.CrossEntropyLoss(), xe.optim.Adam(mine.parameters(), 1e-2), np.asarray, "convnet")
    x, _ = next(batches("convnet"))
    other.load_state_dict({key: torch.tensor(value) for key, value in mine.state_dict().items()})
    mine.eval(), other.eval()
    np.testing.assert_allclose(mine(x).data, other(torch.tensor(x)).detach().numpy(), 1e-11, 1e-12)
    alone = np.concatenate([mine(one[None]).data for one in x])  # no sample depends on the others of its batch
    np.testing.assert_allclose(alone, mine(x).data, 1e-11, 1e-12)
