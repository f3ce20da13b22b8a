"""Names of values come from the variables that hold them; expressions read as the user would write them."""

import asyncio
import functools

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import bytecode
from tinygrad_xe.viz import naming
from tinygrad_xe.viz.recording import trace

X, W = np.array([1.0, 2.0]), np.array([0.5, 0.25])


def names(found):
    return [value.name for value in found.values if value.name]


def written(found):
    return [value.expression for value in found.values if value.expression]


def pairs(found):
    return {value.name: value.expression for value in found.values if value.name and value.expression}


# -- variables ---------------------------------------------------------------------------------------------------------


def test_a_step_is_named_after_the_variable_that_its_result_is_stored_to():
    def f(w, x):
        u = w * x
        s = u.sum()
        return s

    assert pairs(trace(f, W, X)) == {"u": "w * x", "s": "sum(u)"}


def test_only_the_last_step_of_a_line_has_its_name():
    def f(X, w, b):
        z = X @ w + b
        return np.sum(z)

    assert pairs(trace(f, np.ones((3, 2)), W, 0.5)) == {"z": "X @ w + b", "f": "sum(z)"}


def test_a_value_that_is_returned_at_once_is_named_by_the_caller():
    def affine(x, w):
        return x * w

    def f(x, w):
        z = affine(x, w)
        return z.sum()

    assert pairs(trace(f, X, W))["z"] == "x * w"


def test_a_result_without_a_variable_is_called_as_its_function_is():
    def mse(x):
        return np.mean(x**2)

    assert pairs(trace(mse, X)) == {"mse": "mean(x**2)"}
    assert pairs(trace(lambda x: np.mean(x**2), X)) == {"out": "mean(x**2)"}
    assert pairs(trace(functools.partial(mse), X)) == {"mse": "mean(x**2)"}


def test_a_result_does_not_take_the_name_of_another_value():
    def z(z):
        return z * 2

    assert pairs(trace(z, X)) == {"z_2": "z * 2"}


def test_both_targets_of_an_unpacking_are_named():
    def f(x, w):
        a, b = np.exp(x), np.tanh(w)
        return (a * b).sum()

    assert pairs(trace(f, X, W)) | {"f": ""} == {"a": "exp(x)", "b": "tanh(w)", "f": ""}


def test_elements_of_an_unpacked_tensor_are_named_each():
    def f(x):
        a, b = x
        return a * b

    assert pairs(trace(f, X)) == {"a": "x[0]", "b": "x[1]", "f": "a * b"}


def test_swapped_variables_do_not_make_two_values_of_one_name():
    def f(x, w):
        a, b = x * 2, w * 3
        a, b = b, a
        return (a / b).sum()

    found = names(trace(f, X, W))
    assert len(found) == len(set(found)) == 5


def test_a_walrus_names_its_value():
    def f(x):
        if (h := x * 2).shape:
            return (h + h).sum()
        return None

    assert pairs(trace(f, X))["h"] == "x * 2"


def test_of_several_targets_the_first_is_the_name():
    def f(x):
        a = b = x * 2
        return (a * b).sum()

    assert pairs(trace(f, X))["a"] == "x * 2"


def test_a_variable_that_is_assigned_again_is_numbered():
    def f(x):
        h = x
        for _ in range(3):
            h = np.tanh(h)
        return h.sum()

    found = pairs(trace(f, X))
    assert found == {"h": "tanh(x)", "h_2": "tanh(h)", "h_3": "tanh(h_2)", "f": "sum(h_3)"}


def test_a_number_is_not_one_that_the_user_has_taken():
    def f(x, a_2):
        a = x * 2
        a = a * a_2
        return a

    assert pairs(trace(f, 1.0, 2.0)) == {"a": "x * 2", "a_3": "a * a_2"}


def test_values_of_a_loop_that_go_into_a_list_are_named():
    def f(x):
        kept = []
        for i in range(3):
            h = np.exp(x * i)
            kept.append(h)
        return np.stack(kept).sum()

    assert {"h", "h_2", "h_3"} <= set(names(trace(f, X)))


def test_the_steps_of_sum_are_not_all_the_total():
    def f(x):
        total = sum(x[i] * i for i in range(3))
        return total

    found = trace(f, np.ones(3))
    assert names(found) == ["x", "total"]
    assert found.values[-1].name == "total"


def test_elements_of_a_mapped_list_do_not_take_its_name():
    def f(x):
        ys = list(map(np.exp, [x, x * 2, x * 3]))
        return np.concatenate(ys).sum()

    assert "ys" not in names(trace(f, X))


def test_reduce_and_nested_functions_and_closures_are_followed():
    def f(x):
        scale = np.array([3.0, 4.0])

        def inner(v):
            return v * scale

        z = inner(x)
        return functools.reduce(np.multiply, [z[0], z[1]])

    assert written(trace(f, X)) == ["x * scale", "z[0]", "z[1]", "z[0] * z[1]"]


