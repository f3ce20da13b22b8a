"""Operands: Tensors, arrays, NumPy's and Python's numbers, lists and pandas objects, against NumPy's own results."""

import operator
import re
import warnings

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, GradientLostError, ShapeError

OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
LOGICAL = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
OPERANDS = {
    "float64 array": np.array([1.0, 2.0, 3.0]),
    "float32 array": np.array([1.0, 2.0, 3.0], np.float32),
    "float16 array": np.array([1.0, 2.0, 3.0], np.float16),
    "int array": np.array([1, 2, 3]),
    "int8 array": np.array([1, 2, 3], np.int8),
    "bool array": np.array([True, True, True]),
    "column": np.array([[1.0], [2.0]]),
    "0-d array": np.array(2.0),
    "empty rows": np.ones((0, 3)),
    "np.float64": np.float64(2.0),
    "np.float32": np.float32(2.0),
    "np.int64": np.int64(2),
    "np.bool": np.True_,
    "float": 2.0,
    "int": 3,
    "bool": True,
    "list": [1.0, 2.0, 3.0],
    "tuple": (1, 2, 3),
    "nested list": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    "range": range(1, 4),
}
TENSORS = [
    np.array([1.5, 2.0, -3.0]),
    np.array([1.5, 2.0, -3.0], np.float32),
    np.array([1, 2, 3]),
    np.array([True, True, True]),
]


