"""The steps of the explorer: order, numbers, code and reasons, and what the page refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from viz_samples import HOSTILE, bce, blocks, chain, hostile, ruled

import tinygrad_xe as xe
from tinygrad_xe.program.expressions import scope
from tinygrad_xe.viz import render
from tinygrad_xe.viz.cells import MOST, shown
from tinygrad_xe.viz.explorer import Explorer, as_json, explore
from tinygrad_xe.viz.fold import Group, arrange
from tinygrad_xe.viz.recording import trace
from tinygrad_xe.viz.steps import steps
from tinygrad_xe.viz.words import TEXTS, Words

EN = Words("en")


def reasons(f, *args, names=None):
    """The last reason that each value is sent a gradient, by the names of sender and receiver."""
    return {step.what: step.why for step in steps(trace(f, *args), EN) if step.phase == "backward"}


# -- order and numbers -------------------------------------------------------------------------------------------------


def test_there_is_a_step_for_the_leaves_each_operation_the_seed_and_each_gradient_sent():
    whats = [step.what for step in steps(bce(), EN)]
    assert whats == [
        "inputs and parameters", "u = w * x", "s = sum(u)", "z = s + b", "a = softplus(z)", "c = y * z", "loss = a - c",
        "start of the backward pass", "loss sends to c", "loss sends to a", "c sends to z", "a sends to z",
        "z sends to b", "z sends to s", "s sends to u", "u sends to w",
    ]  # fmt: skip


def test_a_gradient_is_shown_before_sent_and_after():
    second = next(step for step in steps(ruled(), EN) if step.what == "a sends to z")
    numbers = {row.label: float(row.array) for row in second.rows}
    sigma = 1 / (1 + np.exp(-1.44))
    assert numbers == pytest.approx({
        "from above: a.grad": 1, "local derivative": sigma, "sent": sigma, "z.grad before": -1, "z.grad now": sigma - 1,
    })  # fmt: skip
    assert second.sums == (5,)


def test_each_step_of_the_backward_pass_adds_what_was_sent():
    found = trace(lambda w: np.sum(np.tanh(w) * w) + np.sum(w), np.array([0.5, -1.0]))
    for sending in found.sendings:
        np.testing.assert_array_equal(sending.before + found.flows[sending.flow].sent, sending.after)
    last = [step for step in steps(found, EN) if step.what.endswith("sends to w")][-1]
    expected = xe.grad(lambda w: np.sum(np.tanh(w) * w) + np.sum(w))(np.array([0.5, -1.0]))
    np.testing.assert_array_equal(last.rows[-1].array, expected)


def test_the_code_of_a_backward_step_gives_the_number_that_is_sent():
    w, x, b = np.array([0.6, -1.1, 0.3]), np.array([1.5, -0.4, 2.0]), np.array(-0.5)

    def loss(w, b):
        u = w * x
        z = np.sum(u) + b
        p = xe.sigmoid(z)
        return -np.log(p)

    found = trace(loss, w, b)
    values = {v.name: v.value for v in found.values if v.name}
    by_flow = {flow.id: flow for flow in found.flows}
    checked = 0
    for step in (step for step in steps(found, EN) if step.edges and step.phase == "backward"):
        flow = by_flow[step.edges[0]]
        child = found.values[flow.child]
        line = re.search(r"\+= (.*)$", step.code)[1]
        known = {f"{v.name.replace('.', '_')}_grad": v.grad for v in found.values if v.name} | {"g": child.grad}
        line = re.sub(r"(\w+)\.grad", r"\1_grad", line)
        sent = eval(line, scope(flow.rule) | values | known)
        np.testing.assert_allclose(np.broadcast_to(sent, flow.sent.shape), flow.sent, rtol=1e-12)
        checked += 1
    assert checked >= 6


def test_without_a_backward_pass_there_are_forward_steps_only():
    with xe.record():
        x = xe.tensor([1.0, 2.0], requires_grad=True, name="x")
        y = np.exp(x)
    assert [step.phase for step in steps(trace(y), EN)] == ["forward", "forward"]


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_the_reason_is_read_off_the_form_of_the_rule():
    u, v = np.array([1.0, -2.0]), np.array([3.0, 4.0])

    def f(u, v):
        added = u + v
        less = added - v
        times = less * v
        power = np.exp(times)
        total = np.sum(power)
        mean = np.mean(v)
        cut = np.maximum(u, 0)
        turned = cut[::-1]
        last = np.sum(turned)
        return total + mean + last

    why = reasons(f, u, v)
    assert why["added sends to u"].startswith("The local derivative is 1")
    assert why["less sends to v"].startswith("The local derivative is -1")
    assert why["times sends to less"].startswith("A product sends to each factor the gradient times the other one, v.")
    assert why["power sends to times"].startswith("The local derivative is power itself")
    assert why["total sends to power"].startswith("Every element was added once")
    assert why["mean sends to v"].startswith("Every element has an equal share")
    assert why["cut sends to u"].startswith("The gradient goes only where u was chosen")
    assert why["turned sends to cut"].startswith("Elements only moved")


def test_matrix_products_and_repetition_have_reasons_of_their_own():
    def f(W, b):
        z = np.ones((3, 2)) @ W + b
        return np.sum(np.tanh(z))

    why = reasons(f, np.ones((2, 4)), np.zeros(4))
    to_b = next(text for what, text in why.items() if what.endswith("sends to b"))
    to_W = next(text for what, text in why.items() if what.endswith("sends to W"))
    assert "b of shape (4,) was repeated to shape (3, 4): the gradients of the copies add up." in to_b
    assert to_W.startswith("A matrix product sends back the gradient times the other factor, transposed.")


def test_several_paths_are_counted():
    why = reasons(lambda x: x * x * x, np.array(2.0))
    paths = [re.search(r"Path (\d of \d) into x", text) for what, text in why.items() if what.endswith("to x")]
    assert paths[-1][1] == "3 of 3"
    found = [step.why for step in steps(ruled(), EN) if step.what.endswith("sends to z")]
    assert "Path 1 of 2 into z: gradients add up." in found[0] and "complete" not in found[0]
    assert found[1].endswith("Path 2 of 2 into z: gradients add up. All 2 have arrived: its gradient is complete.")


def test_saturation_and_what_is_not_finite_are_pointed_out():
    why = reasons(lambda z: xe.sigmoid(z), np.array(40.0))
    assert "hardly anything gets through" in next(iter(list(why.values())[1:]))
    with np.errstate(all="ignore"):
        why = reasons(lambda z: np.sum(np.sqrt(z)), np.array([0.0, 1.0]))
    assert "not finite" in list(why.values())[-1]


def test_every_text_exists_in_both_languages_with_the_same_places():
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for key, text in TEXTS["en"].items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", TEXTS["zh"][key])), key
        assert text and (TEXTS["zh"][key] or key == "join")


def test_the_chinese_steps_have_the_same_numbers():
    for english, chinese in zip(steps(ruled(), EN), steps(ruled(), Words("zh")), strict=True):
        assert english.code == chinese.code and english.formula == chinese.formula
        assert [row.array is None for row in english.rows] == [row.array is None for row in chinese.rows]


# -- arrays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array, text",
    [
        (np.array(1.44), "1.4400"),
        (np.array([0.6, -1.1, 0.3]), "[0.6, -1.1, 0.3]"),
        (np.zeros((0, 3)), "empty, shape (0, 3)"),
        (np.full((9, 9), 2.0), "2 everywhere, shape (9, 9)"),
        (None, "not kept"),
    ],
)
def test_few_numbers_are_written(array, text):
    assert shown(array, EN) == {"text": text}


def test_a_small_matrix_is_written_in_rows():
    assert shown(np.array([[1.0, 2.0], [3.0, np.nan]]), EN)["rows"] == [["1", "2"], ["3", "NaN"]]


def test_a_larger_matrix_becomes_cells():
    array = np.arange(60.0).reshape(6, 10) - 30
    found = shown(array, EN)
    assert found["columns"] == 10 and found["cells"] == array.reshape(-1).tolist()
    assert (found["low"], found["high"]) == (-30, 29)
    assert "note" not in found


def test_what_is_too_large_is_reduced_to_means_of_blocks():
    array = np.random.default_rng(0).normal(size=(130, 131))
    found = shown(array, EN)
    high, wide = found["block"]
    assert len(found["cells"]) <= MOST
    assert found["cells"][0] == pytest.approx(array[:high, :wide].mean(), rel=5e-3)
    corner = array[129 // high * high :, 130 // wide * wide :]
    assert found["cells"][-1] == pytest.approx(corner.mean(), rel=5e-3)
    assert f"mean of up to {high * wide} elements" in found["note"]
    assert (found["low"], found["high"]) == pytest.approx((array.min(), array.max()), rel=5e-3)


def test_a_block_with_a_nan_is_marked():
    array = np.ones((500, 500))
    array[0, 0], array[499, 499], array[250, 250] = np.nan, np.inf, 2.0
    found = shown(array, EN)
    assert (found["cells"][0], found["cells"][-1]) == ("NaN", "inf")
    assert "2 of 250000 are not finite" in found["note"]


def test_vectors_are_wrapped_and_leading_axes_stacked():
    assert shown(np.arange(100.0), EN)["wrapped"]
    found = shown(np.arange(105.0).reshape(3, 5, 7), EN)
    assert found["columns"] == 7 and "stacked" in found["note"]


# -- the page ----------------------------------------------------------------------------------------------------------


def test_json_can_stand_in_a_script_element():
    text = as_json(["</script><!--", "\u2028\u2029&"])
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == ["</script><!--", "\u2028\u2029&"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_pages_of_hostile_names_are_utf8_and_have_two_scripts(name, monkeypatch):
    monkeypatch.setattr(render, "find", lambda dot=None: None)
    page = explore(hostile(name)).html
    assert page.encode("utf-8").lower().count(b"<script") == 2
    assert page.count("<title>") == 1
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", page)


def test_a_page_is_saved_whole_or_not_at_all(tmp_path):
    path = tmp_path / "page.html"
    page = explore(bce(), path=path)
    assert path.read_text(encoding="utf-8") == page.html
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(OSError):
        page.save(tmp_path / "no" / "such" / "page.html")
    assert path.read_text(encoding="utf-8") == page.html


def test_a_repr_says_what_it_is_and_never_raises():
    assert repr(explore(bce())).startswith("<explorer of 'bce', 16 steps, ")
    for name in HOSTILE:
        repr(Explorer("", name, 0)).encode()
        Explorer("", name, 0)._repr_html_().encode()


def test_an_unknown_language_or_theme_is_refused():
    with pytest.raises(xe.ArgumentError, match="lang is 'de'; expected 'en' or 'zh'"):
        explore(bce(), lang="de")
    with pytest.raises(xe.ArgumentError, match="theme is 'black'; expected 'auto', 'light' or 'dark'"):
        explore(bce(), theme="black")


def test_more_than_400_cards_are_refused_with_the_remedy():
    long = chain(500)  # of operations that are all different, so that nothing is folded
    different = [replace(value, op=value.op and f"op{value.id}") for value in long.values]
    with pytest.raises(xe.ArgumentError, match=r"up to 400 can be stepped through.\n  Explore a smaller example"):
        explore(replace(long, values=different))


def test_collapsed_it_is_offered_for_any_size(monkeypatch):
    monkeypatch.setattr(render, "find", lambda dot=None: None)
    page = explore(blocks(200), depth=0)
    assert page.steps < 20
    assert len(page.html) < 60_000


def test_a_group_is_one_step_and_keeps_its_inner_gradients_to_itself():
    found = blocks(3)
    layout = arrange(found, depth=1)
    groups = [card for card in layout.cards if isinstance(card, Group)]
    walk = steps(found, EN, groups)
    inside = {value.id for group in groups for value in group.members}
    assert sum(step.nodes != () and set(step.nodes) <= inside for step in walk) == len(groups)
    assert set().union(*(step.shows for step in walk)) == {value.id for value in found.values}


def test_a_graphviz_that_fails_is_told_and_not_replaced_by_a_list(tmp_path):
    with pytest.raises(render.RenderError, match="names"):
        explore(bce(), dot=tmp_path / "nothing")
