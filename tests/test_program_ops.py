"""Every operation of the tables as a program: traced at one input, run at another, and its printed source executed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import Variant, variants
from losses_cases import LOSSES
from ops_cases import CASES
from programs import distance, run_source

import tinygrad_xe as xe

EVERY = list(variants([*CASES, *LOSSES]))

#: Units in the last place of the largest element. The engine adds up by BLAS, and softmax without a shift where it can;
#: a program calls np.sum, and shifts. 9 in 10 of the values are equal to the last bit.
BOUND = 8


def value(variant: Variant, *arrays: Any) -> Any:
    """What the operation gives for Tensors."""
    return variant.run(*[xe.tensor(a) for a in arrays])


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_program_of_a_value_gives_it_for_other_inputs_too(variant):
    program = xe.trace(variant.run, *variant.inputs(seed=0))
    arrays = variant.inputs(seed=1)
    expected = value(variant, *arrays)
    assert distance(program.run(*arrays), expected) <= BOUND
    assert distance(run_source(program, *arrays), expected) <= BOUND


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_the_program_of_a_gradient_gives_it_for_other_inputs_too(variant):
    first, second = variant.inputs(seed=0), variant.inputs(seed=1)
    weights = np.random.default_rng(2).standard_normal(np.shape(variant.run(*first)))
    f = xe.value_and_grad(lambda *a: np.sum(variant.run(*a) * weights), argnums=tuple(range(len(first))))
    program = xe.trace(f, *first)
    expected = f(*second)
    assert distance(program.run(*second), expected) <= BOUND
    assert distance(run_source(program, *second), expected) <= BOUND