def compare(found, expected):
    found = found.data if isinstance(found, xe.Tensor) else np.asarray(found)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def evaluate(function, a, b):
    """NumPy's result, or its error where it has none for these dtypes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            return function(a, b)
        except TypeError as error:
            return error


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("kind", OPERANDS)
def test_every_operator_gives_numpys_values_and_dtype_with_the_operand_on_either_side(symbol, kind):
    function, other = OPERATORS[symbol], OPERANDS[kind]
    for values in TENSORS:
        plain = np.array(other) if isinstance(other, list | tuple | range) else other
        for tensor in (xe.tensor(values), xe.tensor(values, requires_grad=values.dtype.kind == "f")):
            for arguments, plains in (((tensor, other), (values, plain)), ((other, tensor), (plain, values))):
                # NumPy 2.0's ** takes a shortcut for some exponents, with another dtype than np.power's.
                expected = evaluate(np.power if function is operator.pow else function, *plains)
                if isinstance(expected, TypeError):
                    with pytest.raises(TypeError):
                        function(*arguments)
                else:
                    with np.errstate(all="ignore"):
                        compare(function(*arguments), expected)


@pytest.mark.parametrize("symbol", OPERATORS)
def test_every_operator_takes_two_tensors_of_any_dtypes(symbol):
    for a in TENSORS:
        for b in TENSORS:
            expected = evaluate(OPERATORS[symbol], a, b)
            if isinstance(expected, TypeError):
                with pytest.raises(TypeError):
                    OPERATORS[symbol](xe.tensor(a), xe.tensor(b))
            else:
                with np.errstate(all="ignore"):
                    compare(OPERATORS[symbol](xe.tensor(a), xe.tensor(b)), expected)


@pytest.mark.parametrize("symbol", LOGICAL)
def test_logical_operators_on_booleans_and_integers(symbol):
    function = LOGICAL[symbol]
    mask, ints = np.array([True, False, True]), np.array([5, 6, 7])
    for values, others in ((mask, [~mask, True, [False, True, True]]), (ints, [3, np.int64(1)])):
        for other in others:
            compare(function(xe.tensor(values), other), function(values, other))
            compare(function(other, xe.tensor(values)), function(other, values))
    compare(~xe.tensor(mask), ~mask)
    with pytest.raises(DTypeError, match="bitwise"):
        function(xe.tensor([1.0]), True)


@pytest.mark.parametrize("other", [np.arange(9.0).reshape(3, 3), np.arange(3), [1.0, 2.0, 3.0], (1, 2, 3)])
def test_matmul_takes_arrays_lists_and_tensors_on_either_side(other):
    values = np.arange(9.0).reshape(3, 3)
    tensor, plain = xe.tensor(values, requires_grad=True), np.asarray(other)
    compare(tensor @ other, values @ plain)
    compare(other @ tensor, plain @ values)
    compare(tensor @ xe.tensor(other), values @ plain)
    compare(xe.tensor(other) @ tensor, plain @ values)


@pytest.mark.parametrize("number", [2.0, 2, True])
def test_python_numbers_are_weak(number):
    narrow = xe.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    for out in (narrow * number, number * narrow, narrow + number, number - narrow, narrow / number, narrow**number):
        assert out.dtype == np.float32
    (narrow * number).sum().backward()
    assert narrow.grad.dtype == np.float32
    assert (narrow * np.float64(2.0)).dtype == np.float64 and (narrow[0] * 2.0).dtype == np.float32


def test_gradients_of_mixed_dtypes_have_the_dtype_of_their_leaf():
    a = xe.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    b = xe.tensor([3.0, 4.0], requires_grad=True)
    out = (a * b).sum()
    assert out.dtype == np.float64
    out.backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64
    np.testing.assert_array_equal(a.grad, [3.0, 4.0])
    np.testing.assert_array_equal(b.grad, [1.0, 2.0])


def test_unary_operators_give_numpys_values():
    values = np.array([-1.5, 0.0, 2.0])
    t = xe.tensor(values, requires_grad=True)
    for function in (operator.neg, operator.pos, abs):
        compare(function(t), function(values))
    compare(round(t), np.round(values))
    compare(round(t, 1), np.round(values, 1))


def test_pandas_series_and_frames_on_either_side():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install '.[reference]'")
    values = np.array([1.5, 2.0])
    series = pandas.Series([3.0, 4.0])
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    for symbol, function in OPERATORS.items():
        t = xe.tensor(values, requires_grad=symbol != "//")
        for other in (series, frame):
            compare(function(t, other), function(values, other.to_numpy()))
            if symbol == "//":
                continue  # pandas takes the plain result
            out = function(other, t)
            assert type(out) is xe.Tensor
            compare(out, function(other.to_numpy(), values))
    t = xe.tensor(values, requires_grad=True)
    compare(t @ frame, values @ frame.to_numpy())
    compare(np.add(series, t), series.to_numpy() + values)
    (frame * t).sum().backward()
    np.testing.assert_array_equal(t.grad, [3.0, 7.0])


def test_pandas_objects_that_would_lose_the_gradient_or_are_not_numbers_raise():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install '.[reference]'")
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    mixed = pandas.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(GradientLostError, match=re.escape("df.to_numpy() @ t")):
        pandas.DataFrame(np.eye(2)) @ t
    with pytest.raises(DTypeError, match="b is a DataFrame whose columns differ in kind; select the numeric ones"):
        t * mixed
    with pytest.raises(DTypeError, match="b has dtype object"):
        t * pandas.Series(["x", "y"], dtype=object)


def test_sparse_matrices_raise_with_the_fix():
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed: pip install '.[reference]'")
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    for made in (sparse.csr_array(np.eye(2)), sparse.csr_matrix(np.eye(2)), sparse.coo_array(np.eye(2))):
        for function in (operator.mul, operator.add, operator.matmul, operator.lt):
            with pytest.raises(DTypeError, match=r"b is a sparse \w+; expected an array. Write b.toarray\(\)."):
                function(t, made)
        with pytest.raises(GradientLostError, match=re.escape("s.toarray() @ t")):
            made @ t


@pytest.mark.parametrize("function", [operator.add, operator.mul, operator.pow, operator.lt, operator.eq])
def test_masked_arrays_raise_on_either_side(function):
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for tensor in (t, t.detach()):
        with pytest.raises(DTypeError, match=r"(?s)b is a MaskedArray, whose meaning would be lost.*np.where\(mask"):
            function(tensor, masked)
        with pytest.raises(DTypeError, match=re.escape("np.where(mask, ..., ...)")):
            function(masked, tensor)


def test_the_matrix_class_raises_on_either_side():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    t = xe.tensor([[1.0, 2.0], [3.0, 4.0]])
    for function in (operator.mul, operator.matmul, operator.add):
        for pair in ((t, matrix), (matrix, t)):
            with pytest.raises(DTypeError, match=r"(?s)is a matrix, whose meaning would be lost.*np.asarray"):
                function(*pair)


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        return np.array(["text"])


@pytest.mark.parametrize(
    "operand, kind, message",
    [
        ("a", DTypeError, "has dtype <U1; expected floats, integers or booleans"),
        (b"a", DTypeError, "has dtype |S1"),
        (np.array(["a", "b"]), DTypeError, "has dtype <U1"),
        (np.array([1, 2], object), DTypeError, "has dtype object"),
        ({}, DTypeError, "has dtype object"),
        ({1.0, 2.0}, DTypeError, "has dtype object"),
        (Unreadable(), DTypeError, "has dtype <U4"),
        (np.datetime64("2020-01-01"), DTypeError, "has dtype datetime64"),
        (np.timedelta64(1), DTypeError, "has dtype timedelta64"),
        (1j, DTypeError, "is complex128. Complex numbers are not supported: use .real and .imag"),
        (np.complex64(1j), DTypeError, "is complex64"),
        (np.array([1j, 2.0]), DTypeError, "is complex128"),
        ([1.0, [2.0, 3.0]], ShapeError, "is a list that does not make an array"),
        (([1.0], [2.0, 3.0]), ShapeError, "is a tuple that does not make an array"),
        ([xe.tensor(1.0), xe.tensor(2.0)], DTypeError, "is a list with tensors in it. Write np.stack([...]) of them"),
        ((xe.tensor(1.0), 2.0), DTypeError, "is a tuple with tensors in it"),
    ],
)
@pytest.mark.parametrize("function", [operator.add, operator.sub, operator.truediv, operator.pow, operator.lt])
def test_operands_that_are_not_real_arrays_raise_and_say_which(function, operand, kind, message):
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    for pair in ((t, operand), (operand, t), (t.detach(), operand)):
        with pytest.raises(kind, match=re.escape(message)) as raised:
            function(*pair)
        assert re.match(r"(add|subtract|divide|power|less|greater): [ab] ", str(raised.value))


def test_none_is_no_operand():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(DTypeError, match="add: b is None; expected a number, an array or a tensor"):
        t + None
    with pytest.raises(DTypeError, match="less: "):
        operator.lt(t, None)
    with pytest.raises(DTypeError, match="sigmoid: x is None"):
        xe.sigmoid(None)


@pytest.mark.parametrize("function", [operator.add, operator.mul, operator.pow, operator.lt, operator.eq])
def test_shapes_that_do_not_broadcast_are_both_named(function):
    t = xe.tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ShapeError, match=r"Shapes: a \(2, 3\), b \(2,\)\. Counted from the last axis") as raised:
        function(t, np.ones(2))
    assert "x[:, None]" in str(raised.value) and isinstance(raised.value, ValueError)
    with pytest.raises(ShapeError, match=r"Shapes: a \(2, 3\), b \(4,\)"):
        function(t, xe.tensor(np.ones(4)))


def test_a_product_of_wrong_shapes_names_both_and_the_rule():
    t = xe.tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ShapeError, match=r"Shapes: a \(2, 3\), b \(2, 3\)\. The last axis of a must be as long as"):
        t @ t
    with pytest.raises(ShapeError, match=r"Shapes: a \(4,\), b \(2, 3\)"):
        np.ones(4) @ t
