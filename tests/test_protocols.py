"""NumPy's protocols: ufuncs and their methods, functions, options, writers, comparisons, and threads."""

import operator
import re
import threading

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, GradientLostError, GraphError, ShapeError
from tinygrad_xe.dispatch import limits_meant
from tinygrad_xe.errors import BoundsError

X = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])


def matrix():
    return xe.tensor(X, requires_grad=True, name="x")


def test_ufuncs_and_functions_give_tensors_that_are_part_of_the_graph():
    x = matrix()
    for function in (np.exp, np.sqrt, np.sum, np.mean, np.transpose, np.cumsum, np.linalg.norm):
        out = function(x)
        assert type(out) is xe.Tensor and out.requires_grad
        np.testing.assert_allclose(out.data, function(X), rtol=1e-15)
    np.sum(np.multiply(x, X)).backward()
    np.testing.assert_array_equal(x.grad, X)


def test_functions_take_their_arguments_by_keyword():
    np.testing.assert_array_equal(np.sum(a=matrix(), axis=1).data, X.sum(1))
    np.testing.assert_array_equal(np.concatenate((matrix(), X), axis=1).data, np.concatenate((X, X), 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.modf(t),
        lambda t: np.block([t, t]),
        lambda t: np.unique(t),
        lambda t: np.fft.fft(t),
        lambda t: np.histogram(t)[0],
    ],
)
def test_a_function_without_a_rule_raises_when_tracked_and_runs_on_the_values_when_not(call):
    t = xe.tensor(X, requires_grad=True)
    with pytest.raises(GraphError, match=r"(?s)^np\.[\w.]+: there is no gradient rule for it.*t\.detach\(\)"):
        call(t)
    expected = call(X)
    for found in (call(t.detach()), untracked(call, t)):
        assert not isinstance(found, xe.Tensor)
        np.testing.assert_array_equal(found, expected)


def untracked(call, t):
    with xe.no_grad():
        return call(t)


def test_tensors_in_lists_and_dicts_reach_numpy_as_arrays():
    c = xe.tensor(X)
    np.testing.assert_array_equal(np.select([c > 2], [c], 0.0), np.where(X > 2, X, 0.0))
    found = np.piecewise(c, [c > 2], [lambda v, by: v * by, 0.0], by=2.0)
    np.testing.assert_array_equal(found, np.where(X > 2, 2 * X, 0.0))
    table = np.genfromtxt(["1 2"], converters={}, like=c)
    np.testing.assert_array_equal(table, [1.0, 2.0])


REDUCERS = {
    "np.add.reduce": (np.add.reduce, np.sum),
    "np.multiply.reduce": (np.multiply.reduce, np.prod),
    "np.maximum.reduce": (np.maximum.reduce, np.max),
    "np.minimum.reduce": (np.minimum.reduce, np.min),
    "np.add.accumulate": (np.add.accumulate, np.cumsum),
    "np.multiply.accumulate": (np.multiply.accumulate, np.cumprod),
}


@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_reduce_and_accumulate_differentiate_as_the_function_does(name, axis):
    method, function = REDUCERS[name]
    x, y = matrix(), matrix()
    out = method(x, axis=axis)
    np.testing.assert_array_equal(out.data, method(X, axis=axis))
    out.sum().backward()
    function(y, axis=axis).sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad)


def test_reduce_works_over_the_first_axis_unless_told():
    np.testing.assert_array_equal(np.add.reduce(matrix()).data, np.add.reduce(X))
    np.testing.assert_array_equal(np.add.reduce(matrix(), 1).data, np.add.reduce(X, 1))
    out = np.maximum.reduce(matrix(), axis=None, keepdims=True)
    np.testing.assert_array_equal(out.data, [[6.0]])
    assert np.add.reduce(matrix(), dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.logical_and.reduce(matrix() > 1), np.logical_and.reduce(X > 1))
    np.testing.assert_array_equal(np.logical_or.reduce(matrix() > 5, axis=1), np.logical_or.reduce(X > 5, axis=1))


