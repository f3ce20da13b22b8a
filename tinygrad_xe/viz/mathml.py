"""Formulas as MathML Core, from the expressions that gradient rules write down: an alphabet of `program.notation`."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..program import notation
from ..program.expressions import Expression
from ..program.notation import AND, ANY, ATOM, COMPARISON, OR, POWER, PRODUCT, SUM, Form, Style
from ..program.trees import Call, Name, Number, Tree
from .parsing import parsed
from .text import clean, number

#: Names that are letters of the Greek alphabet in formulas.
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda_": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "pi": "π",
}  # fmt: skip

#: Longer expressions are abbreviated inside a derivative.
SHORT = 20

#: Functions that formulas write by a sign.
SIGNS = {"sigmoid": "σ", "absolute": "abs", "fabs": "abs", "conjugate": "conj"}


def row(*parts: str) -> str:
    """Parts in a line, as one element."""
    return f"<mrow>{''.join(parts)}</mrow>"


def sign(text: str) -> str:
    """An operator."""
    return f"<mo>{html.escape(text)}</mo>"


def fraction(top: str, bottom: str) -> str:
    """A fraction."""
    return f"<mfrac>{row(top)}{row(bottom)}</mfrac>"


def letters(text: str) -> str:
    """A name: one letter is slanted, Greek words are letters, and digits at the end are an index.

    Examples
    --------
    >>> letters("W1")
    '<msub><mi>W</mi><mn>1</mn></msub>'
    >>> letters("theta"), letters("logits")
    ('<mi>θ</mi>', '<mi>logits</mi>')
    """
    found = re.fullmatch(r"([^\W\d]+?)_?(\d+)", text)
    if found is not None:
        return f"<msub>{letters(found[1])}<mn>{found[2]}</mn></msub>"
    text = clean(GREEK.get(text, text))
    return f"<mi>{html.escape(text)}</mi>" if text.isidentifier() else f"<mtext>{html.escape(text)}</mtext>"


def derivative(of: str, by: str, arrays: bool = False) -> str:
    """∂of/∂by.

    Examples
    --------
    >>> derivative("loss", "z")
    '<mfrac><mrow><mo>∂</mo><mi>loss</mi></mrow><mrow><mo>∂</mo><mi>z</mi></mrow></mfrac>'
    """
    return fraction(sign("∂") + variable(of, arrays), sign("∂") + variable(by, arrays))


def variable(text: str, arrays: bool) -> str:
    """A value inside a derivative: its name, or how it was computed, of which a long one shows the outermost call."""
    tree = None if text.isidentifier() else parsed(text)
    if not isinstance(tree, Call):
        return letters(text)
    if len(text) > SHORT:
        tree = replace(tree, args=tuple(Name("⋯") if isinstance(arg, Tree) else arg for arg in tree.args), options={})
    return notation.render_at(tree, replace(ARRAYS if arrays else SCALARS, parentheses=low), ATOM)


def low(text: str) -> str:
    """Parentheses that do not grow with what is inside."""
    return row('<mo stretchy="false">(</mo>', text, '<mo stretchy="false">)</mo>')


def digits(value: Any) -> str:
    """A number as a person would write it; a small array of numbers in brackets."""
    text = notation.short_number(value)
    found = re.fullmatch(r"(-?)([\d.]+)(?:e([+-]\d+))?", text)
    if found is None:  # an array, a truth value, infinity
        endless = {"inf": "<mi>∞</mi>", "-inf": row(sign("−"), "<mi>∞</mi>")}
        return endless.get(text) or f"<mtext>{html.escape(text)}</mtext>"
    below, mantissa, power = found.groups()
    parts = [sign("−") * bool(below), f"<mn>{mantissa}</mn>"]
    if power:
        parts += [sign("⋅"), f"<msup><mn>10</mn><mn>{int(power)}</mn></msup>".replace("-", "−")]
    return row(*parts) if below or power else parts[1]


# -- forms of functions ------------------------------------------------------------------------------------------------


def infix(text: str, level: int, *needs: int) -> Form:
    """An operation between two operands."""
    return Form(row("{0}", sign(text), "{1}"), level, needs or (level, level + 1))


def fenced(before: str, after: str) -> Form:
    """An operand between two signs."""
    return Form(row(f'<mo stretchy="true">{before}</mo>', "{0}", f'<mo stretchy="true">{after}</mo>'), ATOM, (ANY,))


def above(text: str) -> Form:
    """An operand with an exponent."""
    return Form(f"<msup>{{0}}<mrow>{text}</mrow></msup>", POWER, (ATOM,))


def product(a: str, b: str) -> str:
    """A product of numbers; `of_arrays` writes products of elements by another sign."""
    return row(a, sign("⋅"), b)


def product_of_elements(a: str, b: str) -> str:
    """An elementwise product of arrays; of a number and an array, the usual one."""
    of_numbers = any("<mi" not in part and "<mtext" not in part for part in (a, b))
    return row(a, sign("⋅" if of_numbers else "⊙"), b)


def repeated(x: str, shape: str) -> str:
    """An array repeated to a shape: its product with an array of ones."""
    size = re.sub(r"<[^>]*>", "", shape).strip("(),").replace(",", "×")
    return row(x, sign("⋅"), f'<msub><mn style="font-weight:bold">1</mn><mtext>{size}</mtext></msub>')


def cases(condition: str, a: str, b: str) -> str:
    """One of two values."""
    lines = f"<mtr><mtd>{a}</mtd><mtd>{condition}</mtd></mtr><mtr><mtd>{b}</mtd><mtd><mtext>else</mtext></mtd></mtr>"
    return row('<mo stretchy="true">{</mo>', f'<mtable columnalign="left">{lines}</mtable>')


FORMS: dict[Any, Form] = {
    np.add: infix("+", SUM),
    np.subtract: infix("−", SUM),
    np.multiply: Form(product, PRODUCT, (PRODUCT, PRODUCT + 1)),
    np.divide: Form("<mfrac>{0}{1}</mfrac>", PRODUCT, (ANY, ANY)),
    np.floor_divide: Form("<mrow><mo>⌊</mo><mfrac>{0}{1}</mfrac><mo>⌋</mo></mrow>", ATOM, (ANY, ANY)),
    np.remainder: infix("mod", PRODUCT),
    np.matmul: Form(row("{0}", '<mspace width=".15em"></mspace>', "{1}"), PRODUCT, (PRODUCT, PRODUCT + 1)),
    np.negative: Form(row(sign("−"), "{0}"), PRODUCT, (PRODUCT,)),
    np.power: Form("<msup>{0}{1}</msup>", POWER, (ATOM, ANY)),
    np.float_power: Form("<msup>{0}{1}</msup>", POWER, (ATOM, ANY)),
    np.square: above("<mn>2</mn>"),
    np.reciprocal: Form("<mfrac><mn>1</mn>{0}</mfrac>", PRODUCT, (ANY,)),
    np.sqrt: Form("<msqrt>{0}</msqrt>", ATOM, (ANY,)),
    np.cbrt: Form("<mroot>{0}<mn>3</mn></mroot>", ATOM, (ANY,)),
    np.exp: Form("<msup><mi>e</mi>{0}</msup>", POWER, (ANY,)),
    np.exp2: Form("<msup><mn>2</mn>{0}</msup>", POWER, (ANY,)),
    np.expm1: Form(row("<msup><mi>e</mi>{0}</msup>", sign("−"), "<mn>1</mn>"), SUM, (ANY,)),
    np.log1p: Form(row("<mi>log</mi>", sign("("), "<mn>1</mn>", sign("+"), "{0}", sign(")")), ATOM, (SUM,)),
    np.absolute: fenced("|", "|"),
    np.fabs: fenced("|", "|"),
    np.floor: fenced("⌊", "⌋"),
    np.ceil: fenced("⌈", "⌉"),
    np.sum: Form(row(sign("∑"), "{0}"), SUM, (PRODUCT,)),
    np.prod: Form(row(sign("∏"), "{0}"), SUM, (PRODUCT,)),
    np.transpose: above(sign("⊤")),
    np.matrix_transpose: above(sign("⊤")),
    np.linalg.inv: above(sign("−") + "<mn>1</mn>"),
    np.broadcast_to: Form(repeated, PRODUCT, (PRODUCT, ANY)),
    np.where: Form(cases, SUM, (ANY, ANY, ANY)),
    np.logical_and: infix("∧", AND),
    np.logical_or: infix("∨", OR),
    np.bitwise_and: infix("∧", AND),
    np.bitwise_or: infix("∨", OR),
    np.logical_not: Form(row(sign("¬"), "{0}"), COMPARISON, (ATOM,)),
    np.invert: Form(row(sign("¬"), "{0}"), COMPARISON, (ATOM,)),
    np.equal: infix("=", COMPARISON, OR, OR),
    np.not_equal: infix("≠", COMPARISON, OR, OR),
    np.less: infix("<", COMPARISON, OR, OR),
    np.less_equal: infix("≤", COMPARISON, OR, OR),
    np.greater: infix(">", COMPARISON, OR, OR),
    np.greater_equal: infix("≥", COMPARISON, OR, OR),
}


#: Functions whose axis stands below a sign.
OVER_AXES: dict[Any, str] = {np.sum: "∑", np.prod: "∏"}


def function(f: Any) -> str:
    """The name of a function, upright."""
    if f in OVER_AXES:
        return sign(OVER_AXES[f])
    name = notation.base_name(f)
    return f'<mi mathvariant="normal">{html.escape(SIGNS.get(name, clean(name)))}</mi>'


def indexed(x: str, key: str) -> str:
    """x[key]; the key in plain text, unless it only makes axes of length 1, which is for the code to say."""
    text = re.sub(r"<[^>]*>", "", key)
    return x if re.fullmatch(r"(None|:|,| )+", text) and "None" in text else row(x, f"<mtext>[{text}]</mtext>")


def called(name: str, parts: list[str]) -> str:
    """A function of its arguments; a sum over an axis has that below its sign."""
    first, *rest = [part for part in parts if part]
    if name.startswith("<mo>"):
        return row(f"<munder>{name}{row(listed(rest))}</munder>", SCALARS.parentheses(first))
    return row(name if "<" in name else f"<mtext>{name}</mtext>", sign("("), listed([first, *rest]), sign(")"))


def plain(value: Any) -> str:
    """An axis, a shape, a word."""
    text = html.escape(clean(notation.plain_text(value)))
    return f"<mn>{text}</mn>" if isinstance(value, int) and not isinstance(value, bool) else f"<mtext>{text}</mtext>"


def listed(parts: list[str]) -> str:
    """Parts with commas between them."""
    return sign(",").join(parts)


#: Formulas of numbers. A name is written as in `letters`.
SCALARS = Style(
    forms=FORMS, name=letters, number=digits, function=function, hidden=frozenset({np.astype}),
    parentheses=lambda text: row(sign("("), text, sign(")")),
    called=called,
    keyword=lambda name, value: row(f"<mtext>{html.escape(name)}</mtext>", sign("="), value) * (name != "keepdims"),
    index=indexed, plain=plain,
    sequence=lambda items, kind: row(sign("("), listed(items), sign(",") * (len(items) == 1), sign(")")),
)  # fmt: skip

#: Formulas of arrays, in which products of elements have a sign of their own.
ARRAYS = replace(
    SCALARS,
    forms={**FORMS, np.multiply: Form(product_of_elements, PRODUCT, (PRODUCT, PRODUCT + 1))},
)


def formula(tree: Tree, arrays: bool = False, names: Mapping[str, str] | None = None) -> str:
    """A tree as MathML.

    Parameters
    ----------
    tree : Tree
    arrays : bool
        Whether products are products of elements.
    names : mapping of str to str, optional
        Markup for some names.

    Examples
    --------
    >>> formula(Call(np.divide, (Number(1), Call(np.sqrt, (Name("v"),)))))
    '<mfrac><mn>1</mn><msqrt><mi>v</mi></msqrt></mfrac>'
    """
    style = ARRAYS if arrays else SCALARS
    if names:
        known = names
        style = replace(style, name=lambda text: known[text] if text in known else letters(text))
    return notation.render(tree, style)


def block(*parts: str) -> str:
    """A formula in a line of its own."""
    return f'<math display="block">{row(*parts)}</math>'


# -- the formulas of the steps -----------------------------------------------------------------------------------------


def definition(name: str, expression: str, arrays: bool) -> str:
    """name = expression, as it was recorded in plain text.

    Examples
    --------
    >>> definition("u", "w * x", True)
    '<math display="block"><mrow><mi>u</mi><mo>=</mo><mrow><mi>w</mi><mo>⊙</mo><mi>x</mi></mrow></mrow></math>'
    """
    if not expression:
        return ""
    tree = parsed(expression)
    right = f"<mtext>{html.escape(clean(expression, 200))}</mtext>" if tree is None else formula(tree, arrays)
    return block(letters(name), sign("="), right) if name else block(right)


def seed(name: str) -> str:
    """∂loss/∂loss = 1."""
    return block(derivative(name, name), sign("="), "<mn>1</mn>")


def sending(
    result: str, parent: str, child: str, gradient: str, rule: Expression | None, local: Expression | None, fits: bool
) -> str:
    """What a gradient rule adds to the gradient of `parent`, and the local derivative in it.

    Parameters
    ----------
    result, parent, child : str
        Names of the values: what backward started from, what receives, and what sends.
    gradient : str
        The name of the child's gradient in `rule`.
    rule, local : Expression or None
        As in `records.Flow`.
    fits : bool
        Whether parent and child have the same shape, so that the rule is the gradient times the local derivative.
    """
    arrays = not fits or any(part is not None and part.ndim > 0 for part in (rule, local))
    above = derivative(result, child, arrays)
    names = {gradient: above}
    left = [derivative(result, parent, arrays), sign("+=")]
    if local is None:
        return "" if rule is None else block(*left, formula(rule.tree, arrays, names))
    slope = derivative(child, parent, arrays)
    parts = [slope, sign("="), formula(local.tree, arrays, names)]
    if not local.ndim and not isinstance(local.tree, Number):
        parts += [sign("="), f"<mn>{html.escape(number(local.value[()]))}</mn>"]
    if rule is None or fits:
        return block(*left, above, sign("⊙" if arrays else "⋅"), slope) + block(*parts)
    return block(*left, formula(rule.tree, arrays, names)) + block(*parts)
