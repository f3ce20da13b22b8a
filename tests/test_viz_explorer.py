"""The explorer's page in a browser: steps, numbers, keys, hostile names, and what it may not do."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
from browser import ARGUMENTS, Opened, program
from viz_samples import HOSTILE, bce, blocks, hostile, ruled

import tinygrad_xe as xe
from tinygrad_xe.viz import render
from tinygrad_xe.viz.explorer import asset, explore
from tinygrad_xe.viz.steps import steps
from tinygrad_xe.viz.text import clean, number, numbers
from tinygrad_xe.viz.words import Words

playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested by Playwright")
pytestmark = pytest.mark.skipif(program() is None, reason="the page is tested in Chromium")

W, U, S, Z, A, LOSS = 0, 2, 3, 5, 6, 9


@pytest.fixture(scope="module")
def contexts():
    """Makes a browser's context with some options; each once, since that takes longer than a test."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program(), args=ARGUMENTS)
        made = {}

        def context(**options):
            key = tuple(sorted(options.items()))
            return made[key] if key in made else made.setdefault(key, browser.new_context(**options))

        yield context
        browser.close()


@pytest.fixture
def show(contexts, tmp_path):
    pages = []

    def opened(page, width=1180, height=820, **options) -> Opened:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(page if isinstance(page, str) else page.html, encoding="utf-8")
        pages.append(contexts(**options).new_page())
        pages[-1].set_viewport_size({"width": width, "height": height})
        found = Opened(pages[-1])
        found.page.goto(path.as_uri())
        found.page.wait_for_selector("body[data-ready], iframe", timeout=20_000)
        return found

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def example():
    return explore(ruled())


def rows(shown: Opened) -> list[tuple[str, str]]:
    lines = shown.run("[...document.getElementById('nums').rows].map(r => [...r.cells].map(c => c.innerText))")
    return [tuple(line) for line in lines]


# -- steps and numbers -------------------------------------------------------------------------------------------------


def test_all_steps_are_walked_with_their_numbers(show, example):
    shown = show(example, reduced_motion="reduce")
    walk = steps(ruled(), Words("en"))
    assert len(walk) == example.steps == 16
    for k, step in enumerate(walk):
        assert shown.text("#count") == f"{k + 1} / 16"
        assert shown.text("#phase") == step.phase
        assert shown.text("#what") == step.what
        assert shown.text("#code").split("\n") == step.code.split("\n")
        assert shown.text("#reason") == step.why
        assert rows(shown) == [(row.label, numbers(row.array)) for row in step.rows]
        shown.press("ArrowRight")
    assert shown.text("#count") == "16 / 16"
    assert shown.wrong == []


def test_the_numbers_are_those_of_the_engine(show):
    x, w, b, y = np.array([1.5, -0.4, 2.0]), np.array([0.6, -1.1, 0.3]), -0.5, 1.0

    def bce_of(w, b):
        z = np.sum(w * x) + b
        return xe.softplus(z) - y * z

    shown = show(explore(bce_of, w, b))
    shown.press("End")
    gw, gb = xe.grad(bce_of, (0, 1))(w, b)
    of_card = "n => [...n.querySelectorAll('text')].map(t => t.textContent)"
    texts = shown.run(f"[...document.querySelectorAll('.tg-node')].map({of_card})")
    cards = {card[0]: card for card in texts}
    assert numbers(gw) in cards["w"] and number(gb) in cards["b"]
    assert number(1 / (1 + np.exp(-1.44)) - 1) in cards["z"]
    assert shown.wrong == []


def test_gradients_add_up_and_the_sum_shows_with_the_last_path(show, example):
    shown = show(example)
    for _ in range(9):
        shown.press("ArrowRight")
    assert shown.text("#what") == "loss sends to a"
    assert shown.card(Z, "tg-g") is None
    shown.press("ArrowRight")
    assert shown.text("#what") == "c sends to z"
    assert shown.card(Z, "tg-g") == "-1.0000"
    assert shown.card(Z, "tg-sum") is None
    shown.press("ArrowRight")
    assert shown.text("#what") == "a sends to z"
    assert shown.card(Z, "tg-g") == "-0.1915"
    assert shown.card(Z, "tg-sum").split() == ["Σ", "0.8085", "−", "1.0000"]
    assert shown.card(W, "tg-g") is None
    shown.press("ArrowLeft")
    assert shown.card(Z, "tg-g") == "-1.0000"
    assert shown.card(Z, "tg-sum") is None


