"""Programs as autograd's users write them, plain NumPy and `grad`, compared with differences and autograd itself."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.containers import leaves

RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 2)), RNG.standard_normal(4)
POSITIVE = RNG.uniform(0.5, 2, 5)
LABELS = np.array([1.0, 0, 1, 1, 0, 1])
SQUARE = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
VECTOR = np.array([0.3, -1.2, 2.5, 0.7])


@dataclass(frozen=True)
class Program:
    """A function as `build` makes it with NumPy or autograd's NumPy, and where it is differentiated."""

    name: str
    build: Callable[[Any], Callable[..., Any]]
    args: tuple[Any, ...]
    argnum: int | tuple[int, ...] = 0
    kwargs: dict[str, Any] = field(default_factory=dict)
    theirs: bool = True  # autograd can do it too


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


PROGRAMS: list[Program] = []


def program(*args: Any, **options: Any) -> Callable[[Any], Any]:
    """Enter the decorated builder into the table."""

    def enter(build: Any) -> Any:
        PROGRAMS.append(Program(build.__name__, build, args, **options))
        return build

    return enter


def expression(name: str, f: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Enter ``f(np, *args)``."""
    PROGRAMS.append(Program(name, lambda np: lambda *given, **kwargs: f(np, *given, **kwargs), args, **options))


# -- from autograd's pages and examples --------------------------------------------------------------------------------


@program(1.0)
def readme_tanh(np):
    def tanh(x):
        return (1.0 - np.exp(-x)) / (1.0 + np.exp(-x))

    return tanh


@program(W)
def logistic_regression(np):
    def sigmoid(x):
        return 0.5 * (np.tanh(x / 2.0) + 1)

    def training_loss(weights):
        preds = sigmoid(np.dot(X, weights))
        label_probabilities = preds * LABELS + (1 - preds) * (1 - LABELS)
        return -np.sum(np.log(label_probabilities))

    return training_loss


@program([(RNG.standard_normal((4, 3)), np.zeros(3)), (RNG.standard_normal((3, 2)), np.ones(2))], X, Y)
def neural_net(np):
    def logsumexp(x, axis, keepdims):
        top = np.max(x, axis=axis, keepdims=True)
        return top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=keepdims))

    def predict(params, inputs):
        for W, b in params:
            outputs = np.dot(inputs, W) + b
            inputs = np.tanh(outputs)
        return outputs - logsumexp(outputs, axis=1, keepdims=True)

    def objective(params, inputs, targets):
        prior = sum(np.sum(W**2) + np.sum(b**2) for W, b in params)
        return 0.1 * prior - np.sum(predict(params, inputs) * targets)

    return objective


@program({"init": drawn(5, 1, 3), "change": drawn(6, 8, 3) / 3, "out": drawn(7, 4, 2)})
def recurrent_net(np):
    inputs = drawn(1, 5, 6, 4)

    def concat_and_multiply(weights, *args):
        cat_state = np.hstack([*args, np.ones((args[0].shape[0], 1))])
        return np.dot(cat_state, weights)

    def loss(params):
        hiddens = np.repeat(params["init"], inputs.shape[1], axis=0)
        outputs = [concat_and_multiply(params["out"], hiddens)]
        for given in inputs:
            hiddens = np.tanh(concat_and_multiply(params["change"], given, hiddens))
            outputs.append(concat_and_multiply(params["out"], hiddens))
        return np.mean(np.vstack(outputs) ** 2) + sum(np.mean(out) for out in outputs)

    return loss


@program(np.array([0.1, 0.5, -0.3]), X[:, :2], LABELS)
def gaussian_process(np):
    def rbf_covariance(params, x, xp):
        output_scale, lengthscales = np.exp(params[0]), np.exp(params[1:])
        diffs = np.expand_dims(x / lengthscales, 1) - np.expand_dims(xp / lengthscales, 0)
        return output_scale * np.exp(-0.5 * np.sum(diffs**2, axis=2))

    def log_marginal_likelihood(params, x, y):
        cov = rbf_covariance(params, x, x) + 0.1 * np.eye(len(y))
        _, logdet = np.linalg.slogdet(cov)
        return -0.5 * np.dot(y, np.linalg.solve(cov, y)) - 0.5 * logdet

    return log_marginal_likelihood


@program({"log proportions": drawn(8, 2), "means": drawn(9, 2, 2), "lower": drawn(10, 2, 2, 2)})
def gaussian_mixture(np):
    data = X[:, :2]

    def log_likelihood(params):
        scores = []
        weights = params["log proportions"] - np.log(np.sum(np.exp(params["log proportions"])))
        for k, (mean, lower) in enumerate(zip(params["means"], params["lower"])):
            cov = np.dot(lower, lower.T) + np.eye(2)
            centred = data - mean
            quadratic = np.sum(centred * np.linalg.solve(cov, centred.T).T, axis=1)
            scores.append(weights[k] - 0.5 * (quadratic + np.linalg.slogdet(cov)[1]))
        stacked = np.stack(scores, axis=1)
        return np.sum(np.log(np.sum(np.exp(stacked), axis=1)))

    return log_likelihood


@program(np.array([0.5, -0.3]))
def black_box_variational_inference(np):
    noise = drawn(2, 50)

    def bound(params):
        mean, log_std = params[0], params[1]
        samples = noise * np.exp(log_std) + mean
        entropy = 0.5 * (1.0 + np.log(2 * np.pi)) + log_std
        return entropy + np.mean(-0.5 * samples**2 - np.log1p(samples**2))

    return bound


@program(np.array([-1.0, 2.0]))
def rosenbrock(np):
    return lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@program(0.7)
def taylor_sine_with_a_while_loop(np):
    def taylor_sine(x):
        ans = currterm = x
        i = 0
        while np.abs(currterm) > 1e-12:
            currterm = -currterm * x**2 / ((2 * i + 3) * (2 * i + 2))
            ans = ans + currterm
            i += 1
        return ans

    return taylor_sine


@program(RNG.standard_normal((5, 5)))
def fluid_simulation_step(np):
    def smooth(f):
        for _ in range(3):
            f = 0.5 * f + 0.125 * (
                np.roll(f, 1, axis=0) + np.roll(f, -1, axis=0) + np.roll(f, 1, axis=1) + np.roll(f, -1, axis=1)
            )
        return np.mean((f - np.eye(5)) ** 2)

    return smooth


@program(RNG.standard_normal((3, 3)) / 3)
def hidden_markov_model(np):
    start, emissions = np.log(np.ones(3) / 3), drawn(3, 6, 3)

    def logsumexp(x, axis=None):
        return np.log(np.sum(np.exp(x), axis=axis))

    def log_likelihood(transitions):
        normalised = transitions - np.log(np.sum(np.exp(transitions), axis=1, keepdims=True))
        alpha = start + emissions[0]
        for t in range(1, 6):
            alpha = logsumexp(alpha[:, None] + normalised, axis=0) + emissions[t]
        return logsumexp(alpha)

    return log_likelihood


@program(RNG.standard_normal((4, 4)))
def independent_component_analysis(np):
    def loss(A):
        S = np.dot(X, A)
        return np.sum(np.log(np.cosh(S))) - len(X) * np.linalg.slogdet(A)[1]

    return loss


@program(RNG.standard_normal((6, 2)), RNG.standard_normal((4, 2)))
def matrix_factorisation(np):
    mask = X > 0
    return lambda U, V: np.sum(np.where(mask, X - np.dot(U, V.T), 0.0) ** 2)


@program(RNG.standard_normal((2, 3)), argnum=0)
def convolution_by_slices(np):
    image = drawn(4, 6, 7)

    def convolved(kernel):
        total = 0
        for i in range(2):
            for j in range(3):
                total = total + kernel[i, j] * image[i : i + 5, j : j + 5]
        return np.sum(np.maximum(total, 0))

    return convolved


@program([0.3, 0.2], 0.1)
def runge_kutta(np):
    def pendulum(state):
        return [state[1], -np.sin(state[0])]

    def step(state, h):
        for _ in range(4):
            k1 = pendulum(state)
            k2 = pendulum([s + h / 2 * k for s, k in zip(state, k1)])
            state = [s + h * k for s, k in zip(state, k2)]
        return state[0] ** 2 + state[1]

    return step


# -- control flow, containers, arguments -------------------------------------------------------------------------------


@program(1.5)
def branch_on_a_value(np):
    return lambda x: x**2 if x > 0 else -x


@program(-1.5)
def other_branch_on_a_value(np):
    return lambda x: x**2 if x > 0 else -x


@program(1.3)
def recursion(np):
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    return lambda x: power(x, 5)


@program(5.0)
def loop_until_small(np):
    def f(x):
        while x > 1:
            x = np.sqrt(x) * 0.9
        return x

    return f


@program(VECTOR)
def loop_over_elements(np):
    def f(x):
        total = 0.0
        for element in x:
            total = total + np.sin(element) * element
        return total

    return f


@program(VECTOR)
def unpacking(np):
    def f(x):
        a, b, *rest = x
        return a * b + rest[0] * rest[1] ** 2

    return f


@program(VECTOR)
def enumerate_zip_and_len(np):
    def f(x):
        return sum(i * a * b for i, (a, b) in enumerate(zip(x, x[::-1]))) / len(x)

    return f


@program(VECTOR, 3, 2.5, argnum=(0, 2))
def several_arguments_and_an_integer_between(np):
    return lambda x, n, y: np.sum(x**n) * y


@program(VECTOR, 0.5, argnum=1)
def second_argument(np):
    return lambda x, y: np.sum(np.exp(x * y))


@program(VECTOR, kwargs={"power": 3, "scale": 0.5})
def keyword_arguments(np):
    return lambda x, power=2, scale=1.0: scale * np.sum(x**power)


Point = namedtuple("Point", ["x", "y"])


@program({"w": W, "nested": {"list": [1.0, np.ones(2)], "tuple": (2.0, np.zeros((1, 2)))}})
def nested_containers(np):
    def f(p):
        first, second = p["nested"]["list"]
        return np.sum(p["w"] ** 2) * first + np.sum(second * p["nested"]["tuple"][1]) * p["nested"]["tuple"][0]

    return f


@program({"a": 2.0, "b": VECTOR})
def dict_methods(np):
    return lambda p: sum(np.sum(v**2) for v in p.values()) + sum(np.sum(p[k]) for k in sorted(p)) * len(p)


@program(X)
def closure_over_data_and_python_scalars(np):
    scale, data = 3, [1.0, 2.0, 3.0, 4.0]
    return lambda x: scale * np.sum(x * data) + 2


@program(VECTOR)
def value_of_shape_one(np):
    return lambda x: np.sum(x**2, keepdims=True)


@program(np.array([1.5]))
def input_of_shape_one(np):
    return lambda x: x**3


@program(np.float64(1.5))
def numpy_scalar(np):
    return lambda x: np.sin(x) * np.float64(2.0)


@program(np.array(1.5))
def zero_dimensional_array(np):
    return lambda x: np.exp(x) / x


@program(VECTOR)
def vector_valued(np):
    return lambda x: np.sin(x) * x[0]


@program(X)
def matrix_valued(np):
    return lambda x: np.dot(x.T, x)


@program(VECTOR)
def constant_function(np):
    return lambda x: np.sum(np.zeros(3)) + 0 * x[0]


@program(VECTOR)
def functions_of_integers_and_comparisons(np):
    return lambda x: np.sum(x * (x > 0)) + np.sum(np.where(x < 0.5, x**2, 3 * x)) + x[np.argmax(x)]


# -- one function at a time --------------------------------------------------------------------------------------------

expression("dot of vectors", lambda np, a, b: np.dot(a, b), VECTOR, W, argnum=(0, 1))
expression("dot of a matrix and a vector", lambda np, a, b: np.dot(a, b), X, W, argnum=(0, 1))
expression("dot of a vector and a matrix", lambda np, a, b: np.dot(a, b), W, X.T, argnum=(0, 1))
expression("dot of matrices", lambda np, a, b: np.dot(a, b), X, Y[:4], argnum=(0, 1))
expression("dot with a number", lambda np, a, b: np.dot(a, b), 2.0, X, argnum=(0, 1))
expression("dot of higher arrays", lambda np, a, b: np.dot(a, b), X.reshape(2, 3, 4), X.reshape(3, 4, 2), argnum=(0, 1))
expression("dot as a method", lambda np, a, b: a.dot(b), X, W, theirs=False)
expression("the operator @", lambda np, a, b: a @ b, X, Y[:4], argnum=(0, 1))
expression("matmul in batches", lambda np, a, b: np.matmul(a, b), X.reshape(2, 3, 4), Y[:4], argnum=(0, 1))
expression("einsum", lambda np, a, b: np.einsum("ij,jk->ik", a, b), X, Y[:4], argnum=(0, 1))
expression("einsum with an ellipsis", lambda np, a, b: np.einsum("...i,...i->...", a, b), X, X + 1, argnum=(0, 1))
expression("einsum of one", lambda np, a: np.einsum("ii->i", a), SQUARE, theirs=False)
expression("tensordot", lambda np, a, b: np.tensordot(a, b, axes=([1], [0])), X, Y[:4], argnum=(0, 1))
expression("tensordot over two axes", lambda np, a, b: np.tensordot(a, b, 2), X, X, argnum=(0, 1))
expression("outer", lambda np, a, b: np.outer(a, b), VECTOR, W, argnum=(0, 1))
expression("inner", lambda np, a, b: np.inner(a, b), X, X, argnum=(0, 1))
expression("kron", lambda np, a, b: np.kron(a, b), SQUARE, Y[:2], argnum=(0, 1))
expression("transpose", lambda np, x: x.T * np.transpose(x), X)
expression("transpose with axes", lambda np, x: np.transpose(x.reshape(2, 3, 4), (2, 0, 1)) ** 2, X)
expression("reshape", lambda np, x: x.reshape(4, 6) * np.reshape(x, (4, -1)), X)
expression("reshape by a tuple", lambda np, x: x.reshape((8, 3)) ** 2, X)
expression("flatten and ravel", lambda np, x: x.flatten() * np.ravel(x) * x.ravel(), X)
expression("mean as a method", lambda np, x: x.mean() + x.mean(axis=0)[0] + x.sum(axis=1)[0], X**2)
expression("mean", lambda np, x: np.mean(x**2, axis=1, keepdims=True), X)
expression("var and std", lambda np, x: np.var(x, axis=0) + np.std(x, axis=0) + x.var() + x.std(), X)
expression("var with ddof", lambda np, x: np.var(x, ddof=1) + np.std(x, axis=1, ddof=1), X)
expression("max and min", lambda np, x: np.max(x, axis=1) * np.min(x) + x.max() + x.min(axis=1), X)
expression("prod", lambda np, x: np.prod(x, axis=1) + x.prod(axis=1), X)
expression("cumsum", lambda np, x: np.cumsum(x**2, axis=1) + x.cumsum(axis=1), X)
expression("sort", lambda np, x: np.sort(x) ** 2 * np.arange(4), VECTOR)
expression("sort along an axis", lambda np, x: np.sort(x, axis=0) ** 2, X, theirs=False)
expression("partition", lambda np, x: np.sum(np.partition(x, 2)[2:] ** 2), VECTOR)
expression("concatenate", lambda np, a, b: np.concatenate([a, b**2, a[:1]]), VECTOR, W, argnum=(0, 1))
expression("concatenate along an axis", lambda np, a, b: np.concatenate((a, b), axis=1) ** 2, X, Y, argnum=(0, 1))
expression("stack of a list comprehension", lambda np, x: np.stack([v**k for k, v in enumerate(x, 1)]), VECTOR)
expression("hstack and vstack", lambda np, a: np.hstack([a, a]) + np.vstack([a, a**2]).ravel(), VECTOR)
expression("column_stack", lambda np, a: np.column_stack([a, a**2]) * a[:, None], VECTOR)
expression("dstack", lambda np, a: np.dstack([a, a**2]), VECTOR, theirs=False)
expression("append", lambda np, a: np.append(a, a[0] ** 2), VECTOR)
expression("split", lambda np, a: np.split(a, 2)[1] * np.array_split(a, 2)[0], VECTOR)
expression("hsplit and vsplit", lambda np, a: np.hsplit(a, 2)[1] * 2 + np.hsplit(a, 2)[0] ** 2, X)
expression("index", lambda np, x: x[1] * x[-1], VECTOR)
expression("slices", lambda np, x: x[1:] * x[:-1] + x[::-1][:3], VECTOR)
expression("index of rows and columns", lambda np, x: x[:, 1] * x[:, -1] + x[0, 2] + x[2:4, 1].sum(), X)
expression("new axes", lambda np, x: x[:, None] * x[None, :] + x[np.newaxis, ..., np.newaxis][0], VECTOR)
expression("index by a list", lambda np, x: x[[0, 2, 2]] ** 2, VECTOR)
expression("index by arrays", lambda np, x: x[np.arange(6), np.array([0, 1, 2, 3, 0, 0])] ** 2, X)
expression("index by a mask", lambda np, x: x[x > 0] ** 2, VECTOR)
expression("index by a mask of data", lambda np, x: x[X > 0] ** 2, X + 1)
expression("where", lambda np, x: np.where(x > 0, np.sin(x), x**2), X)
expression("maximum", lambda np, x: np.maximum(x, 0) * np.minimum(x, 1.0), X)
expression("clip", lambda np, x: np.clip(x, -0.5, 0.5) * x, X)
expression("broadcasting a row", lambda np, x, b: x * b + b, X, W, argnum=(0, 1))
expression("broadcasting a column", lambda np, x, b: x / b, X, POSITIVE[0] * np.ones((6, 1)), argnum=(0, 1))
expression("broadcasting a number", lambda np, x, b: x**2 * b, X, 3.0, argnum=(0, 1))
expression("broadcasting by ones", lambda np, a, b: a * b, np.ones((3, 1)) * 2, np.ones((1, 4)), argnum=(0, 1))
expression("powers", lambda np, x: x**2 + x**3.5 + 2**x + x**x + 1 / x, POSITIVE)
expression("negation and absolute value", lambda np, x: -x + abs(x) * np.abs(x), VECTOR)
expression("a plus in front", lambda np, x: +x * x, VECTOR, theirs=False)
expression("integers on the left", lambda np, x: 3 - x + 2 / x + 4 * x - (1 + x) % 1.7, POSITIVE)
expression("exp", lambda np, x: np.exp(x) + np.exp2(x) + np.expm1(x), POSITIVE)
expression("log", lambda np, x: np.log(x) + np.log2(x) + np.log10(x) + np.log1p(x), POSITIVE)
expression("trigonometry", lambda np, x: np.sin(x) + np.cos(x) + np.tan(x) + np.arctan(x) + np.sinc(x), VECTOR)
expression("inverse trigonometry", lambda np, x: np.arcsin(x) + np.arccos(x) + np.arctanh(x), VECTOR / 4)
expression("hyperbolic", lambda np, x: np.sinh(x) + np.cosh(x) + np.tanh(x) + np.arcsinh(x), VECTOR)
expression("degrees", lambda np, x: np.rad2deg(x) + np.deg2rad(x) + np.degrees(x) + np.radians(x), VECTOR)
expression("square, sqrt, reciprocal", lambda np, x: np.square(x) + np.sqrt(x) + np.reciprocal(x), POSITIVE)
expression("two arguments", lambda np, a, b: np.arctan2(a, b) + np.logaddexp(a, b), VECTOR, W, argnum=(0, 1))
expression("fmax, fmin", lambda np, a, b: np.fmax(a, b) * np.fmin(a, b), VECTOR, W, argnum=(0, 1))
expression("rounding", lambda np, x: x * np.floor(x) + x * np.ceil(x) + x * np.round(x) + x * np.sign(x), VECTOR[:2])
expression("nan_to_num", lambda np, x: np.nan_to_num(x) ** 2, VECTOR)
expression("norm", lambda np, x: np.linalg.norm(x), X)
expression("norm along an axis", lambda np, x: np.linalg.norm(x, axis=1), X)
expression("norms of matrices", lambda np, x: np.linalg.norm(x, "fro") + np.linalg.norm(x, 2, axis=0)[0], X)
expression("inv and det", lambda np, a: np.linalg.inv(a) * np.linalg.det(a), SQUARE)
expression("solve", lambda np, a, b: np.linalg.solve(a, b), SQUARE, np.ones((3, 2)), argnum=(0, 1))
expression("slogdet", lambda np, a: np.linalg.slogdet(a)[1], SQUARE)
expression("cholesky", lambda np, a: np.linalg.cholesky(np.dot(a, a.T)), SQUARE)
expression("trace", lambda np, a: np.trace(np.dot(a, a)) + np.trace(a, 1), SQUARE)
expression("diag and diagonal", lambda np, a: np.diag(np.diag(a)) + np.diag(a), SQUARE)
expression("other diagonals", lambda np, a: np.diag(np.diag(a, 1), -1) + np.trace(a, 1), SQUARE, theirs=False)
expression("triu and tril", lambda np, a: np.triu(a, 1) * 2 + np.tril(a) ** 2, SQUARE)
expression("roll and flip", lambda np, x: np.roll(x, 1, axis=1) * np.flipud(x) + np.fliplr(x) ** 2, X)
expression("rot90", lambda np, x: np.rot90(x) ** 2, X)
expression("tile and repeat", lambda np, x: np.sum(np.tile(x, (2, 2)) ** 2) + np.repeat(x, 2, axis=0)[0, 0], X)
expression("expand_dims and squeeze", lambda np, x: np.squeeze(np.expand_dims(x, 0)) ** 2, X)
expression("swapaxes and its kin", lambda np, x: np.swapaxes(x, 0, 1) * np.moveaxis(x, 0, 1) + np.rollaxis(x, 1), X)
expression("broadcast_to", lambda np, x: np.broadcast_to(x, (3, 4)) * 2.0, VECTOR, theirs=False)
expression("diff", lambda np, x: np.diff(x) ** 2, VECTOR)
expression("gradient", lambda np, x: np.gradient(x) * x, VECTOR)
expression("cross", lambda np, a, b: np.cross(a, b), SQUARE[0], SQUARE[1], argnum=(0, 1))
expression("pad", lambda np, x: np.pad(x, ((1, 1), (0, 2)), "constant") ** 2, X)
expression("average", lambda np, x: np.average(x**2, axis=0), X, theirs=False)
expression("atleast", lambda np, x: np.atleast_2d(x) ** 2 + np.atleast_1d(x), VECTOR)
expression("select", lambda np, x: np.select([x > 1, x > 0], [x**2, 3 * x], 0.5 * x), VECTOR)
expression("linspace", lambda np, a, b: np.linspace(a, b, 5) ** 2, 1.0, 3.0, argnum=(0, 1))
expression("ones_like", lambda np, x: x * np.ones_like(x) + np.zeros_like(x) + np.full_like(x, 2.0), VECTOR)
expression("shapes", lambda np, x: x * x.shape[0] * x.ndim * x.size * len(x) * np.shape(x)[1] * np.ndim(x), X)
expression("astype", lambda np, x: x.astype(np.float64) ** 2, VECTOR)
expression("isnan and isfinite", lambda np, x: np.where(np.isnan(x), 0.0, x**2) * np.isfinite(x), VECTOR)

def differentiated(each: Program, f: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the arguments that are differentiated alone."""
    places = (each.argnum,) if isinstance(each.argnum, int) else each.argnum

    def partial(*given: Any) -> Any:
        args = list(each.args)
        for i, value in zip(places, given, strict=True):
            args[i] = value
        return f(*args, **each.kwargs)

    return partial


def inputs(each: Program) -> list[Any]:
    places = (each.argnum,) if isinstance(each.argnum, int) else each.argnum
    return [each.args[i] for i in places]


def close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert not isinstance(a, xe.Tensor)
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12 + rtol * float(np.max(np.abs(b), initial=0)))