def test_comprehensions_and_generators_do_not_stop_names():
    def doubled(x):
        for i in range(2):
            h = x * i
            yield h

    def f(x):
        a = np.stack([x * i for i in range(2)])
        b = np.stack(list(doubled(x)))
        return (a * b).sum()

    found = trace(f, X)
    assert {"a", "b", "h"} <= set(names(found))
    assert [value.scopes[0].name for value in found.values if value.name == "h"] == [
        "test_comprehensions_and_generators_do_not_stop_names.<locals>.doubled".rpartition(".")[2]
    ]


def test_the_calls_of_one_generator_are_one_scope():
    def steps(x):
        for i in range(3):
            yield x * i

    found = trace(lambda x: sum(steps(x)), 2.0)
    assert {scope.call for value in found.values for scope in value.scopes} == {0}


def test_attributes_and_items_name_their_values():
    class Model:
        def __init__(self):
            self.w = xe.tensor(W, requires_grad=True)

        def __call__(self, x):
            self.h = x * self.w
            return self.h.sum()

    def f(params):
        params["h"] = params["w"] * 2
        return params["h"].sum()

    assert names(trace(Model(), X)) == ["x", "self.w", "self.h", "out"]
    assert names(trace(f, {"w": W})) == ["params['w']", "params['h']", "f"]


def test_objects_that_answer_oddly_do_no_harm():
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    class Proxy(dict):
        def __getitem__(self, key):
            raise RuntimeError

        def items(self):
            raise RuntimeError

    odd, proxy, w = Odd(), Proxy(v=1), xe.tensor(W, requires_grad=True)
    huge = {10**5000: w, ("a", 1): w}
    endless = []
    endless.append(endless)

    def f(x):
        assert proxy is not None and endless and huge
        return (x * huge[10**5000] if odd is not None else x).sum()

    assert names(trace(f, X)) == ["x", "p1", "f"]


def test_a_model_seen_from_outside_names_its_parameters():
    class Layer:
        def __init__(self):
            self.w = xe.tensor(W, requires_grad=True)

    model = {"first": Layer(), "rest": [Layer()]}
    found = trace(lambda x: np.dot(x * model["first"].w, model["rest"][0].w), X)
    assert names(found) == ["x", "model['first'].w", "model['rest'][0].w", "out"]


def test_the_name_that_the_user_gave_stays():
    w = xe.tensor(W, requires_grad=True, name="weights")

    def f(x):
        z = x * w
        z.name = "scores"
        return z.sum()

    assert pairs(trace(f, X))["scores"] == "x * weights"


def test_keyword_names_of_a_loss_are_not_names_of_the_user():
    def f(scores, answer):
        return xe.losses.sigmoid_cross_entropy_with_logits(labels=answer, logits=scores * 2, reduction="mean")

    assert names(trace(f, X, np.array([0, 1]))) == ["scores", "answer", "f"]


def test_code_without_source_has_names_and_a_line_number():
    scope = {"np": np}
    exec("def q(x):\n z = x * 3\n u = z + 1\n return u * u\n", scope)
    found = trace(scope["q"], 2.0)
    assert names(found) == ["x", "z", "u", "q"]
    assert [value.line for value in found.values] == ["", "<string>:2", "<string>:3", "<string>:4"]


def test_names_of_a_module_are_found_in_its_globals():
    scope = {"np": np, "xe": xe, "trace": trace}
    exec(
        "w = xe.tensor([1.0, 2.0], requires_grad=True)\nX = np.ones((3, 2))\n"
        "with xe.record():\n    z = X @ w\n    loss = z.sum()\n    found = trace(loss)\n",
        scope,
    )
    assert names(scope["found"]) == ["X", "w", "z", "loss"]


def test_the_body_of_a_class_has_variables_too():
    with xe.record():

        class Body:
            w = xe.tensor(W, requires_grad=True)
            z = w * 2
            found = trace(z)

    assert pairs(Body.found) == {"z": "w * 2"}


def test_a_coroutine_is_followed():
    async def f(x):
        z = np.exp(x)
        await asyncio.sleep(0)
        total = z.sum()
        return total

    assert pairs(trace(lambda x: asyncio.run(f(x)), X)) == {"z": "exp(x)", "total": "sum(z)"}


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("z = f(x)", "z"),
        ("z: int = f(x)", "z"),
        ("a = b = f(x)", "a"),
        ("self.w = f(x)", "self.w"),
        ("self.a.b = f(x)", "self.a.b"),
        ("p['w'] = f(x)", "p['w']"),
        ("p[0] = f(x)", "p[0]"),
        ("p[x] = f(x)", None),
        ("g(f(x))", None),
        ("z = g(f(x))", None),
        ("z = f(x), 1", None),
        ("z = [f(x)]", None),
        ("z = -f(x)", None),
        ("f(x)", None),
        ("return f(x)", bytecode.RETURNED),
        ("return f(x) + 1", None),
        ("yield f(x)", None),
        ("z = f(x) if x else 0", "z"),
        ("global z; z = f(x)", "z"),
    ],
)
def test_bytecode_tells_where_a_result_is_stored(source, stored):
    scope = {}
    exec(f"def run(f, g, x, self, p):\n {source}\n", scope)
    code = scope["run"].__code__
    places, steps = bytecode.instructions(code)
    loaded = [step.opname.startswith("LOAD") and "f" in step.argrepr.split(", ") for step in steps].index(True)
    call = next(place for place, step in list(zip(places, steps, strict=True))[loaded:] if step.opname == "CALL")
    assert bytecode.stored_to(code, call) == stored
    assert not bytecode.is_operator(code, call)


