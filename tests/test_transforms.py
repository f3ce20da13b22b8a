"""grad and its kin: signatures, containers, nesting, closures, modes, and what they refuse."""

from __future__ import annotations

import collections
import math
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest
from derivatives import slope

import tinygrad_xe as xe


class Layer(NamedTuple):
    weight: Any
    bias: Any


X = np.random.default_rng(0).normal(size=(6, 3))


def cubes(x: Any) -> Any:
    return np.sum(x**3)


# -- what is returned --------------------------------------------------------------------------------------------------


def test_plain_arrays_in_give_plain_arrays_out():
    value, gradient = xe.value_and_grad(cubes)(np.array([1.0, 2.0]))
    assert type(value) is np.float64 and value == 9
    assert type(gradient) is np.ndarray and gradient.tolist() == [3, 12]


def test_a_tensor_in_gives_tensors_out():
    for given in (xe.tensor([1.0, 2.0]), xe.tensor([1.0, 2.0], requires_grad=True)):
        value, gradient = xe.value_and_grad(cubes)(given)
        assert type(value) is xe.Tensor and type(gradient) is xe.Tensor
        assert gradient.requires_grad == value.requires_grad == given.requires_grad
        assert given.grad is None


def test_a_tensor_in_another_argument_gives_tensors_out_too():
    assert type(xe.grad(lambda x, y: x * y)(2.0, xe.tensor(3.0))) is xe.Tensor
    assert type(xe.grad(lambda x, y: x * y)(2.0, y=xe.tensor(3.0))) is xe.Tensor


def test_a_python_float_has_a_gradient_that_is_a_number():
    gradient = xe.grad(lambda x: x * x)(3.0)
    assert type(gradient) is np.float64 and gradient == 6


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_have_the_dtype_of_their_argument(dtype):
    x = np.array([0.5, 1.0], dtype)
    value, gradient = xe.value_and_grad(cubes)(x)
    assert value.dtype == gradient.dtype == dtype
    assert xe.hessian(cubes)(x).dtype == xe.jacobian(np.tanh)(x).dtype == xe.hvp(cubes, x, x).dtype == dtype
    assert xe.jvp(np.tanh, (x,), ([1, 2] @ np.eye(2),))[1].dtype == dtype


def test_the_value_does_not_share_memory_with_the_argument():
    x = np.ones(3)
    value, pull = xe.vjp(lambda x: x, x)
    assert not np.shares_memory(value, x)
    assert not np.shares_memory(pull(x)[0], x)
    value[:] = 7
    assert pull(x)[0].tolist() == [1, 1, 1]
    _, pull = xe.vjp(np.exp, np.zeros(3))
    _[:] = 7
    assert pull(x)[0].tolist() == [1, 1, 1]
    first, second = xe.grad(lambda a, b: np.sum(a + b), (0, 1))(x, x)
    assert not np.shares_memory(first, second) and first.flags.writeable


def test_lists_tuples_dicts_and_their_kin_are_kept():
    parameters = {
        "layers": [Layer(np.ones((3, 2)), np.zeros(2)), Layer(np.ones((2, 1)), np.zeros(1))],
        "scale": (2.0, None),
        "more": collections.OrderedDict(a=np.float32(1)),
        "default": collections.defaultdict(list, b=1.0),
    }

    def loss(p: Any) -> Any:
        h = X
        for layer in p["layers"]:
            h = np.tanh(h @ layer.weight + layer.bias)
        return np.sum(h) * p["scale"][0] * p["more"]["a"] * p["default"]["b"]

    gradient = xe.grad(loss)(parameters)
    assert list(gradient) == list(parameters)
    assert type(gradient["layers"][0]) is Layer and type(gradient["more"]) is collections.OrderedDict
    assert gradient["scale"][1] is None and gradient["more"]["a"].dtype == np.float32
    assert type(gradient["default"]) is collections.defaultdict and gradient["default"].default_factory is list
    direction = np.random.default_rng(1).normal(size=(3, 2))

    def moved(arrays: list[np.ndarray]) -> float:
        layers = [Layer(arrays[0], np.zeros(2)), parameters["layers"][1]]
        return float(loss({**parameters, "layers": layers}))

    expected = slope(moved, [np.ones((3, 2))], [direction])
    assert np.sum(gradient["layers"][0].weight * direction) == pytest.approx(expected, rel=1e-8)


