"""The library's generator: the same seed gives the same bits; what `rng=` takes."""

import json

import numpy as np
import pytest

import tinygrad_xe as xe


def test_the_same_seed_gives_the_same_bits():
    xe.seed(7)
    first = xe.random.draw(None, "standard_normal", shape=(3, 4))
    xe.seed(7)
    assert np.array_equal(first, xe.random.draw(None, "standard_normal", shape=(3, 4)))
    assert not np.array_equal(first, xe.random.draw(None, "standard_normal", shape=(3, 4)))


def test_seeding_is_numpys_default_generator():
    xe.seed(3)
    assert np.array_equal(xe.random.draw(None, "random", shape=(5,)), np.random.default_rng(3).random(5))


def test_whoever_holds_the_generator_is_seeded_too():
    held = xe.random.generator()
    xe.seed(1)
    first = held.random()
    xe.seed(1)
    assert held.random() == first


def test_numpys_global_seed_changes_nothing():
    xe.seed(1)
    first = xe.random.generator().random()
    xe.seed(1)
    np.random.seed(5)  # noqa: NPY002  # what is tested
    assert xe.random.generator().random() == first


def test_a_number_is_a_fresh_generator_and_a_generator_stays_itself():
    mine = np.random.default_rng(0)
    assert xe.random.generator(mine) is mine
    wanted = np.random.default_rng(4).random()
    assert xe.random.generator(4).random() == xe.random.generator(np.int64(4)).random() == wanted


def test_draw_passes_the_arguments_before_the_shape():
    drawn = xe.random.draw(0, "uniform", -2, -1, shape=(50,))
    assert drawn.shape == (50,) and -2 <= drawn.min() <= drawn.max() < -1
    assert xe.random.draw(0, "random").shape == ()


def test_the_state_survives_json_and_brings_the_same_numbers_back():
    state = json.loads(json.dumps(xe.random.state()))
    first = xe.random.generator().random(3)
    xe.random.set_state(state)
    assert np.array_equal(xe.random.generator().random(3), first)


@pytest.mark.parametrize("state", [{}, {"bit_generator": "MT19937"}, None, {"bit_generator": "PCG64", "state": 3}])
def test_a_foreign_state_is_refused_and_changes_nothing(state):
    before = xe.random.state()
    with pytest.raises(xe.ArgumentError, match="not the state of a PCG64"):
        xe.random.set_state(state)
    assert xe.random.state() == before


@pytest.mark.parametrize("number", [1.5, "0", None, True, np.random.default_rng(0)])
def test_a_seed_is_a_whole_number(number):
    with pytest.raises(xe.DTypeError, match=r"seed: got a .*expected a whole number"):
        xe.seed(number)


def test_a_seed_is_not_negative():
    with pytest.raises(xe.ArgumentError, match="can't be negative, got -1"):
        xe.seed(-1)
    with pytest.raises(xe.ArgumentError, match="rng: a seed can't be negative"):
        xe.random.generator(-1)


def test_what_is_no_generator_is_refused_by_its_type():
    with pytest.raises(xe.DTypeError, match=r"rng: got a RandomState.*Generator, a whole number or None"):
        xe.random.generator(np.random.RandomState(0))