def test_values_show_when_they_are_computed(show, example):
    shown = show(example)
    assert shown.card(W, "tg-v") == "[0.6, -1.1, 0.3]"
    assert shown.card(Z, "tg-v") is None
    assert shown.run("document.getElementById('n_5').classList.contains('todo')")
    for _ in range(3):
        shown.press("ArrowRight")
    assert shown.card(Z, "tg-v") == "1.4400"
    assert shown.run("document.getElementById('n_5').classList.contains('on')")
    assert shown.card(A, "tg-v") is None


def test_a_rule_is_drawn_as_mathematics(show, example):
    shown = show(example)
    for _ in range(11):
        shown.press("ArrowRight")
    drawn = shown.run(
        "[...document.querySelectorAll('#math mfrac')].map(e => [e.namespaceURI, e.getBoundingClientRect().width > 0])"
    )
    assert drawn == [["http://www.w3.org/1998/Math/MathML", True]] * 4
    assert re.sub(r"\s", "", shown.run("document.getElementById('math').textContent")) == (
        "∂loss∂z+=∂loss∂a⋅∂a∂z∂a∂z=σ(z)=0.8085"
    )


# -- buttons and keys --------------------------------------------------------------------------------------------------


def test_keys_buttons_and_the_slider_step(show, example):
    shown = show(example)
    shown.press("End")
    assert shown.text("#count") == "16 / 16"
    assert shown.page.is_disabled("#next") and shown.page.is_disabled("#last")
    shown.press("ArrowRight", "Home")
    assert shown.text("#count") == "1 / 16"
    assert shown.page.is_disabled("#back") and shown.page.is_disabled("#first")
    shown.page.click("#next")
    shown.page.click("#next")
    shown.page.click("#back")
    assert shown.text("#count") == "2 / 16"
    shown.page.click("#last")
    assert shown.text("#count") == "16 / 16"
    shown.page.fill("#slider", "7")
    assert shown.text("#count") == "8 / 16"
    shown.page.focus("#slider")
    shown.press("ArrowRight")
    assert shown.text("#count") == "9 / 16"
    shown.page.focus("#theme")
    shown.press("Control+Home", "Alt+ArrowLeft")
    assert shown.text("#count") == "9 / 16"


def test_a_node_jumps_to_its_next_step(show, example):
    shown = show(example)
    shown.page.click("#n_3")
    assert shown.text("#what") == "s = sum(u)"
    shown.page.click("#n_3")
    assert shown.text("#what") == "z sends to s"
    shown.page.click("#n_3")
    assert shown.text("#what") == "s = sum(u)"
    shown.page.focus("#n_6")
    shown.press("Enter")
    assert shown.text("#what") == "a = softplus(z)"
    shown.page.focus("#n_6")
    shown.press(" ")
    assert shown.text("#what") == "loss sends to a"


def test_it_plays_a_step_a_second_until_stopped(show, example):
    shown = show(example, locale="en-GB")  # a context of its own: the clock is the context's
    shown.page.clock.install()
    shown.page.reload()
    shown.page.wait_for_selector("body[data-ready]")
    shown.press(" ")
    assert shown.text("#play") == "Pause"
    shown.page.clock.run_for(3100)
    assert shown.text("#count") == "4 / 16"
    shown.page.click("#play")
    shown.page.clock.run_for(3000)
    assert shown.text("#count") == "4 / 16"
    assert shown.text("#play") == "Play"
    shown.page.click("#play")
    shown.page.clock.run_for(20_000)
    assert shown.text("#count") == "16 / 16"
    assert shown.text("#play") == "Play"


def test_zooming_fits_the_drawing_and_dragging_moves_it(show, example):
    shown = show(example, 700, 500)
    size = "(r => [r.width, r.height])(document.querySelector('svg.drawing').getBoundingClientRect())"
    inside = "(g => [g.clientWidth, g.clientHeight])(document.getElementById('graph'))"
    while shown.text("#fit") != "Fit":
        shown.page.click("#fit")
    whole = shown.run(size)
    assert whole[1] > shown.run(inside)[1]
    before = shown.run("document.getElementById('graph').scrollTop")
    box = shown.page.locator("#graph").bounding_box()
    shown.page.mouse.move(box["x"] + 100, box["y"] + 150)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 100, box["y"] + 50, steps=4)
    shown.page.mouse.up()
    assert shown.run("document.getElementById('graph').scrollTop") - before == pytest.approx(100, abs=2)
    assert shown.text("#count") == "1 / 16"  # a drag that ends on a card is no click
    shown.page.click("#fit")
    fitted, room = shown.run(size), shown.run(inside)
    assert fitted[0] <= room[0] and fitted[1] <= room[1]
    assert shown.text("#fit") == "100 %"
    shown.page.click("#in")
    assert shown.run(size)[0] == pytest.approx(fitted[0] * 1.25, rel=0.01)
    shown.page.click("#out")
    shown.press("+")
    assert shown.run(size)[0] == pytest.approx(fitted[0] * 1.25, rel=0.01)


