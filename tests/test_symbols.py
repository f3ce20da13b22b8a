"""Arrays of symbols: exact numbers, NumPy's protocols, shapes, reductions, order, errors, and every op of the table."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from ops_cases import CASES

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, ShapeError
from tinygrad_xe.program import symbols
from tinygrad_xe.program.symbols import SymbolArray, sympy_array

sp: Any = pytest.importorskip("sympy", reason="SymPy is not installed: pip install '.[symbolic]'")
mpmath: Any = pytest.importorskip("mpmath", reason="mpmath is not installed: pip install '.[symbolic]'")


def same(found: Any, expected: Any) -> None:
    """The very same expressions, in the same shape."""
    assert isinstance(found, SymbolArray)
    expected = np.asarray(expected, object)
    assert found.shape == expected.shape
    assert found.tolist() == expected.tolist()


def close(found: Any, expected: Any) -> None:
    """mpmath's numbers agree with floats."""
    assert isinstance(found, SymbolArray)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.fixture
def x() -> SymbolArray:
    return sympy_array("x", (2, 3))


# -- making them -------------------------------------------------------------------------------------------------------


def test_importing_the_module_imports_neither_sympy_nor_mpmath():
    import subprocess
    import sys

    program = "import sys; import tinygrad_xe.program.symbols; print({'sympy', 'mpmath'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_symbols_are_named_by_their_place():
    same(sympy_array("x", (2, 2)), [[sp.Symbol(f"x_{i}{j}", real=True) for j in range(2)] for i in range(2)])
    assert str(sympy_array("x").item()) == "x"
    assert str(sympy_array("w", 12)[11].item()) == "w_11"
    assert str(sympy_array("w", (2, 12))[1, 10].item()) == "w_1,10"


def test_symbols_are_real_and_what_else_is_said():
    assert sympy_array("x").item().is_real
    assert sympy_array("x").item().is_positive is None
    assert sympy_array("x", positive=True).item().is_positive
    assert sympy_array("x", negative=True).item().is_negative


@pytest.mark.parametrize(
    "given, exact",
    [
        (0.5, Fraction(1, 2)), (0.1, Fraction(0.1)), ("0.1", Fraction(1, 10)),
        (np.float32(0.1), Fraction(float(np.float32(0.1)))), (3, Fraction(3)), (np.int8(-3), Fraction(-3)),
        (True, Fraction(1)), (np.True_, Fraction(1)), (2**80, Fraction(2**80)),
        (Fraction(1, 3), Fraction(1, 3)), (Decimal("0.3"), Fraction(3, 10)), (5e-324, Fraction(5e-324)),
        (np.longdouble(1) / 3, Fraction(*(np.longdouble(1) / 3).as_integer_ratio())),
    ],
)  # fmt: skip
def test_numbers_become_exact_fractions(given, exact):
    assert symbols.array(given, "sympy").item() == sp.Rational(exact.numerator, exact.denominator)
    with mpmath.workdps(400):
        found = symbols.array(given, "mpmath").item()
        assert abs(found - mpmath.mpf(exact.numerator) / exact.denominator) <= abs(found) * mpmath.mpf("1e-399")


def test_a_float_is_exact_at_any_working_precision():
    with mpmath.workdps(5):
        found = symbols.array([0.1, 2**60 + 1], "mpmath")
    with mpmath.workdps(50):
        assert found[0].item() == mpmath.mpf(0.1)
        assert found[1].item() == 2**60 + 1


def test_infinities_and_nan_are_kept():
    same(symbols.array([np.inf, -np.inf], "sympy"), [sp.oo, -sp.oo])
    assert symbols.array(np.nan, "sympy").item() is sp.nan
    found = symbols.array([np.inf, -np.inf, np.nan], "mpmath")
    assert np.isinf(found).tolist() == [True, True, False]
    assert np.isnan(found).tolist() == [False, False, True]


@pytest.mark.parametrize("value", [1j, "one", None, np.array(["a"]), object()])
@pytest.mark.parametrize("algebra", ["sympy", "mpmath"])
def test_what_is_not_a_real_number_is_refused(value, algebra):
    with pytest.raises(DTypeError, match="expected a real number"):
        symbols.array(value, algebra)


