"""Text keeps the length that it was measured with, whatever font the viewer has."""

import re
from pathlib import Path

import pytest

from tinygrad_xe.viz.font import WIDTHS, fitted, width


@pytest.mark.parametrize(("weight", "file"), [("normal", "phvr8a.afm"), ("bold", "phvb8a.afm")])
def test_the_widths_are_adobes(weight, file):
    matplotlib = pytest.importorskip("matplotlib", reason="Adobe's font metrics come with matplotlib")
    text = Path(matplotlib.get_data_path(), "fonts", "afm", file).read_text(encoding="latin-1")
    found = {int(code): int(wide) for code, wide in re.findall(r"^C (\d+) ; WX (\d+)", text, re.MULTILINE)}
    for code, name in ((39, "quotesingle"), (96, "grave")):  # Adobe's encoding has curly quotes there
        found[code] = int(re.search(rf"WX (\d+) ; N {name} ", text)[1])
    assert {chr(i): found[i] for i in range(32, 127)} == {chr(i): WIDTHS[weight][chr(i)] for i in range(32, 127)}


def test_the_width_of_a_text_is_that_of_its_characters():
    assert width("", 11) == 0
    assert width("1.4400", 11) == pytest.approx(11 * (5 * 0.556 + 0.278))
    assert width("loss", 13, bold=True) == pytest.approx(13 * (0.278 + 0.611 + 2 * 0.556))
    assert width("日", 11) is None


def test_a_text_in_an_svg_gets_its_length_and_its_content_stays():
    svg = (
        '<svg><text x="1" font-weight="bold" font-size="10.00">a &lt; b</text>'
        '<text font-size="10.00">日</text><text font-size="10.00"></text></svg>'
    )
    length = f'textLength="{width("a < b", 10, bold=True):.1f}" lengthAdjust="spacingAndGlyphs"'
    assert fitted(svg) == (
        f'<svg><text x="1" font-weight="bold" font-size="10.00" {length}>a &lt; b</text>'
        '<text font-size="10.00">日</text><text font-size="10.00"></text></svg>'
    )