@pytest.mark.parametrize("each", PROGRAMS, ids=lambda each: each.name)
def test_a_program_agrees_with_differences(each):
    assert xe.check_gradients(differentiated(each, each.build(np)), *inputs(each), order=2).ok


@pytest.mark.parametrize("each", PROGRAMS, ids=lambda each: each.name)
def test_a_program_leaves_plain_values_alone(each):
    f = each.build(np)
    value = f(*each.args, **each.kwargs)
    recorded, _ = xe.vjp(differentiated(each, f), *inputs(each))
    close(recorded, value, 1e-14)


# -- beside autograd ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def autograd() -> ModuleType:
    reason = "autograd, the oracle, is not installed: pip install '.[reference]'"
    module = pytest.importorskip("autograd.numpy", reason=reason)
    import autograd

    assert module is autograd.numpy
    return autograd


@pytest.mark.filterwarnings("ignore")  # autograd's own, of NumPy's newer releases
@pytest.mark.parametrize("each", [each for each in PROGRAMS if each.theirs], ids=lambda each: each.name)
def test_a_program_gives_what_autograd_gives(each, autograd):
    ours, theirs = each.build(np), each.build(autograd.numpy)
    value = ours(*each.args, **each.kwargs)
    single = np.size(value) == 1
    if single:
        found = xe.value_and_grad(ours, each.argnum)(*each.args, **each.kwargs)
        close(found, autograd.value_and_grad(theirs, each.argnum)(*each.args, **each.kwargs))
        close(found[1], autograd.grad(theirs, each.argnum)(*each.args, **each.kwargs))
    given, here, there = inputs(each), differentiated(each, ours), differentiated(each, theirs)
    if len(given) == 1 and isinstance(given[0], np.ndarray):
        close(xe.jacobian(here)(*given), autograd.jacobian(there)(*given))
        ones = np.ones(np.shape(value))
        close(xe.vjp(here, *given)[1](ones)[0], autograd.make_vjp(there)(*given)[0](ones))
        if single and np.ndim(value) == 0:
            close(xe.hessian(here)(*given), autograd.hessian(there)(*given), 1e-8)
            v = np.cos(np.arange(given[0].size)).reshape(given[0].shape)
            close(xe.hvp(here, given[0], v), autograd.hessian_vector_product(there)(given[0], v), 1e-8)


