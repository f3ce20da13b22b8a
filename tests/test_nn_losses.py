"""Losses as modules: PyTorch's values, gradients and second derivatives, shapes and dtypes that are refused."""

import re

import numpy as np
import pytest
from nn_agreement import our_derivatives, their_derivatives, torch

import tinygrad_xe as xe
from tinygrad_xe.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss

RNG = np.random.default_rng(0)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def assert_losses_agree(ours, theirs, output, target, target_too=False, rtol=1e-10):
    """Compare values and derivatives of both orders, in the output and perhaps in the target."""
    t = torch()
    mine, other = xe.tensor(output, requires_grad=True), t.tensor(output, requires_grad=True)
    our_target, their_target = (target, t.tensor(target))
    our_leaves, their_leaves = [mine], [other]
    if target_too:
        our_target, their_target = xe.tensor(target, requires_grad=True), t.tensor(target, requires_grad=True)
        our_leaves, their_leaves = [mine, our_target], [other, their_target]
    found = our_derivatives(lambda: ours(mine, our_target), our_leaves)
    expected = their_derivatives(lambda: theirs(other, their_target), their_leaves)
    assert found[0].shape == expected[0].shape
    np.testing.assert_allclose(found[0], expected[0], rtol=rtol, atol=1e-13)
    for a_all, b_all in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(a_all, b_all, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)


# -- cross-entropy


@REDUCTIONS
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 1, -100])
def test_class_numbers_agree_with_pytorch(reduction, smoothing, weighted, ignored):
    t, output = torch(), RNG.normal(size=(7, 4))
    target = np.array([0, 1, 3, 2, 1, 0, 3])
    if ignored == -100:
        target[2] = -100
    weight = np.array([0.5, 1.0, 2.0, 0.1]) if weighted else None
    ours = CrossEntropyLoss(weight, ignore_index=ignored, label_smoothing=smoothing, reduction=reduction)
    theirs = t.nn.CrossEntropyLoss(
        None if weight is None else t.tensor(weight), ignore_index=-100 if ignored is None else ignored,
        label_smoothing=smoothing, reduction=reduction)  # fmt: skip
    assert_losses_agree(ours, theirs, output, target)


@REDUCTIONS
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_probabilities_agree_with_pytorch_in_the_gradient_of_the_target_too(reduction, smoothing):
    output, target = RNG.normal(size=(7, 4)), RNG.dirichlet(np.ones(4), 7)
    ours = CrossEntropyLoss(label_smoothing=smoothing, reduction=reduction)
    theirs = torch().nn.CrossEntropyLoss(label_smoothing=smoothing, reduction=reduction)
    assert_losses_agree(ours, theirs, output, target, target_too=True)


@REDUCTIONS
def test_more_axes_have_their_classes_on_the_last_one(reduction):
    t, output, target = torch(), RNG.normal(size=(2, 3, 5, 4)), RNG.integers(0, 4, (2, 3, 5))
    theirs = t.nn.CrossEntropyLoss(reduction=reduction)
    assert_losses_agree(CrossEntropyLoss(reduction=reduction), lambda z, y: theirs(z.movedim(-1, 1), y), output, target)


def test_one_sample_needs_no_batch():
    output = RNG.normal(size=4)
    assert_losses_agree(CrossEntropyLoss(), torch().nn.CrossEntropyLoss(), output, np.int64(2))
    assert_losses_agree(CrossEntropyLoss(), torch().nn.CrossEntropyLoss(), output, np.array([0.5, 0.5, 0, 0]))