def test_an_unknown_algebra_is_named():
    with pytest.raises(DTypeError, match="there is no algebra 'maple'; write one of 'sympy', 'mpmath'"):
        symbols.array(1, "maple")


def test_two_algebras_do_not_mix():
    with pytest.raises(DTypeError, match="scalars of mpmath and of sympy can't be mixed"):
        sympy_array("x") + symbols.array(1, "mpmath")


# -- what they are -----------------------------------------------------------------------------------------------------


def test_they_look_like_arrays_of_float64(x):
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
    assert x.dtype is np.dtype(np.float64)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)
    assert np.result_type(x, np.float32) == np.float64
    assert not np.iscomplexobj(x)


def test_they_are_printed_with_their_algebra():
    assert repr(sympy_array("x", (2,)) + 0.5) == "symbols([x_0 + 1/2, x_1 + 1/2], sympy)"
    assert str(symbols.array(["0.25"], "mpmath")) == "symbols([0.25], mpmath)"


def test_a_single_scalar_can_be_taken_out(x):
    assert x[1, 2].shape == ()
    assert x[1, 2].item() == sp.Symbol("x_12", real=True)
    with pytest.raises(ShapeError, match=r"item: the symbols have shape \(2, 3\), 6 scalars"):
        x.item()
    assert float(symbols.array("0.1", "mpmath")) == 0.1
    assert bool(symbols.array([2], "sympy"))
    assert not symbols.array(0, "sympy")
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(x)


def test_nothing_is_rounded_unasked(x):
    found = symbols.array(["0.1", "0.2"], "sympy").numpy()
    assert found.dtype == np.float64
    assert found.tolist() == [0.1, 0.2]
    with pytest.raises(DTypeError, match=r"x_00 is not a number. Write x\.values"):
        x.numpy()
    assert np.asarray(x, object) is x.values
    for lose in (lambda: np.asarray(x), lambda: np.array([x, x]), lambda: np.asarray(x, float)):
        with pytest.raises(DTypeError, match=r"x\.values for the array of scalars, x\.numpy\(\) for floats"):
            lose()


def test_casting_keeps_the_scalars(x):
    same(x.astype(np.float32), x.values)
    assert x.astype(np.float64, copy=False) is x
    assert symbols.array([0, 2], "sympy").astype(bool).tolist() == [False, True]
    with pytest.raises(DTypeError, match="no values of dtype int64"):
        x.astype(np.int64)


# -- functions ---------------------------------------------------------------------------------------------------------


