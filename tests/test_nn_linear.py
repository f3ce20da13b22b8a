"""Linear, Embedding, Flatten, the function `linear`, and the checks that layers share."""

import re
import warnings

import numpy as np
import pytest
from nn_agreement import assert_agreement, shuffled, torch

import tinygrad_xe as xe
from tinygrad_xe.nn.linear import Embedding, Flatten, Linear
from tinygrad_xe.ops.linear import transposed

RNG = np.random.default_rng(0)


def message(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


# -- linear, the function


@pytest.mark.parametrize("lead", [(), (5,), (2, 5), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_the_product_with_the_transposed_weights_for_any_leading_axes(lead, bias):
    x, W, b = RNG.normal(size=(*lead, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=3)
    leaves = [xe.tensor(a, requires_grad=True) for a in (x, W, b)[: 2 + bias]]
    out = xe.linear(*leaves)
    c = RNG.normal(size=out.shape)
    out.backward(c)
    twins = [xe.tensor(leaf.data, requires_grad=True) for leaf in leaves]
    slow = twins[0] @ twins[1].T + (twins[2] if bias else 0)
    slow.backward(c)
    np.testing.assert_allclose(out.data, slow.data, rtol=1e-13)
    for leaf, twin in zip(leaves, twins, strict=True):
        assert leaf.grad.shape == leaf.shape
        np.testing.assert_allclose(leaf.grad, twin.grad, rtol=1e-12, atol=1e-14)


def test_linear_is_one_operation():
    out = xe.linear(np.ones((2, 3)), xe.tensor(np.ones((4, 3)), requires_grad=True), xe.tensor(np.ones(4)))
    assert out.node.op is xe.linear and all(parent is None or parent.op is None for parent in out.node.parents)


def test_linear_of_plain_arrays_is_a_plain_array():
    out = xe.linear(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), np.ones(4, np.float32))
    assert type(out) is np.ndarray and out.dtype == np.float32
    np.testing.assert_array_equal(out, np.full((2, 4), 4))


def test_linear_does_not_write_into_its_arguments():
    x, W, b = np.ones((40, 40)), np.eye(40), np.ones(40)
    for a in (x, W, b):
        a.flags.writeable = False
    xe.linear(x, W, b)


@pytest.mark.parametrize("dtypes", [("f", "d"), ("d", "f"), ("f", "f"), ("e", "f")], ids=str)
def test_linear_gives_the_dtype_that_numpy_gives(dtypes):
    x, W, b = np.ones((2, 3), dtypes[0]), np.ones((4, 3), dtypes[0]), np.ones(4, dtypes[1])
    assert xe.linear(x, W, b).dtype == (x @ W.T + b).dtype


@pytest.mark.parametrize("rows", [1, 31, 32, 64])
@pytest.mark.parametrize("outputs", [1, 31, 32, 64])
def test_the_transposed_weights_are_the_same_numbers_copied_or_not(rows, outputs):
    weight, x = RNG.normal(size=(outputs, 8)), RNG.normal(size=(rows, 8))
    found = transposed(weight, x)
    np.testing.assert_array_equal(found, weight.T)
    assert (found.base is weight) == (rows < 32 or outputs < 32)


def test_linear_of_no_rows_is_empty_with_a_gradient_of_zeros():
    W, b = xe.tensor(np.ones((4, 3)), requires_grad=True), xe.tensor(np.ones(4), requires_grad=True)
    xe.linear(np.ones((0, 3)), W, b).sum().backward()
    assert not W.grad.any() and W.grad.shape == (4, 3) and not b.grad.any()


@pytest.mark.parametrize("shapes, said", [
    (((2, 3), (4, 2)), "as long as the second of weight"),
    (((2, 4), (4, 2)), "Write weight.T if the weight was made for x @ weight."),
    (((), (4, 2)), "as long as the second of weight"),
    (((2, 3), (3,)), "must be a matrix of shape (out, in)"),
    (((2, 3), (5, 4, 3)), "must be a matrix of shape (out, in)"),
    (((2, 3), (4, 3), (3,)), "The bias must have shape (4,)"),
    (((2, 3), (4, 3), (1,)), "Write np.broadcast_to(bias, (4,)) if one number is meant for all."),
    (((2, 3), (4, 3), (2, 4)), "The bias must have shape (4,)"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("wrap", [np.asarray, xe.tensor], ids=["array", "tensor"])
def test_shapes_that_do_not_go_together_are_named_by_linear(shapes, said, wrap):
    with pytest.raises(xe.ShapeError) as error:
        xe.linear(*(wrap(np.ones(shape)) for shape in shapes))
    assert said in message(error) and all(str(shape) in message(error) for shape in shapes)


def test_numbers_in_the_place_of_arrays_are_a_shape_error():
    with pytest.raises(xe.ShapeError, match="weight"):
        xe.linear(1.0, 2.0, 3.0)


# -- Linear, the layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lead", [(5,), (2, 5)], ids=str)
def test_linear_agrees_with_pytorch(lead, bias):
    assert_agreement(Linear(4, 3, bias, rng=0), torch().nn.Linear(4, 3, bias), RNG.normal(size=(*lead, 4)))


def test_the_first_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    layer = Linear(100, 400, rng=0)
    for values in (layer.weight.data, layer.bias.data):
        assert np.abs(values).max() <= 0.1 and np.abs(values).max() > 0.099
        assert values.var() == pytest.approx(0.1**2 / 3, rel=0.1)


def test_the_same_seed_gives_the_same_bits():
    one, two = Linear(7, 5, rng=3), Linear(7, 5, rng=3)
    np.testing.assert_array_equal(one.weight.data, two.weight.data)
    np.testing.assert_array_equal(one.bias.data, two.bias.data)
    xe.seed(3)
    three = Linear(7, 5)
    np.testing.assert_array_equal(one.weight.data, three.weight.data)


def test_a_generator_is_drawn_from_and_not_copied():
    rng = np.random.default_rng(0)
    assert (Linear(3, 3, rng=rng).weight.data != Linear(3, 3, rng=rng).weight.data).all()


def test_weights_and_biases_are_named_parameters_and_shown():
    layer = Linear(64, 10)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert repr(layer) == "Linear(64, 10)  # 650 parameters"
    assert repr(Linear(2, 3, bias=False)) == "Linear(2, 3, bias=False)  # 6 parameters"


@pytest.mark.parametrize("sizes, kind", [((0, 3), xe.ArgumentError), ((3, -1), xe.ArgumentError),
                                         ((3.0, 3), xe.DTypeError), ((3, True), xe.DTypeError)], ids=str)  # fmt: skip
def test_sizes_are_whole_numbers_above_0(sizes, kind):
    with pytest.raises(kind, match=r"Linear: (in|out)_features is"):
        Linear(*sizes)


@pytest.mark.parametrize("shape, said", [
    ((32, 8, 8), "Write x.reshape(32, 64), or put a Flatten() in front."),
    ((64, 3), "Write x.T, which has shape (3, 64)."),
    ((5, 7), "Make the layer with 7 input features."),
    ((), "Write x[None]"),
], ids=str)  # fmt: skip
def test_a_wrong_shape_names_the_layer_both_lengths_and_the_fix(shape, said):
    with pytest.raises(xe.ShapeError) as error:
        Linear(64, 10)(np.zeros(shape))
    start = f"Linear(64, 10): the input has shape {shape}; its last axis must have length 64"
    assert message(error).startswith(start) and said in message(error)


def test_one_feature_is_told_to_add_an_axis():
    with pytest.raises(xe.ShapeError, match=re.escape("Write x[..., None].")):
        Linear(1, 2)(np.zeros(7))


@pytest.mark.parametrize("x", [np.arange(6).reshape(2, 3), [[1, 2, 3]], np.ones((2, 3), bool)], ids=repr)
def test_whole_numbers_are_refused_with_the_way_out(x):
    with pytest.raises(xe.DTypeError) as error:
        Linear(3, 2)(x)
    assert "Linear(3, 2): the input has dtype" in message(error) and "Write x.astype(np.float64)" in message(error)


@pytest.mark.parametrize("x, kind", [(None, xe.DTypeError), ("abc", xe.DTypeError), (1.5, xe.ShapeError)], ids=repr)
def test_what_is_no_array_is_refused_by_the_layer(x, kind):
    with pytest.raises(kind, match=re.escape("Linear(3, 2): ")):
        Linear(3, 2)(x)


def test_lists_of_floats_are_taken():
    layer = Linear(2, 1, rng=0)
    np.testing.assert_array_equal(layer([[1.0, 2.0]]).data, layer(np.array([[1.0, 2.0]])).data)


def test_float64_numbers_and_float32_weights_warn_at_the_users_line():
    layer = Linear(3, 2).astype(np.float32)
    with pytest.warns(xe.MixedDtypeWarning, match="the input is float64, the weights are float32") as caught:
        out = xe.nn.Sequential(layer)(np.zeros((1, 3)))
    assert out.dtype == np.float64 and caught[0].filename == __file__


def test_float32_stays_float32_without_a_warning():
    layer = Linear(3, 2).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = layer(np.ones((5, 3), np.float32))
        assert out.dtype == np.float32
        out.sum().backward()
        assert layer.weight.grad.dtype == np.float32 and layer.bias.grad.dtype == np.float32
        assert Linear(3, 2)(np.ones((5, 3), np.float32)).dtype == np.float64  # nothing is lost


# -- Embedding


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_agrees_with_pytorch(padding):
    indices = np.array([[0, 2, 2], [4, 1, 2]])
    assert_agreement(shuffled(Embedding(5, 3, padding, rng=0)), torch().nn.Embedding(5, 3, padding), indices)


def test_the_first_vectors_are_standard_normal_and_the_padding_is_0():
    values = Embedding(200, 50, padding_idx=7, rng=0).weight.data
    assert not values[7].any()
    rest = np.delete(values, 7, 0)
    assert abs(rest.mean()) < 0.05 and rest.var() == pytest.approx(1, rel=0.05)


def test_an_index_beyond_the_table_is_named_with_its_place():
    with pytest.raises(xe.BoundsError, match=re.escape("index 5 at [0, 1] is out of range; the table has 5 rows")):
        Embedding(5, 3)(np.array([[0, 5]]))


def test_a_padding_index_must_be_a_row():
    with pytest.raises(xe.BoundsError, match="padding_idx is 5; there are 5 vectors, 0 to 4"):
        Embedding(5, 3, padding_idx=5)


def test_embeddings_are_shown_as_pytorch_shows_them():
    assert repr(Embedding(27, 8, 0)) == "Embedding(27, 8, padding_idx=0)  # 216 parameters"


# -- Flatten


@pytest.mark.parametrize("axes", [(), (0,), (2,), (1, 2), (-2,), (0, 1), (1, 1)], ids=str)
def test_flatten_agrees_with_pytorch(axes):
    x = RNG.normal(size=(2, 3, 4, 5))
    assert_agreement(Flatten(*axes), torch().nn.Flatten(*axes), x)


def test_flatten_gives_plain_arrays_back_plain():
    assert type(Flatten()(np.zeros((2, 3, 4)))) is np.ndarray
    assert Flatten()([[[1, 2], [3, 4]]]).shape == (1, 4)


def test_flatten_of_no_elements_keeps_the_batch():
    assert Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)


def test_flatten_names_axes_that_are_not_there():
    with pytest.raises(xe.ShapeError, match=re.escape("Flatten(): the input has shape (3,)")):
        Flatten()(np.zeros(3))
    with pytest.raises(xe.ShapeError, match=re.escape("Flatten(2, 1): the input has shape (1, 2, 3)")):
        Flatten(2, 1)(np.zeros((1, 2, 3)))


@pytest.mark.parametrize("layer", [Linear(4, 2, rng=0), Embedding(4, 2, rng=0), Flatten()], ids=str)
def test_a_pair_of_output_and_state_is_refused_with_what_to_take(layer):
    pair = xe.tensor(np.ones((3, 2, 4))), xe.tensor(np.ones((1, 2, 4)))
    with pytest.raises(xe.DTypeError, match="the input is a tuple of 2; expected one array") as error:
        layer(pair)
    assert "Write output[0]" in message(error)
