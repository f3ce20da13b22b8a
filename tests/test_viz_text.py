"""Text for pictures: user text stays where it is put, numbers say what they are."""

import html
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_xe.viz.text import clean, finite, in_label, in_quotes, number, numbers, size

ANYTHING = st.text(st.characters(codec=None), max_size=60)  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loss", "loss"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("nul\x00 esc\x1b del\x7f c1\x9b", "nul\ufffd esc\ufffd del\ufffd c1\ufffd"),
        ("\u202eevil\u2066", "\ufffdevil\ufffd"),
        ("\ud800", "\ufffd"),
        ("\ufffe\U0001ffff", "\ufffd\ufffd"),
        ("∂ 中文 🙂", "∂ 中文 🙂"),
        ("x" * 41, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        (3, "3"),
    ],
)
def test_a_name_becomes_one_printable_line(text, shown):
    assert clean(text) == shown


@given(ANYTHING)
def test_clean_text_is_short_encodable_and_xml(text):
    shown = clean(text)
    assert len(shown) <= 40
    assert (ElementTree.fromstring(f"<a>{html.escape(shown)}</a>").text or "") == shown
    assert clean(shown) == shown


@given(ANYTHING)
def test_text_in_quotes_has_no_quote_no_bracket_and_its_backslashes_by_fours(text):
    inside = in_quotes(text)
    assert '"' not in inside and "<" not in inside and ">" not in inside
    assert inside.count("\\") % 4 == 0
    assert html.unescape(inside).replace("\\" * 4, "\\") == clean(text)


@given(ANYTHING)
def test_text_in_a_label_is_xml_text_and_has_its_backslashes_by_twos(text):
    inside = in_label(text)
    assert (ElementTree.fromstring(f"<a>{inside}</a>").text or "").replace("\\\\", "\\") == clean(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (-0.0, "0.0000"),
        (-0.19153, "-0.1915"),
        (np.float32(1.5), "1.5000"),
        (np.float16(0.1), "0.1000"),
        (np.longdouble(2), "2.0000"),
        (4e-5, "4.00e-05"),
        (-1e-300, "-1.00e-300"),
        (1.5e6, "1.50e+06"),
        (np.nan, "NaN"),
        (-np.inf, "-inf"),
        (np.float32(np.inf), "inf"),
        (7, "7"),
        (np.int8(-7), "-7"),
        (True, "True"),
        (np.bool_(False), "False"),
        (1 + 2j, "1+2j"),
        ("word\n", "word "),
    ],
)
def test_a_number_is_written_so_that_it_is_told_from_zero(value, text):
    assert number(value) == text
    assert numbers(np.array(value)) == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        ([0.6, -1.1, 0.3], "[0.6, -1.1, 0.3]"),
        ([[1.0, 2.0], [3.0, -0.0]], "[[1, 2], [3, 0]]"),
        ([1.0, np.nan, -np.inf], "[1, NaN, -inf]"),
        ([True, False], "[True, False]"),
        ([1, 2, 3, 4], "[1, 2, 3, 4]"),
        (np.zeros((0, 3)), "empty"),
        (np.arange(5.0), "mean 2 ± 1.41, |max| 4"),
        (np.arange(5), "from 0 to 4"),
        (np.arange(5) > 2, "2 of 5 True"),
        ([1.0, 2.0, np.nan, 4.0, np.inf, -np.inf], "1 NaN and 2 inf of 6"),
        (np.full(8, np.nan), "8 NaN of 8"),
        (np.full(8, 3e38, np.float32), "all 3e+38"),
        (np.full(8, 1e308), "all 1e+308"),
        (np.full(8, 6e4, np.float16), "all 6e+04"),
        (np.array([0.1, 0.2, -0.3, 0.1, 0.2, -0.3]), "mean 0 ± 0.216, |max| 0.3"),
        (np.full(6, 1e-20), "all 1e-20"),
        (np.full(6, 3 + 4j), "mean 3+4j ± 0, |max| 5"),
        (np.array(list("abcdef")), "6 elements"),
    ],
)
def test_an_array_is_told_in_a_few_words(array, text):
    array = np.asarray(array)
    assert numbers(array) == text


def test_shapes_are_words_and_only_floats_can_be_infinite():
    assert (size(()), size((3,)), size((2, 3))) == ("scalar", "shape (3,)", "shape (2, 3)")
    assert finite(None) and finite(np.array([1, 2])) and finite(np.array("a")) and finite(np.zeros(0))
    assert not finite(np.array([1.0, np.nan])) and not finite(np.array(np.inf))
