"""The README's examples run as they stand, and its two commands are there."""

import doctest
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_in_the_readme_print_what_it_shows():
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried >= 10
    assert failed == 0


def test_the_readme_holds_its_two_commands():
    text = README.read_text(encoding="utf-8")
    assert len(re.findall(r"python3 -m venv \.venv && .*tinygrad-xe demo$", text, re.M)) == 1
    assert len(re.findall(r"python3 -m venv \.venv && .*pytest$", text, re.M)) == 1