def test_argnums_choose_arguments_and_keep_their_form():
    def f(a: Any, b: Any, c: Any) -> Any:
        return a * b**2 + c["x"]

    assert xe.grad(f)(2.0, 3.0, {"x": 1.0}) == 9
    assert xe.grad(f, 1)(2.0, 3.0, {"x": 1}) == 12
    assert xe.grad(f, (2, 0))(2.0, 3.0, {"x": 1.0}) == ({"x": 1}, 9)
    assert xe.grad(f, [-1])(2.0, 3, {"x": 1.0}) == ({"x": 1},)
    assert xe.grad(f, ())(2.0, 3.0, {"x": 1.0}) == ()
    assert xe.grad(f, range(2))(2.0, 3.0, {"x": 1.0}) == (9, 12)
    assert xe.grad(f, np.int64(1))(2.0, 3.0, {"x": 1.0}) == 12
    both = xe.grad(f, (i for i in (0, 1)))
    assert both(2.0, 3.0, {"x": 1.0}) == both(2.0, 3.0, {"x": 1.0}) == (9, 12)


def test_arguments_by_keyword_are_handed_on():
    assert xe.grad(lambda x, *, power: x**power)(2.0, power=3) == 12
    with pytest.raises(xe.ArgumentError, match=r"argnums is 0.* 0 positional arguments.\n  Pass what is to be diff"):
        xe.grad(lambda x: x)(x=2.0)


def test_has_aux_hands_on_anything():
    def f(x: Any) -> Any:
        return np.sum(x**2), {"twice": 2 * x, "note": "text", "none": None}

    x = np.array([1.0, 2.0])
    gradient, aux = xe.grad(f, has_aux=True)(x)
    assert gradient.tolist() == [2, 4] and aux["note"] == "text" and aux["none"] is None
    assert type(aux["twice"]) is np.ndarray and aux["twice"].tolist() == [2, 4]
    (value, aux), gradient = xe.value_and_grad(f, has_aux=True)(x)
    assert value == 5 and aux["twice"].tolist() == gradient.tolist() == [2, 4]
    value, pull, aux = xe.vjp(f, x, has_aux=True)
    assert pull(1.0)[0].tolist() == [2, 4] and aux["note"] == "text"
    value, tangent, aux = xe.jvp(f, (x,), (x,), has_aux=True)
    assert tangent == 10 and aux["note"] == "text"
    for transform in (xe.hessian, xe.jacobian):
        matrix, aux = transform(f, has_aux=True)(x)
        assert type(aux["note"]) is str
        assert matrix.tolist() == ([[2, 0], [0, 2]] if transform is xe.hessian else [2, 4])
        assert aux["twice"].tolist() == [2, 4] and type(aux["twice"]) is np.ndarray


def test_the_name_and_the_documentation_of_the_function_are_kept():
    def loss(x: Any) -> Any:
        """Tell what it is."""
        return x

    for transform in (xe.grad, xe.value_and_grad, xe.jacobian, xe.hessian, xe.checkpoint):
        assert transform(loss).__name__ == "loss" and transform(loss).__doc__ == "Tell what it is."


def test_a_value_of_one_element_in_any_shape_has_a_gradient():
    assert xe.grad(lambda x: np.reshape(x**2, (1, 1)))(3.0) == 6


def test_what_the_value_does_not_depend_on_has_the_gradient_0():
    assert xe.grad(lambda x, y: y**2)(np.ones(2), 3.0).tolist() == [0, 0]
    assert xe.grad(lambda x: 3.0)(2.0) == 0
    assert xe.grad(lambda x: np.sum(np.sign(x)))(np.ones(2)).tolist() == [0, 0]
    assert xe.grad(lambda x: xe.losses.mae(labels=0.0, predictions=x))(2.0) == 1
    assert xe.grad(xe.grad(lambda x: xe.losses.mae(labels=0.0, predictions=x)))(2.0) == 0
    assert xe.hessian(lambda x: np.sum(np.abs(x)))(np.ones(2)).tolist() == [[0, 0], [0, 0]]
    assert xe.jvp(lambda x: 3.0, (2.0,), (1.0,)) == (3.0, 0.0)
    assert xe.jvp(lambda x, y: y, (2.0, 1.0), (1.0, 0.0)) == (1.0, 0.0)
    assert xe.jacobian(lambda x: np.ones(2))(np.ones(3)).tolist() == np.zeros((2, 3)).tolist()
    assert xe.jacobian(lambda x: (x, 1.0))(2.0) == (1.0, 0.0)


