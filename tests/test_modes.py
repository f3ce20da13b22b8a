"""The modes of recording, the places of nodes, and fingerprints of captured arrays."""

import threading

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.graph import RELEASED, fingerprint, label, mode, place, unusual, watching


def leaf(*values, name=None):
    return xe.tensor(list(values), requires_grad=True, name=name)


def test_under_no_grad_nothing_is_recorded():
    x = leaf(1.0)
    with xe.no_grad():
        assert (x * 2).node is None
    assert (x * 2).node is not None


def test_no_grad_nests_and_ends_with_an_exception():
    def fail():
        with xe.no_grad(), xe.no_grad():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert mode.watch is None and unusual == []


def test_one_no_grad_can_be_entered_again_and_nested():
    block = xe.no_grad()
    with block:
        with block:
            pass
        assert mode.watch is False
    assert mode.watch is None


def test_no_grad_decorates_a_function_and_keeps_its_name():
    @xe.no_grad()
    def predict(x):
        """Doc."""
        return x * 2

    assert predict(leaf(1.0)).node is None
    assert predict.__name__ == "predict" and predict.__doc__ == "Doc."


def test_no_grad_refuses_generators_and_coroutines_whose_mode_would_not_follow():
    def generate():
        yield 1

    async def wait():
        return 1

    for function in (generate, wait):
        with pytest.raises(xe.DTypeError, match="Write `with xe"):
            xe.no_grad()(function)


def test_the_mode_belongs_to_the_thread():
    x, recorded = leaf(1.0), []

    def other():
        recorded.append((x * 2).node is not None)

    with xe.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert recorded == [True]


def test_observers_can_be_installed_directly():
    seen = []

    class Names:
        def forward(self, op, node, inputs, out):
            seen.append(op.name)

    with watching((Names(),)):
        np.exp(leaf(1.0))
        np.exp(xe.tensor([1.0]))
    assert seen == ["exp", "exp"]


def test_a_place_is_the_users_file_line_and_text():
    y = np.exp(leaf(1.0))
    assert place(y.node).startswith("test_modes.py:")
    assert place(y.node).endswith(": y = np.exp(leaf(1.0))")


def test_a_place_inside_a_loss_is_the_line_that_called_the_loss():
    z = leaf(1.0)
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=np.array([1.0]), logits=z, reduction="mean")
    assert "loss = xe.losses.sigmoid" in place(loss.node)


def test_a_place_without_source_text_is_the_file_and_line():
    scope = {"x": leaf(1.0)}
    exec(compile("y = x * 2", "<typed>", "exec"), scope)
    assert place(scope["y"].node) == "<typed>:1"


def test_a_leaf_has_no_place():
    assert place(leaf(1.0).node) == ""


def test_a_label_is_the_users_name_or_the_operation():
    x = leaf(1.0, name="x")
    y = x * 2
    assert label(x.node) == "tensor 'x'"
    assert label(y.node) == "multiply"
    y.name = "y"
    assert label(y.node) == "multiply 'y'"
    assert repr(y.node) == "<node multiply 'y' (1,) float64>"


def test_what_is_released_says_so():
    assert repr(RELEASED) == "<released by backward()>"


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8, np.bool_])
def test_a_fingerprint_sees_any_change_up_to_64_kB(dtype):
    array = np.zeros((30, 20), dtype)
    before = fingerprint(array)
    for place_in_array in ((0, 0), (29, 19), (13, 7)):
        array[place_in_array] = 1
        assert fingerprint(array) != before
        array[place_in_array] = 0
    assert fingerprint(array) == before


def test_a_fingerprint_depends_on_the_order_of_the_elements():
    assert fingerprint(np.array([1.0, 2.0])) != fingerprint(np.array([2.0, 1.0]))


def test_a_fingerprint_of_nan_is_equal_to_itself():
    array = np.array([np.nan, 1.0])
    assert fingerprint(array) == fingerprint(array)


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a.T, lambda a: a[:, ::2], lambda a: a[::-1]])
def test_a_large_array_is_sampled_whatever_its_layout(view):
    array = view(np.zeros((300, 200)))
    before = fingerprint(array)
    assert len(before) <= 65_536
    array[0, 0] = 1
    array[-1, -1] = 1
    array[:, 0] = 1
    assert fingerprint(array) != before
