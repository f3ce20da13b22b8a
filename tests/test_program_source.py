"""The printed source: the gradient programs of the textbook models word for word, names, notes, state, and draws."""

from __future__ import annotations

import re

import numpy as np
import pytest
from programs import distance, run_source

import tinygrad_xe as xe
from tinygrad_xe.containers import leaves

rng = np.random.default_rng(0)
X = rng.standard_normal((30, 4))
y = (rng.random(30) > 0.5).astype(float)
H = np.eye(3)[rng.integers(0, 3, 30)]
c = rng.integers(0, 3, 30)
bce = xe.losses.sigmoid_cross_entropy_with_logits
ce = xe.losses.softmax_cross_entropy_with_logits
sparse_ce = xe.losses.sparse_softmax_cross_entropy_with_logits


def loss(w, b):
    z = X @ w + b
    return bce(labels=y, logits=z, reduction="mean")


def primitive(w, b):
    z = X @ w + b
    loss = np.mean(np.logaddexp(0, z) - y * z)
    return loss


def softmax_regression(W, b):
    z = X @ W + b
    loss = ce(labels=H, logits=z, reduction="mean")
    return loss


def mlp(W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    loss = sparse_ce(labels=c, logits=z, reduction="mean")
    return loss


LOGISTIC_REGRESSION = '''\
import numpy as np


def loss_and_gradient(w, b, X, y):
    # forward
    z = X @ w + b           # z = X @ w + b
    e = np.exp(-np.abs(z))  # return bce(labels=y, logits=z, reduction="mean")
    h = z >= 0
    d = h - y
    loss = np.mean(z * d + np.log1p(e))
    # backward
    dz = (d + np.where(h, -e, e) / (1 + e)) / 30
    db = np.sum(dz, axis=0, keepdims=True)
    dw = X.T @ dz
    return loss, (dw, db)
'''

PRIMITIVE = '''\
def primitive_and_gradient(w, b, X, y):
    # forward
    z = X @ w + b                               # z = X @ w + b
    loss = np.mean(np.logaddexp(0, z) - y * z)  # loss = np.mean(np.logaddexp(0, z) - y * z)
    # backward
    dz = -y / 30 + sigmoid(z) / 30
    db = np.sum(dz, axis=0, keepdims=True)
    dw = X.T @ dz
    return loss, (dw, db)
'''

SOFTMAX_REGRESSION = '''\
import numpy as np


def softmax_regression_and_gradient(W, b, X, H):
    # forward
    z = X @ W + b                                              # z = X @ W + b
    top = np.argmax(z, axis=1, keepdims=True) == np.arange(3)  # loss = ce(labels=H, logits=z, reduction="mean")
    shifted = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(shifted)
    rest = np.sum(np.where(top, 0, e), axis=1, keepdims=True)
    mass = np.sum(H, axis=1, keepdims=True)
    losses = mass * np.log1p(rest) - np.sum(H * shifted, axis=1, keepdims=True)
    loss = np.mean(losses)
    # backward
    total = 1 + rest
    dz = np.where(top, (mass - H - H * rest) / total, e * (mass / total) - H) / 30
    db = np.sum(dz, axis=0)
    dW = X.T @ dz
    return loss, (dW, db)
'''

MLP = '''\
import numpy as np


def mlp_and_gradient(W1, b1, W2, b2, X, c):
    # forward
    h = np.tanh(X @ W1 + b1)          # h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2                   # z = h @ W2 + b2
    own = c[:, None] == np.arange(3)  # loss = sparse_ce(labels=c, logits=z, reduction="mean")
    shifted = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(shifted)
    others = np.sum(np.where(own, 0, e), axis=1, keepdims=True)
    e_own = np.sum(np.where(own, e, 0), axis=1, keepdims=True)
    losses = np.log1p(others + (e_own - 1)) - np.sum(np.where(own, shifted, 0), axis=1, keepdims=True)
    loss = np.mean(losses)
    # backward
    dz = np.where(own, -others, e) / (others + e_own) / 30
    db2 = np.sum(dz, axis=0)
    dh = dz @ W2.T
    dW2 = h.T @ dz
    t = dh - dh * h * h
    db1 = np.sum(t, axis=0)
    dW1 = X.T @ t
    return loss, (dW1, db1, dW2, db2)
'''
MODELS = [
    (loss, (np.ones(4), np.zeros(1)), LOGISTIC_REGRESSION),
    (primitive, (np.ones(4), np.zeros(1)), PRIMITIVE),
    (softmax_regression, (np.ones((4, 3)), np.zeros(3)), SOFTMAX_REGRESSION),
    (mlp, (rng.standard_normal((4, 5)), np.zeros(5), rng.standard_normal((5, 3)), np.zeros(3)), MLP),
]


@pytest.mark.parametrize("f, arguments, text", MODELS, ids=lambda v: getattr(v, "__name__", ""))
def test_the_gradient_of_a_textbook_model_reads_as_a_person_would_have_written_it(f, arguments, text):
    program = xe.trace(xe.value_and_grad(f, argnums=tuple(range(len(arguments)))), *arguments)
    source = program.source
    assert (source if text.startswith("import") else source[source.index("def primitive") :]) == text


@pytest.mark.parametrize("f, arguments, text", MODELS, ids=lambda v: getattr(v, "__name__", ""))
def test_and_it_computes_what_the_engine_computes(f, arguments, text):
    gradient = xe.value_and_grad(f, argnums=tuple(range(len(arguments))))
    program = xe.trace(gradient, *arguments)
    for seed in range(5):
        draws = np.random.default_rng(seed)
        other = [a + 0.3 * draws.standard_normal(a.shape) for a in arguments]
        # The engine adds up by BLAS, the program by np.sum: where terms of order 1 cancel, both keep 1e-16 of them.
        for found, expected in zip(leaves(run_source(program, *other)), leaves(gradient(*other)), strict=True):
            assert np.allclose(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("z", [-800.0, -40.0, -1e-9, -0.0, 0.0, 40.0, 800.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_printed_logistic_loss_keeps_the_tails(z, label):
    f = xe.value_and_grad(lambda z: bce(labels=np.array([label]), logits=z, reduction="mean"))
    found = run_source(xe.trace(f, np.zeros(1)), np.array([z]))
    expected = f(np.array([z]))
    np.testing.assert_allclose(found[0], expected[0], rtol=3e-16)
    np.testing.assert_allclose(found[1], expected[1], rtol=5e-16)


def test_what_numpy_lacks_is_printed_as_a_function():
    source = xe.trace(lambda x: xe.softmax(x) * xe.erf(x), np.ones(3)).source
    assert "def softmax(x, axis=-1):" in source
    assert source.startswith("import math\n\nimport numpy as np\n")
    assert "tinygrad" not in source


def test_containers_and_their_names_come_out_as_they_went_in():
    def f(params, x):
        return {"sum": np.sum(params["w"] * x), "both": [params["b"] + 1, x]}

    program = xe.trace(f, {"w": np.ones(3), "b": np.zeros(3)}, np.arange(3.0))
    assert [i.name for i in program.inputs] == ["w", "b", "x"]
    found = run_source(program, {"w": np.full(3, 2.0), "b": np.ones(3)}, np.ones(3))
    assert found["sum"] == 6
    np.testing.assert_array_equal(found["both"][0], [2, 2, 2])


def test_a_variable_that_is_assigned_again_gets_a_number():
    def f(x):
        h = x
        for _ in range(3):
            h = np.tanh(2 * h)
        return h

    names = re.findall(r"^    (\w+) = ", xe.trace(f, np.ones(2)).source, re.MULTILINE)
    assert names == ["h", "h2", "h3"]


def test_names_that_code_can_not_have_are_changed():
    scope = {"np": np}
    exec("def f(np_, math): return np_ * math", {}, scope)
    program = xe.trace(scope["f"], np.ones(2), np.full(2, 3.0))
    np.testing.assert_array_equal(run_source(program, np.ones(2), np.full(2, 3.0)), [3, 3])
    assert "math_" in program.source


def test_a_name_of_a_printed_function_stays_free():
    def f(x):
        sigmoid = xe.sigmoid(x)
        return sigmoid * 2 + sigmoid

    x = np.ones(2)
    assert distance(run_source(xe.trace(f, x), x), f(x)) <= 1


def test_state_is_written_after_everything_is_computed():
    a = xe.tensor(np.arange(3.0), requires_grad=True, name="a")
    b = xe.tensor(np.full(3, 5.0), requires_grad=True, name="b")

    def swap(x):
        with xe.no_grad():
            old = a.detach()
            t = a * 1.0
            a.assign(b)
            b.assign(t + x)
        return old, t[1:]

    program = xe.trace(swap, np.ones(3))
    np.testing.assert_array_equal(a.data, [5, 5, 5])
    np.testing.assert_array_equal(b.data, [1, 2, 3])
    scope: dict = {}
    exec(program.source, scope)
    first, second = np.arange(3.0), np.full(3, 5.0)
    old, part = scope["swap"](np.ones(3), first, second)
    np.testing.assert_array_equal(first, [5, 5, 5])
    np.testing.assert_array_equal(second, [1, 2, 3])
    np.testing.assert_array_equal(old, [0, 1, 2])
    np.testing.assert_array_equal(part, [1, 2])


def test_draws_are_calls_of_the_generator_in_their_order():
    generator = np.random.default_rng(3)

    def f(x):
        return xe.random.draw(generator, "random", shape=(2,)) * x + xe.random.draw(generator, "random", shape=(2,))

    program = xe.trace(f, np.ones(2))
    assert program.source.count("rng.random((2,))") == 2
    scope: dict = {}
    exec(program.source, scope)
    found = scope[program.name](np.full(2, 2.0), np.random.default_rng(7))
    again = np.random.default_rng(7)
    np.testing.assert_array_equal(found, again.random(2) * 2 + again.random(2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_those_of_the_engine(dtype):
    f = xe.value_and_grad(lambda w: np.mean((xe.gelu(w * 0.1) + np.tanh(w)) ** 2))
    w = np.linspace(-2, 2, 7).astype(dtype)
    program = xe.trace(f, w)
    assert distance(run_source(program, w), f(w)) <= 2


def test_the_listing_has_the_types():
    text = str(xe.trace(xe.grad(primitive), np.ones(4), np.zeros(1)))
    inputs = "w: float64[4], b: float64[1], X: float64[30, 4], y: float64[30]"
    assert text.startswith(f"program primitive_gradient({inputs}):\n")
    assert "    z: float64[30] = X @ w + b\n" in text
    assert text.endswith("return dw")


def test_parameters_of_a_module_are_called_by_the_way_to_them():
    model = xe.nn.Sequential(xe.nn.Linear(4, 3, rng=0), np.tanh, xe.nn.Linear(3, 1, rng=1))
    program = xe.trace(lambda x: model(x).sum(), X)
    assert [str(i.name) for i in program.inputs] == ["x", "weight_0", "bias_0", "weight_2", "bias_2"]


def test_a_name_that_the_user_gave_is_kept():
    theta = xe.tensor(np.ones(4), requires_grad=True, name="omega")
    assert "X @ omega" in xe.trace(lambda: (X @ theta).sum()).source