def test_outer_differentiates_with_the_tensor_on_either_side():
    a, b = xe.tensor([1.0, 2.0], requires_grad=True), xe.tensor([3.0, 4.0, 5.0], requires_grad=True)
    np.testing.assert_array_equal(np.multiply.outer(a, b).data, np.multiply.outer(a.data, b.data))
    np.testing.assert_array_equal(np.add.outer([[1.0], [2.0]], b).data, np.add.outer([[1.0], [2.0]], b.data))
    np.testing.assert_array_equal(np.subtract.outer(a, X).data, np.subtract.outer(a.data, X))
    np.multiply.outer(a, b).sum().backward()
    np.testing.assert_array_equal(a.grad, [12.0, 12.0])
    np.testing.assert_array_equal(b.grad, [3.0, 3.0, 3.0])


def test_at_is_refused_where_it_would_write_into_a_tensor_or_lose_a_gradient():
    x, plain = matrix(), np.zeros(2)
    for target in (x, x.detach()):
        with pytest.raises(GraphError, match=re.escape("np.add.at: it would write into a tensor. Write t + xe.")):
            np.add.at(target, [0], 1.0)
    with pytest.raises(GraphError, match=re.escape("np.add.at: there is no gradient rule for it")):
        np.add.at(plain, [0, 1], x[:, 0])
    assert x.tolist() == X.tolist() and plain.tolist() == [0.0, 0.0]
    np.add.at(plain, [0, 0], xe.tensor([1.0, 2.0]))
    assert plain.tolist() == [3.0, 0.0]


def test_ufunc_methods_without_a_rule_raise_when_tracked_and_run_when_not():
    x = matrix()
    methods = (
        (np.subtract, "reduce", ()), (np.maximum, "accumulate", ()), (np.add, "reduceat", ([0, 1],)),
        (np.logaddexp, "reduce", ()),
    )  # fmt: skip
    for function, method, rest in methods:
        said = re.escape(f"np.{function.__name__}.{method}: there is no gradient rule for it")
        with pytest.raises(GraphError, match=said):
            getattr(function, method)(x, *rest)
        found = getattr(function, method)(x.detach(), *rest)
        np.testing.assert_array_equal(found, getattr(function, method)(X, *rest))


@pytest.mark.parametrize(
    "call",
    [
        lambda t, out: np.exp(t, out=out),
        lambda t, out: np.floor(t, out=out),
        lambda t, out: np.add(t, 1.0, out),
        lambda t, out: np.add(1.0, X, out=t),
        lambda t, out: np.add.reduce(t, axis=0, out=out[0]),
        lambda t, out: np.add.reduce(X, axis=0, out=t[0]),
        lambda t, out: np.sum(t, axis=0, out=out[0]),
        lambda t, out: np.argmax(t, axis=0, out=out[0]),
        lambda t, out: np.concatenate([t], out=out),
        lambda t, out: np.median(t, axis=0, out=out[0]),
        lambda t, out: operator.iadd(out, t),
    ],
)
def test_out_is_refused_and_nothing_is_written(call):
    out = np.zeros_like(X)
    for t in (matrix(), xe.tensor(X)):
        with pytest.raises(GraphError, match=r"out= is not supported on a tensor.*Write y = "):
            call(t, out)
        assert t.tolist() == X.tolist() and not out.any()


def test_out_none_and_where_true_are_the_defaults():
    np.testing.assert_array_equal(np.exp(matrix(), out=None).data, np.exp(X))
    np.testing.assert_array_equal(np.exp(matrix(), where=True).data, np.exp(X))
    assert np.exp(matrix(), dtype=None).requires_grad