def test_operators_take_numbers_exactly_on_both_sides(x):
    a = x.values
    same(x + 0.5, a + sp.Rational(1, 2))
    same(0.5 * x, a / 2)
    same(1 - x, 1 - a)
    same(np.float32(0.5) / x, sp.Rational(1, 2) / a)
    same(np.array([1, 2, 4]) * x, np.array([1, 2, 4], object) * a)
    same(x**2, a**2)
    same(2.0**x, 2**a)
    same(-x, -a)
    same(+x, a)
    same(abs(symbols.array([-3, 2], "sympy")), [3, 2])
    same(symbols.array([7, -7], "sympy") // 2, [3, -4])
    same(symbols.array([7, -7], "sympy") % 2, [1, 1])


def test_products_of_matrices(x):
    a = x.values
    same(x @ x.T, a @ a.T)
    same(np.eye(2) @ x, a)
    same(x @ np.array([1.0, 0.0, 0.5]), a @ np.array([1, 0, sp.Rational(1, 2)], object))
    same(np.dot(x, x.T), a @ a.T)
    same(np.einsum("ij,kj->ik", x, x), a @ a.T)
    same(np.outer(x[0], x[1]), np.outer(a[0], a[1]))
    same(np.vdot(x[0], x[1]), a[0] @ a[1])
    same(np.tensordot(x, x, ([0], [0])), a.T @ a)


def test_in_place_operators_and_out_write_into_the_array(x):
    y, values = x, x.values
    before = values.copy()
    y += 1
    assert y.values is values
    same(y, before + 1)
    same(np.exp(y, y), [[sp.exp(v + 1) for v in row] for row in before])
    assert y.values is values
    with pytest.raises(DTypeError, match="out= is an array of float64"):
        np.exp(x, np.zeros((2, 3)))


def test_indexing_reads_and_writes_views(x):
    a = x.values
    same(x[0], a[0])
    same(x[:, ::2], a[:, ::2])
    same(x[[1, 0], [0, 2]], a[[1, 0], [0, 2]])
    same(x[np.array([True, False])], a[:1])
    same(x[..., None], a[..., None])
    x.reshape(-1)[[0, 5]] = 0.25
    assert x[0, 0].item() == x[1, 2].item() == sp.Rational(1, 4)
    assert [row.shape for row in x] == [(3,), (3,)]


@pytest.mark.parametrize(
    "move",
    [
        lambda a: a.T, lambda a: np.transpose(a), lambda a: a.reshape(3, 2), lambda a: a.reshape((6,), order="F"),
        lambda a: np.ravel(a), lambda a: np.moveaxis(a, 0, 1), lambda a: np.swapaxes(a, 0, 1),
        lambda a: a[None].squeeze(0), lambda a: np.expand_dims(a, 1), lambda a: np.broadcast_to(a, (2, 2, 3)),
        lambda a: np.flip(a, 1),
        lambda a: np.roll(a, 1, 0), lambda a: np.tile(a, 2), lambda a: np.repeat(a, 2, 1),
        lambda a: np.take(a, [2, 0], 1),
        lambda a: np.take_along_axis(a, np.array([[2], [0]]), 1), lambda a: np.split(a, 3, 1)[1],
        lambda a: np.concatenate([a, a], 1), lambda a: np.stack([a, a], -1), lambda a: np.vstack([a, a[0]]),
        lambda a: np.hstack([a, a]), lambda a: np.append(a, a, 0), lambda a: np.atleast_3d(a),
        lambda a: np.diagonal(a),
        lambda a: np.rot90(a), lambda a: np.copy(a), lambda a: np.where([True, False, True], a, a[::-1]),
        lambda a: np.diff(a),
    ],
)  # fmt: skip
def test_elements_are_moved_as_in_numpy(move, x):
    same(move(x), move(x.values))


def test_numbers_among_symbols_become_exact(x):
    same(np.concatenate([x[0], np.array([0.5])]), [*x.values[0], sp.Rational(1, 2)])
    same(np.where([[True], [False]], x, 0.5), [x.values[0], [sp.Rational(1, 2)] * 3])
    same(np.diag(x[0]), np.diag(x.values[0]))
    assert isinstance(np.diag(x[0]).values[0, 1], sp.Integer)


def test_reductions(x):
    a = x.values
    same(np.sum(x), a.sum())
    same(x.sum(axis=1, keepdims=True), a.sum(1, keepdims=True))
    same(np.sum(x, axis=(0, 1)), a.sum())
    same(x.mean(), a.sum() / 6)
    same(np.mean(x, axis=0), a.sum(0) / 2)
    same(np.prod(x, axis=0), a.prod(0))
    same(np.cumsum(x, axis=1), a.cumsum(1))
    same(np.cumprod(x), a.ravel().cumprod())
    same(np.sum(x[:0]), 0)
    same(np.prod(x[:0], axis=0), [1, 1, 1])
    same(np.max(x), sp.Max(*a.ravel()))
    same(np.add.reduce(x, axis=1), a.sum(1))
    same(np.add.outer(x[0], x[1]), np.add.outer(a[0], a[1]))
    numbers = symbols.array([1, 2, 6], "sympy")
    same(np.var(numbers), sp.Rational(14, 3))
    same(np.std(numbers, ddof=1), sp.sqrt(7))
    same(np.linalg.norm(symbols.array([3, 4], "sympy")), 5)
    same(np.linalg.norm(symbols.array([3, 4, 5], "sympy"), 3), 6)


def test_arrays_like_them_are_symbols_too(x):
    same(np.zeros_like(x), np.zeros((2, 3), int))
    same(np.ones_like(x, shape=(2,)), [1, 1])
    same(np.full_like(x, 0.5, shape=()), sp.Rational(1, 2))
    assert np.zeros_like(x, dtype=bool).dtype == bool


# -- truth and order ---------------------------------------------------------------------------------------------------


def test_numbers_are_compared_and_give_plain_truth_values():
    a = symbols.array([3, 1, 2, 1], "mpmath")
    assert type(a > 1) is np.ndarray
    truth = np.zeros(4, bool)
    assert np.greater(a, 1, out=truth) is truth
    assert (a > 1).tolist() == [True, False, True, False]
    assert (a == np.array([3.0, 0, 2, 1])).tolist() == [True, False, True, True]
    assert np.argmax(a) == 0
    assert np.argmin(a) == 1
    assert np.argsort(a).tolist() == [1, 3, 2, 0]
    assert np.sort(a).tolist() == [1, 1, 2, 3]
    assert a.max().item() == 3
    assert np.clip(a, 1.5, 2.5).tolist() == [2.5, 1.5, 2, 1.5]
    assert a.reshape(2, 2).argmax(1).tolist() == [0, 0]
    assert np.any(a == 2)
    assert np.all(a)
    assert np.array_equal(a, np.array([3, 1, 2, 1]))


def test_symbols_are_compared_where_their_signs_decide():
    a, b = sympy_array("a", positive=True), sympy_array("b", negative=True)
    assert a > 0
    assert a > b
    assert a - b > 0
    assert b != 0
    assert not a < np.float64(-np.inf)
    assert np.isfinite(a)
    assert np.argmax(np.stack([b, a])) == 1
    same(np.maximum(a, b), a.values)
    same(np.abs(b), -b.values)


def test_an_undecided_comparison_says_what_it_was():
    a, b = sympy_array("a"), sympy_array("b")
    with pytest.raises(DTypeError, match=r"whether a < b does not follow.*\n.*positive=True"):
        np.less(a, b)
    with pytest.raises(DTypeError, match="whether a == 0 does not follow"):
        np.logical_not(a)
    with pytest.raises(DTypeError, match="whether 0 < a does not follow"):
        xe.grad(xe.sigmoid)(a)


def test_nan_is_ordered_as_in_numpy():
    given = [2.0, np.nan, 1.0]
    a = symbols.array(given, "mpmath")
    assert np.argsort(a).tolist() == np.argsort(given).tolist()
    assert np.argmax(a) == np.argmax(given)
    assert np.isnan(np.max(a))
    assert np.fmax.reduce(a).item() == 2
    assert not np.any(a == a[1])


# -- numbers of mpmath behave as NumPy's floats do ---------------------------------------------------------------------


def test_values_outside_a_domain_are_nan_and_divisions_by_zero_infinite():
    a = symbols.array([0, -1, 1], "mpmath")
    assert (1 / a)[0].item() == mpmath.inf
    assert np.isnan(a / 0).tolist() == [True, False, False]
    assert (a / 0).tolist()[1:] == [-mpmath.inf, mpmath.inf]
    assert np.log(a).tolist()[0] == -mpmath.inf
    assert np.isnan(np.log(a)).tolist() == [False, True, False]
    assert np.isnan(np.sqrt(a)).tolist() == [False, True, False]
    assert (a**-1).tolist()[0] == mpmath.inf
    assert np.isnan(symbols.array(-8, "mpmath") ** 0.5)


def test_invalid_operations_raise_where_numpy_is_told_to():
    inf = symbols.array(np.inf, "mpmath")
    assert np.isnan(inf - inf)
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        inf - inf
    with np.errstate(invalid="raise"):
        assert np.isnan(symbols.array(np.nan, "mpmath") + 1)  # nothing new went wrong


@pytest.mark.parametrize(
    "name", ["heaviside", "copysign", "fmod", "hypot", "logaddexp", "logaddexp2", "arctan2", "fmin", "floor_divide"]
)
def test_functions_of_two_numbers_agree_with_numpys(name):
    a, b = np.array([-2.5, 0.0, 1.5, 3.25]), np.array([[0.75], [-1.25], [2.0]])
    function = getattr(np, name)
    close(function(symbols.array(a, "mpmath"), b), function(a, b))


# -- Tensors and the engine --------------------------------------------------------------------------------------------


def test_a_tensor_takes_over_from_symbols():
    z = sympy_array("z")
    for call in (lambda t: z * t, lambda t: t * z, lambda t: np.add(z, t), lambda t: np.where(True, t, z)):
        seen: list[type] = []

        def f(t: Any, call: Any = call, seen: list[type] = seen) -> Any:
            seen.append(type(call(t)))
            return call(t)

        assert isinstance(xe.grad(f)(sympy_array("t")), SymbolArray)
        assert seen == [xe.Tensor]


def test_a_foreign_array_is_left_to_decide():
    class Foreign:
        def __array_ufunc__(self, *args: Any, **kwargs: Any) -> str:
            return "foreign"

        def __array_function__(self, *args: Any, **kwargs: Any) -> str:
            return "foreign"

    assert np.add(sympy_array("x"), Foreign()) == "foreign"
    assert np.concatenate([sympy_array("x", (1,)), Foreign()]) == "foreign"


def test_every_transform_takes_symbols_and_gives_symbols():
    x, v = sympy_array("x", (2,)), np.array([1.0, 0.5])
    f: Any = lambda x: np.sum(x**3) / 3
    a = x.values
    same(xe.grad(f)(x), a**2)
    value, gradient = xe.value_and_grad(f)(x)
    same(value, sum(a**3) / 3)
    same(gradient, a**2)
    same(xe.jvp(f, (x,), (v,))[1], a[0] ** 2 + a[1] ** 2 / 2)
    same(xe.vjp(f, x)[1](np.float64(0.5))[0], a**2 / 2)
    same(xe.hvp(f, x, v), [2 * a[0], a[1]])
    same(xe.hessian(f)(x), np.diag(2 * a))
    same(xe.jacobian(lambda x: x**2)(x), np.diag(2 * a))
    same(xe.grad(xe.grad(xe.grad(lambda x: x**4)))(x[0]), 24 * a[0])


def test_the_mean_divides_exactly():
    x, third = sympy_array("x", (3,)), sp.Rational(1, 3)
    same(xe.grad(np.mean)(x), [third] * 3)
    same(xe.vjp(np.mean, x)[1](1.0)[0], [third] * 3)
    same(xe.jvp(np.mean, (x,), (np.array([1.0, 0.0, 0.0]),))[1], third)
    same(xe.hvp(lambda x: np.mean(x * x), x, np.array([0.5, 0.0, 0.0])), [third, 0, 0])


#: Ops that need pivots, tables or the machine's rounding.
WITHOUT = {
    "sinc", "sinc_derivative", "solve", "inv", "det", "slogdet", "log_abs_det", "cofactor", "cofactor_slope",
    "nan_where_singular", "cholesky", "interp", "unwrap",
}  # fmt: skip
NUMERIC = [case for case in CASES if case.name not in WITHOUT]


@pytest.mark.parametrize("case", NUMERIC, ids=lambda case: case.name)
def test_every_operation_and_its_rule_run_on_exact_numbers_and_agree_with_floats(case):
    rng = np.random.default_rng(7)
    shapes = case.shapes or ((2, 3),) * len(case.domains)
    with mpmath.workdps(30):
        for options in case.options:
            if case.name == "matrix_power" and options.get("n", 1) < 0:
                continue  # an inverse
            arrays = [domain.draw(rng, [shape])[0] for domain, shape in zip(case.domains, shapes, strict=True)]

            def f(*arrays: Any, options: Any = options) -> Any:
                return case.run(*arrays, **options)

            with np.errstate(all="ignore"):
                right, pull_right = xe.vjp(f, *arrays)
                found, pull = xe.vjp(f, *[symbols.array(a, "mpmath") for a in arrays])
                close(found, right)
                g = rng.normal(size=np.shape(right))
                for a, b in zip(pull(g), pull_right(g), strict=True):
                    close(a, b)


@pytest.mark.parametrize("case", [case for case in CASES if case.name in WITHOUT], ids=lambda case: case.name)
def test_an_operation_that_is_not_for_symbols_says_so(case):
    shapes = case.shapes or ((2, 3),) * len(case.domains)
    drawn = [d.draw(np.random.default_rng(7), [shape])[0] for d, shape in zip(case.domains, shapes, strict=True)]
    with pytest.raises(TypeError):
        case.run(*[xe.Tensor(symbols.array(a, "mpmath"), True) for a in drawn], **case.options[0])


# -- what is not supported ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, named",
    [
        (np.linalg.inv, r"np\.linalg\.inv"), (np.fft.fft, r"np\.fft\.fft"), (np.median, r"np\.median"),
        (lambda x: np.nextafter(x, x), r"np\.nextafter"), (lambda x: np.add(x, x, where=np.array(True)), "where="),
        (lambda x: np.add.reduceat(x, [0]), r"np\.add\.reduceat"), (lambda x: np.linalg.norm(x, "nuc"), "ord='nuc'"),
    ],
)  # fmt: skip
def test_a_function_without_a_counterpart_says_so(call, named, x):
    with pytest.raises(DTypeError, match=named):
        call(x)


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.cumsum, np.concatenate])
def test_out_is_refused_and_not_forgotten(function, x):
    with pytest.raises(DTypeError, match=r"out= is not supported for symbols"):
        function(x, out=np.zeros_like(x))