def test_one_hot_whole_numbers_are_taken_for_probabilities():
    output, target = RNG.normal(size=(3, 4)), np.array([1, 0, 3])
    expected = CrossEntropyLoss()(output, target)
    assert CrossEntropyLoss()(output, xe.one_hot(target, 4, int)) == pytest.approx(expected, rel=1e-14)
    assert CrossEntropyLoss()(output, xe.one_hot(target, 4, bool)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("output, target, said", [
    ((5, 4), (4,), "class numbers have shape (5,), probabilities (5, 4)."),
    ((5, 4, 6), (5, 6), "Write np.moveaxis(output, 1, -1) if the classes are on axis 1, as in PyTorch."),
    ((5, 4, 6, 7), (5, 6, 7), "Write np.moveaxis(output, 1, -1)"),
    ((5, 4), (5, 1), "Write target[:, 0]."),
    ((5, 4), (5, 3), "probabilities (5, 4)."),
    ((5, 4), (), "class numbers have shape (5,)"),
], ids=str)  # fmt: skip
def test_shapes_that_do_not_go_together_are_named_with_the_fix(output, target, said):
    with pytest.raises(xe.ShapeError) as error:
        CrossEntropyLoss()(np.ones(output), np.zeros(target, int))
    found = str(error.value)
    assert found.startswith(f"CrossEntropyLoss(): the output has shape {output}, the target {target}.")
    assert said in found


def test_an_output_without_classes_is_refused():
    with pytest.raises(xe.ShapeError, match="the output is a single number"):
        CrossEntropyLoss()(1.0, 0)


@pytest.mark.parametrize("target", [np.zeros(5, int), np.zeros((5, 1)), np.zeros(5)], ids=["numbers", "same", "floats"])
def test_a_single_class_whose_loss_would_always_be_0_is_refused(target):
    with pytest.raises(xe.ShapeError) as error:
        CrossEntropyLoss()(np.ones((5, 1)), target)
    assert "the output has shape (5, 1), a single class" in str(error.value)
    assert "For two classes and one logit write BCEWithLogitsLoss()." in str(error.value)


def test_class_numbers_as_floats_are_refused():
    with pytest.raises(xe.DTypeError) as error:
        CrossEntropyLoss()(np.ones((2, 3)), np.array([0.0, 1.0]))
    assert "dtype float64; class numbers are integers.\n  Write target.astype(int)." in str(error.value)


def test_a_class_number_out_of_range_is_named():
    with pytest.raises(IndexError, match="label"):
        CrossEntropyLoss()(np.ones((2, 3)), np.array([0, 3]))
    with pytest.raises(IndexError, match="label"):
        CrossEntropyLoss()(np.ones((2, 3)), np.array([0, -100]))


def test_ignore_index_belongs_to_class_numbers():
    with pytest.raises(xe.ArgumentError, match="ignore_index belongs to class numbers"):
        CrossEntropyLoss(ignore_index=0)(np.ones((2, 3)), np.ones((2, 3)) / 3)


def test_a_batch_of_ignored_samples_has_loss_0_and_gradient_0_and_warns():
    output = xe.tensor(np.full((2, 3), np.nan), requires_grad=True)
    with pytest.warns(xe.EmptyMeanWarning):
        loss = CrossEntropyLoss(ignore_index=-1)(output, np.array([-1, -1]))
    loss.backward()
    assert loss.item() == 0 and not output.grad.any()


# -- the others


PAIRS = [(MSELoss, {}), (L1Loss, {}), (HuberLoss, {}), (HuberLoss, {"delta": 0.3}), (BCEWithLogitsLoss, {})]
EACH = pytest.mark.parametrize("kind, options", PAIRS, ids=str)


@EACH
@REDUCTIONS
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)], ids=str)
def test_each_loss_agrees_with_pytorch(kind, options, reduction, shape):
    output, target = RNG.normal(size=shape), RNG.uniform(size=shape)
    theirs = getattr(torch().nn, kind.__name__)(reduction=reduction, **options)
    assert_losses_agree(kind(reduction=reduction, **options), theirs, output, target, target_too=True)


@REDUCTIONS
@pytest.mark.parametrize("pos_weight", [3.0, [0.5, 1.0, 4.0]], ids=str)
def test_pos_weight_agrees_with_pytorch(reduction, pos_weight):
    t, output, target = torch(), RNG.normal(size=(5, 3)), RNG.integers(0, 2, (5, 3)).astype(float)
    theirs = t.nn.BCEWithLogitsLoss(pos_weight=t.tensor(pos_weight, dtype=t.float64), reduction=reduction)
    assert_losses_agree(BCEWithLogitsLoss(pos_weight=pos_weight, reduction=reduction), theirs, output, target)


