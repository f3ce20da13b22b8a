"""What of a trace is drawn: tiers of size, collapsed scopes, folded blocks."""

import time
from dataclasses import replace

import numpy as np
import pytest
from dot_reader import read
from hypothesis import given, settings
from hypothesis import strategies as st
from viz_samples import F64, bce, blocks, chain

import tinygrad_xe as xe
from tinygrad_xe.viz.blocks import run_lengths
from tinygrad_xe.viz.dot import digraph
from tinygrad_xe.viz.fold import Group, arrange, members, stem
from tinygrad_xe.viz.records import Flow, Scope, Trace, Value


def shown(trace, **options):
    """The cards by what they are called."""
    return [
        f"{card.name} x {card.repeats}" if isinstance(card, Group) else card.name or card.op
        for card in arrange(trace, **options).cards
    ]


def ops(names, wiring=None, roots=("x",)):
    """A trace of leaves `roots` and of one operation a name, each from the one before or from what `wiring` says."""
    one = np.array(1.0)
    values = [Value(i, name, "", "", "input", (), F64, one) for i, name in enumerate(roots)]
    flows = []
    for i, name in enumerate(names):
        values.append(Value(len(values), "", name, name, "op", (), F64, one))
        for position, parent in enumerate((wiring or {}).get(i, (len(values) - 2,))):
            flows.append(Flow(len(flows), parent, len(values) - 1, position, True))
    return Trace(values, flows, result=len(values) - 1)


# -- tiers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "detail"),
    [(1, "full"), (60, "full"), (61, "cards"), (150, "cards"),
     (151, "short"), (400, "short"), (401, "names"), (1500, "names")],
)
def test_the_detail_follows_from_the_number_of_cards(count, detail):
    layout = arrange(chain(count - 1), force=True)
    assert (len(layout.cards), layout.detail) == (count, detail)


def irregular(count):
    rng = np.random.default_rng(0)
    return ops([f"op{i}" for i in rng.integers(1000, size=count)])


def test_beyond_fifteen_hundred_cards_a_picture_is_refused_with_the_count_and_the_remedies():
    assert len(arrange(irregular(1499)).cards) == 1500
    with pytest.raises(xe.ArgumentError, match=r"1,501 nodes, of 1,501 values; at most 1,500.*\n.*scope=.*force=True"):
        arrange(irregular(1500))
    assert len(arrange(irregular(1500), force=True).cards) == 1501


def test_with_scopes_the_remedy_is_to_collapse_them():
    trace = irregular(1600)
    scope = (Scope("net", "module"),)
    trace = replace(trace, values=[replace(value, scopes=scope) for value in trace.values])
    with pytest.raises(xe.ArgumentError, match=r"depth=0 draws each module or function as one card, scope='name'"):
        arrange(trace, depth=1)
    assert shown(trace, depth=0) == ["net x 1"]


def test_up_to_150_values_are_drawn_as_they_are():
    assert len(shown(blocks(29))) == 147
    assert len(shown(chain(149))) == 150


def test_more_values_are_collapsed_to_the_depth_that_fits():
    assert shown(blocks(30)) == ["x", "layer x 30", "loss"]
    assert shown(blocks(40, scoped=False)) == ["x", "block x 40", "loss"]
    uneven = blocks(40)
    values = [
        replace(v, scopes=(v.scopes[0], replace(v.scopes[1], detail=f"Dense({v.scopes[1].call})"))) if v.scopes else v
        for v in uneven.values
    ]
    assert shown(replace(uneven, values=values))[:3] == ["x", "layer0 x 1", "layer1 x 1"]


# -- collapsing --------------------------------------------------------------------------------------------------------


def test_depth_counts_the_open_levels():
    assert shown(blocks(2), depth=0) == ["x", "net x 1", "loss"]
    assert shown(blocks(2), depth=1) == ["x", "layer0 x 1", "layer1 x 1", "loss"]
    assert len(shown(blocks(2), depth=2)) == 12
    with pytest.raises(xe.ArgumentError, match="depth is -1"):
        arrange(bce(), depth=-1)