@pytest.mark.parametrize("function", [np.sum, np.mean, np.cumsum, np.prod, np.var])
def test_a_dtype_of_whole_numbers_is_refused(function, x):
    with pytest.raises(DTypeError, match="not one of real numbers"):
        function(x, dtype=int)
    same(np.sum(x, dtype=np.float32), x.values.sum())


def test_an_initial_value_takes_part_in_a_reduction():
    numbers = symbols.array([1, 4, 2], "sympy")
    same(np.add.reduce(numbers, initial=0.5), sp.Rational(15, 2))
    same(np.maximum.reduce(numbers, initial=7), 7)
    same(np.maximum.reduce(numbers, axis=0, keepdims=True, initial=-np.inf), [4])


def test_a_reduction_of_nothing_needs_a_neutral_element(x):
    with pytest.raises((ShapeError, ValueError)):
        np.max(x[:0])


def test_scattering_adds_up(x):
    a = x.values
    same(xe.scatter_add(x[0], np.array([0, 1, 0]), (2,)), [a[0, 0] + a[0, 2], a[0, 1]])
    same(xe.grad(lambda v: np.sum(xe.scatter_add(v, np.array([0, 1, 0]), (2,)) ** 2))(x[0]),
         [2 * (a[0, 0] + a[0, 2]), 2 * a[0, 1], 2 * (a[0, 0] + a[0, 2])])  # fmt: skip