@EACH
@pytest.mark.parametrize("output, target, said", [
    ((5, 1), (5,), "broadcasting would make a loss of shape (5, 5).\n  Write output[:, 0], or target[:, None]."),
    ((5,), (5, 1), "broadcasting would make a loss of shape (5, 5).\n  Write target[:, 0], or output[:, None]."),
    ((5,), (), "broadcasting would make a loss of shape (5,)."),
    ((5,), (4,), "They must have the same shape."),
], ids=str)  # fmt: skip
def test_shapes_that_differ_are_refused_even_if_they_broadcast(kind, options, output, target, said):
    loss = kind(**options)
    with pytest.raises(xe.ShapeError) as error:
        loss(xe.tensor(np.ones(output)), np.ones(target))
    found = str(error.value)
    assert found.startswith(f"{kind.__name__}({loss.extra_repr()}): the output has shape {output}, the target {target}")
    assert said in found


@pytest.mark.parametrize("kind, options", [*PAIRS, (CrossEntropyLoss, {})], ids=str)
def test_float32_is_kept(kind, options):
    output = xe.tensor(RNG.normal(size=(4, 3)).astype(np.float32), requires_grad=True)
    target = np.full((4, 3), 1 / 3, np.float32)
    loss = kind(**options)(output, target)
    loss.backward()
    assert loss.dtype == np.float32 and output.grad.dtype == np.float32


def test_class_weights_and_pos_weight_keep_float32():
    output = RNG.normal(size=(4, 3)).astype(np.float32)
    assert CrossEntropyLoss([1.0, 2.0, 3.0])(output, np.array([0, 1, 2, 0])).dtype == np.float32
    assert BCEWithLogitsLoss(pos_weight=2.5)(output, np.ones((4, 3), np.float32)).dtype == np.float32


def test_whole_numbers_are_targets_too():
    assert MSELoss()([1.0, 2.0], [0, 1]) == 1
    assert BCEWithLogitsLoss()(np.array([0.0]), np.array([True])) == pytest.approx(np.log(2))


@pytest.mark.parametrize("kind", [CrossEntropyLoss, BCEWithLogitsLoss, MSELoss, L1Loss, HuberLoss])
def test_options_are_checked_when_the_loss_is_made(kind):
    with pytest.raises(xe.ArgumentError, match=f"{kind.__name__}: reduction is 'avg'; it can be 'none', 'sum'"):
        kind(reduction="avg")
    with pytest.raises(xe.DTypeError, match="the output is None"):
        kind()(None, np.ones(3))


def test_ranges_are_checked_when_the_loss_is_made():
    with pytest.raises(xe.ArgumentError, match=r"HuberLoss: delta is 0; expected a number above 0. Write L1Loss\(\)"):
        HuberLoss(delta=0)
    with pytest.raises(xe.ArgumentError, match=r"CrossEntropyLoss: label_smoothing is 1\.5; expected a share"):
        CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(xe.ShapeError, match=re.escape("weight has shape (2,); the output has shape (2, 3), 3 ")):
        CrossEntropyLoss([1.0, 2.0])(np.ones((2, 3)), np.array([0, 1]))


def test_losses_are_shown_with_what_is_not_the_default():
    assert [repr(loss) for loss in (
        CrossEntropyLoss(), CrossEntropyLoss(ignore_index=-1, label_smoothing=0.1, reduction="sum"), MSELoss(),
        L1Loss(reduction="none"), HuberLoss(), HuberLoss(delta=2, reduction="sum"), BCEWithLogitsLoss(),
    )] == [
        "CrossEntropyLoss()", "CrossEntropyLoss(ignore_index=-1, label_smoothing=0.1, reduction='sum')", "MSELoss()",
        "L1Loss(reduction='none')", "HuberLoss(delta=1.0)", "HuberLoss(delta=2.0, reduction='sum')",
        "BCEWithLogitsLoss()",
    ]  # fmt: skip