def test_scrolling_follows_both_ends_of_an_edge(show, example):
    shown = show(example, 900, 560, reduced_motion="reduce")
    while shown.text("#fit") != "Fit":
        shown.page.click("#fit")
    for k in range(16):
        if k >= 8:
            ends = re.fullmatch(r"(\w+) sends to (\w+)", shown.text("#what")).groups()
            for end in ends:
                number_ = next(v.id for v in ruled().values if v.name == end)
                seen = shown.run(
                    """n => {
                      const r = document.getElementById("n_" + n).getBoundingClientRect(),
                        g = document.getElementById("graph").getBoundingClientRect();
                      return r.top >= g.top && r.bottom <= g.bottom;
                    }""",
                    number_,
                )
                assert seen, (k, end)
        shown.press("ArrowRight")


# -- reading aloud, small screens, colours, motion ---------------------------------------------------------------------


def test_a_screen_reader_is_told_each_step(show, example):
    shown = show(example)
    shown.press("ArrowRight")
    assert shown.page.get_attribute("#slider", "aria-valuetext") == "2 / 16: u = w * x"
    assert shown.run("document.getElementById('what').closest('[aria-live=polite]') !== null")
    assert shown.page.get_attribute("#n_5", "role") == "button"
    assert shown.page.get_attribute("#n_5", "tabindex") == "0"
    assert shown.page.get_attribute("#n_5", "aria-label") == "z, add, shape (), value 1.4400"
    names = shown.run("[...document.querySelectorAll('button')].map(b => b.ariaLabel || b.textContent.trim())")
    assert len(names) == 9 and all(names)


def test_a_narrow_screen_needs_no_scrolling_sideways(show, example):
    shown = show(example, 420, 800)
    for _ in range(16):
        assert shown.run("document.documentElement.scrollWidth") <= 420
        shown.press("ArrowRight")
    assert shown.run("document.getElementById('graph').clientHeight") >= 200


def background(shown: Opened) -> str:
    return shown.run("getComputedStyle(document.body).backgroundColor")


def card_color(shown: Opened) -> str:
    return shown.run("getComputedStyle(document.querySelector('#n_5 polygon[fill=\"#ffffff\"]')).fill")


def test_it_is_dark_by_the_system_by_the_button_and_by_the_argument(show, example):
    shown = show(example, color_scheme="dark")
    assert (background(shown), card_color(shown)) == ("rgb(20, 24, 31)", "rgb(28, 35, 46)")
    shown.page.click("#theme")
    assert (background(shown), card_color(shown)) == ("rgb(255, 255, 255)", "rgb(255, 255, 255)")
    shown.page.click("#theme")
    assert background(shown) == "rgb(20, 24, 31)"
    assert background(show(explore(bce(), theme="light"), color_scheme="dark")) == "rgb(255, 255, 255)"
    assert background(show(explore(bce(), theme="dark"), color_scheme="light")) == "rgb(20, 24, 31)"


def test_nothing_moves_for_those_who_wish_so_nor_in_large_graphs(show, example):
    fading = "parseFloat(getComputedStyle(document.querySelector('.tg-node')).transitionDuration)"
    assert show(example).run(fading) > 0
    assert show(example, reduced_motion="reduce").run(fading) == 0
    large = explore(blocks(40), depth=2)
    assert 'data-large="1"' in large.html
    assert show(large).run(fading) == 0


#: The texts that leave their card's frame.
OUTSIDE = """[...document.querySelectorAll('.tg-node')].flatMap(card => {
  const frame = [...card.querySelectorAll('.tg-frame')].map(p => p.getBBox());
  const right = Math.max(...frame.map(b => b.x + b.width)), left = Math.min(...frame.map(b => b.x));
  return [...card.querySelectorAll('text')].map(t => [t.textContent, t.getBBox()])
    .filter(([, b]) => b.x + b.width > right + .5 || b.x < left - .5).map(([text]) => text);
})"""