def test_an_option_of_a_loss_may_be_a_symbol():
    y, z, w = (symbols.array(v, "mpmath") for v in ([1, 0], ["0.3", -1], ["0.1", "0.7"]))
    with mpmath.workdps(40):
        found = xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z, sample_weight=w, reduction="mean")
        terms = [mpmath.log1p(mpmath.exp(-z[0].item())), mpmath.log1p(mpmath.exp(z[1].item()))]
        right = (w[0].item() * terms[0] + w[1].item() * terms[1]) / (w[0].item() + w[1].item())
        assert abs(found.item() - right) < mpmath.mpf("1e-38")


def test_plain_labels_beside_symbols_are_taken_exactly():
    z = symbols.array(["0.1", "-0.2"], "mpmath")
    with mpmath.workdps(40):
        for labels in (np.array([1, 0]), np.array([0.1, 0.9], np.float32), [True, False]):
            exact = symbols.array(np.asarray(labels), "mpmath")
            losses = xe.losses.sigmoid_cross_entropy_with_logits, xe.losses.softmax_cross_entropy_with_logits
            for loss in losses:

                def gradient(y: Any, loss: Any = loss) -> Any:
                    return xe.grad(lambda z: np.sum(loss(labels=y, logits=z)))(z)

                assert gradient(labels).tolist() == gradient(exact).tolist()


def test_the_error_function_has_as_many_digits_as_are_asked_for():
    with mpmath.workdps(50):
        found = xe.grad(xe.erf)(symbols.array("0.5", "mpmath")).item()
        right = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(mpmath.mpf("-0.25"))
        assert abs(found - right) / right < mpmath.mpf(2) ** -53  # the constant in the rule is a float
        assert abs(xe.erf(symbols.array("0.5", "mpmath")).item() - mpmath.erf(0.5)) < mpmath.mpf("1e-49")
    assert math.isclose(float(found), 2 / math.sqrt(math.pi) * math.exp(-0.25))