@pytest.mark.parametrize(
    "option, advice",
    [
        ({"where": X > 1}, "Write np.where(condition, a, b)."),
        ({"where": False}, "Write np.where(condition, a, b)."),
        ({"where": xe.tensor(X) > 1}, "Write np.where(condition, a, b)."),
        ({"dtype": np.float32}, "Write .astype(...) of the result."),
        ({"casting": "unsafe"}, "Leave it out."),
        ({"order": "F"}, "Leave it out."),
    ],
)
def test_options_of_ufuncs_that_no_rule_knows_are_refused(option, advice):
    (name,) = option
    for function in (np.exp, np.sign, np.isnan):
        said = re.escape(f"np.{function.__name__}: {name}= is not supported on a tensor. {advice}")
        with pytest.raises(DTypeError, match=said):
            function(matrix(), **option)
    with pytest.raises(DTypeError, match="greater"):
        np.greater(xe.tensor(X), 1.0, **option)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda t: np.sum(t, initial=3), "initial"),
        (lambda t: np.sum(t, where=X > 1), "where"),
        (lambda t: np.add.reduce(t, initial=3), "initial"),
    ],
)
def test_an_option_that_is_not_supported_gives_an_error_that_lists_those_that_are(call, name):
    for t in (matrix(), xe.tensor(X)):
        with pytest.raises(DTypeError) as raised:
            call(t)
        said = str(raised.value)
        assert said.startswith("sum: ") and repr(name) in said
        assert "With a tensor it takes (a, axis=None, dtype=None, out=None, keepdims=False)" in said


def test_a_function_written_with_others_lists_its_options_too():
    with pytest.raises(DTypeError, match=r"(?s)^np\.vstack: .*With a tensor it takes \(tup"):
        matrix().__array_function__(np.vstack, (), ([matrix()],), {"bogus": 1})


def test_a_tracked_tensor_in_an_option_raises_and_a_constant_one_is_taken():
    x, axis = matrix(), xe.tensor(1.0, requires_grad=True)
    with pytest.raises(GradientLostError, match=r"(?s)sum: axis is a tensor that wants a gradient.*axis=t\.detach\(\)"):
        np.sum(x, axis=axis)
    with pytest.raises(GradientLostError, match="roll: shift is a tensor"):
        np.roll(x, shift=(axis, 1), axis=(0, 1))
    np.testing.assert_array_equal(np.sum(x, axis=xe.tensor(1)).data, X.sum(1))
    np.testing.assert_array_equal(np.roll(x, [xe.tensor(1), 2], axis=[0, 1]).data, np.roll(X, [1, 2], axis=[0, 1]))
    np.testing.assert_array_equal(np.sum(x, axis=np.array(1)).data, X.sum(1))
    with xe.no_grad():
        np.testing.assert_array_equal(np.roll(x, xe.tensor(1, dtype=int)).data, np.roll(X, 1))


def test_keys_of_every_kind_select_what_numpy_selects():
    x, rows = matrix(), np.array([1, 0, 1])
    keys = [0, slice(None, None, -1), ..., None, (0, 1), [1, 0], [], rows, xe.tensor(rows), X > 2, xe.tensor(X) > 2,
            ([0, 1], xe.tensor([2, 1])), (slice(None), [True, False, True]), np.int64(1), np.array(1)]  # fmt: skip
    for key in keys:
        plain = key
        if isinstance(key, xe.Tensor):
            plain = key.data
        elif isinstance(key, tuple):
            plain = tuple(k.data if isinstance(k, xe.Tensor) else k for k in key)
        np.testing.assert_array_equal(x[key].data, X[plain])


def test_a_key_that_changes_after_the_call_does_not_change_the_gradient():
    x, rows = matrix(), np.array([0, 0])
    out = x[rows].sum()
    rows[:] = 1
    out.backward()
    np.testing.assert_array_equal(x.grad, [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]])


def test_a_bad_index_or_axis_is_an_index_error_that_names_the_shape():
    x = matrix()
    with pytest.raises(BoundsError, match=r"(?s)t\[i\]: index 5 is out of bounds.*Shapes: a \(2, 3\)"):
        x[5]
    with pytest.raises(BoundsError, match=r"(?s)sum: axis 2 is out of bounds.*Shapes: a \(2, 3\)"):
        x.sum(2)
    with pytest.raises(IndexError):
        x[0, 0, 0]


