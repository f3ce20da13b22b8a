"""Formulas as MathML Core: notation, parentheses, and markup that is well formed whatever the names are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from viz_samples import HOSTILE

import tinygrad_xe as xe
from tinygrad_xe.program.expressions import Expression
from tinygrad_xe.viz.mathml import block, definition, formula, letters, seed, sending
from tinygrad_xe.viz.parsing import parsed
from tinygrad_xe.viz.recording import trace
from tinygrad_xe.viz.steps import steps
from tinygrad_xe.viz.text import clean
from tinygrad_xe.viz.words import Words

CORE = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msup", "msub", "munder", "mtable",
    "mtr", "mtd",
}  # fmt: skip

CHILDREN = {"mfrac": 2, "msup": 2, "msub": 2, "mroot": 2, "munder": 2}


def plain(markup: str) -> str:
    """The letters of a formula, fractions with a slash and exponents with a caret."""

    def text(node) -> str:
        inner = [text(child) for child in node]
        between = {"mfrac": "/", "msup": "^", "msub": "_"}.get(node.tag)
        if between:
            inner = [f"{{{part}}}" if len(part) > 1 else part for part in inner]
            return between.join(inner)
        return {"msqrt": "√{%s}"}.get(node.tag, "%s") % ((node.text or "") + "".join(inner))

    return text(ElementTree.fromstring(f"<math>{markup}</math>"))


def written(text: str, arrays: bool = False) -> str:
    return plain(formula(parsed(text), arrays))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("w * x + b", "w⋅x+b"),
        ("(a + b) * c", "(a+b)⋅c"),
        ("a - (b - c)", "a−(b−c)"),
        ("-(a + b)", "−(a+b)"),
        ("y / (1 + exp(-z))", "y/{1+e^{−z}}"),
        ("(a / b)**2", "{(a/b)}^2"),
        ("exp(x)**2", "{(e^x)}^2"),
        ("sqrt(b + 2)**3", "{√{b+2}}^3"),
        ("log1p(exp(-abs(z)))", "log(1+e^{−|z|})"),
        ("sum(u)", "∑u"),
        ("sum(u) * 2", "(∑u)⋅2"),
        ("sum(u * v)", "∑u⋅v"),
        ("X @ W1 + b1", "XW_1+b_1"),
        ("g @ W.T", "gW^⊤"),
        ("sigmoid(theta)", "σ(θ)"),
        ("softmax(z, axis=1)", "softmax(z,axis=1)"),
        ("x[1:3]", "x[1:3]"),
        ("g[:, None]", "g"),
        ("sum(u * v, axis=0)", "∑axis=0(u⋅v)"),
        ("sum(u, axis=-1, keepdims=True) * v", "∑axis=−1(u)⋅v"),
        ("u.sum()", "∑u"),
        ("np.exp(x)", "e^x"),
        ("x > 0", "x>0"),
        ("x * 1e-7", "x⋅1⋅{10}^{−7}"),
        ("x - 2.5", "x−2.5"),
        ("model.w * 2", "model.w⋅2"),
    ],
)
def test_expressions_are_written_as_mathematics_does(text, expected):
    assert written(text) == expected


def test_products_of_arrays_are_products_of_elements():
    assert written("w * x", arrays=True) == "w⊙x"
    assert written("2 * x", arrays=True) == "2⋅x"
    assert written("x * -2", arrays=True) == "x⋅(−2)"


def test_cases_have_a_brace():
    shown = formula(parsed("where(x > 0, x, 0)"))
    assert plain(shown) == "{xx>00else"
    assert shown.count("<mtr>") == 2


def test_a_repetition_is_a_product_with_ones():
    shown = formula(np.broadcast_to(Expression(1.0, "g"), (4, 3)).tree)
    assert plain(shown) == "g⋅1_{4×3}"


def test_names_have_indices_and_greek_letters():
    assert plain(letters("theta_1")) == "θ_1"
    assert letters("logits") == "<mi>logits</mi>"
    assert letters("a b") == "<mtext>a b</mtext>"


@pytest.mark.parametrize(
    "text", ["", "a b", "1 +", "lambda: x", "f'{x}'", "[x for x in y]", "x" * 500, "(" * 300, "a := b"]
)
def test_what_is_no_expression_is_shown_as_text(text):
    assert parsed(text) is None
    shown = definition("z", text, False)
    assert shown == "" if not text else "<mtext>" in shown


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_leave_the_markup_well_formed(name):
    rule = Expression(2.0, name) * Expression(1.0, f"{name}.grad")
    for markup in (
        definition(clean(name), clean(name), False), seed(clean(name)),
        sending(clean(name), clean(name), clean(name), f"{name}.grad", rule, Expression(2.0, name), True),
        sending(clean(name), clean(name), clean(name), "g", rule, None, True),
    ):  # fmt: skip
        tree = ElementTree.fromstring(f"<all>{markup}</all>")
        assert {node.tag for node in tree.iter()} - {"all"} <= CORE
        assert not re.search("[\x00-\x08\u202e\ud800]", markup)


def test_the_rule_and_the_local_derivative_are_those_of_the_expression():
    z, g = Expression(1.44, "z"), Expression(1.0, "a.grad")
    shown = sending("loss", "z", "a", "a.grad", g * xe.sigmoid(z), xe.sigmoid(z), True)
    first, second = re.findall(r"<math.*?</math>", shown)
    assert plain(first) == "{∂loss}/{∂z}+={∂loss}/{∂a}⋅{∂a}/{∂z}"
    assert plain(second) == "{∂a}/{∂z}=σ(z)=0.8085"
    h, t = Expression(np.ones((2, 3)), "h"), Expression(np.ones((2, 4)), "g")
    assert plain(sending("loss", "W", "t", "g", h.T @ t, None, False)) == "{∂loss}/{∂W}+=h^⊤{∂loss}/{∂t}"


def test_a_value_without_a_name_is_written_by_how_it_was_computed():
    shown = plain(seed("h @ W2"))
    assert shown == "{∂(hW_2)}/{∂(hW_2)}=1"
    rule = Expression(np.ones(3), "g") * Expression(np.ones(3), "x")
    assert plain(sending("loss", "w", "w * x", "g", rule, None, True)) == "{∂loss}/{∂w}+={∂loss}/{∂(w⊙x)}⊙x"
    assert "⋯" in plain(seed("tanh(t) + sigmoid(t) / 3 - log(t)"))


def everything(x, w):
    a = np.exp(x) * np.where(x > 0, x, -x) / (1 + x * x)
    b = np.sqrt(np.abs(a) + 2) ** 3 - np.log1p(np.mean(a, axis=0))
    c = xe.softmax(np.concatenate([b, b]) @ w)
    d = np.transpose(c)[1:3].reshape(-1) * np.prod(w) + np.max(c)
    return np.sum(np.tanh(d) + np.square(d) - np.reciprocal(d + 9)) + np.linalg.norm(x) + np.cbrt(np.sum(w))


def test_all_formulas_of_a_long_computation_are_well_formed_core():
    x, w = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(4, 5))
    found = steps(trace(everything, x, w), Words("en"))
    assert len(found) > 60
    missing = [step.what for step in found[1:] if not step.formula]
    assert missing == []
    for step in found:
        tree = ElementTree.fromstring(f"<all>{step.formula}</all>")
        for node in tree.iter():
            assert node.tag in CORE | {"all"}
            assert len(node) == CHILDREN.get(node.tag, len(node)), step.formula
            if node.tag in ("mrow", "math", "mfrac", "msup", "msub", "munder", "mtable", "mtr"):
                assert not (node.text or "").strip() and not any((child.tail or "").strip() for child in node)


def test_a_block_is_a_formula_of_its_own_line():
    assert block("<mi>x</mi>") == '<math display="block"><mrow><mi>x</mi></mrow></math>'
