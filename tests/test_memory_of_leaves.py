"""Leaves whose values live in memory handed in, as an optimizer's flat buffer, and leaves of another dtype."""

import numpy as np
import pytest

import tinygrad_xe as xe


def test_a_moved_leaf_keeps_its_values_and_reads_what_is_written_to_the_memory():
    memory = np.zeros(5)
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    t.move(memory[1:3])
    assert memory.tolist() == [0, 1, 2, 0, 0]
    memory += 1
    t.touch()
    assert t.tolist() == [2, 3] and (t * t).sum().item() == 13


def test_assigning_to_a_moved_leaf_writes_into_the_memory():
    memory = np.zeros(2)
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    t.move(memory)
    t.assign([5.0, 6.0])
    with xe.no_grad():
        t += 1
    assert memory.tolist() == [6, 7]


def test_a_graph_that_saved_the_values_notices_that_they_were_changed_in_the_memory():
    memory = np.zeros(2)
    t = xe.tensor([1.0, 2.0], requires_grad=True, name="w")
    t.move(memory)
    loss = (t * t).sum()
    memory += 1
    t.touch()
    with pytest.raises(xe.GraphError, match="'w'"):
        loss.backward()


def test_a_graph_made_before_the_move_keeps_the_values_that_it_saved():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    loss = (t * t).sum()
    memory = np.zeros(2)
    t.move(memory)
    memory += 100
    loss.backward()
    assert t.grad.tolist() == [2, 4]


def test_neighbours_in_one_memory_do_not_disturb_each_other():
    memory = np.zeros(4)
    first, second = (xe.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    first.move(memory[:2])
    second.move(memory[2:])
    loss = (first * first).sum()
    second.assign([9.0, 9.0])
    loss.backward()
    assert first.grad.tolist() == [2, 4]


def test_a_frozen_tensor_can_be_moved_too():
    memory = np.zeros(2)
    t = xe.tensor([1.0, 2.0])
    t.move(memory)
    t.touch()
    memory += 1
    assert t.tolist() == [2, 3]


def test_a_recast_leaf_is_the_same_tensor_in_another_dtype_without_its_gradient():
    t = xe.tensor([1.0, 2.0], requires_grad=True, name="w")
    (t * t).sum().backward()
    t.recast(np.float32)
    assert t.dtype == np.float32 and t.requires_grad and t.grad is None and t.name == "w"
    (t * t).sum().backward()
    assert t.grad.dtype == np.float32


def test_a_frozen_tensor_stays_frozen_when_recast():
    t = xe.tensor([1.0, 2.0])
    t.recast(np.float32)
    assert t.dtype == np.float32 and not t.requires_grad


def test_a_computed_tensor_can_not_be_recast():
    t = xe.tensor([1.0, 2.0], requires_grad=True) * 2
    with pytest.raises(xe.GraphError, match=r"was computed. Write t.astype\(dtype\)"):
        t.recast(np.float32)