def test_dtype_must_be_one_through_which_the_gradient_flows():
    with pytest.raises(DTypeError, match="sum: dtype=int64"):
        np.sum(matrix(), dtype=np.int64)
    with pytest.raises(DTypeError, match="dtype="):
        np.concatenate([matrix(), X], dtype=int, casting="unsafe")
    assert np.mean(matrix(), dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "write",
    [
        lambda t: np.copyto(t, 1.0),
        lambda t: np.put(t, [0], 1.0),
        lambda t: np.place(t, X > 1, [1.0]),
        lambda t: np.putmask(t, X > 1, 1.0),
        lambda t: np.fill_diagonal(t, 1.0),
        lambda t: np.put_along_axis(t, np.zeros((2, 1), int), 1.0, 1),
    ],
)
def test_functions_that_write_into_a_tensor_are_refused(write):
    for t in (matrix(), xe.tensor(X)):
        with pytest.raises(GraphError, match=r"^np\.\w+: it would write into a tensor\. Write np\.where"):
            write(t)
        assert t.tolist() == X.tolist()


def test_writing_a_tensor_into_an_array_loses_no_gradient_silently():
    out = np.zeros_like(X)
    with pytest.raises(GraphError, match=r"np\.copyto: there is no gradient rule"):
        np.copyto(out, matrix())
    assert not out.any()
    np.copyto(out, xe.tensor(X))
    np.testing.assert_array_equal(out, X)