def test_text_stays_inside_its_card(show, example):
    shown = show(example)
    shown.press("End")
    assert shown.run(OUTSIDE) == []


def test_a_gradient_on_the_way_that_is_longer_than_the_last_stays_inside_its_card(show):
    with np.errstate(all="ignore"):
        page = explore(lambda x: np.sum(np.sqrt(x) * x), np.array([0.0, 1.0, np.inf, -1.0, 2.0, 3.0, 4.0]))
    shown = show(page)
    for _ in range(page.steps):
        assert shown.run(OUTSIDE) == []
        shown.press("ArrowRight")


def test_the_chinese_page_is_chinese(show):
    shown = show(explore(ruled(), lang="zh"))
    assert shown.page.get_attribute("html", "lang") == "zh-CN"
    assert shown.text("#phase") == "前向"
    assert shown.text("#play") == "播放"
    for _ in range(11):
        shown.press("ArrowRight")
    assert shown.text("#phase") == "反向"
    assert shown.text("#what") == "a 传给 z"
    assert "梯度相加" in shown.text("#reason")
    assert shown.page.get_attribute("#next", "aria-label") == "下一步"
    told = shown.run("[...document.querySelectorAll('header *,h2,th,#reason,footer *')].map(e => e.innerText)")
    assert not [text for text in told if re.search(r"[A-Za-z]{5}", text)]
    drawn = shown.run("[...document.querySelectorAll('svg.drawing text')].map(t => t.textContent)")
    assert {"值", "梯度", "参数", "标签", "损失", "标量", "不追踪", "各路径相加"} <= set(drawn)
    assert not {"value", "grad", "parameter", "scalar", "not tracked", "forward"} & set(drawn)


# -- arrays ------------------------------------------------------------------------------------------------------------


def weights(values):
    return explore(lambda W: np.sum(np.exp(W)), values)


def test_a_heat_map_tells_the_value_under_the_pointer_and_under_the_keys(show):
    W_ = np.random.default_rng(0).normal(size=(8, 16))
    shown = show(weights(W_))
    area = shown.page.locator(".heat svg").bounding_box()
    step = area["width"] / 16
    shown.page.mouse.move(area["x"] + 5.5 * step, area["y"] + 2.5 * step)
    found = re.fullmatch(r"\[2, 5\] = (.+)", shown.text(".read"))
    assert float(found[1]) == pytest.approx(W_[2, 5], rel=5e-3)
    shown.page.mouse.move(area["x"] + area["width"] + 30, area["y"])
    assert shown.text(".read") == ""
    shown.page.focus(".heat svg")
    shown.press("ArrowDown", "ArrowDown", "ArrowRight")
    assert shown.text(".read").startswith("[1, 1] = ")
    assert shown.text("#count").startswith("1 /")  # the arrows moved in the map, not in the steps
    assert shown.run("document.querySelectorAll('.heat rect.p, .heat rect.n').length") == 128
    assert shown.text(".bar").split() == [f"{W_.min():.3g}", f"{W_.max():.3g}"]


def test_cells_that_are_not_finite_are_marked_and_counted(show):
    values = np.linspace(-1, 1, 64).reshape(8, 8)
    values[1, 2], values[3, 4] = np.nan, np.inf
    shown = show(weights(values))
    assert shown.run("document.querySelectorAll('.heat path.x').length") == 2
    assert "2 of 64 are not finite" in shown.text(".heat")
    shown.page.focus(".heat svg")
    shown.press("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight")
    assert shown.text(".read") == "[1, 2] = NaN"


def test_a_large_array_says_that_it_is_reduced(show):
    shown = show(weights(np.random.default_rng(1).normal(size=(200, 300))))
    assert "each cell is the mean of up to" in shown.text(".heat")
    shown.page.focus(".heat svg")
    shown.press("ArrowRight")
    assert re.match(r"\[0:\d+, 0:\d+\] = ", shown.text(".read"))


# -- what it may not do ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_names(show, name):
    shown = show(explore(hostile(name)))
    for _ in range(15):
        shown.press("ArrowRight")
    assert shown.text("#count") == "16 / 16"
    assert shown.wrong == []
    assert len(shown.requests) == 1
    assert shown.run("document.scripts.length") == 2
    assert shown.run("document.querySelectorAll('img,iframe,object,embed,foreignObject,a').length") == 0
    assert shown.run("document.querySelectorAll('.tg-node').length") == 10
    plain = " ".join(clean(name, 200).split())
    told = shown.run("['at', 'code', 'what'].map(id => document.getElementById(id).textContent).join(' ')")
    assert plain[:30] in " ".join(told.split())


