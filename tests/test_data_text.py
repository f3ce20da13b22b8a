"""The embedded text, and characters as codes and windows."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_xe import data
from tinygrad_xe.data import text as module
from tinygrad_xe.errors import ArgumentError, BoundsError, DTypeError, ShapeError

FOLDER = Path(module.__file__).parent
NUMERALS = {1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC", 50: "L", 40: "XL", 10: "X", 9: "IX", 5: "V",
            4: "IV", 1: "I"}  # fmt: skip


def roman(number):
    shown = ""
    for value, sign in NUMERALS.items():
        shown += sign * (number // value)
        number %= value
    return shown


def sonnets():
    parts = re.split(r"^([IVXLC]+)\n\n", data.load_text(), flags=re.MULTILINE)
    assert parts[0] == ""
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_text_is_the_known_one():
    text = data.load_text()
    digest = "4dc7dfefb2f3d87402dbbd3d98bcbbf056a5845cf124d03e05311de730a8ce2f"
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == digest
    assert len(text) == 95608 and len(set(text)) == 62


def test_there_are_154_sonnets_of_14_lines_but_for_the_two_that_have_others():
    found = sonnets()
    assert list(found) == [roman(k) for k in range(1, 155)]
    lengths = {name: len(body.strip("\n").split("\n")) for name, body in found.items()}
    assert {name: length for name, length in lengths.items() if length != 14} == {"XCIX": 15, "CXXVI": 12}


def test_well_known_lines_are_in_their_sonnets():
    found = sonnets()
    assert found["XVIII"].startswith("Shall I compare thee to a summer's day?\nThou art more lovely and more")
    assert "Let me not to the marriage of true minds\nAdmit impediments." in found["CXVI"]
    assert found["CXXX"].startswith("My mistress' eyes are nothing like the sun;\n")
    assert found["I"].startswith("From fairest creatures we desire increase,\n")
    assert found["CLIV"].endswith("  Love's fire heats water, water cools not love.\n")


def test_the_text_is_plain():
    text = data.load_text()
    assert text.isascii() and "\t" not in text and "\r" not in text and "\n\n\n" not in text
    assert not re.search(r" +$", text, flags=re.MULTILINE)
    assert text.startswith("I\n\nFrom") and text.endswith("love.\n") and "utenberg" not in text


def test_the_text_has_its_source_and_licence_beside_it():
    section = (FOLDER / "LICENSES.md").read_text(encoding="utf-8").split("## sonnets.txt")[1].split("\n## ")[0]
    assert "Licence: public domain" in section and "Source:" in section and "1609" in section


def test_the_size_of_the_file_is_bounded():
    assert (FOLDER / "sonnets.txt").stat().st_size < 120_000


@given(st.text())
def test_codes_go_both_ways(text):
    codes, alphabet = data.text_codes(text)
    assert codes.dtype == np.int64 and codes.shape == (len(text),)
    assert alphabet == "".join(sorted(set(text)))
    assert data.codes_text(codes, alphabet) == text


@given(st.text(alphabet="abc"), st.permutations("abcd"))
def test_a_given_alphabet_keeps_its_order(text, letters):
    alphabet = "".join(letters)
    codes, same = data.text_codes(text, alphabet)
    assert same is alphabet
    assert codes.tolist() == [alphabet.index(letter) for letter in text]


def test_a_character_beyond_the_alphabet_is_named_with_its_place():
    with pytest.raises(ArgumentError, match=r"the text has 'z' at 2, which is not in the alphabet of 3 characters"):
        data.text_codes("abz", "abc")
    with pytest.raises(ArgumentError, match="the text has 'a' at 0, which is not in the alphabet of 0 characters"):
        data.text_codes("a", "")


def test_a_letter_that_stands_twice_in_an_alphabet_is_named():
    with pytest.raises(ArgumentError, match="'b' stands more than once"):
        data.text_codes("a", "abcb")


@pytest.mark.parametrize("text", [b"abc", 3, None, ["a"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(DTypeError, match=r"text_codes: text is a \w+; expected a str"):
        data.text_codes(text)


@pytest.mark.parametrize("code", [-1, 3])
def test_a_code_beyond_the_alphabet_is_named_with_its_place(code):
    with pytest.raises(BoundsError, match=rf"codes\[1\] is {code}; the alphabet has 3 characters, so expected 0 to 2"):
        data.codes_text([0, code], "abc")


def test_codes_of_another_kind_or_shape_are_refused():
    with pytest.raises(DTypeError, match="codes has dtype float64"):
        data.codes_text([0.0], "abc")
    with pytest.raises(ShapeError, match=r"codes has shape \(1, 1\)"):
        data.codes_text([[0]], "abc")
    with pytest.raises(DTypeError, match=r"Write text_codes\(text\)\[0\]"):
        data.windows(["a", "b"], 1)


@given(n=st.integers(2, 40), length=st.integers(1, 39), step=st.none() | st.integers(1, 9))
def test_targets_are_the_inputs_one_place_on(n, length, step):
    codes = np.arange(n) * 7
    if n <= length:
        with pytest.raises(ShapeError, match=rf"{n} codes are too few for one window of {length}"):
            data.windows(codes, length, step=step)
        return
    inputs, targets = data.windows(codes, length, step=step)
    stride = length if step is None else step
    starts = range(0, n - length, stride)
    assert inputs.tolist() == [codes[s : s + length].tolist() for s in starts]
    assert targets.tolist() == [codes[s + 1 : s + 1 + length].tolist() for s in starts]
    assert inputs.dtype == targets.dtype == np.int64


def test_windows_are_read_only_and_of_a_copy():
    codes = np.arange(5)
    inputs, targets = data.windows(codes, 2)
    codes[:] = 0
    assert inputs.tolist() == [[0, 1], [2, 3]]
    assert not inputs.flags.writeable and not targets.flags.writeable


@pytest.mark.parametrize("codes", [[], [1]])
def test_codes_without_a_successor_are_refused(codes):
    with pytest.raises(ShapeError, match="no code follows another"):
        data.windows(codes, 1)


@pytest.mark.parametrize("options", [{"length": 0}, {"length": 2, "step": 0}])
def test_a_length_or_step_below_1_is_refused(options):
    with pytest.raises(ArgumentError, match=r"windows: (length|step) is 0; expected 1 or more"):
        data.windows(np.arange(9), **options)
