"""A layout as DOT: what its cards, edges, frames and legend say, and that no name breaks out of its place."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dot_reader import read, texts
from viz_samples import HOSTILE, bce, blocks, chain, hostile

from tinygrad_xe.viz.dot import digraph, stacking
from tinygrad_xe.viz.fold import arrange
from tinygrad_xe.viz.palette import DARK, LIGHT
from tinygrad_xe.viz.records import Flow, Scope, Trace, Value
from tinygrad_xe.viz.text import clean

F64 = np.dtype(np.float64)


def drawn(trace, *, theme="light", direction="TB", **options):
    return read(digraph(arrange(trace, **options), theme=theme, direction=direction).source)


def said(graph, node):
    return texts(graph.nodes[node]["label"])


def label(edge):
    return texts(edge[2]["label"]) if "label" in edge[2] else []


def one(**changes):
    """A trace of one value."""
    value = Value(0, "v", "f(x)", "f", "op", (), F64, np.array(1.0), np.array(2.0))
    return Trace([replace(value, **changes)], [])


def local(text, value):
    """What stands for an expression."""
    return SimpleNamespace(text=lambda unicode=False: text, value=np.asarray(value))


def with_locals(**by_flow):
    trace = bce()
    flows = [replace(flow, local=by_flow.get(f"f{flow.id}")) for flow in trace.flows]
    return replace(trace, flows=flows)


# -- cards -------------------------------------------------------------------------------------------------------------


def test_a_card_shows_name_expression_op_dtype_shape_value_and_gradient():
    graph = drawn(bce())
    assert said(graph, "n_2") == [
        "u", " = w * x", "multiply", "float64", "shape (3,)",
        "value", "[0.9, 0.44, 0.6]", "grad", "[-0.192, -0.192, -0.192]",
    ]  # fmt: skip
    assert said(graph, "n_0")[:2] == ["w", "parameter"]
    assert len(graph.nodes) == 10 and len(graph.edges) == 10


def test_ids_and_classes_are_made_from_numbers_and_roles():
    graph = drawn(bce())
    ids = {name: attributes["id"] for name, attributes in graph.nodes.items()}
    assert ids == {f"n_{i}": f"n_{i}" for i in range(10)}
    roles = [graph.nodes[f"n_{i}"]["class"] for i in (0, 1, 2, 7, 9)]
    assert roles == [f"tg-node tg-{role}" for role in ("parameter", "input", "op", "target", "loss")]
    assert [(parent, child, edge["id"]) for parent, child, edge in graph.edges][:2] == [
        ("n_0", "n_2", "e_0_2"), ("n_1", "n_2", "e_1_2"),
    ]  # fmt: skip


def test_two_flows_between_the_same_values_are_two_edges_with_ids_of_their_own():
    graph = drawn(chain(2, twice=True))
    assert [edge[2]["id"] for edge in graph.edges] == ["e_0_1", "e_0_1_1", "e_1_2", "e_1_2_1"]


def test_where_paths_meet_the_sum_is_written_out():
    assert said(drawn(bce()), "n_5")[-1] == "Σ  0.8085 − 1.0000"
    assert "Σ" not in "".join(said(drawn(bce()), "n_2"))


def test_a_sum_of_arrays_or_of_many_numbers_counts_its_paths():
    three = np.ones(3)
    leaf = Value(0, "v", "", "", "parameter", (3,), F64, three, three)
    ops = [replace(leaf, id=i, op="f", role="op") for i in (1, 2)]
    trace = Trace([leaf, *ops], [Flow(i, 0, i + 1, 0, True, sent=three) for i in range(2)])
    assert said(drawn(trace), "n_0")[-1] == "Σ  2 paths"
    many = [Value(i, f"v{i}", "", "f" * bool(i), "op", (), F64, np.array(1.0), np.array(1.0)) for i in range(6)]
    flows = [Flow(i, 0, i + 1, 0, True, sent=np.array(1.0)) for i in range(5)]
    assert said(drawn(Trace(many, flows)), "n_0")[-1] == "Σ  5 paths"


def test_the_root_says_that_backward_started_there():
    assert said(drawn(bce()), "n_9")[-1] == "seed of backward()"
    before = replace(bce(), values=[replace(v, grad=None, grad_note="not computed yet") for v in bce().values])
    assert "seed" not in digraph(arrange(before)).source


@pytest.mark.parametrize("note", ["not tracked", "not kept", "not computed yet"])
def test_a_missing_gradient_says_why_and_differs_from_zero(note):
    assert said(drawn(one(grad=None, grad_note=note)), "n_0")[-2:] == ["grad", note]
    assert said(drawn(one(grad=np.array(0.0))), "n_0")[-2:] == ["grad", "0.0000"]


def test_a_value_that_was_not_kept_says_so():
    assert said(drawn(one(value=None)), "n_0")[-4:-2] == ["value", "not kept"]


@pytest.mark.parametrize("bad", [{"value": np.array(np.nan)}, {"grad": np.array([1.0, np.inf])}])
def test_a_nan_or_infinity_is_a_word_in_the_gradient_colour_in_a_double_border(bad):
    text = drawn(one(**bad)).nodes["n_0"]["label"]
    assert 'BORDER="2"' in text and 'BORDER="2"' not in drawn(one()).nodes["n_0"]["label"]
    assert re.search(rf'COLOR="{LIGHT.grad}"[^>]*>(<B>)?(NaN|\[1, inf\])', text)


def test_a_value_without_a_name_is_headed_by_its_expression_and_a_leaf_by_its_kind():
    assert said(drawn(one(name="")), "n_0")[:2] == ["f(x)", "f"]
    assert said(drawn(one(name="", expression="", op="", role="input")), "n_0")[:2] == ["constant", "input"]


def test_a_long_expression_is_cut_in_the_card_and_longer_in_the_tooltip():
    graph = drawn(one(expression="x + " * 20 + "1"))
    assert len(said(graph, "n_0")[1]) <= 40 and said(graph, "n_0")[1].endswith("…")
    assert "x + " * 20 + "1" in graph.nodes["n_0"]["tooltip"]


def test_the_tooltip_has_the_lines_of_the_card_and_of_the_code():
    assert drawn(bce()).nodes["n_5"]["tooltip"].split("&#10;") == [
        "z = s + b", "scalar, float64", "value 1.4400", "grad -0.1915", "bce.py:5: z = s + b",
    ]  # fmt: skip
    assert "grad not tracked" in drawn(bce()).nodes["n_1"]["tooltip"]


# -- edges -------------------------------------------------------------------------------------------------------------


def test_an_edge_says_what_was_sent_back_and_only_the_shape_where_the_card_shows_it():
    edges = {edge[2]["id"]: edge for edge in drawn(bce()).edges}
    assert label(edges["e_5_6"]) == ["▲", " 0.8085"]
    assert label(edges["e_0_2"]) == ["▲", " shape (3,)"]
    assert "sends [-0.287, 0.0766, -0.383] to w" in edges["e_0_2"][2]["tooltip"]


def test_an_edge_without_gradient_is_dashed_and_has_no_label():
    edge = next(edge for edge in drawn(bce()).edges if edge[2]["id"] == "e_1_2")[2]
    assert edge["style"] == "dashed" and edge["class"] == "tg-edge tg-nograd" and "label" not in edge
    assert edge["tooltip"] == "no gradient flows to x"


def test_before_backward_an_edge_has_only_its_derivative():
    trace = with_locals(f7=local("y", 1.0))
    trace = replace(trace, flows=[replace(flow, sent=None) for flow in trace.flows])
    edges = {edge[2]["id"]: edge for edge in drawn(trace).edges}
    assert label(edges["e_5_8"]) == ["∂c/∂z = y = 1.0000"]
    assert label(edges["e_5_6"]) == []


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("y", 1.0, "∂c/∂z = y = 1.0000"),
        ("-1", -1.0, "∂c/∂z = -1"),
        ("1", 1.0, "∂c/∂z = 1"),
        ("y", [1.0, 2.0], "∂c/∂z = y"),
        ("a * long * expression * of * many * names", 0.5, "∂c/∂z = 0.5000"),
        ("a * long * expression * of * many * names", [0.5], "▲"),
    ],
)
def test_the_local_derivative_is_an_expression_and_where_it_is_a_number_its_value(text, value, shown):
    edges = {edge[2]["id"]: edge for edge in drawn(with_locals(f7=local(text, value))).edges}
    assert label(edges["e_5_8"])[0] == shown


def test_a_value_without_a_name_is_called_by_its_expression_or_by_its_operation():
    def first(expression):
        values = [replace(v, name="", expression=expression) if v.id == 8 else v for v in bce().values]
        trace = with_locals(f7=local("y", 1.0))
        edges = {edge[2]["id"]: edge for edge in drawn(replace(trace, values=values)).edges}
        return label(edges["e_5_8"])[0]

    assert first("y * z") == "∂(y * z)/∂z = y = 1.0000"
    assert first("mul(y, z)") == "∂mul(y, z)/∂z = y = 1.0000"
    assert first("y * z * 12345678901234567890") == "∂multiply/∂z = y = 1.0000"


def test_a_rule_without_a_local_derivative_is_shown_itself():
    flows = [replace(flow, rule=local("g @ W.T", np.ones(3))) if flow.id == 0 else flow for flow in bce().flows]
    graph = drawn(replace(bce(), flows=flows))
    assert label(graph.edges[0]) == ["g @ W.T", "▲", " shape (3,)"]
    assert "g: the gradient of the result" in "".join(texts(graph.attributes["label"]))


# -- frames, legend, direction, theme ----------------------------------------------------------------------------------


def test_modules_and_functions_are_frames_of_different_colours_labelled_where_no_edge_leaves():
    graph = drawn(bce())
    module, function = graph.clusters["cluster_0"], graph.clusters["cluster_1"]
    assert texts(module["label"]) == ["model", "  Linear(3 -> 1)"]
    assert texts(function["label"]) == ["bce_with_logits", "  function"]
    assert (module["labelloc"], function["labelloc"]) == ("t", "b")
    assert (module["fillcolor"], function["fillcolor"]) == (LIGHT.module_fill, LIGHT.function_fill)
    assert module["id"] == "c_0" and module["class"] == "tg-cluster"
    assert graph.inside["n_5"] == "cluster_0" and graph.inside["n_9"] == "cluster_1" and graph.inside["n_1"] == ""


def test_frames_are_nested_as_scopes_are():
    graph = drawn(blocks(2))
    inner = graph.inside["n_1"]
    assert texts(graph.clusters[inner]["label"])[0] == "layer0"
    assert texts(graph.clusters[graph.inside[inner]]["label"])[0] == "net"


def test_scopes_a_thousand_deep_neither_recurse_nor_nest_without_end():
    path = tuple(Scope(f"f{i}", "function") for i in range(1000))
    graph = drawn(one(scopes=path))
    assert len(graph.clusters) == 8 and graph.inside["n_0"] == "cluster_7"


def test_the_parameters_of_a_layer_stand_below_the_layer_before_it():
    layout = arrange(blocks(3))
    names = {value.id: value.name for value in layout.cards}
    assert [(names[above], names[below]) for above, below in stacking(layout)] == [("h", "W1"), ("h", "W2")]
    assert stacking(arrange(bce())) == []


def test_the_legend_names_the_roles_and_signs_that_are_there():
    legend = "".join(texts(drawn(bce()).attributes["label"]))
    signs = ("target", "sent back", "paths", "dashed")
    assert all(word in legend for word in ("input", "parameter", "op result", "loss", *signs))
    legend = "".join(texts(drawn(one()).attributes["label"]))
    assert "op result" in legend and not any(word in legend for word in signs)


def test_auto_goes_from_left_to_right_for_few_ranks_of_scalars_only():
    def rankdir(trace):
        return drawn(trace, direction="auto").attributes["rankdir"]

    assert rankdir(chain(3)) == "LR" and rankdir(chain(4)) == "TB" and rankdir(one(shape=(2,))) == "TB"
    assert drawn(bce(), direction="LR").attributes["rankdir"] == "LR"
    assert "◄" in digraph(arrange(bce()), direction="LR").source


def test_the_themes_are_two_palettes_and_auto_is_light_on_nothing():
    light, dark = digraph(arrange(bce())).source, digraph(arrange(bce()), theme="dark").source
    assert LIGHT.text in light and DARK.text not in light
    assert DARK.text in dark and LIGHT.text not in dark and DARK.page in dark
    assert drawn(bce(), theme="auto").attributes["bgcolor"] == "transparent"
    auto = digraph(arrange(bce()), theme="auto").source
    assert auto == light.replace(f'bgcolor="{LIGHT.page}"', "bgcolor=transparent")


def test_the_font_is_one_that_engines_without_fonts_can_measure():
    source = digraph(arrange(bce())).source
    assert set(re.findall(r"fontname=(\S+)", source)) == {"Arial"}


def test_the_details_go_from_edge_labels_to_cards_to_two_lines_to_names():
    def parts(count):
        graph = drawn(chain(count - 1), force=True)
        return any("label" in edge[2] for edge in graph.edges), said(graph, "n_1")

    labels, card = parts(60)
    assert labels and "value" in card
    labels, card = parts(61)
    assert not labels and "value" in card
    assert parts(151) == (False, ["a", "add", "float64", "scalar"])
    assert parts(401) == (False, ["a"])


def test_a_folded_block_and_a_collapsed_module_are_cards():
    graph = drawn(blocks(12), depth=1)
    group = next(name for name, attributes in graph.nodes.items() if "tg-group" in attributes["class"])
    assert said(graph, group) == [
        "layer", " × 12", "module", "Dense(4 -> 4)", "3 ops, 2 parameters each", "shape (5, 4)",
    ]  # fmt: skip
    assert "60 values, 24 of them parameters" in graph.nodes[group]["tooltip"]
    graph = drawn(chain(100, twice=True), depth=0)
    assert said(graph, "n_1")[:3] == ["add", " × 99", "folded"]
    assert graph.edges[0][2]["tooltip"] == "2 uses of a"


def test_a_group_that_has_the_result_shows_its_value():
    graph = drawn(bce(), depth=0)
    assert said(graph, "n_6")[-2:] == ["value", "0.2126"] and "value" not in said(graph, "n_0")
    assert "sent back" not in "".join(texts(graph.attributes["label"]))  # both uses of z are one edge


def test_ten_thousand_nodes_are_written_in_seconds():
    start = time.monotonic()
    graph = digraph(arrange(chain(10_000), force=True))
    assert graph.source.count("->") == 10_000
    assert time.monotonic() - start < 20


# -- hostile names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=[clean(text, 12).strip() or "blank" for text in HOSTILE])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_a_hostile_name_stays_in_its_place_everywhere(text, direction):
    trace = hostile(text)
    flows = [replace(flow, local=local(text, np.ones(2))) for flow in trace.flows]
    trace = replace(trace, flows=flows)
    graph = drawn(trace, direction=direction)  # anything that broke out would be an unexpected word
    assert list(graph.nodes) == list(drawn(bce()).nodes) and len(graph.edges) == 10 and len(graph.clusters) == 2
    assert {key for node in graph.nodes.values() for key in node} == {"id", "class", "tooltip", "label"}
    assert {key for edge in graph.edges for key in edge[2]} <= {"id", "class", "tooltip", "label", "style", "color"}
    if clean(text).strip():
        assert said(graph, "n_0")[0] == clean(text)
        assert texts(graph.clusters["cluster_0"]["label"])[0] == clean(text)
    for attributes in [*graph.nodes.values(), *(edge[2] for edge in graph.edges), *graph.clusters.values()]:
        assert not re.search(r'[<>"]', attributes["tooltip"])
        assert attributes["tooltip"].count("\\") % 4 == 0


@pytest.mark.parametrize("text", HOSTILE, ids=[clean(text, 12).strip() or "blank" for text in HOSTILE])
@pytest.mark.parametrize("depth", [0, 1])
def test_a_hostile_name_of_a_group_stays_in_its_place(text, depth):
    graph = drawn(hostile(text), depth=depth)
    assert all(re.fullmatch(r"n_\d+", name) for name in graph.nodes)
    if clean(text).strip() and depth == 0:
        group = next(name for name, attributes in graph.nodes.items() if "tg-group" in attributes["class"])
        assert said(graph, group)[0] == clean(text)
