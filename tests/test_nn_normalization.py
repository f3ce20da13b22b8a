"""BatchNorm1d, BatchNorm2d and LayerNorm: PyTorch's values, running statistics, modes, and what is refused."""

import copy
import itertools
import re

import numpy as np
import pytest
from nn_agreement import assert_agreement, give, shuffled, torch

import tinygrad_xe as xe
from tinygrad_xe.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from tinygrad_xe.ops.normalize import mean, normalize

RNG = np.random.default_rng(0)
LAYOUTS = [(BatchNorm1d, (6, 3)), (BatchNorm1d, (2, 3)), (BatchNorm1d, (4, 3, 5)), (BatchNorm1d, (1, 3, 5)),
           (BatchNorm2d, (4, 3, 2, 5)), (BatchNorm2d, (1, 3, 2, 1))]  # fmt: skip
EACH = pytest.mark.parametrize("kind, shape", LAYOUTS, ids=str)


def batch(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.normal(2, 3, shape)


# -- batch normalisation


@EACH
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"momentum": 0.3}, {"momentum": None}, {"affine": False},
                                     {"track_running_stats": False}], ids=str)  # fmt: skip
def test_training_agrees_with_pytorch_and_so_do_the_running_statistics(kind, shape, options):
    ours, theirs = shuffled(kind(3, **options)), getattr(torch().nn, kind.__name__)(3, **options)
    for _ in range(3):
        assert_agreement(ours, theirs, batch(shape), rtol=1e-7)
        after = {name: value.numpy() for name, value in theirs.state_dict().items()}
        assert {*after} == {*ours.state_dict()}
        for name, value in ours.state_dict().items():
            np.testing.assert_allclose(value, after[name], rtol=1e-13)
            assert value.dtype == after[name].dtype


@EACH
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"track_running_stats": False}], ids=str)
def test_evaluation_agrees_with_pytorch(kind, shape, options):
    ours, theirs = shuffled(kind(3, **options)), getattr(torch().nn, kind.__name__)(3, **options)
    for _ in range(2):
        ours(batch(shape))
    ours.eval()
    before = ours.state_dict()
    assert_agreement(ours, theirs.eval(), batch(shape), rtol=1e-8)
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_output_of_training_has_mean_0_and_variance_1():
    out = BatchNorm2d(3, eps=1e-12)(batch((8, 3, 4, 4))).data
    np.testing.assert_allclose(out.mean((0, 2, 3)), 0, atol=1e-14)
    np.testing.assert_allclose(out.var((0, 2, 3)), 1, rtol=1e-10)


def test_a_large_mean_does_not_hurt():
    z = RNG.normal(size=(500, 2))
    expected = (z - z.mean(0)) / z.std(0)
    np.testing.assert_allclose(BatchNorm1d(2, eps=1e-14)(z + 1e6).data, expected, atol=1e-8)


def test_equal_values_give_exactly_the_bias():
    layer = BatchNorm1d(2).astype(np.float32)
    layer.bias.assign([0.5, -1.0])
    out = layer(np.full((37, 2), 1234.5678, np.float32))
    np.testing.assert_array_equal(out.data, np.tile(np.float32([0.5, -1.0]), (37, 1)))


def test_the_mean_over_all_batches_is_tracked_without_momentum():
    layer, batches = BatchNorm1d(2, momentum=None), [batch((5, 2)) for _ in range(4)]
    for x in batches:
        layer(x)
    np.testing.assert_allclose(layer.running_mean.data, np.mean([x.mean(0) for x in batches], 0))
    np.testing.assert_allclose(layer.running_var.data, np.mean([x.var(0, ddof=1) for x in batches], 0))
    assert layer.num_batches_tracked.item() == 4 and layer.num_batches_tracked.dtype == np.int64


def test_running_statistics_are_buffers_that_carry_no_gradient():
    layer = BatchNorm1d(2)
    held = layer.running_mean, layer.running_var, layer.num_batches_tracked
    layer(xe.tensor(batch((5, 2)), requires_grad=True))
    assert (layer.running_mean, layer.running_var, layer.num_batches_tracked) == held  # the same Tensors
    assert not any(buffer.requires_grad for buffer in held)
    assert [name for name, _ in layer.named_buffers()] == ["running_mean", "running_var", "num_batches_tracked"]


def test_a_graph_in_evaluation_outlives_a_step_of_training():
    layer, x = BatchNorm1d(2).eval(), xe.tensor(batch((5, 2)), requires_grad=True)
    out = layer(x).sum()
    layer.train()(batch((5, 2)))
    out.backward()
    np.testing.assert_allclose(x.grad, np.full((5, 2), 1 / np.sqrt(1 + 1e-5)))


