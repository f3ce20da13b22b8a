"""record() keeps everything; detect_nonfinite() names the step that made the first NaN or infinity."""

import numpy as np
import pytest

import tinygrad_xe as xe


def leaf(*values, name=None):
    return xe.tensor(list(values), requires_grad=True, name=name)


def test_record_keeps_values_cotangents_and_contributions():
    x = leaf(0.5, 2.0, name="x")
    with xe.record() as kept:
        y = np.exp(x)
        (y * x).sum().backward()
    assert [step.op.name for step in kept.steps] == ["exp", "multiply", "sum"]
    exp, multiply, _ = kept.steps
    np.testing.assert_array_equal(exp.out, np.exp([0.5, 2.0]))
    np.testing.assert_array_equal(exp.cotangent, [0.5, 2.0])
    np.testing.assert_array_equal(multiply.contributions[0], [0.5, 2.0])
    np.testing.assert_array_equal(multiply.contributions[1], np.exp([0.5, 2.0]))
    np.testing.assert_allclose(kept.cotangent_of(x.node), x.grad)
    assert "exp" in repr(exp) and "test_watch.py" in repr(exp)


def test_record_keeps_steps_without_a_gradient_too():
    with xe.record() as kept:
        np.exp(xe.tensor([1.0]))
    assert kept.steps[0].node is None
    assert repr(kept.steps[0]) == "<step exp (1,)>"


def test_record_says_when_no_gradient_was_recorded():
    x = leaf(1.0)
    with xe.record() as kept:
        y = x * 2
    with pytest.raises(xe.GraphError, match=r"Call backward\(\) inside the block"):
        kept.cotangent_of(y.node)
    y.sum().backward()
    with pytest.raises(xe.GraphError):
        kept.cotangent_of(x.node)


def test_record_ignores_what_it_did_not_see_being_made():
    x = leaf(1.0)
    y = x * 2
    with xe.record() as kept:
        y.sum().backward()
    assert [step.op.name for step in kept.steps] == ["sum"]


def test_under_no_grad_nothing_is_watched():
    with xe.no_grad(), xe.record() as kept:
        leaf(1.0) * 2
    assert kept.steps == []


def test_two_observers_see_the_same_steps():
    with xe.record() as outer, xe.record() as inner:
        leaf(1.0) * 2
    assert len(outer.steps) == len(inner.steps) == 1


def nonfinite(run):
    with np.errstate(all="ignore"), pytest.raises(xe.NonFiniteError) as caught, xe.detect_nonfinite():
        run()
    return str(caught.value)


def test_a_forward_infinity_is_named_with_its_line_its_input_and_the_rewrite():
    x = leaf(0.0, 4.0, name="x")
    said = nonfinite(lambda: np.log(x).sum().backward())
    assert said.startswith("forward: log made shape (2,)")
    assert "-inf at [0]" in said
    assert "test_watch.py" in said and "np.log(x).sum().backward()" in said
    assert "x: shape (2,), from 0 to 4" in said
    assert "xe.log_softmax" in said


def test_the_first_step_is_blamed_not_the_ones_it_spoils():
    x = leaf(1000.0)
    said = nonfinite(lambda: (np.exp(x) / np.exp(x) + 1).sum())
    assert said.startswith("forward: exp made")


def test_a_branch_that_where_does_not_take_is_not_blamed():
    x = leaf(-1.0, 4.0)
    with np.errstate(all="ignore"), xe.detect_nonfinite():
        np.where(x > 0, np.log(x), 0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0.25])


def test_a_nan_that_came_in_is_told_from_one_that_was_made():
    said = nonfinite(lambda: (leaf(1.0, 2.0) * np.array([1.0, np.nan])).sum())
    assert said.startswith("forward: multiply was given")
    assert "nan at [1]" in said


def test_a_backward_infinity_names_the_rule_and_the_variable():
    x = leaf(0.0, 4.0, name="x")
    said = nonfinite(lambda: np.sqrt(x).sum().backward())
    assert said.startswith("backward: the gradient rule of sqrt for x (tensor 'x') made")
    assert "np.linalg.norm(x)" in said
    assert x.grad is None


def test_a_where_on_equality_is_named_since_its_other_branch_is_not_cut_off():
    x = leaf(0.0, 4.0)
    said = nonfinite(lambda: np.where(x == 0, 1, np.expm1(x) / x).sum().backward())
    assert "compares with == or !=" in said


def test_a_scalar_is_described_by_its_value():
    x = xe.tensor(0.0, requires_grad=True)
    assert "made -inf" in nonfinite(lambda: np.log(x))


def test_finite_computations_pass():
    with xe.detect_nonfinite():
        np.log(leaf(1.0, 2.0)).sum().backward()


def test_an_error_inside_the_block_comes_through():
    def fail():
        with np.errstate(all="ignore"), xe.detect_nonfinite():
            np.log(leaf(0.0))
            raise KeyError

    with pytest.raises(KeyError):
        fail()


def test_lists_of_arrays_and_whole_numbers_are_looked_at_too():
    x = leaf(1.0, 2.0)
    said = nonfinite(lambda: np.concatenate([x, np.array([np.inf])]).sum())
    assert said.startswith("forward: concatenate was given")
    with xe.detect_nonfinite():
        x[np.array([0, 1])].sum().backward()


def test_second_order_is_watched_too():
    x = leaf(0.0)

    def run():
        (np.abs(x) ** 1.5).sum().backward(create_graph=True)
        g, x.grad = x.grad, None
        g.sum().backward()

    assert nonfinite(run).startswith("backward:")