def test_weights_are_buffers_and_no_parameters():
    loss = CrossEntropyLoss([1.0, 2.0])
    assert [name for name, _ in loss.named_buffers()] == ["weight"] and not [*loss.parameters()]
    loss.astype(np.float32)
    assert loss.weight.dtype == np.float32
    assert not [*CrossEntropyLoss().named_buffers()]


# -- targets that would train to nonsense


@pytest.mark.parametrize("target, said", [
    ([[5, -7, 2], [1, 1, 1]], "Its rows must then be one-hot; the row at [0] is [5, -7, 2]."),
    ([[0, 1, 0], [1, 0, 1]], "the row at [1] is [1, 0, 1]. Class numbers have shape (2,).\n  Write target / target"),
    ([[0, 1, 0], [0, 0, 0]], "the row at [1] is [0, 0, 0]."),
    ([[0, 1, 0], [2, 0, -1]], "the row at [1] is [2, 0, -1]."),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", [np.asarray, xe.tensor])
def test_whole_numbers_in_the_shape_of_probabilities_must_be_one_hot(target, said, kind):
    with pytest.raises(xe.ArgumentError) as error:
        CrossEntropyLoss()(np.ones((2, 3)), kind(target))
    assert said in str(error.value)
    assert np.isfinite(CrossEntropyLoss()(np.ones((2, 3)), np.array(target, float)))


def test_class_numbers_of_as_many_samples_as_classes_are_no_probabilities():
    with pytest.raises(xe.ArgumentError, match=r"Its rows must then be one-hot; it is \[0, 2, 1\]"):
        CrossEntropyLoss()(np.zeros(3), np.array([0, 2, 1]))
    assert CrossEntropyLoss(reduction="sum")(np.zeros((0, 3)), np.zeros((0, 3), int)) == 0


def test_where_shapes_tell_nothing_the_classes_are_on_the_last_axis():
    output, target = RNG.normal(size=(4, 5, 5)), RNG.integers(0, 5, (4, 5))
    expected = np.mean([CrossEntropyLoss()(z, y) for z, y in zip(output.reshape(-1, 5), target.reshape(-1))])
    assert CrossEntropyLoss()(output, target) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("target, said", [
    ([0, 1, 2], "holds 2; labels are 0 and 1, or floats between.\n  Write CrossEntropyLoss() for class numbers"),
    ([-1, 1, 1], "holds -1; labels are 0 and 1, or floats between.\n  Write (target + 1) / 2 for labels of -1 and 1."),
    ([-1, 0, 1], "holds -1; labels are 0 and 1, or floats between.\n  Write CrossEntropyLoss()"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("pos_weight", [None, 2.0])
def test_whole_numbers_other_than_0_and_1_are_no_labels_of_two_classes(target, said, pos_weight):
    with pytest.raises(xe.ArgumentError) as error:
        BCEWithLogitsLoss(pos_weight=pos_weight)(np.full(3, 5.0), np.array(target))
    assert said in str(error.value)
    with pytest.raises(xe.ArgumentError):
        BCEWithLogitsLoss(pos_weight=pos_weight)(np.full(3, 5.0), xe.tensor(target))
    assert np.isfinite(BCEWithLogitsLoss(pos_weight=pos_weight)(np.full(3, 5.0), np.array(target, float)))


def test_no_labels_at_all_are_no_wrong_labels():
    assert BCEWithLogitsLoss(reduction="sum")(np.zeros(0), np.zeros(0, int)) == 0


def test_output_and_target_the_wrong_way_round_are_noticed():
    with pytest.raises(xe.ShapeError, match=r"They look swapped: write CrossEntropyLoss\(\)\(output, target\)\."):
        CrossEntropyLoss()(np.array([0, 2, 1, 1]), np.ones((4, 3)))


# -- who speaks, and when


@pytest.mark.parametrize("make, target, said", [
    (lambda: CrossEntropyLoss(), [0, 3], "CrossEntropyLoss(): the label at [1] is 3; logits of shape"),
    (lambda: CrossEntropyLoss(label_smoothing=0.1), [0, 3], "CrossEntropyLoss(label_smoothing=0.1): the label at [1]"),
    (lambda: CrossEntropyLoss([1.0, 2.0, 3.0]), [0, -1], "CrossEntropyLoss(): the label at [1] is -1"),
    (lambda: CrossEntropyLoss([1.0, 2.0]), [0, 1], "CrossEntropyLoss(): weight has shape (2,)"),
    (lambda: CrossEntropyLoss([1.0, 2.0]), np.eye(3)[:2], "CrossEntropyLoss(): weight has shape (2,)"),
    (lambda: BCEWithLogitsLoss(pos_weight=[1.0, 2.0]), np.eye(3)[:2], "BCEWithLogitsLoss(): pos_weight has shape (2,)"),
])  # fmt: skip
def test_errors_speak_in_the_name_of_the_loss_that_was_called(make, target, said):
    with pytest.raises(xe.XeError) as error:
        make()(np.ones((2, 3)), np.asarray(target))
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("kind", [CrossEntropyLoss, BCEWithLogitsLoss, MSELoss, L1Loss, HuberLoss])
def test_the_mean_of_no_losses_is_refused_in_the_name_of_the_loss(kind):
    with pytest.raises(xe.ShapeError, match=rf"{kind.__name__}\(.*\): the mean of no losses is not defined"):
        kind()(np.ones((0, 3)), np.ones((0, 3)))


@pytest.mark.parametrize("make, error, said", [
    (lambda: CrossEntropyLoss(-np.ones(4)), xe.ArgumentError, "CrossEntropyLoss: weight holds -1.0; expected finite"),
    (lambda: CrossEntropyLoss([1, np.nan]), xe.ArgumentError, "CrossEntropyLoss: weight holds nan"),
    (lambda: CrossEntropyLoss(2.0), xe.ShapeError, "CrossEntropyLoss: weight has shape (); expected (classes,)."),
    (lambda: BCEWithLogitsLoss(pos_weight=-1), xe.ArgumentError, "BCEWithLogitsLoss: pos_weight holds -1"),
    (lambda: CrossEntropyLoss(label_smoothing="a"), xe.DTypeError, "CrossEntropyLoss: label_smoothing is 'a'"),
    (lambda: CrossEntropyLoss(label_smoothing=xe.tensor(0.1)), xe.DTypeError, "CrossEntropyLoss: label_smoothing is t"),
    (lambda: CrossEntropyLoss(ignore_index=1.5), xe.DTypeError, "CrossEntropyLoss: ignore_index is 1.5; expected"),
    (lambda: HuberLoss(delta="a"), xe.DTypeError, "HuberLoss: delta is 'a'; expected a number above 0"),
    (lambda: HuberLoss(delta=float("nan")), xe.ArgumentError, "HuberLoss: delta is nan"),
])  # fmt: skip
def test_factors_and_numbers_are_checked_when_the_loss_is_made(make, error, said):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(said)


def test_plain_arrays_give_a_plain_loss_with_weights_too():
    logits = RNG.normal(size=(4, 3))
    assert type(CrossEntropyLoss([1.0, 2.0, 3.0])(logits, np.array([0, 1, 2, 0]))) is np.float64
    assert type(CrossEntropyLoss([1.0, 2.0, 3.0])(logits, np.ones((4, 3)) / 3)) is np.float64
    assert type(BCEWithLogitsLoss(pos_weight=2.5)(logits, np.ones((4, 3)))) is np.float64


def test_a_gradient_flows_into_a_weight_that_wants_one():
    logits, target = RNG.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    loss = CrossEntropyLoss(xe.tensor(np.ones(3), requires_grad=True), reduction="sum")
    loss(logits, target).backward()
    each = CrossEntropyLoss(reduction="none")(logits, target)
    np.testing.assert_allclose(loss.weight.grad, np.bincount(target, each), rtol=1e-14)
