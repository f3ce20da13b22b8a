"""The colours of the pictures can be read, in the light and in the dark."""

import re
from dataclasses import asdict

import pytest

from tinygrad_xe.viz.palette import DARK, LIGHT, dark_of, dark_rules

ROLES = ["input", "parameter", "op", "target", "loss"]


def luminance(color):
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_has_at_least_4_5_to_1_against_what_it_lies_on(palette):
    grounds = [palette.page, palette.module_fill, palette.function_fill]  # of the labels of edges and clusters
    pairs = [(ink, ground) for ink in (palette.text, palette.mute, palette.grad) for ground in grounds]
    pairs += [(ink, palette.card) for ink in (palette.text, palette.mute, palette.value, palette.grad)]
    pairs += [(palette.value, palette.page)]
    for role in ROLES:
        pairs += [(ink, palette.tint(role)) for ink in (palette.text, palette.mute, palette.ink(role))]
        pairs += [(palette.ink(role), palette.page)]
    for ink, ground in pairs:
        assert contrast(ink, ground) >= 4.5, (ink, ground)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_cards_are_told_from_each_other_and_from_the_page_by_their_borders(palette):
    for role in ROLES:
        assert contrast(palette.ink(role), palette.page) >= 3
    assert contrast(palette.edge, palette.page) >= 3


def test_each_light_colour_has_one_dark_colour():
    pairs = [(light, asdict(DARK)[name]) for name, light in asdict(LIGHT).items() if name != "page"]
    assert dark_of() == dict(pairs)
    assert len(set(pairs)) == len(dark_of())  # no light colour has two
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for pair in pairs for color in pair)


def test_the_dark_rules_name_every_colour_once():
    rules = dark_rules("svg.tg")
    for light, dark in dark_of().items():
        assert rules.count(f'svg.tg [fill="{light}"]{{fill:{dark}}}') == 1
        assert rules.count(f'svg.tg [stroke="{light}"]{{stroke:{dark}}}') == 1
