"""Attention: PyTorch's outputs, weights and gradients for the same parameters and masks; queries without keys."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn import MultiheadAttention, scaled_dot_product_attention

N, L, S, E, HEADS = 3, 4, 5, 6, 2
LENGTHS = np.array([5, 2, 3])


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(*shape, seed=0):
    return rng(seed).standard_normal(shape)


def allowed(*shape, seed=1):
    """Random booleans, with the first key allowed to all."""
    mask = rng(seed).random(shape) < 0.6
    mask[..., 0] = True
    return mask


def as_numbers(blocked):
    return np.where(blocked, -math.inf, 0.0)


def twins(torch, *args, **options):
    """PyTorch's layer in float64, with biases that are not 0, and ours with its parameters."""
    torch.manual_seed(7)
    theirs = torch.nn.MultiheadAttention(*args, **options).double()
    for name, parameter in theirs.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(parameter)
    ours = MultiheadAttention(*args, **options)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def compare(torch, mine, other, call_mine, call_other):
    """Compare outputs, and the gradients of a random projection of them; return how many outputs there were."""
    got, expected = call_mine(*mine), call_other(*other)
    mine_loss = other_loss = 0
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.data, b.detach().numpy(), 1e-12, 1e-13)
            weight = normal(*a.shape, seed=90 + i)
            mine_loss = mine_loss + (a * weight).sum()
            other_loss = other_loss + (b * torch.tensor(weight)).sum()
    mine_loss.backward()
    other_loss.backward()
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), 1e-12, 1e-12)


# -- the function ------------------------------------------------------------------------------------------------------

