"""The graph of a Tensor as DOT text."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.viz import digraph


def test_a_graph_has_a_node_for_each_tensor_and_an_edge_for_each_argument():
    x = xe.tensor([1.0, 2.0], requires_grad=True, name="x")
    source = digraph((np.exp(x) * x).sum()).source
    assert source.count("->") == 4
    assert all(word in source for word in ("exp", "multiply", "sum", "float64 (2,)", "test_viz_dot.py"))


def test_a_recorded_graph_shows_values_gradients_and_constants():
    x = xe.tensor([1.0, 2.0], requires_grad=True, name="x")
    with xe.record() as kept:
        y = x * np.array([3.0, 4.0])
        y.name = "y"
        before = digraph(y.sum(), kept).source
        y.sum().backward()
    assert "gradient not computed yet" in before
    after = digraph(y, kept).source
    assert "y = multiply" in after
    assert "constant b" in after and "[3., 4.]" in after
    assert "value [3., 8.]" in after
    assert "gradient [1., 1.]" in after and "gradient [3., 4.]" in after


def test_a_large_array_is_told_by_its_range():
    x = xe.tensor(np.arange(100.0), requires_grad=True)
    with xe.record() as kept:
        y = x + 1
    assert "(100,) from 1 to 100" in digraph(y, kept).source


def test_a_tensor_without_a_graph_is_refused():
    with pytest.raises(xe.GraphError, match="has no graph"):
        digraph(xe.tensor([1.0]))


def test_hostile_names_stay_inside_their_quotes():
    x = xe.tensor(1.0, requires_grad=True, name='x"]; bad [label="<b>\\N\\')
    source = digraph(x * 2).source
    assert 'label="x\\"]; bad [label=\\"<b>\\\\N\\\\' in source


def test_a_graph_of_ten_thousand_nodes_and_one_of_doublings_are_drawn_once_a_node():
    a = xe.tensor(1.0, requires_grad=True)
    for _ in range(100):
        a = a + a
    assert digraph(a).source.count("->") == 200
    for _ in range(10_000):
        a = a + 1
    assert digraph(a).source.count("->") == 10_200