# -- the ways of asking ------------------------------------------------------------------------------------------------


def elementwise_grad(f):
    """autograd's, of a function of one array."""
    return lambda x: xe.vjp(f, x)[1](np.ones(np.shape(x)))[0]


def test_the_readmes_seven_derivatives_of_tanh_on_a_grid(autograd):
    tanh, theirs = PROGRAMS[0].build(np), PROGRAMS[0].build(autograd.numpy)
    x = np.linspace(-7, 7, 200)
    for _ in range(4):
        tanh, theirs = elementwise_grad(tanh), autograd.elementwise_grad(theirs)
        close(tanh(x), theirs(x), 1e-8)


def test_gradients_of_gradients_of_tanh():
    f = np.tanh
    found = []
    for _ in range(4):
        f = xe.grad(f)
        found.append(float(f(1.0)))
    t = np.tanh(1.0)
    s = 1 - t * t
    np.testing.assert_allclose(found, [s, -2 * t * s, s * (6 * t * t - 2), 8 * t * s * (2 - 3 * t * t)], rtol=1e-12)


def test_gradients_inside_of_functions_that_are_differentiated():
    inner = lambda x, y: xe.grad(lambda z: np.sin(x * z) * z)(y)
    found = xe.grad(lambda x: inner(x, 2.0) ** 2)(0.5)
    derivative = lambda x: (np.sin(2 * x) + 2 * x * np.cos(2 * x)) ** 2
    h = 1e-5
    assert found == pytest.approx((derivative(0.5 + h) - derivative(0.5 - h)) / (2 * h), rel=1e-8)