def test_batches_with_one_value_per_channel_are_refused_in_training_alone():
    layer = BatchNorm1d(3)
    with pytest.raises(xe.ShapeError) as error:
        layer(np.ones((1, 3)))
    said = str(error.value)
    assert "BatchNorm1d(3): the input has shape (1, 3), less than two values for each channel" in said
    assert "drop_last=True" in said and "model.eval()" in said
    assert layer.num_batches_tracked.item() == 0
    assert layer.eval()(np.ones((1, 3))).shape == (1, 3)
    assert layer(np.ones((0, 3))).shape == (0, 3)


def test_without_running_statistics_evaluation_needs_two_values_as_well():
    with pytest.raises(xe.ShapeError, match="less than two values"):
        BatchNorm2d(3, track_running_stats=False).eval()(np.ones((1, 3, 1, 1)))


@pytest.mark.parametrize("kind, shape, said", [
    (BatchNorm1d, (5, 4), "expected (N, 3) or (N, 3, L)."),
    (BatchNorm1d, (5, 4, 3), "The channels are on axis 1; write np.moveaxis(x, -1, 1)."),
    (BatchNorm1d, (3,), "Write x[None] for a batch of one sample."),
    (BatchNorm1d, (5, 3, 2, 2), "expected (N, 3) or (N, 3, L)."),
    (BatchNorm2d, (5, 3), "expected (N, 3, H, W)."),
    (BatchNorm2d, (3, 8, 8), "Write x[None] for a batch of one sample."),
    (BatchNorm2d, (5, 8, 8, 3), "The channels are on axis 1; write np.moveaxis(x, -1, 1)."),
    (BatchNorm2d, (), "expected (N, 3, H, W)."),
], ids=str)  # fmt: skip
def test_a_wrong_layout_names_the_layer_and_the_fix(kind, shape, said):
    with pytest.raises(xe.ShapeError) as error:
        kind(3)(np.ones(shape))
    found = str(error.value)
    assert found.startswith(f"{kind.__name__}(3): the input has shape {shape}; expected ")
    assert said in found


@pytest.mark.parametrize("kind", [BatchNorm1d, LayerNorm])
def test_dtypes_are_checked_as_in_every_layer(kind):
    with pytest.raises(xe.DTypeError, match="the input has dtype int64"):
        kind(3)(np.ones((4, 3), int))
    with pytest.warns(xe.MixedDtypeWarning, match="the input is float64, the weights are float32"):
        kind(3).astype(np.float32)(np.ones((4, 3)))


@pytest.mark.parametrize("options", [{"momentum": 0.1}, {"momentum": None}], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_batch_normalisation_keeps_float32(options, affine):
    layer = BatchNorm2d(3, affine=affine, **options).astype(np.float32)
    x = xe.tensor(batch((4, 3, 2, 2)).astype(np.float32), requires_grad=True)
    for mode in (True, False):
        x.zero_grad()
        out = layer.train(mode)(x)
        out.sum().backward()
        assert out.dtype == np.float32 and x.grad.dtype == np.float32
        assert layer.running_mean.dtype == np.float32 and layer.running_var.dtype == np.float32
        assert layer.num_batches_tracked.dtype == np.int64
    with pytest.warns(xe.MixedDtypeWarning):
        layer(batch((4, 3, 2, 2)))


def test_options_of_batch_normalisation_are_checked_and_shown():
    with pytest.raises(xe.ArgumentError, match="BatchNorm1d: eps is 0; expected a number above 0"):
        BatchNorm1d(3, eps=0)
    with pytest.raises(xe.ArgumentError, match="BatchNorm2d: momentum is 2; expected a share"):
        BatchNorm2d(3, momentum=2)
    with pytest.raises(xe.ArgumentError, match="num_features is 0"):
        BatchNorm1d(0)
    assert repr(BatchNorm1d(3)) == "BatchNorm1d(3)  # 6 parameters"
    shown = "BatchNorm1d(3, eps=0.1, momentum=None, affine=False, track_running_stats=False)"
    assert repr(BatchNorm1d(3, 0.1, None, False, False)) == shown


def test_a_trained_layer_goes_through_a_state_dict_and_a_copy():
    layer, other = shuffled(BatchNorm1d(3)), BatchNorm1d(3)
    layer(batch((5, 3)))
    other.load_state_dict(layer.state_dict())
    x = batch((5, 3))
    expected = layer.eval()(x).data
    np.testing.assert_array_equal(other.eval()(x).data, expected)
    np.testing.assert_array_equal(copy.deepcopy(layer)(x).data, expected)


def test_the_gradient_of_a_sum_of_outputs_is_0():
    x = xe.tensor(batch((5, 3)), requires_grad=True)
    BatchNorm1d(3)(x).sum().backward()
    np.testing.assert_allclose(x.grad, 0, atol=1e-15)


# -- layer normalisation


@pytest.mark.parametrize("shape, last", [((5, 4), 4), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((1, 4), 4)], ids=str)
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}], ids=str)
def test_layer_norm_agrees_with_pytorch(shape, last, options):
    ours = shuffled(LayerNorm(last, **options))
    assert_agreement(ours, torch().nn.LayerNorm(last, **options), batch(shape), rtol=1e-8)