def test_an_argument_without_elements_has_a_gradient_without_elements():
    assert xe.grad(lambda p, x: np.sum(x))([], 1.0) == []
    assert xe.grad(np.sum)(np.zeros((0, 3))).shape == (0, 3)
    assert xe.jacobian(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    assert xe.hessian(np.sum)(np.zeros(0)).shape == (0, 0)


# -- nesting -----------------------------------------------------------------------------------------------------------


def test_derivatives_of_tanh_nest_to_fifth_order():
    t = math.tanh(0.3)
    expected = [
        1 - t**2,
        -2 * t * (1 - t**2),
        -2 * (1 - t**2) * (1 - 3 * t**2),
        8 * t * (1 - t**2) * (2 - 3 * t**2),
        8 * (1 - t**2) * (2 - 15 * t**2 + 15 * t**4),
    ]
    f: Any = np.tanh
    for derivative in expected:
        f = xe.grad(f)
        assert f(0.3) == pytest.approx(derivative, rel=1e-13)


def test_an_inner_variable_is_not_mistaken_for_an_outer_one():
    assert xe.grad(lambda x: x * xe.grad(lambda y: x + y)(1.0))(2.0) == 1
    assert xe.grad(lambda x: x * xe.grad(lambda y: x * y)(2.0))(3.0) == 6
    assert xe.grad(lambda x: xe.grad(lambda x: x**3)(x) * x)(2.0) == pytest.approx(36)
    assert xe.grad(lambda x: xe.grad(lambda y: xe.grad(lambda z: x * y * z)(1.0) * y)(x))(3.0) == pytest.approx(12)
    assert xe.jvp(lambda x: x * xe.jvp(lambda y: x * y, (2.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 6


def test_modes_mix_in_any_order():
    def f(x: Any) -> Any:
        return np.sin(x) * np.exp(x)

    x = 0.7
    second = 2 * math.cos(x) * math.exp(x)
    assert xe.jvp(xe.grad(f), (x,), (1.0,))[1] == pytest.approx(second, rel=1e-14)
    assert xe.grad(lambda x: xe.jvp(f, (x,), (1.0,))[1])(x) == pytest.approx(second, rel=1e-14)
    assert xe.jvp(lambda x: xe.jvp(f, (x,), (1.0,))[1], (x,), (1.0,))[1] == pytest.approx(second, rel=1e-14)
    assert xe.jacobian(xe.jacobian(f))(x) == pytest.approx(second, rel=1e-14)
    assert xe.hvp(f, x, 2.0) == pytest.approx(2 * second, rel=1e-14)
    third = 2 * (math.cos(x) - math.sin(x)) * math.exp(x)
    assert xe.hvp(xe.grad(f), x, 1.0) == pytest.approx(third, rel=1e-13)
    assert xe.jacobian(xe.hessian(f))(x) == pytest.approx(third, rel=1e-13)
    assert xe.grad(lambda x: xe.hvp(f, x, 1.0))(x) == pytest.approx(third, rel=1e-13)


def test_a_jacobian_of_a_jacobian_has_the_shapes_one_after_the_other():
    found = xe.jacobian(xe.jacobian(lambda x: x**3))(np.array([1.0, 2.0]))
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1] = 6, 12
    np.testing.assert_array_equal(found, expected)
    third = xe.jacobian(xe.hessian(lambda x: np.sum(x**3)))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(third, np.where(expected, 6, 0))


def test_the_pull_of_a_vjp_can_be_differentiated_in_its_cotangent():
    _, pull = xe.vjp(lambda x: np.sin(x), np.array([0.1, 0.2]))
    found = xe.jacobian(lambda g: pull(g)[0])(np.ones(2))
    np.testing.assert_allclose(found, np.diag(np.cos([0.1, 0.2])), rtol=1e-15)


def test_a_pull_can_be_called_again_and_again():
    _, pull = xe.vjp(lambda x: np.sin(x), 0.5)
    assert pull(1.0) == pull(1.0) == (math.cos(0.5),)
    assert pull(2.0)[0] == 2 * math.cos(0.5)


def test_a_gradient_can_be_taken_in_a_cotangent_and_a_tangent():
    x, v = np.array([0.3, 0.4]), np.array([1.0, 2.0])
    found = xe.grad(lambda v: np.sum(xe.jvp(np.sin, (x,), (v,))[1] ** 2))(v)
    np.testing.assert_allclose(found, 2 * np.cos(x) ** 2 * v, rtol=1e-14)
    found = xe.grad(lambda v: np.sum(xe.hvp(cubes, x, v) ** 2))(v)
    np.testing.assert_allclose(found, 2 * (6 * x) ** 2 * v, rtol=1e-14)


# -- closures ----------------------------------------------------------------------------------------------------------


def test_what_a_closure_reaches_is_differentiable_outside():
    w = xe.tensor([0.5, 2.0], requires_grad=True)
    doubled = w * 2
    gradient = xe.grad(lambda x: np.sum(x**2 * doubled))(np.array([1.0, 3.0]))
    assert type(gradient) is xe.Tensor and w.grad is None
    gradient.sum().backward()
    assert w.grad.tolist() == [4, 12]


@pytest.mark.parametrize("transform", ["vjp", "jvp", "hvp", "jacobian", "hessian", "value"])
def test_every_transform_is_differentiable_in_a_closure(transform):
    x = np.array([0.3, -0.2])

    def inner(w: Any) -> Any:
        def f(x: Any) -> Any:
            return np.sum(np.sin(x * w) * x)

        if transform == "vjp":
            return np.sum(xe.vjp(f, x)[1](2.0)[0])
        if transform == "jvp":
            return xe.jvp(f, (x,), (np.ones(2),))[1]
        if transform == "hvp":
            return np.sum(xe.hvp(f, x, np.ones(2)))
        if transform == "value":
            return xe.value_and_grad(f)(x)[0]
        return np.sum((xe.jacobian if transform == "jacobian" else xe.hessian)(f)(x))

    w = np.array([0.7, 1.1])
    found = xe.grad(inner)(w)
    for i, unit in enumerate(np.eye(2)):
        assert found[i] == pytest.approx(slope(lambda moved: float(inner(moved[0])), [w], [unit]), rel=1e-8)


def test_a_graph_in_a_closure_that_was_used_up_does_no_harm():
    w = xe.tensor(2.0, requires_grad=True)
    squared = w**2
    squared.backward()
    assert xe.grad(lambda x: x * squared)(3.0).item() == 4
    assert w.grad == 4


def test_gradients_of_tensors_in_a_closure_are_not_touched():
    w = xe.tensor(2.0, requires_grad=True)
    w.grad = np.array(7.0)
    xe.grad(lambda x: x * w)(3.0)
    xe.hessian(lambda x: x**2 * w)(3.0)
    xe.jvp(lambda x: x * w, (3.0,), (1.0,))
    assert w.grad == 7


def test_a_leaf_of_a_closure_that_is_assigned_to_after_vjp_is_noticed():
    w = xe.tensor(np.ones(3), requires_grad=True)
    _, pull = xe.vjp(lambda x: x * w, np.ones(3))
    column = w.reshape(3, 1)
    _, pull_column = xe.vjp(lambda x: x * column[:, 0], np.ones(3))
    w.assign(np.zeros(3))
    for each in (pull, pull_column):
        with pytest.raises(xe.GraphError, match="was assigned to after it was used"):
            each(np.ones(3))


def test_a_tensor_from_outside_can_be_the_value():
    w = xe.tensor(2.0, requires_grad=True)
    squared = w**2
    assert xe.grad(lambda x: squared)(1.0).item() == 0
    squared.backward()
    assert xe.grad(lambda x: squared)(1.0).item() == 0
    assert xe.jacobian(lambda x: (squared, x))(1.0)[1].item() == 1


def test_a_leaf_made_inside_the_function_is_just_a_constant():
    def f(x: Any) -> Any:
        inside = xe.tensor(5.0, requires_grad=True)
        return x * inside

    gradient = xe.grad(f)(2.0)
    assert type(gradient) is np.float64 and gradient == 5


def test_backward_works_inside_a_transform():
    def f(x: Any) -> Any:
        inside = xe.tensor(3.0, requires_grad=True)
        (inside**2).backward()
        return x**2 * inside.grad

    assert xe.grad(f)(2.0) == 24


def test_a_transform_works_on_the_graph_of_backward():
    x = xe.tensor(2.0, requires_grad=True)
    xe.grad(lambda y: y**3)(x).backward()
    assert x.grad == 12


# -- modes, hooks, observers, threads ----------------------------------------------------------------------------------


def test_under_no_grad_a_derivative_is_still_computed_but_not_recorded():
    w = xe.tensor([1.0, 2.0], requires_grad=True)
    with xe.no_grad():
        gradient = xe.grad(lambda x: np.sum(x**2 * w))(np.ones(2))
        assert gradient.tolist() == [2, 4] and type(gradient) is np.ndarray
        joined = xe.grad(cubes)(w)
        assert type(joined) is xe.Tensor and not joined.requires_grad and joined.tolist() == [3, 12]
        assert xe.hessian(cubes)(np.ones(2)).tolist() == [[6, 0], [0, 6]]
        assert xe.jvp(lambda x: x * w, (np.ones(2),), (np.ones(2),))[1].tolist() == [1, 2]


def test_no_grad_inside_the_function_makes_a_constant():
    def f(x: Any) -> Any:
        with xe.no_grad():
            factor = x * 2
        return factor * x

    assert xe.grad(f)(3.0) == 6


def test_stop_gradient_takes_containers_and_leaves_the_rest_alone():
    kept = xe.stop_gradient({"a": [xe.tensor(1.0, requires_grad=True)], "b": None, "c": 2})
    assert not kept["a"][0].requires_grad and kept["b"] is None and kept["c"] == 2
    assert xe.grad(xe.grad(lambda x: xe.stop_gradient(x) ** 2 * x**2))(3.0) == 18


def test_hooks_inside_the_function_are_run():
    def f(x: Any) -> Any:
        y = x**2
        y.register_hook(lambda g: g * 10)
        return np.sum(y)

    assert xe.grad(f)(np.ones(2)).tolist() == [20, 20]
    assert xe.jacobian(lambda x: f(x) + x)(np.ones(2)).tolist() == [[21, 20], [20, 21]]


def test_transforms_can_be_watched():
    w = xe.tensor(2.0, requires_grad=True)
    with xe.record() as rec:
        assert xe.grad(lambda x: np.exp(x) * x)(1.0) == pytest.approx(2 * math.e)
        xe.grad(lambda x: x * w)(1.0)
    assert "exp" in [step.op.name for step in rec.steps]
    with pytest.raises(xe.NonFiniteError, match="gradient rule of sqrt"), xe.detect_nonfinite():
        xe.grad(lambda x: np.sum(np.sqrt(x)))(np.array([0.0, 1.0]))


def test_branches_not_taken_do_no_harm_to_any_order():
    def f(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.sqrt(x), x**3))

    x = np.array([0.0, 4.0, -1.0])
    with np.errstate(invalid="ignore"):
        assert xe.grad(f)(x).tolist() == [0, 0.25, 3]
        np.testing.assert_allclose(np.diag(xe.hessian(f)(x)), [0, -1 / 32, -6])
        np.testing.assert_allclose(xe.jvp(f, (x,), (np.ones(3),))[1], 3.25)
        np.testing.assert_allclose(xe.jacobian(lambda x: np.where(x > 0, np.sqrt(x), 0))(x), np.diag([0, 0.25, 0]))


def test_threads_do_not_disturb_each_other():
    found: dict[int, Any] = {}

    def work(i: int) -> None:
        for _ in range(50):
            found[i] = xe.hessian(lambda x: np.sum(np.sin(x) * i))(np.full(3, 0.5))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_allclose(found[i], -i * math.sin(0.5) * np.eye(3), rtol=1e-14)


# -- Jacobians ---------------------------------------------------------------------------------------------------------


def test_a_jacobian_has_the_shape_of_the_value_and_then_that_of_the_argument():
    x = np.random.default_rng(2).normal(size=(3, 2))
    found = xe.jacobian(lambda x: X @ x)(x)
    assert found.shape == (6, 2, 3, 2)
    np.testing.assert_allclose(found, np.einsum("ik,jl->ijkl", X, np.eye(2)))


def test_containers_of_the_value_hold_containers_of_the_arguments():
    found = xe.jacobian(lambda a, b: {"sum": a["x"] + b, "both": [a["x"] * b]}, argnums=(0, 1))({"x": 2.0}, np.ones(2))
    assert found["sum"][0]["x"].tolist() == [1, 1] and found["sum"][1].tolist() == [[1, 0], [0, 1]]
    assert found["both"][0][0]["x"].tolist() == [1, 1] and found["both"][0][1].tolist() == [[2, 0], [0, 2]]


def test_a_hessian_of_containers_holds_every_pair_of_leaves():
    found = xe.hessian(lambda p: p["a"] ** 2 * np.sum(p["b"]))({"a": 3.0, "b": np.array([1.0, 2.0])})
    assert found["a"]["a"] == 6 and found["a"]["b"].tolist() == [6, 6]
    assert found["b"]["a"].tolist() == [6, 6] and found["b"]["b"].tolist() == [[0, 0], [0, 0]]
    pair = xe.hessian(lambda a, b: a * b**2, argnums=(0, 1))(2.0, 3.0)
    assert pair == ((0, 6), (6, 4))


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_jacobian_that_is_too_large_for_one_batch_is_swept_in_several(monkeypatch, limit):
    from tinygrad_xe import pullback

    x = np.linspace(-1, 1, 5)
    expected = xe.jacobian(lambda x: np.tanh(x) * np.sum(x))(x)
    monkeypatch.setattr(pullback, "BATCH_ELEMENTS", limit)
    np.testing.assert_allclose(xe.jacobian(lambda x: np.tanh(x) * np.sum(x))(x), expected, rtol=1e-15)


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: xe.grad(3.0), xe.DTypeError, r"grad: expected a function, got a float.\n  Write xe.grad\(f\)\(x\)"),
    (lambda: xe.jacobian(None), xe.DTypeError, "jacobian: expected a function, got None"),
    (lambda: xe.checkpoint([1]), xe.DTypeError, "checkpoint: expected a function, got a list of length 1"),
    (lambda: xe.hvp(1.0, 1.0, 1.0), xe.DTypeError, "hvp: expected a function"),
    (lambda: xe.grad(np.sum)(np.arange(3)), xe.DTypeError, "grad: argument 0 is int64; a derivative in whole numbers"),
    (lambda: xe.grad(np.sum)(2), xe.DTypeError, "grad: argument 0 is int64"),
    (lambda: xe.grad(np.sum)(True), xe.DTypeError, "grad: argument 0 is bool"),
    (lambda: xe.grad(np.sum, 1)(0.0, {"n": [1.0, 2]}), xe.DTypeError, r"argument 1\['n'\]\[1\] is int64"),
    (lambda: xe.grad(np.sum)(1j), xe.DTypeError, "argument 0 is complex128. Complex numbers are not supported"),
    (lambda: xe.grad(lambda x: x * 1j)(1.0), xe.DTypeError, "complex128. Complex numbers are not supported"),
    (lambda: xe.grad(np.sum)("text"), xe.DTypeError, "argument 0 has dtype <U4; expected floats"),
    (lambda: xe.grad(np.tanh)(np.ones(3)), xe.ShapeError, r"the function returned shape \(3,\).*\n  Write np.sum"),
    (lambda: xe.grad(lambda x: np.ones(3))(1.0), xe.ShapeError, r"the function returned shape \(3,\)"),
    (lambda: xe.grad(lambda x: (x, x))(1.0), xe.ShapeError, "a tuple of length 2; .* With has_aux=True"),
    (lambda: xe.grad(lambda x: [x])(1.0), xe.ShapeError, "a list of length 1; expected a single number.$"),
    (lambda: xe.grad(lambda x: None)(1.0), xe.ShapeError, "returned None; expected a single number.$"),
    (lambda: xe.grad(lambda x: "text")(1.0), xe.DTypeError, "its value has dtype <U4"),
    (lambda: xe.grad(lambda x: x > 0)(1.0), xe.DTypeError, "returned its value of bool; a derivative needs floats"),
    (lambda: xe.grad(lambda x: x, has_aux=True)(1.0), xe.DTypeError, r"returns \(value, aux\); it returned a Tensor"),
    (lambda: xe.grad(np.sum, 2)(1.0), xe.ArgumentError, "argnums is 2, and .* with 1 positional arguments"),
    (lambda: xe.grad(np.sum, "x"), xe.ArgumentError, "argnums is 'x'; expected an integer, or a tuple"),
    (lambda: xe.grad(np.sum, 0.0), xe.ArgumentError, "argnums is 0.0; expected an integer"),
    (lambda: xe.hessian(np.sum, (0, -1))(1.0), xe.ArgumentError, r"argnums is \(0, -1\), which names an argument twi"),
    (lambda: xe.hessian(np.tanh)(np.ones(3)), xe.ShapeError, r"hessian: the function returned shape \(3,\)"),
    (lambda: xe.vjp(np.tanh, 1.0)[1](np.ones(3)), xe.ShapeError, r"has shape \(3,\), its value has shape \(\)"),
    (lambda: xe.vjp(lambda x: {"a": x}, 1.0)[1](1.0), xe.ShapeError, "a float; expected a dict with the keys 'a'"),
    (lambda: xe.vjp(lambda x: [x, x], 1.0)[1]([1.0]), xe.ShapeError, "length 1; expected a list of length 2"),
    (lambda: xe.vjp(lambda x: [[x]], 1.0)[1]([[{}]]), xe.ShapeError, r"at \[0\]\[0\] is a dict with the keys \(none\)"),
    (lambda: xe.vjp(lambda x: {"a": {"b": x}}, 1.0)[1]({"a": {}}), xe.ShapeError, r"at \['a'\] is a dict"),
    (lambda: xe.vjp(lambda x: x, 1.0)[1](None), xe.ShapeError, "is None; expected a Tensor"),
    (lambda: xe.vjp(np.tanh, 1.0)[1](1j), xe.DTypeError, "the cotangent is complex128"),
    (lambda: xe.jvp(np.tanh, 1.0, 1.0), xe.DTypeError, r"primals is a float; expected a tuple.*\n  Write jvp"),
    (lambda: xe.jvp(np.tanh, (1.0,), 1.0), xe.DTypeError, "tangents is a float"),
    (lambda: xe.jvp(np.tanh, (1.0,), ()), xe.ShapeError, "got 0 tangents for 1 primals"),
    (lambda: xe.jvp(np.tanh, (1.0,), (np.ones(2),)), xe.ShapeError, r"a tangent has shape \(2,\), its argument has"),
    (lambda: xe.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},)), xe.ShapeError, "tangent 0 is a dict with the key"),
    (lambda: xe.hvp(cubes, np.ones(2), np.ones(3)), xe.ShapeError, r"hvp: v has shape \(3,\), its value has shape"),
    (lambda: xe.grad(lambda x: math.exp(x))(1.0), xe.GradientLostError, "np.exp"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_can_not_be_differentiated_is_refused_with_the_reason(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_an_error_in_the_function_is_the_users_own():
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        xe.grad(broken)(1.0)


def test_an_array_that_is_changed_after_vjp_is_noticed():
    data = np.ones(3)
    _, pull = xe.vjp(lambda x: x * data, np.ones(3))
    data[0] = 5
    with pytest.raises(xe.GraphError, match="was changed after it was used"):
        pull(np.ones(3))


def test_an_argument_that_is_changed_after_vjp_does_not_matter():
    x = np.ones(3)
    _, pull = xe.vjp(lambda x: x**2, x)
    x[:] = 100
    assert pull(np.ones(3))[0].tolist() == [2, 2, 2]