def test_make_jvp(autograd):
    f = lambda np: lambda x: np.sin(x) * np.sum(x**2)
    value, tangent = xe.jvp(f(np), (VECTOR,), (W,))
    close((value, tangent), autograd.make_jvp(f(autograd.numpy))(VECTOR)(W))


def test_gradient_descent_as_the_readme_writes_it():
    loss = PROGRAMS[1].build(np)
    training_gradient_fun = xe.grad(loss)
    weights = np.array([0.0, 0.0, 0.0, 0.0])
    before = loss(weights)
    for _ in range(100):
        weights -= training_gradient_fun(weights) * 0.01
    assert loss(weights) < before


def test_scipys_optimizers_take_value_and_gradient():
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed: pip install '.[reference]'")
    rosenbrock = next(each for each in PROGRAMS if each.name == "rosenbrock").build(np)
    found = optimize.minimize(xe.value_and_grad(rosenbrock), np.zeros(2), jac=True, method="BFGS")
    assert np.allclose(found.x, 1, atol=1e-6)
    newton = optimize.minimize(
        rosenbrock, np.zeros(2), jac=xe.grad(rosenbrock), hess=xe.hessian(rosenbrock), method="Newton-CG"
    )
    assert np.allclose(newton.x, 1, atol=1e-4)
    products = optimize.minimize(
        rosenbrock, np.zeros(2), jac=xe.grad(rosenbrock), method="trust-ncg",
        hessp=lambda x, v: xe.hvp(rosenbrock, x, v), options={"gtol": 1e-8},
    )  # fmt: skip
    assert np.allclose(products.x, 1, atol=1e-4)