def test_functions_through_which_no_gradient_flows_give_plain_results_also_when_tracked():
    x = matrix()
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6
    for function in (np.zeros_like, np.ones_like, np.argmax, np.argsort, np.sign, np.floor, np.round, np.nonzero):
        found = function(x)
        assert not isinstance(found, xe.Tensor)
        np.testing.assert_array_equal(found, function(X))
    assert np.allclose(x, X) and np.array_equal(x, X) and np.result_type(x, np.float32) == np.float64
    np.testing.assert_array_equal(np.isclose(x, X), True)
    np.testing.assert_array_equal(np.floor_divide(x, 2), X // 2)
    np.testing.assert_array_equal(np.searchsorted([1.0, 3.0], x), np.searchsorted([1.0, 3.0], X))


@pytest.mark.parametrize("function", [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal])
def test_comparisons_give_boolean_tensors_that_know_their_origin(function):
    mask = function(matrix(), 3.0)
    assert type(mask) is xe.Tensor and mask.dtype == np.bool_ and not mask.requires_grad
    np.testing.assert_array_equal(mask.data, function(X, 3.0))
    assert mask.origin.op.name == function.__name__ and mask.origin.shape == (2, 3)
    assert limits_meant(mask.origin) is (function in (np.equal, np.not_equal))
    assert "test_protocols.py" in mask.origin.code.co_filename
    assert function(xe.tensor(X), 3.0).origin is None and function(3.0, matrix()).origin is not None


def test_combinations_and_rows_of_masks_still_know_their_origin():
    x = matrix()
    above, equal = x > 2, x == 3
    for mask in (above & (x < 5), ~above, np.logical_or(above, X > 5), above[0], np.reshape(above, 6), above.T):
        assert mask.dtype == np.bool_ and mask.origin is not None and not limits_meant(mask.origin)
    for mask in (above & equal, equal | above, ~equal, equal[0], np.concatenate([above, equal])):
        assert limits_meant(mask.origin)
    assert np.concatenate([above, X > 1]).origin is not None and (xe.tensor(X) > 1)[0].origin is None
    assert limits_meant(np.logical_not(x).origin) and not limits_meant(np.isnan(x).origin)
    assert not limits_meant(x.node) and not limits_meant(None)


def test_where_takes_masks_tracked_conditions_and_plain_ones():
    for condition in (lambda t: t > 2, lambda t: t, lambda t: X > 2, lambda t: np.logical_and(t > 2, True)):
        x = matrix()
        out = np.where(condition(x), x, 0.0)
        np.testing.assert_array_equal(out.data, np.where(condition(X), X, 0.0))
        out.sum().backward()
        np.testing.assert_array_equal(x.grad, np.where(condition(X), 1.0, 0.0))
    np.testing.assert_array_equal(np.where(matrix() > 1), np.where(X > 1))


@pytest.mark.parametrize(
    "call, shapes",
    [
        (lambda x: np.maximum(x, np.ones(2)), "a (2, 3), b (2,)"),
        (lambda x: np.logical_and(x > 1, np.ones(2) > 0), "a (2, 3), b (2,)"),
        (lambda x: np.where(x > 1, x, np.ones(4)), "condition (2, 3), a (2, 3), b (4,)"),
        (lambda x: np.matmul(x, np.ones((2, 2))), "a (2, 3), b (2, 2)"),
        (lambda x: np.reshape(x, (4, 2)), "a (2, 3)"),
    ],
)
def test_wrong_shapes_are_named(call, shapes):
    with pytest.raises(ShapeError, match=re.escape(shapes)):
        call(matrix())


def test_a_list_of_arrays_that_do_not_fit_raises_too():
    with pytest.raises(ShapeError, match="concatenate: "):
        np.concatenate([matrix(), np.ones(3)])
    with pytest.raises(DTypeError, match="concatenate: an item has dtype <U1"):
        np.concatenate([matrix(), np.array([["a"]])])


def test_observers_see_operations_without_a_gradient_too():
    with xe.record() as seen:
        np.exp(xe.tensor(X))
        np.exp(matrix())
        xe.log_softmax(xe.tensor(X))
    assert [step.op.name for step in seen.steps] == ["exp", "exp", "log_softmax"]
    assert [step.node is None for step in seen.steps] == [True, False, True]


def test_our_own_functions_give_plain_arrays_for_plain_arrays():
    assert isinstance(xe.sigmoid(X), np.ndarray) and isinstance(xe.sigmoid(xe.tensor(X)), xe.Tensor)
    assert isinstance(xe.log_softmax(X), np.ndarray) and isinstance(xe.softmax(matrix()), xe.Tensor)


def test_two_threads_build_and_sweep_their_graphs_at_once():
    start, failures = threading.Barrier(2), []

    def work(seed):
        values = np.random.default_rng(seed).uniform(0.5, 1.5, 5)
        try:
            start.wait(10)
            for _ in range(100):
                x = xe.tensor(values, requires_grad=True)
                out = x
                for _ in range(10):
                    out = np.sin(out) * x
                with xe.no_grad():
                    assert not (x * 2).requires_grad
                out.sum().backward()
                gradients[seed].append(x.grad)
        except BaseException as error:
            failures.append(error)

    gradients = {0: [], 1: []}
    threads = [threading.Thread(target=work, args=(seed,)) for seed in gradients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for seed, found in gradients.items():
        values = np.random.default_rng(seed).uniform(0.5, 1.5, 5)
        out, slope = values, np.ones(5)
        for _ in range(10):
            out, slope = np.sin(out) * values, np.cos(out) * slope * values + np.sin(out)
        assert len(found) == 100
        for g in found:
            np.testing.assert_allclose(g, slope, rtol=1e-12)


def test_an_option_of_a_foreign_type_gets_numpys_own_refusal_with_the_shapes():
    with pytest.raises(DTypeError, match=r"(?s)^roll: .*Shapes: a \(2, 3\)"):
        np.roll(matrix(), {1})


def test_writers_called_by_keyword_are_refused_too():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    for write in (lambda: np.copyto(dst=t, src=1), lambda: np.put(a=t, ind=[0], v=1)):
        with pytest.raises(xe.GraphError, match="it would write into a tensor"):
            write()