MASKS = {
    "none": None,
    "booleans": allowed(L, S),
    "booleans for each sequence and head": allowed(N, HEADS, L, S),
    "booleans for each key": allowed(N, 1, 1, S),
    "numbers": normal(L, S, seed=5),
    "numbers with -inf": normal(N, 1, L, S, seed=5) + as_numbers(~allowed(N, 1, L, S)),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_the_function_is_pytorchs(torch, name, scale):
    mask = MASKS[name]
    arrays = normal(N, HEADS, L, E), normal(N, HEADS, S, E, seed=1), normal(N, HEADS, S, 7, seed=2)
    compare(
        torch,
        [xe.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
        lambda q, k, v: [scaled_dot_product_attention(q, k, v, mask, scale=scale)],
        lambda q, k, v: [
            torch.nn.functional.scaled_dot_product_attention(
                q, k, v, None if mask is None else torch.tensor(mask), scale=scale
            )
        ],
    )


@pytest.mark.parametrize("queries, keys", [(4, 4), (3, 5), (5, 3)])
def test_causal_attention_is_pytorchs(torch, queries, keys):
    arrays = normal(N, queries, E), normal(N, keys, E, seed=1), normal(N, keys, E, seed=2)
    compare(
        torch,
        [xe.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
        lambda q, k, v: [scaled_dot_product_attention(q, k, v, is_causal=True)],
        lambda q, k, v: [torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)],
    )


def test_a_learned_bias_of_the_scores_gets_pytorchs_gradient(torch):
    arrays = normal(N, L, E), normal(N, S, E, seed=1), normal(N, S, E, seed=2), normal(L, S, seed=3)
    compare(
        torch,
        [xe.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
        lambda *a: [scaled_dot_product_attention(*a)],
        lambda *a: [torch.nn.functional.scaled_dot_product_attention(*a)],
    )


def test_a_causal_mask_and_another_act_together():
    q, k, v = normal(L, E), normal(L, E, seed=1), normal(L, E, seed=2)
    mask = allowed(L, L)
    together = scaled_dot_product_attention(q, k, v, mask, is_causal=True)
    np.testing.assert_array_equal(together, scaled_dot_product_attention(q, k, v, mask & np.tri(L, dtype=bool)))
    numbers = scaled_dot_product_attention(q, k, v, as_numbers(~mask), is_causal=True)
    np.testing.assert_array_equal(together, numbers)


def test_scores_of_a_thousand_are_exact():
    q, k = np.array([[1000.0], [-1000.0]]), np.array([[1.0], [-1.0], [1.0]])
    result = scaled_dot_product_attention(q, k, np.array([[1.0], [2.0], [4.0]]))
    np.testing.assert_array_equal(result, [[2.5], [2.0]])


def test_a_key_that_is_not_allowed_has_the_weight_zero_exactly():
    v = np.array([[1.0], [1e300]])
    for mask in (np.array([True, False]), np.array([0.0, -math.inf])):
        assert scaled_dot_product_attention(np.ones((1, 1)), np.ones((2, 1)), v, mask) == 1.0


def test_a_query_that_may_attend_to_no_key_gets_zero_as_in_pytorch_and_warns(torch):
    arrays = normal(N, L, E), normal(N, S, E, seed=1), normal(N, S, E, seed=2)
    attention = torch.nn.functional.scaled_dot_product_attention
    for mask in (allowed(L, S), as_numbers(~allowed(L, S))):
        mask[2] = False if mask.dtype == bool else -math.inf
        q, k, v = (xe.tensor(a, requires_grad=True) for a in arrays)
        with pytest.warns(xe.EmptyMeanWarning, match="a query may attend to no key") as caught:
            result = scaled_dot_product_attention(q, k, v, mask)
        assert caught[0].filename == __file__
        there = attention(*map(torch.tensor, arrays), torch.tensor(mask)).numpy()
        np.testing.assert_allclose(result.data, there, 1e-12, 1e-13)
        assert not result.data[:, 2].any()
        (result**2).sum().backward()  # PyTorch's gradient is NaN in the query and in all keys
        assert not q.grad[:, 2].any() and q.grad[:, 1].all()
        rest = [xe.tensor(a, requires_grad=True) for a in (np.delete(arrays[0], 2, 1), *arrays[1:])]
        (scaled_dot_product_attention(*rest, np.delete(mask, 2, 0)) ** 2).sum().backward()
        np.testing.assert_allclose(k.grad, rest[1].grad, 1e-12, 1e-13)
        np.testing.assert_allclose(v.grad, rest[2].grad, 1e-12, 1e-13)


@pytest.mark.parametrize("mask", [None, allowed(3, 4), normal(3, 4, seed=4)])
def test_second_derivatives_of_the_function_agree_with_differences(mask):
    def projected(q, k, v):
        return np.sum(scaled_dot_product_attention(q, k, v, mask) ** 2)

    xe.check_gradients(projected, normal(3, 2), normal(4, 2, seed=1), normal(4, 2, seed=2), order=2)


def test_dropout_drops_whole_weights_and_scales_the_others():
    q, k, v = np.zeros((200, 1)), np.zeros((10, 1)), np.eye(10)
    weights = scaled_dot_product_attention(q, k, v, dropout_p=0.4, rng=0)
    assert set(np.round(weights.ravel(), 12)) == {0.0, np.round(0.1 / 0.6, 12)}
    assert 0.37 < (weights == 0).mean() < 0.43
    np.testing.assert_array_equal(weights, scaled_dot_product_attention(q, k, v, dropout_p=0.4, rng=0))


def test_plain_arrays_and_lists_give_plain_arrays():
    assert type(scaled_dot_product_attention([[1.0]], [[1.0]], [[2.0]])) is np.ndarray


def test_float32_is_kept_beside_masks_of_float64():
    q, k, v = (xe.tensor(normal(L, E, seed=i).astype(np.float32), requires_grad=True) for i in range(3))
    for mask in (None, allowed(L, L), normal(L, L), as_numbers(~allowed(L, L))):
        result = scaled_dot_product_attention(q, k, v, mask)
        result.sum().backward()
        assert result.dtype == q.grad.dtype == np.float32


# -- the layer ---------------------------------------------------------------------------------------------------------

LAYER_MASKS = {
    "none": {},
    "attn_mask of booleans": {"attn_mask": ~allowed(L, S)},
    "attn_mask of numbers": {"attn_mask": normal(L, S, seed=5) + as_numbers(~allowed(L, S))},
    "attn_mask for each head": {"attn_mask": ~allowed(N * HEADS, L, S)},
    "padding of booleans": {"key_padding_mask": np.arange(S) >= LENGTHS[:, None]},
    "padding of numbers": {"key_padding_mask": normal(N, S, seed=6) + as_numbers(np.arange(S) >= LENGTHS[:, None])},
    "both of booleans": {"attn_mask": ~allowed(L, S), "key_padding_mask": np.arange(S) >= LENGTHS[:, None]},
    "both of numbers": {"attn_mask": as_numbers(~allowed(N * HEADS, L, S)), "key_padding_mask": normal(N, S, seed=6)},
}


@pytest.mark.parametrize("name", LAYER_MASKS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("returned", [(True, True), (True, False), (False, True)])
def test_the_layer_is_pytorchs_in_outputs_weights_and_gradients(torch, name, batch_first, bias, returned):
    need_weights, average = returned
    ours, theirs = twins(torch, E, HEADS, bias=bias, batch_first=batch_first)
    arrays = [normal(N, L, E), normal(N, S, E, seed=1), normal(N, S, E, seed=2)]
    arrays = arrays if batch_first else [np.swapaxes(a, 0, 1) for a in arrays]
    masks, options = LAYER_MASKS[name], {"need_weights": need_weights, "average_attn_weights": average}
    compare(
        torch,
        [xe.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
        lambda *qkv: ours(*qkv, **masks, **options),
        lambda *qkv: theirs(*qkv, **{key: torch.tensor(mask) for key, mask in masks.items()}, **options),
    )
    by_name = dict(theirs.named_parameters())
    assert {parameter for parameter, _ in ours.named_parameters()} == set(by_name)
    for parameter, held in ours.named_parameters():
        np.testing.assert_allclose(held.grad, by_name[parameter].grad.numpy(), 1e-12, 1e-12, err_msg=parameter)


def test_a_mask_of_booleans_and_one_of_numbers_act_together():
    layer = MultiheadAttention(E, HEADS, batch_first=True, rng=0)
    x, later, padding = normal(N, S, E), ~np.tri(S, dtype=bool), np.arange(S) >= LENGTHS[:, None]
    expected = layer(x, x, x, attn_mask=as_numbers(later), key_padding_mask=as_numbers(padding))[1].data
    for one in (later, as_numbers(later), as_numbers(later).astype(np.float32), later | xe.tensor(later)):
        np.testing.assert_array_equal(layer(x, x, x, attn_mask=one, key_padding_mask=padding)[1].data, expected)
    np.testing.assert_array_equal(layer(x, x, x, padding, is_causal=True)[1].data, expected)


@pytest.mark.parametrize("masks", [{}, {"key_padding_mask": np.arange(S) > 2}, {"attn_mask": ~allowed(HEADS, L, S)}])
def test_single_sequences_need_no_axis_of_sequences(torch, masks):
    ours, theirs = twins(torch, E, HEADS)
    arrays = normal(L, E), normal(S, E, seed=1), normal(S, E, seed=2)
    compare(
        torch,
        [xe.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
        lambda *qkv: ours(*qkv, **masks),
        lambda *qkv: theirs(*qkv, **{key: torch.tensor(mask) for key, mask in masks.items()}),
    )


def test_is_causal_does_what_pytorch_does_with_its_causal_mask(torch):
    ours, theirs = twins(torch, E, HEADS, batch_first=True)
    x = normal(N, L, E)
    output, weights = ours(x, x, x, is_causal=True)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(L, dtype=torch.float64)
    there = theirs(*[torch.tensor(x)] * 3, attn_mask=mask, is_causal=True)
    np.testing.assert_allclose(output.data, there[0].detach().numpy(), 1e-12, 1e-13)
    np.testing.assert_allclose(weights.data, there[1].detach().numpy(), 1e-12, 1e-13)
    assert not np.triu(weights.data, 1).any()


def test_a_state_dict_goes_both_ways(torch):
    ours, theirs = MultiheadAttention(E, HEADS), torch.nn.MultiheadAttention(E, HEADS).double()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})
    x = normal(L, N, E)
    there = theirs(*[torch.tensor(x)] * 3)[0].detach().numpy()
    np.testing.assert_allclose(ours(x, x, x)[0].data, there, 1e-12, 1e-13)


def test_the_first_values_are_drawn_as_in_pytorch():
    layer = MultiheadAttention(64, 4, rng=0)
    bound = math.sqrt(6 / (64 + 192))
    assert 0.98 * bound < abs(layer.in_proj_weight.data).max() <= bound
    assert 0.98 / 8 < abs(layer.out_proj.weight.data).max() <= 1 / 8
    assert not layer.in_proj_bias.data.any() and not layer.out_proj.bias.data.any()
    again = MultiheadAttention(64, 4, rng=0).state_dict()
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, again[name])


def test_a_padded_sequence_without_a_key_gives_the_bias_alone_and_clean_gradients():
    layer = MultiheadAttention(E, HEADS, batch_first=True, rng=0)
    layer.out_proj.bias.assign(np.arange(E))
    padding = np.arange(L) >= np.array([L, 0, 2])[:, None]
    x = xe.tensor(normal(N, L, E), requires_grad=True)
    with pytest.warns(xe.EmptyMeanWarning, match=r"MultiheadAttention\(6, 2, batch_first=True\)") as caught:
        output, weights = layer(x, x, x, key_padding_mask=padding)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(output.data[1], np.broadcast_to(np.arange(E), (L, E)))
    assert not weights.data[1].any()
    (output**2).sum().backward()
    assert not x.grad[1].any() and x.grad[0].any()
    assert all(np.isfinite(parameter.grad).all() for parameter in layer.parameters())
    alone = layer(x.data[[0, 2]], *[x.data[[0, 2]]] * 2, key_padding_mask=padding[[0, 2]])[0]
    np.testing.assert_allclose(output.data[[0, 2]], alone.data, 1e-12)


def test_padding_has_no_influence():
    layer = MultiheadAttention(E, HEADS, batch_first=True, rng=0)
    x, padding = normal(N, S, E), np.arange(S) >= LENGTHS[:, None]
    output, _ = layer(x, x, x, key_padding_mask=padding)
    for one, result, length in zip(x, output, LENGTHS, strict=True):
        alone, _ = layer(*[one[:length]] * 3)
        np.testing.assert_allclose(result.data[:length], alone.data, 1e-12, 1e-13)


@pytest.mark.parametrize("causal", [False, True])
def test_second_derivatives_of_the_layer_agree_with_differences(causal):
    layer = MultiheadAttention(4, 2, batch_first=True, rng=0)

    def projected(query, key, value):
        output, weights = layer(query, key, value, is_causal=causal)
        return np.sum(output**2) + np.sum(weights**3)

    xe.check_gradients(projected, normal(2, 3, 4), normal(2, 3, 4, seed=1), normal(2, 3, 4, seed=2), order=2)


def test_dropout_of_the_layer_acts_in_training_only_and_shows_in_the_weights():
    layer, x = MultiheadAttention(E, HEADS, dropout=0.5, batch_first=True, rng=0), normal(N, 20, E)
    plain = MultiheadAttention(E, HEADS, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    _, weights = layer(x, x, x, average_attn_weights=False)
    kept = weights.data != 0
    assert 0.45 < kept.mean() < 0.55
    np.testing.assert_allclose(weights.data[kept], 2 * plain(x, x, x, average_attn_weights=False)[1].data[kept], 1e-12)
    layer.eval()
    np.testing.assert_array_equal(layer(x, x, x)[0].data, plain(x, x, x)[0].data)


def test_float32_is_kept_by_the_layer():
    layer = MultiheadAttention(E, HEADS, rng=0).astype(np.float32)
    x = xe.tensor(normal(L, N, E).astype(np.float32), requires_grad=True)
    output, weights = layer(x, x, x, attn_mask=normal(L, L), key_padding_mask=~allowed(N, L))
    output.sum().backward()
    assert output.dtype == weights.dtype == x.grad.dtype == np.float32
    assert {parameter.grad.dtype for parameter in layer.parameters()} == {np.dtype(np.float32)}


def test_float64_input_to_float32_weights_warns():
    layer = MultiheadAttention(E, HEADS).astype(np.float32)
    with pytest.warns(xe.MixedDtypeWarning) as caught:
        layer(*[normal(L, N, E)] * 3)
    assert str(caught[0].message).startswith("MultiheadAttention(6, 2): the input is float64")
    assert {warning.filename for warning in caught} == {__file__}


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes",
    [((L, E), (S, E + 1), (S, E)), ((L, E), (S, E), (L, E)), ((E,), (S, E), (S, E)),
     ((2, L, E), (3, S, E), (3, S, E)), ((2, L, E), (2, S, E), (3, S, E)), ((L, 0), (S, 0), (S, E)),
     ((L, E), (0, E), (0, E))],
)  # fmt: skip
def test_the_function_names_shapes_that_do_not_go_together(shapes):
    with pytest.raises(xe.ShapeError, match=r"attention: query has shape .*expected \(\.\.\., L, E\)"):
        scaled_dot_product_attention(*map(np.zeros, shapes))


def test_a_mask_that_does_not_fit_is_named():
    for mask in (np.zeros((S, L)), np.zeros((S, L), bool), np.zeros((2, L, S))):
        with pytest.raises(xe.ShapeError, match=r"the mask has shape \(.*; it must broadcast to \(4, 5\)"):
            scaled_dot_product_attention(np.zeros((L, E)), np.zeros((S, E)), np.zeros((S, E)), mask)


def test_masks_of_whole_numbers_are_refused_since_their_meaning_is_a_guess():
    q = np.zeros((L, E))
    with pytest.raises(xe.DTypeError, match=r"int64(?s:.*)attn_mask.astype\(bool\), if 1 says that a query may attend"):
        scaled_dot_product_attention(q, q, q, np.tri(L, dtype=int))
    with pytest.raises(xe.DTypeError, match="if 1 says that a query may not attend"):
        MultiheadAttention(E, HEADS)(q, q, q, attn_mask=np.tri(L, dtype=int))


@pytest.mark.parametrize(
    "shapes",
    [((L, N, E + 1), (S, N, E), (S, N, E)), ((L, N, E), (S, N, E), (L, N, E)), ((L, 1, E), (S, 2, E), (S, 2, E)),
     ((L, N, E), (S, E), (S, E)), ((1, L, N, E), (1, S, N, E), (1, S, N, E)), ((E,), (E,), (E,)),
     ((L, N, E), (0, N, E), (0, N, E))],
)  # fmt: skip
def test_the_layer_names_shapes_that_do_not_go_together(shapes):
    with pytest.raises(xe.ShapeError) as caught:
        MultiheadAttention(E, HEADS)(*map(np.zeros, shapes))
    message = str(caught.value)
    assert "MultiheadAttention(6, 2): query, key and value have shapes " + ", ".join(map(str, shapes)) in message
    assert "expected (L, N, 6), (S, N, 6) twice" in message and "batch_first=True" in message


@pytest.mark.parametrize(
    "mask, shape, message",
    [("attn_mask", (S, L), r"attn_mask has shape \(5, 4\); expected \(4, 5\) or \(6, 4, 5\)"),
     ("attn_mask", (N, L, S), r"attn_mask has shape \(3, 4, 5\); expected \(4, 5\) or \(6, 4, 5\)"),
     ("key_padding_mask", (S, N), r"key_padding_mask has shape \(5, 3\); expected \(3, 5\)")],
)  # fmt: skip
def test_the_layer_names_masks_that_do_not_fit(mask, shape, message):
    layer = MultiheadAttention(E, HEADS, batch_first=True)
    with pytest.raises(xe.ShapeError, match=message):
        layer(np.zeros((N, L, E)), *[np.zeros((N, S, E))] * 2, **{mask: np.zeros(shape, bool)})


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: MultiheadAttention(10, 4), r"embed_dim is 10, num_heads 4(?s:.*)Write embed_dim=12"),
        (lambda: MultiheadAttention(0, 1), "embed_dim is 0"),
        (lambda: MultiheadAttention(8, 2, dropout=-0.1), "MultiheadAttention: dropout: p is -0.1"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(xe.ArgumentError, match=message):
        make()


def test_the_repr_shows_what_differs_from_the_defaults():
    text = repr(MultiheadAttention(6, 2, dropout=0.5, bias=False, batch_first=True))
    assert text.startswith("MultiheadAttention(6, 2, dropout=0.5, batch_first=True, bias=False")
    assert "(out_proj): Linear(6, 6, bias=False)" in text


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_batch_may_have_no_sequences(batch_first):
    layer = MultiheadAttention(E, HEADS, batch_first=batch_first, rng=0)
    shape = (0, L, E) if batch_first else (L, 0, E)
    x = xe.tensor(np.zeros(shape), requires_grad=True)
    masks = {"attn_mask": np.zeros((L, L))}, {"key_padding_mask": np.zeros((0, L), bool)}
    for options in ({}, {"is_causal": True}, *masks):
        output, weights = layer(x, x, x, **options)
        assert output.shape == shape and weights.shape == (0, L, L)
    output.sum().backward()
    assert x.grad.shape == shape and not layer.in_proj_weight.grad.any()


def test_a_query_without_places_attends_to_nothing():
    layer = MultiheadAttention(E, HEADS, batch_first=True, rng=0)
    output, weights = layer(np.zeros((N, 0, E)), normal(N, S, E), normal(N, S, E))
    assert output.shape == (N, 0, E) and weights.shape == (N, 0, S)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_follows_the_librarys_seed_too(copied):
    layer, x = MultiheadAttention(E, HEADS, dropout=0.5), normal(N, L, E)
    results = []
    for one in (layer, copied(layer), copied(layer)):
        xe.seed(4)
        results.append(one(x, x, x)[0].data)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_a_part_behind_attention_says_what_to_take():
    class Block(xe.nn.Module):
        def __init__(self):
            self.attention, self.norm = MultiheadAttention(E, HEADS, rng=0), xe.nn.LayerNorm(E)

        def forward(self, x):
            return self.norm(self.attention(x, x, x))

    with pytest.raises(xe.DTypeError, match=r"attention return (?s:.*)Write output"):
        Block()(normal(L, N, E))