def test_distinct_leaves_names_that_were_given_and_numbers_the_others():
    listed = [("z", False), ("w", True), ("", False), ("w", True), ("z", False), ("z_2", False), ("z", False)]
    assert naming.distinct(listed) == ["z", "w", "", "w", "z_3", "z_2", "z_4"]
    assert naming.distinct([("a", True), ("a", False)]) == ["a", "a_2"]


# -- expressions -------------------------------------------------------------------------------------------------------

I = np.array([0, 1])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * 2 - 1, "x * 2 - 1"),
        (lambda x: 1 - (x - 1), "1 - (x - 1)"),
        (lambda x: (x + 1) * x, "(x + 1) * x"),
        (lambda x: x @ x, "x @ x"),
        (lambda x: x**2, "x**2"),
        (lambda x: x**3.5, "x**3.5"),
        (lambda x: (-x) ** 2, "(-x)**2"),
        (lambda x: -(x**2), "-x**2"),
        (lambda x: x / (x * 2), "x / (x * 2)"),
        (lambda x: x % 2, "x % 2"),
        (lambda x: abs(x), "abs(x)"),
        (lambda x: np.log(3 - x), "log(3 - x)"),
        (lambda x: x.sum(), "sum(x)"),
        (lambda x: x.mean(axis=0, keepdims=True), "mean(x, axis=0, keepdims=True)"),
        (lambda x: x[0], "x[0]"),
        (lambda x: x[..., ::-1, None], "x[..., ::-1, None]"),
        (lambda x: x[1:], "x[1:]"),
        (lambda x: x[I], "x[[0, 1]]"),
        (lambda x: x.reshape(2, 1), "reshape(x, (2, 1))"),
        (lambda x: x.T, "x.T"),
        (lambda x: x[None].mT, "x[None].mT"),
        (lambda x: np.where(x > 1, x, 0), "where(x > 1, x, 0)"),
        (lambda x: np.where((x > 1) & (x < 3), x, -x), "where((x > 1) & (x < 3), x, -x)"),
        (lambda x: np.where(~(x > 1), x, 0), "where(~(x > 1), x, 0)"),
        (lambda x: np.stack([x, x], axis=1), "stack([x, x], axis=1)"),
        (lambda x: np.concatenate([x] * 9), "concatenate([x, x, x, x, x, ..., x])"),
        (lambda x: x.astype(np.float32), "astype(x, float32)"),
        (lambda x: xe.softmax(x), "softmax(x)"),
        (lambda x: xe.softmax(x, axis=0), "softmax(x, axis=0)"),
        (lambda x: np.maximum(x, 0), "maximum(x, 0)"),
        (lambda x: np.einsum("i,j->ij", x, x), "einsum('i,j->ij', x, x)"),
        (lambda x: -np.log(x[0] + 2) * np.exp(-x[1]), "-log(x[0] + 2) * exp(-x[1])"),
        (lambda x: x * np.array([3.0, 4.5]), "x * [3, 4.5]"),
        (lambda x: x * np.array(3.0), "x * 3"),
        (lambda x: x * np.float64(0.5), "x * 0.5"),
        (lambda x: x[0] * np.zeros(9), "x[0] * c1"),
    ],
)  # fmt: skip
def test_an_expression_reads_as_the_user_would_write_it(f, expected):
    assert trace(f, X).values[-1].expression == expected


def test_a_loss_is_written_with_its_keywords():
    y = np.array([0, 1])
    found = trace(lambda z: xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z), X)
    assert found.values[-1].expression == "sigmoid_cross_entropy_with_logits(labels=y, logits=z)"
    mean = trace(lambda z: xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z, reduction="mean"), X)
    assert mean.values[-1].expression == "sigmoid_cross_entropy_with_logits(labels=y, logits=z, reduction='mean')"


def test_a_long_or_repeated_value_without_a_name_gets_a_short_one():
    def f(x):
        return (lambda u: u * u)(np.tanh(x)) + np.log(np.exp(np.tanh(np.sinh(np.cosh(np.arctan(np.sqrt(x)))))))

    found = trace(f, X)
    assert all(len(value.expression) < 100 for value in found.values)
    assert {"t1", "f"} <= set(names(found)) | {"t1"}
    g = trace(lambda x: np.multiply(*[np.tanh(x)] * 2), X)
    assert [(v.name, v.expression) for v in g.values[1:]] == [("t1", "tanh(x)"), ("out", "t1 * t1")]


def test_an_expression_does_not_grow_with_the_program():
    def f(x):
        return functools.reduce(lambda a, _: np.tanh(a + 1), range(500), x)

    assert max(len(value.expression) for value in trace(f, 1.0).values) < 80
