"""Sequential: order, names, functions as parts, slices, errors."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn import Function, Module, Sequential


class Scale(Module):
    def __init__(self, value):
        self.factor = xe.tensor(float(value), requires_grad=True)

    def forward(self, x):
        return x * self.factor


def test_parts_run_in_order_and_functions_are_parts():
    model = Sequential(Scale(2), np.exp, Scale(3))
    assert model(np.array(1.0)).item() == pytest.approx(3 * np.exp(2), rel=1e-15)


def test_parameters_are_named_by_the_number_of_the_part():
    model = Sequential(Scale(2), np.exp, Sequential(Scale(3)))
    assert [name for name, _ in model.named_parameters()] == ["0.factor", "2.0.factor"]
    assert [p.name for p in model.parameters()] == ["0.factor", "2.0.factor"]


def test_a_dict_names_the_parts():
    model = Sequential({"double": Scale(2), "grow": np.exp})
    assert list(model.state_dict()) == ["double.factor"]
    assert repr(model) == "Sequential(  # 1 parameter\n  (double): Scale()  # 1 parameter\n  (grow): Function(exp)\n)"


def test_parts_can_be_counted_picked_iterated_and_appended():
    model = Sequential(Scale(2)).append(np.tanh).append(Scale(3))
    assert len(model) == 3 and model[-1].factor.item() == 3
    assert [type(part) for part in model] == [Scale, Function, Scale]


def test_a_slice_is_a_sequential_of_the_same_parts():
    model = Sequential(Scale(2), np.exp, Scale(3))
    features = model[:-1]
    assert isinstance(features, Sequential) and features[0] is model[0]
    assert features(np.array(1.0)).item() == pytest.approx(np.exp(2), rel=1e-15)


def test_no_part_leaves_the_input_as_it_is():
    x = np.ones(3)
    assert Sequential()(x) is x


def test_a_part_that_is_not_there_is_an_index_error():
    with pytest.raises(xe.BoundsError, match="there is no part 3; it has 1"):
        Sequential(Scale(1))[3]


def test_a_class_in_the_place_of_an_object_is_told():
    with pytest.raises(xe.DTypeError, match=r"part '1' is the class Scale. Write Scale\(...\)"):
        Sequential(Scale(1), Scale)
    with pytest.raises(xe.DTypeError, match=r"Write Scale\(\)"):
        Function(Scale)


def test_a_list_of_parts_is_told_to_be_unpacked():
    with pytest.raises(xe.DTypeError, match=r"(?s)part '0' is a list.*Sequential\(\*parts\)"):
        Sequential([Scale(1), Scale(2)])


@pytest.mark.parametrize("name", ["", "a.b", "_hidden", "forward"])
def test_a_name_that_would_hide_something_is_refused(name):
    with pytest.raises(xe.DTypeError, match="can't be named"):
        Sequential({name: np.tanh})