def test_layer_norm_is_the_same_in_training_and_in_evaluation():
    layer, x = LayerNorm(3), batch((4, 3))
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)


def test_layer_norm_keeps_float32():
    layer = LayerNorm(3).astype(np.float32)
    x = xe.tensor(batch((4, 3)).astype(np.float32), requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert {out.dtype, x.grad.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {np.dtype(np.float32)}


def test_layer_norm_names_shapes_that_differ():
    with pytest.raises(xe.ShapeError, match=re.escape("LayerNorm((3,)): the input has shape (4, 2); its last axes")):
        LayerNorm(3)(np.ones((4, 2)))
    with pytest.raises(xe.ShapeError, match=re.escape("its last axes must be (2, 3)")):
        LayerNorm((2, 3))(np.ones(3))


def test_options_of_layer_norm_are_checked_and_shown():
    with pytest.raises(xe.ShapeError, match=re.escape("normalized_shape is ()")):
        LayerNorm(())
    with pytest.raises(xe.DTypeError, match=r"LayerNorm: normalized_shape is 2\.5; expected a whole number"):
        LayerNorm(2.5)
    with pytest.raises(xe.ArgumentError, match="LayerNorm: eps is -1; expected a number above 0"):
        LayerNorm(2, eps=-1)
    assert repr(LayerNorm([2, 3], eps=0.1, bias=False)) == "LayerNorm((2, 3), eps=0.1, bias=False)  # 6 parameters"
    assert repr(LayerNorm(2, elementwise_affine=False)) == "LayerNorm((2,), elementwise_affine=False)"


def test_a_state_dict_of_pytorchs_goes_the_other_way_too():
    theirs = torch().nn.BatchNorm1d(3).double()
    theirs(torch().tensor(batch((5, 3))))
    ours = BatchNorm1d(3)
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(ours.running_var.data, theirs.running_var.numpy())
    give(ours, theirs)


# -- the mean that they share


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (2, 3, 4, 5), (1, 3, 1), (3, 5000), (5000, 3)], ids=str)
def test_the_mean_is_numpys_over_any_axes_and_in_any_memory_order(shape, dtype):
    x = RNG.normal(1, 1, shape).astype(dtype)
    n = len(shape)
    for count in range(1, n + 1):
        for axes in itertools.combinations(range(-n, 0), count):
            for array in (x, np.asfortranarray(x), x[..., ::-1]):
                found = mean(array, axes if count > 1 else axes[0])
                assert found.dtype == dtype
                np.testing.assert_allclose(found, array.mean(axes, keepdims=True), rtol=100 * np.finfo(dtype).eps)


def test_the_normalised_array_of_nothing_is_refused():
    with pytest.raises(xe.ShapeError, match=re.escape("shape (3, 0) has nothing to take a mean of along axis -1")):
        normalize(np.ones((3, 0)), axis=-1, eps=0.1)
    assert normalize(np.ones((0, 3)), axis=-1, eps=0.1).shape == (0, 3)


def test_whole_numbers_are_normalised_as_float64():
    np.testing.assert_allclose(normalize(np.array([0, 2]), axis=0, eps=0), [-1, 1])


def test_jacobians_and_hessians_pass_through_both_layers():
    layers, x = (shuffled(LayerNorm(3)), shuffled(BatchNorm1d(3))), batch((4, 3))
    t = torch()
    twins = t.nn.LayerNorm(3), t.nn.BatchNorm1d(3)
    for ours, theirs in zip(layers, twins, strict=True):
        give(ours, theirs)
        ours.requires_grad_(False)
        found = xe.jacobian(lambda x, ours=ours: np.tanh(ours(x)))(x)
        expected = t.autograd.functional.jacobian(lambda x, theirs=theirs: theirs(x).tanh(), t.tensor(x))
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-9, atol=1e-12)
        found = xe.hessian(lambda x, ours=ours: np.tanh(ours(x)).sum())(x)
        expected = t.autograd.functional.hessian(lambda x, theirs=theirs: theirs(x).tanh().sum(), t.tensor(x))
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("make, said", [
    (lambda: LayerNorm(2, eps="a"), "LayerNorm: eps is 'a'; expected a number above 0."),
    (lambda: LayerNorm(2, eps=xe.tensor(2.0, requires_grad=True)), "LayerNorm: eps is tensor(2., requires_grad=True)"),
    (lambda: BatchNorm1d(2, eps=None), "BatchNorm1d: eps is None; expected a number above 0."),
    (lambda: BatchNorm2d(2, momentum="a"), "BatchNorm2d: momentum is 'a'; expected a share of the new value"),
])  # fmt: skip
def test_numbers_that_are_none_are_refused_when_the_layer_is_made(make, said):
    with pytest.raises(xe.DTypeError) as error:
        make()
    assert str(error.value).startswith(said)