def test_a_collapsed_scope_keeps_its_values_its_result_and_the_scopes_around_it():
    group = arrange(blocks(2), depth=1).cards[1]
    assert [value.name or value.op for value in group.members] == ["W0", "matmul", "b0", "z", "h"]
    assert group.result.op == "tanh" and [scope.name for scope in group.scopes] == ["net"]
    assert (group.kind, group.detail, group.counts) == ("module", "Dense(4 -> 4)", "3 ops, 2 parameters")


def test_a_scope_of_one_value_stays_that_value():
    trace = bce()
    alone = (Scope("alone", "function"),)
    values = [replace(value, scopes=alone if value.id == 5 else ()) for value in trace.values]
    assert shown(replace(trace, values=values), depth=0) == [v.name for v in trace.values]


def test_calls_of_one_function_are_different_cards():
    trace = chain(4)
    scopes = [(), *[(Scope("f", "function", call=i // 2),) for i in range(4)]]
    values = [replace(value, scopes=path) for value, path in zip(trace.values, scopes, strict=True)]
    assert shown(replace(trace, values=values), depth=0) == ["a", "f x 1", "f x 1"]


def test_edges_into_and_out_of_a_group_are_joined():
    layout = arrange(bce(), depth=0)
    edges = {link.id: [flow.id for flow in link.flows] for link in layout.links}
    assert edges == {"e_1_0": [1], "e_0_6": [5, 7], "e_7_6": [6]}
    assert [link.tracked for link in layout.links] == [False, True, False]


# -- one scope ---------------------------------------------------------------------------------------------------------


def test_a_scope_alone_is_drawn_with_what_enters_it():
    assert shown(bce(), scope="bce_with_logits") == ["z", "a", "y", "c", "loss"]
    layout = arrange(bce(), scope="bce_with_logits")
    assert layout.cards[0].scopes == () and len(layout.links) == 5 and layout.trace.result == 9
    assert {sending.flow for sending in layout.trace.sendings} == {5, 7, 8, 9}


def test_a_scope_is_found_by_its_name_or_its_path():
    by_name, by_path = shown(blocks(3), scope="layer1"), shown(blocks(3), scope="net/layer1")
    assert by_name == by_path == ["h", "W1", "matmul", "b1", "z", "h"]
    assert shown(blocks(3), scope="net", depth=0) == ["x", "layer x 3"]
    assert arrange(blocks(3), scope="layer1").trace.result is None


def test_an_unknown_scope_is_refused_with_those_that_there_are():
    with pytest.raises(xe.ArgumentError, match=r"no scope 'layer9'\. There are 'net', 'net/layer0', 'net/layer1'\."):
        arrange(blocks(2), scope="layer9")
    with pytest.raises(xe.ArgumentError, match="There is none"):
        arrange(chain(2), scope="layer9")


# -- folding -----------------------------------------------------------------------------------------------------------


def test_equal_consecutive_modules_are_one_card():
    layout = arrange(blocks(12), depth=1)
    group = layout.cards[1]
    assert shown(blocks(12), depth=1) == ["x", "layer x 12", "loss"]
    assert (group.kind, group.counts, len(group.members)) == ("module", "3 ops, 2 parameters each", 60)
    assert [link.id for link in layout.links] == ["e_0_1", "e_1_61"]


def test_equal_sequences_of_operations_are_one_block_with_their_own_parameters():
    layout = arrange(blocks(12, scoped=False), depth=0)
    group = layout.cards[1]
    assert (group.name, group.detail, group.counts) == ("block", "matmul, add, tanh", "3 ops, 2 parameters each")
    assert len(group.members) == 60  # the input belongs to no block


def test_two_blocks_are_too_few_to_fold():
    assert len(shown(blocks(2, scoped=False), depth=0)) == 12
    assert shown(blocks(3, scoped=False), depth=0) == ["x", "block x 3", "loss"]


def test_a_parameter_that_all_blocks_share_stays_outside():
    trace = ops(["mul", "exp"] * 5, roots=("w", "x"))
    flows = trace.flows + [Flow(100 + v.id, 0, v.id, 1, True) for v in trace.values if v.op == "mul"]
    flows.sort(key=lambda flow: (flow.child, flow.position))
    assert shown(replace(trace, flows=flows, result=None), depth=0) == ["w", "x", "block x 5"]


def test_a_doubling_in_a_loop_is_one_card_and_neither_hangs_nor_recurses():
    start = time.monotonic()
    assert shown(chain(100, twice=True), depth=0) == ["a", "add x 99", "a"]
    assert shown(chain(10_000, twice=True)) == ["a", "add x 9999", "a"]
    assert time.monotonic() - start < 10


def test_blocks_that_are_connected_otherwise_are_not_folded():
    straight = ops(["exp", "mul"] * 6)
    wiring = {1: (1, 0), 3: (3, 2), 5: (5, 2), 7: (7, 6), 9: (9, 8), 11: (11, 8)}
    crossed = ops(["exp", "mul"] * 6, wiring)
    assert shown(straight, depth=0)[1] in ("block x 5", "block x 6")
    assert not any(name.endswith("x 6") for name in shown(crossed, depth=0))


def test_a_skip_from_the_block_before_is_folded_too():
    count = 8
    wiring = {2 * i + 1: (2 * i + 1, max(0, 2 * i - 1)) for i in range(count)}
    assert shown(replace(ops(["exp", "add"] * count, wiring), result=None), depth=0)[1:] == ["block x 8"]


def test_the_longest_cover_wins_over_the_repeats_inside_it():
    names = (["exp"] * 4 + ["mul"]) * 4
    assert shown(replace(ops(names), result=None), depth=0) == ["x", "block x 4"]


def test_shapes_and_roles_tell_blocks_apart():
    trace = chain(5)
    values = [replace(v, shape=(2,)) if v.id > 2 else v for v in trace.values]
    assert shown(trace, depth=0) == ["a", "add x 4", "a"]
    assert shown(replace(trace, values=values), depth=0) == ["a"] * 6


def test_irregular_operations_stay_as_they_are():
    assert len(shown(irregular(300), depth=0)) > 290


def test_every_value_has_a_card_and_every_flow_between_cards_a_link():
    for trace in (bce(), blocks(12), blocks(12, False), chain(200, True)):
        for depth in (None, 0, 1, 2):
            layout = arrange(trace, depth=depth)
            owner = {value.id: card.id for card in layout.cards for value in members(card)}
            assert sorted(owner) == [value.id for value in trace.values]
            expected = [flow.id for flow in trace.flows if owner[flow.parent] != owner[flow.child]]
            assert sorted(flow.id for link in layout.links for flow in link.flows) == expected
            assert len({link.id for link in layout.links}) == len(layout.links)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_whatever_is_folded_no_value_and_no_flow_is_lost(seed, depth):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    scopes = [Scope(f"s{i}", "module", call=i % 2) for i in range(4)]
    paths = [tuple(scopes[: rng.integers(0, 5)]) for _ in range(5)]
    values, flows = [], []
    for i in range(count):
        parents = rng.integers(0, i, size=rng.integers(0, 3)) if i else []
        op = f"f{rng.integers(2)}" if len(parents) else ""
        values.append(Value(i, "", op, op, "op" if op else "parameter", (), F64, None, scopes=paths[rng.integers(5)]))
        flows += [Flow(len(flows) + k, int(parent), i, k, True) for k, parent in enumerate(parents)]
    trace = Trace(values, flows, result=count - 1)
    layout = arrange(trace, depth=depth)
    owner = [(value.id, card.id) for card in layout.cards for value in members(card)]
    assert sorted(value for value, _ in owner) == list(range(count))
    of = dict(owner)
    expected = [flow.id for flow in flows if of[flow.parent] != of[flow.child]]
    assert sorted(flow.id for link in layout.links for flow in link.flows) == expected
    assert all(len(card.scopes) <= depth for card in layout.cards if isinstance(card, Group))
    read(digraph(layout).source)


def test_the_runs_of_equal_kinds_are_counted():
    assert list(run_lengths(np.array([True, True, False, True]))) == [2, 1, 0, 1]
    assert (stem("layer12"), stem("relu"), stem("7")) == ("layer", "relu", "")
    assert len(shown(ops(["a", "b"] * 3), depth=0)) == 7  # the last value is the result: the third block is another


@pytest.mark.parametrize("depth", [-1, "1", 1.5])
def test_a_depth_that_is_no_whole_number_from_0_is_named(depth):
    with pytest.raises(xe.errors.ArgumentError, match=f"depth is {depth!r}"):
        xe.viz.graph(lambda x: x * x, 2.0, depth=depth)
