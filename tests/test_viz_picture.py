"""The picture object: what it draws, where it goes, and what it does where nothing can draw it."""

import os
import stat
import sys
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from dot_reader import read, texts
from viz_samples import HOSTILE, bce, chain, hostile

import tinygrad_xe as xe
from tinygrad_xe.viz import Picture, RenderError
from tinygrad_xe.viz.dot import digraph
from tinygrad_xe.viz.fold import arrange
from tinygrad_xe.viz.picture import PictureWarning
from tinygrad_xe.viz.render import find
from tinygrad_xe.viz.text import clean

DOT = find()
drawing = pytest.mark.skipif(DOT is None, reason="no dot, and graphviz-pure (extra [viz]) is not installed")
NAMES = {"svg": "http://www.w3.org/2000/svg"}


def picture(trace=None, theme="light", dot=DOT, **options):
    layout = arrange(trace or bce(), **options)
    return Picture(digraph(layout, theme=theme), layout, theme=theme, dot=dot)


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    """A machine without Graphviz."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TINYGRAD_XE_DOT", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))


def loss(w, b):
    x, y = np.array([1.5, -0.4, 2.0]), 1.0
    z = (w * x).sum() + b
    return xe.softplus(z) - y * z


W, B = np.array([0.6, -1.1, 0.3]), -0.5


# -- from a computation ------------------------------------------------------------------------------------------------


def test_a_function_is_run_differentiated_and_drawn():
    graph = read(xe.viz.graph(loss, W, B).source)
    cards = [texts(node["label"]) for node in graph.nodes.values()]
    z = next(card for card in cards if card[0] == "z")
    assert "1.4400" in z and "-0.1915" in z
    assert any("0.2126" in card and "seed of backward()" in card for card in cards)
    w = next(card for card in cards if card[0] == "w")
    assert "[-0.287, 0.0766, -0.383]" in w


def test_a_recorded_result_is_drawn_before_and_after_backward():
    w = xe.tensor(W, requires_grad=True, name="w")
    with xe.record():
        result = (w * w).sum()
        before = xe.viz.graph(result).source
        result.backward()
        after = xe.viz.graph(result).source
    assert "not computed yet" in before and "seed" not in before
    assert "not computed yet" not in after and "[1.2, -2.2, 0.6]" in after


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"theme": "blue"}, "theme is 'blue'; it is one of light, dark, auto"),
        ({"direction": "up"}, "direction is 'up'; it is one of TB, LR, auto"),
    ],
)
def test_an_unknown_word_is_refused_with_those_that_there_are(option, words):
    with pytest.raises(xe.ArgumentError, match=words):
        xe.viz.graph(loss, W, B, **option)


def test_options_reach_the_drawing():
    options = {"theme": "dark", "direction": "LR", "depth": 0}
    shown = xe.viz.graph(loss, W, B, **options)
    assert "rankdir=LR" in shown.source and "#14181f" in shown.source


def test_ten_thousand_operations_are_folded_from_a_computation():
    a = xe.tensor(1.0, requires_grad=True, name="a")
    for _ in range(10_000):
        a = a + 1
    layout = xe.viz.graph(a).layout
    assert len(layout.cards) <= 5


def test_users_can_go_on_from_the_digraph():
    shown = picture()
    shown.digraph.node("mine", "a note")
    assert "a note" in shown.source
    assert type(shown.digraph).__module__.startswith("graphviz")


def test_the_repr_is_short():
    assert repr(picture()) == "<viz.Picture of 10 nodes and 10 edges: .save('graph.svg'), .svg(), .png(), .source>"


# -- drawn -------------------------------------------------------------------------------------------------------------


@drawing
def test_the_svg_has_a_group_for_each_node_and_edge_with_a_tooltip():
    tree = ElementTree.fromstring(picture().svg())
    groups = {g.get("id"): g for g in tree.iterfind(".//svg:g[@id]", NAMES)}
    assert {f"n_{i}" for i in range(10)} | {"e_5_6", "e_5_8", "c_0", "c_1"} <= groups.keys()
    lengths = [text.get("textLength") for text in tree.iterfind(".//svg:text", NAMES) if text.text == "1.4400"]
    assert lengths == ["33.6", "33.6"]
    assert tree.get("aria-label") == "computation graph of bce"
    assert "tg-op" in groups["n_5"].get("class").split()
    assert groups["n_5"].find(".//svg:title", NAMES).text.startswith("z = s + b\nscalar, float64\nvalue 1.4400")
    assert not tree.findall(".//svg:a", NAMES) and not tree.findall(".//svg:style", NAMES)


@drawing
def test_the_auto_theme_follows_the_system_within_its_own_svg_only():
    svg = picture(theme="auto").svg()
    assert "prefers-color-scheme:dark" in svg and 'class="tg-graph tg-auto"' in svg
    style = ElementTree.fromstring(svg).find("svg:style", NAMES).text
    selectors = [rule.split("{")[0] for line in style.splitlines() for rule in line.split("}") if "[" in rule]
    assert selectors and all(selector.startswith("svg.tg-auto ") for selector in selectors)


@drawing
@pytest.mark.parametrize("text", HOSTILE, ids=[clean(text, 12).strip() or "blank" for text in HOSTILE])
@pytest.mark.parametrize("depth", [None, 0])
def test_a_hostile_name_is_shown_and_adds_nothing(text, depth):
    tree = ElementTree.fromstring(picture(hostile(text), depth=depth).svg())
    count = 10 if depth is None else 4
    assert len([g for g in tree.iter() if "tg-node" in (g.get("class") or "").split()]) == count
    assert {element.tag.split("}")[1] for element in tree.iter()} <= {"svg", "g", "title", "polygon", "path", "text"}
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    shown = "".join("".join(element.itertext()) for element in tree.iter(f"{{{NAMES['svg']}}}text"))
    assert clean(text).replace(" ", "") in shown.replace(" ", "").replace("\xa0", "")
    tips = [title.text or "" for title in tree.iter(f"{{{NAMES['svg']}}}title")]
    assert any(clean(text).strip() in tip for tip in tips)


@drawing
def test_a_hundred_doublings_are_drawn():
    tree = ElementTree.fromstring(picture(chain(100, twice=True)).svg())
    assert len([g for g in tree.iter() if "tg-edge" in (g.get("class") or "").split()]) == 200


@drawing
def test_the_png_is_one():
    assert picture().png().startswith(b"\x89PNG\r\n")
    assert picture(theme="auto").png().startswith(b"\x89PNG\r\n")


@drawing
@pytest.mark.parametrize(
    ("name", "start"),
    [("g.svg", b"<?xml"), ("g.SVG", b"<?xml"), ("g.png", b"\x89PNG"), ("g.dot", b"digraph"), ("g.gv", b"digraph")],
)
def test_a_picture_is_saved_in_the_format_of_its_ending(name, start, tmp_path):
    picture().save(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]


@drawing
def test_a_notebook_shows_svg():
    bundle = picture()._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg") and bundle["text/plain"].startswith("<viz.Picture")


# -- not drawn ---------------------------------------------------------------------------------------------------------


def test_without_graphviz_a_notebook_shows_text_with_a_warning_that_names_both_remedies(no_dot):
    shown = picture(dot=None)
    remedies = r"shown as DOT text.*Install Graphviz.*pip install 'tinygrad-xe\[viz\]'"
    with pytest.warns(PictureWarning, match=remedies) as caught:
        bundle = shown._repr_mimebundle_()
    assert bundle == {"text/plain": shown.source} and len(caught) == 1


def test_a_repr_does_not_raise_even_where_warnings_are_errors(no_dot, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert picture(dot=None)._repr_mimebundle_()["text/plain"].startswith("digraph")
    assert "pip install" in capsys.readouterr().err


def test_a_repr_does_not_raise_where_the_named_program_is_missing():
    with pytest.warns(PictureWarning, match="dot= names '/nowhere'"):
        assert picture(dot="/nowhere")._repr_mimebundle_()["text/plain"].startswith("digraph")


@pytest.mark.skipif(os.name == "nt", reason="the program that stands for dot is a script with a #! line")
def test_a_repr_does_not_raise_where_a_program_writes_something_else(tmp_path):
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nprint('hello')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.warns(PictureWarning, match=r"wrote no SVG, but 'hello\\n'"):
        assert picture(dot=program)._repr_mimebundle_()["text/plain"].startswith("digraph")


def test_svg_and_save_raise_what_is_missing_and_an_old_file_stays(no_dot, tmp_path):
    file = tmp_path / "old.svg"
    file.write_text("old")
    with pytest.raises(RenderError, match="pip install"):
        picture(dot=None).svg()
    with pytest.raises(RenderError, match="pip install"):
        picture(dot=None).save(file)
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["old.svg"]
    picture(dot=None).save(tmp_path / "text.dot")
    assert (tmp_path / "text.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize("name", ["g.jpeg", "g", "svg"])
def test_an_unknown_ending_is_refused(name, tmp_path):
    with pytest.raises(xe.ArgumentError, match=r"ending is '.*'; it is one of \.svg, \.png, \.pdf, \.dot, \.gv"):
        picture().save(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="the program that stands for dot is a script with a #! line")
def test_a_pdf_is_written_by_a_program_that_can(tmp_path):
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.read()\nprint('%PDF', *sys.argv[1:])\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    picture(dot=program).save(tmp_path / "g.pdf")
    assert (tmp_path / "g.pdf").read_text() == "%PDF -Tpdf\n"


def test_a_render_error_is_an_error_of_this_library():
    assert issubclass(RenderError, xe.XeError) and issubclass(PictureWarning, xe.XeWarning)
    assert "graph" in dir(xe.viz)
    with pytest.raises(AttributeError, match="no attribute 'grahp'"):
        _ = xe.viz.grahp


def test_a_folder_that_is_not_there_is_named_as_the_user_wrote_it(tmp_path):
    picture = xe.viz.graph(lambda x: x * x, 2.0)
    with pytest.raises(FileNotFoundError, match=r"no such folder.*missing"):
        picture.save(tmp_path / "missing" / "graph.dot")
    (tmp_path / "folder.dot").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.dot"):
        picture.save(tmp_path / "folder.dot")