def test_random_numbers_inside_a_function_are_constants():
    def f(x):
        return np.mean(np.random.default_rng(0).standard_normal(4) * x**2)

    close(xe.grad(f)(VECTOR), np.random.default_rng(0).standard_normal(4) * VECTOR / 2)


def test_functions_without_a_slope_give_constants():
    f = lambda x: np.sum(x[np.argsort(x)] * np.arange(4)) + np.sum(x[np.nonzero(x > 0)]) + np.max(x) * np.any(x > 2)
    ranks = np.argsort(np.argsort(VECTOR))
    close(xe.grad(f)(VECTOR), ranks + (VECTOR > 0) + (VECTOR == np.max(VECTOR)))


def test_what_is_printed_inside_shows_the_values(capsys):
    def f(x):
        print(f"{x[0]:.2f}", x.shape)
        return np.sum(x)

    xe.grad(f)(VECTOR)
    assert capsys.readouterr().out == "0.30 (4,)\n"


def test_an_error_in_the_function_comes_through():
    with pytest.raises(ZeroDivisionError):
        xe.grad(lambda x: x / (1 // 0))(1.0)


def total_by_steps(x):
    total = 0.0
    for element in x:
        total += np.sin(element) * element
    return total


def assigned_in_steps(x):
    y = x * 2
    y += x**2
    y *= 3
    y -= 1
    y /= 2
    return np.sum(y)


@pytest.mark.parametrize("f", [total_by_steps, assigned_in_steps])
def test_augmented_assignment_gives_the_name_another_value(f):
    assert xe.check_gradients(f, VECTOR, order=2).ok


def test_a_namedtuple_of_parameters():
    found = xe.grad(lambda p: p.x * np.sum(p.y**2))(Point(2.0, VECTOR))
    assert isinstance(found, Point)
    close(found, (np.sum(VECTOR**2), 4 * VECTOR))


def test_a_program_with_has_aux_returns_it():
    (value, aux), found = xe.value_and_grad(lambda x: (np.sum(x**2), x.shape), has_aux=True)(VECTOR)
    assert aux == (4,)
    close((value, found), (np.sum(VECTOR**2), 2 * VECTOR))


def test_define_gradient_example_with_a_rule_of_ones_own(autograd):
    @xe.custom_gradient(x=lambda g, out, x: g * np.exp(x - out))
    def logsumexp(x):
        top = np.max(x)
        return top + np.log(np.sum(np.exp(x - top)))

    example = lambda y: logsumexp(y**2) + logsumexp(y) * 3
    plain = lambda np: lambda y: np.log(np.sum(np.exp(y**2))) + np.log(np.sum(np.exp(y))) * 3
    close(xe.grad(example)(VECTOR), autograd.grad(plain(autograd.numpy))(VECTOR))
    close(xe.hessian(example)(VECTOR), autograd.hessian(plain(autograd.numpy))(VECTOR))


# -- where NumPy's own functions can't be reached ----------------------------------------------------------------------


def test_an_array_of_tensors_is_told_to_be_a_stack():
    """autograd.numpy has an `array` of its own; NumPy's asks for a plain array, and there is an error with the fix."""
    with pytest.raises(xe.GradientLostError, match=r"np\.stack"):
        xe.grad(lambda x: np.sum(np.array([x[0] ** 2, x[1]])))(VECTOR)
    found = xe.grad(lambda x: np.sum(np.stack([x[0] ** 2, x[1]])))(VECTOR)
    close(found, np.array([0.6, 1, 0, 0]))


def test_whole_numbers_are_told_to_be_floats():
    with pytest.raises(xe.DTypeError, match="float"):
        xe.grad(lambda x: x**2)(3)