@pytest.mark.parametrize("name", HOSTILE[:4], ids=range(4))
def test_hostile_names_stay_names_in_the_list_without_graphviz(show, name, monkeypatch):
    monkeypatch.setattr(render, "find", lambda dot=None: None)
    shown = show(explore(hostile(name)))
    shown.press("End")
    assert shown.text("#count") == "16 / 16"
    assert shown.wrong == [] and len(shown.requests) == 1
    assert shown.run("document.scripts.length") == 2
    assert shown.run("document.querySelectorAll('.tg-node').length") == 10


def test_the_page_asks_for_nothing(show, example):
    shown = show(example)
    shown.press(*["ArrowRight"] * 15)
    assert [url.rpartition("/")[2] for url in shown.requests] == ["page0.html"]


def test_an_injected_script_does_not_run_and_nothing_is_fetched(show, example):
    evil = '<img src="file:///etc/hostname" onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    shown = show(example.html.replace('<main id="graph"', evil + '<main id="graph"'))
    shown.page.wait_for_timeout(100)
    assert shown.page.title() == "bce"
    assert any("Content Security Policy" in said for said in shown.wrong)
    assert shown.run("fetch('data:,x').then(() => 'fetched', () => 'refused')") == "refused"


def test_two_in_one_notebook_do_not_meet(show, example):
    shown = show("<!doctype html><meta charset=utf-8><body>" + example._repr_html_() * 2, 900, 1400)
    frames = [frame for frame in shown.page.frames if frame != shown.page.main_frame]
    assert len(frames) == 2
    for frame in frames:
        frame.wait_for_selector("body[data-ready]")
    frames[0].click("#next")
    assert frames[0].inner_text("#count") == "2 / 16"
    assert frames[1].inner_text("#count") == "1 / 16"
    assert shown.run("document.querySelector('iframe').getAttribute('sandbox')") == "allow-scripts"
    with pytest.raises(playwright.Error, match="SecurityError"):
        frames[0].evaluate("parent.document.title")


# -- without Graphviz, collapsed, large --------------------------------------------------------------------------------


def test_without_graphviz_the_values_are_listed_and_step_as_well(show, monkeypatch):
    monkeypatch.setattr(render, "find", lambda dot=None: None)
    shown = show(explore(ruled()))
    assert "No Graphviz was found" in shown.text("#graph")
    assert shown.card(Z, "tg-v") is None
    for _ in range(10):
        shown.press("ArrowRight")
    assert shown.card(Z, "tg-v") == "1.4400"
    assert shown.card(Z, "tg-g") == "-1.0000"
    shown.press("ArrowRight")
    assert shown.card(Z, "tg-g") == "-0.1915"
    assert shown.run("document.getElementById('n_5').classList.contains('on')")
    shown.page.click("#n_3")
    assert shown.text("#what") == "z sends to s"
    assert shown.wrong == []


def test_a_collapsed_module_is_one_card_and_one_step(show):
    trace = blocks(6)
    shown = show(explore(trace, depth=0))
    assert shown.run("document.querySelectorAll('.tg-node').length") < 8
    count = int(shown.text("#count").split("/")[1])
    assert count < 10
    for _ in range(count - 1):
        shown.press("ArrowRight")
    assert shown.run("document.querySelectorAll('.tg-node.todo').length") == 0
    assert shown.wrong == []


# -- the page without a browser ----------------------------------------------------------------------------------------


def test_the_page_is_small(example):
    x, y = np.array([1.5, -0.4, 2.0]), np.array(1.0)

    def loss(w, b):
        u = w * x
        s = u.sum()
        z = s + b
        a = xe.softplus(z)
        c = y * z
        return a - c

    recorded = explore(loss, np.array([0.6, -1.1, 0.3]), -0.5)
    for page in (example, recorded):
        drawing = re.search(r"<svg.*?</svg>", page.html, re.DOTALL)[0]
        assert page.steps == 16
        assert len(page.html.encode()) - len(drawing.encode()) < 40_000


def test_no_markup_is_made_from_text_in_the_script():
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    assert not re.search(ways, asset("explorer.js"))


def test_the_notebook_gets_the_page_in_a_frame(example):
    shown = example._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1]) == example.html
