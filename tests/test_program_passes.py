"""Passes: each does what it says, keeps every bit, leaves draws alone; what would change a value is not rewritten."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from programs import run_source

import tinygrad_xe as xe
from tinygrad_xe.program import passes
from tinygrad_xe.program.primitives import draw
from tinygrad_xe.program.program import Program
from tinygrad_xe.program.values import Constant, Input, Step

X = Input(shape=(3,), dtype=np.dtype(float), name="x")
VALUES = np.array([-0.0, 0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, 1e308, 5e-324])


def step(function, *args, shape=(3,), dtype=float, **options):
    return Step(function=function, args=args, options=options, shape=shape, dtype=np.dtype(dtype))


def program(*steps, outputs=None):
    return Program("f", (X,), steps, steps[-1] if outputs is None else outputs)


def calls(found):
    return [s.function for s in found.steps]


def bits(value):
    return np.asarray(value).tobytes()


# -- dead code, common calls, constants --------------------------------------------------------------------------------


def test_dead_code_is_what_no_result_needs():
    used, unused = step(np.exp, X), step(np.sin, X)
    result = step(np.add, used, 1)
    assert calls(passes.dead_code(program(used, unused, result))) == [np.exp, np.add]


def test_a_dead_draw_stays_since_it_moves_its_generator():
    generator = Input(shape=(), dtype=None, name="rng", kind="generator")
    drawn, result = step(draw, generator, "random", (3,)), step(np.exp, X)
    assert calls(passes.dead_code(program(drawn, result))) == [draw, np.exp]


def test_equal_calls_are_made_once():
    a, b = step(np.exp, X), step(np.exp, X)
    assert calls(passes.common_subexpressions(program(a, b, step(np.add, a, b)))) == [np.exp, np.add]


@pytest.mark.parametrize(
    "a, b", [(step(np.add, X, 0.0), step(np.add, X, -0.0)), (step(np.power, X, 1), step(np.power, X, True)),
             (step(np.sum, X, axis=0), step(np.sum, X)), (step(np.add, X, 1), step(np.add, X, 1.0))],
)  # fmt: skip
def test_calls_that_differ_in_a_sign_a_type_or_an_option_are_not_equal(a, b):
    assert len(passes.common_subexpressions(program(a, b, step(np.add, a, b))).steps) == 3


def test_two_draws_are_never_equal():
    generator = Input(shape=(), dtype=None, name="rng", kind="generator")
    a, b = (step(draw, generator, "random", (3,)) for _ in range(2))
    assert calls(passes.common_subexpressions(program(a, b, step(np.add, a, b)))) == [draw, draw, np.add]


def test_calls_on_constants_become_constants():
    c = Constant(shape=(3,), dtype=np.dtype(float), value=np.array([1.0, 2.0, 3.0]))
    found = passes.constant_folding(program(folded := step(np.exp, c), step(np.multiply, X, folded)))
    assert calls(found) == [np.multiply]
    np.testing.assert_array_equal(found.steps[0].args[1].value, np.exp([1, 2, 3]))


def test_a_constant_that_would_be_large_is_left_to_be_computed():
    c = Constant(shape=(1,), dtype=np.dtype(float), value=np.ones(1))
    wide = step(np.broadcast_to, c, (10_000,), shape=(10_000,))
    assert calls(passes.constant_folding(program(wide, step(np.sum, wide, shape=())))) == [np.broadcast_to, np.sum]


# -- algebra -----------------------------------------------------------------------------------------------------------

neg = step(np.negative, X)
IDENTITIES = {
    "x * 1": (step(np.multiply, X, 1),),
    "1.0 * x": (step(np.multiply, 1.0, X),),
    "x / 1": (step(np.divide, X, 1),),
    "x - 0": (step(np.subtract, X, 0),),
    "x + -0.0": (step(np.add, X, -0.0),),
    "--x": (neg, step(np.negative, neg)),
    "+x": (step(np.positive, X),),
    "copy": (step(np.copy, X),),
    "same shape": (step(np.reshape, X, (3,)),),
}


@pytest.mark.parametrize("steps", IDENTITIES.values(), ids=IDENTITIES)
def test_a_call_that_changes_nothing_is_left_out(steps):
    found = passes.dead_code(passes.algebra(program(*steps)))
    assert not found.steps
    assert found.outputs is X
    for x in VALUES:
        array = np.full(3, x)
        assert np.array_equal(program(*steps).run(array), array, equal_nan=True)
        assert np.signbit(program(*steps).run(array)).tolist() == np.signbit(array).tolist() or np.isnan(x)


@pytest.mark.parametrize(
    "kept", [step(np.add, X, 0.0), step(np.add, 0, X), step(np.subtract, 0.0, X), step(np.multiply, X, 0.0),
             step(np.subtract, X, X), step(np.divide, X, X), step(np.subtract, X, -0.0)],
)  # fmt: skip
def test_what_would_change_a_zero_an_infinity_or_a_nan_is_kept(kept):
    assert passes.algebra(program(kept)).steps == (kept,)


Y = step(np.sin, X)
SIGNS = {
    "a + -b": (neg, Y, step(np.add, Y, neg)),
    "-a + b": (neg, Y, step(np.add, neg, Y)),
    "a - -b": (neg, Y, step(np.subtract, Y, neg)),
    "-a * -b": (neg, Y, other := step(np.negative, Y), step(np.multiply, neg, other)),
    "-1 * a": (step(np.multiply, -1.0, X),),
    "-a * 2.0": (neg, step(np.multiply, neg, 2.0)),
    "-(a * 2.0)": (twice := step(np.multiply, X, 2.0), step(np.negative, twice)),
}


@pytest.mark.parametrize("steps", SIGNS.values(), ids=SIGNS)
def test_signs_move_and_no_bit_changes(steps):
    before = program(*steps)
    after = passes.dead_code(passes.algebra(before))
    assert len(after.steps) < len(before.steps) or after.steps[0].function is np.negative
    for triple in itertools.combinations(VALUES, 3):
        array = np.array(triple)
        with np.errstate(all="ignore"):
            found, expected = after.run(array), before.run(array)
        numbers = ~np.isnan(expected)
        assert bits(found[numbers]) == bits(expected[numbers])
        assert np.isnan(found[~numbers]).all()


def test_a_reduction_whose_axis_is_restored_keeps_it():
    m = Input(shape=(2, 3), dtype=np.dtype(float), name="m")
    total = step(np.sum, m, shape=(2,), axis=1)
    restored = step(np.reshape, total, (2, 1), shape=(2, 1))
    found = passes.dead_code(passes.algebra(Program("f", (m,), (total, restored), restored)))
    assert [(s.function, dict(s.options)) for s in found.steps] == [(np.sum, {"axis": 1, "keepdims": True})]


def test_one_axis_dropped_from_a_reduction_over_two_stays_a_reshape():
    m = Input(shape=(2, 3, 4), dtype=np.dtype(float), name="m")
    total = step(np.sum, m, shape=(1, 3, 1), axis=(0, 2), keepdims=True)
    squeezed = step(np.squeeze, total, shape=(1, 3), axis=2)
    assert len(passes.algebra(Program("f", (m,), (total, squeezed), squeezed)).steps) == 2


def test_repetition_is_left_to_broadcasting_where_the_shape_stays():
    one = Input(shape=(1,), dtype=np.dtype(float), name="one")
    spread = step(np.broadcast_to, one, (3,))
    found = passes.dead_code(passes.algebra(Program("f", (X, one), (spread, s := step(np.multiply, X, spread)), s)))
    assert calls(found) == [np.multiply]
    assert found.steps[0].args == (X, one)
    kept = Program("f", (one,), (spread, s := step(np.exp, spread)), s)
    assert calls(passes.algebra(kept)) == [np.broadcast_to, np.exp]


def test_an_array_of_equal_numbers_becomes_one_number_unless_the_dtype_depends_on_it():
    ones = Constant(shape=(3,), dtype=np.dtype(float), value=np.full(3, 2.0))
    assert passes.algebra(program(step(np.multiply, X, ones))).steps[0].args == (X, 2.0)
    narrow = Input(shape=(3,), dtype=np.dtype(np.float32), name="n")
    kept = step(np.multiply, narrow, ones)
    assert passes.algebra(Program("f", (narrow,), (kept,), kept)).steps == (kept,)


def test_zeros_of_both_signs_are_not_equal_numbers():
    zeros = Constant(shape=(3,), dtype=np.dtype(float), value=np.array([0.0, -0.0, 0.0]))
    kept = step(np.add, X, zeros)
    assert passes.algebra(program(kept)).steps == (kept,)


# -- the whole ---------------------------------------------------------------------------------------------------------


def model(w, b):
    z = np.sin(w) @ np.ones((3, 2)) + b
    return np.mean(xe.softmax(z) * np.exp(-z) - np.sum(z**2, axis=-1, keepdims=True))


def test_passes_again_change_nothing():
    found = xe.trace(xe.value_and_grad(model, argnums=(0, 1)), np.ones((4, 3)), np.zeros(2))
    again = passes.simplified(found)
    assert again.source == found.source
    assert len(again.steps) == len(found.steps)


def test_no_pass_changes_the_program_that_it_is_given():
    found = xe.trace(xe.grad(model), np.ones((4, 3)), np.zeros(2))
    text = found.to_json()
    for one in (passes.dead_code, passes.common_subexpressions, passes.constant_folding, passes.algebra, passes.late):
        one(found)
    assert found.to_json() == text
    with pytest.raises(AttributeError):
        found.steps[0].name = "other"


def test_a_step_that_only_the_backward_pass_needs_stands_there():
    def f(x):
        return np.sum(xe.relu(x))

    source = xe.trace(xe.value_and_grad(f), np.ones(3)).source
    forward, backward = source.split("# backward")
    assert "np.maximum" in forward
    assert "!= 0" in backward


def test_dropout_draws_are_kept_apart():
    def f(x):
        a = xe.dropout(x, 0.5, rng=generator)
        xe.dropout(x, 0.5, rng=generator)
        return a + xe.dropout(x, 0.5, rng=generator)

    generator = np.random.default_rng(0)
    found = xe.trace(f, np.ones(4))
    assert calls(found).count(draw) == 3
    generator, again = np.random.default_rng(9), np.random.default_rng(9)
    expected = f(np.full(4, 2.0))
    found_now = found.run(np.full(4, 2.0), rng=again)
    np.testing.assert_array_equal(found_now, expected)
    assert generator.random() == again.random()
    assert "generator.random" in found.source or "rng.random" in found.source
    assert run_source
