"""Programs as pictures: a node for each line, forward and backward in frames, and edges where a name is read."""

from __future__ import annotations

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe.viz.programs import trace_of

X = np.arange(12.0).reshape(4, 3)


def loss(w):
    z = X @ w
    return np.mean(np.tanh(z) ** 2)


def test_each_input_and_line_is_a_value_in_the_frame_of_its_pass():
    program = xe.trace(xe.value_and_grad(loss), np.ones(3))
    trace = trace_of(program)
    assert [value.name for value in trace.values] == ["w", "X", "z", "t", "loss", "t2", "dw"]
    phases = [value.scopes[0].name if value.scopes else "" for value in trace.values]
    assert phases == ["", "", "forward", "forward", "forward", "backward", "backward"]
    by_id = {value.id: value for value in trace.values}
    edges = {(by_id[flow.parent].name, by_id[flow.child].name) for flow in trace.flows}
    assert {("w", "z"), ("X", "z"), ("z", "t"), ("t", "loss"), ("X", "dw"), ("t2", "dw")} <= edges
    assert by_id[2].expression == "X @ w"
    assert by_id[2].line.endswith("z = X @ w")


def test_a_program_is_drawn_with_its_expressions_and_without_values():
    program = xe.trace(xe.value_and_grad(loss), np.ones(3))
    picture = xe.viz.graph(program)
    assert "X @ w" in picture.source
    assert "not kept" not in picture.source
    assert picture.source.count("subgraph cluster") == 2
    assert len(picture.layout.cards) == 7


def test_a_result_without_a_name_has_a_node_too():
    trace = trace_of(xe.trace(lambda x: (np.exp(x), x), np.ones(2)))
    assert [(value.name, value.expression) for value in trace.values] == [("x", ""), ("", "np.exp(x)")]
    assert [(flow.parent, flow.child) for flow in trace.flows] == [(0, 1)]


def test_state_that_is_written_is_a_node_of_the_update():
    w = xe.tensor(np.ones(3), requires_grad=True, name="w")

    def step(x):
        w.zero_grad()
        loss = np.sum(x * w)
        loss.backward()
        with xe.no_grad():
            w.assign(w - 0.1 * w.grad)
        return loss

    trace = trace_of(xe.trace(step, np.ones(3)))
    last = trace.values[-1]
    assert last.scopes[0].name == "update"
    assert last.expression.startswith("w - ")
