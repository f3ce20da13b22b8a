"""RNN, GRU and LSTM and their cells: PyTorch's outputs and gradients for the same parameters, shapes, messages."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn.recurrent import GRU, LSTM, RNN, in_steps
from tinygrad_xe.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell

LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
CELLS = {"RNNCell": RNNCell, "GRUCell": GRUCell, "LSTMCell": LSTMCell}
T, N, FEATURES, HIDDEN = 5, 3, 4, 6


def rng(seed=0):
    return np.random.default_rng(seed)


def twins(torch, kind, *args, **options):
    """PyTorch's layer in float64 and ours with its parameters."""
    torch.manual_seed(7)
    theirs = getattr(torch.nn, kind)(*args, **options).double()
    ours = (LAYERS | CELLS)[kind](*args, **options)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def flat(results):
    """The arrays in nested tuples."""
    return [a for r in results for a in flat(r)] if isinstance(results, tuple) else [results]


def same_results_and_gradients(torch, ours, theirs, arrays, state=(), rtol=1e-12):
    """Compare outputs, and the gradients of a random projection of them in the arrays and in all parameters."""
    numbers = [*arrays, *state]
    mine = [xe.tensor(a, requires_grad=True) for a in numbers]
    other = [torch.tensor(a, requires_grad=True) for a in numbers]

    def call(module, held):
        x, rest = held[0], held[1:]
        return flat(module(x, *([] if not rest else [rest[0] if len(rest) == 1 else tuple(rest)])))

    got, expected = call(ours, mine), call(theirs, other)
    assert len(got) == len(expected)
    draws = rng(99)
    mine_loss = other_loss = 0
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol, 1e-13)
        weight = draws.standard_normal(a.shape)
        mine_loss = mine_loss + (a * weight).sum()
        other_loss = other_loss + (b * torch.tensor(weight)).sum()
    mine_loss.backward()
    other_loss.backward()
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol, 1e-12)
    theirs_by_name = dict(theirs.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    assert names == list(theirs_by_name)
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad, theirs_by_name[name].grad.numpy(), rtol, 1e-12, err_msg=name)


OPTIONS = list(itertools.product(["RNN", "GRU", "LSTM"], [1, 2], [False, True], [False, True], [False, True]))


@pytest.mark.parametrize("kind, layers, bidirectional, batch_first, bias", OPTIONS)
def test_outputs_and_gradients_are_pytorchs(torch, kind, layers, bidirectional, batch_first, bias):
    options = {"bidirectional": bidirectional, "batch_first": batch_first, "bias": bias}
    ours, theirs = twins(torch, kind, FEATURES, HIDDEN, layers, **options)
    x = rng().standard_normal((N, T, FEATURES) if batch_first else (T, N, FEATURES))
    same_results_and_gradients(torch, ours, theirs, [x])
    shape = (layers * (1 + bidirectional), N, HIDDEN)
    ours.zero_grad(), theirs.zero_grad()
    state = [rng(i).standard_normal(shape) for i in (1, 2)][: 1 + (kind == "LSTM")]
    same_results_and_gradients(torch, ours, theirs, [x], state)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_single_sequence_needs_no_axis_of_sequences(torch, kind, bidirectional):
    ours, theirs = twins(torch, kind, FEATURES, HIDDEN, 2, bidirectional=bidirectional, batch_first=True)
    x = rng().standard_normal((T, FEATURES))
    same_results_and_gradients(torch, ours, theirs, [x])
    ours.zero_grad(), theirs.zero_grad()
    state = [rng(i).standard_normal((2 + 2 * bidirectional, HIDDEN)) for i in (1, 2)][: 1 + (kind == "LSTM")]
    same_results_and_gradients(torch, ours, theirs, [x], state)


def test_an_rnn_with_relu_is_pytorchs(torch):
    ours, theirs = twins(torch, "RNN", FEATURES, HIDDEN, 2, nonlinearity="relu")
    same_results_and_gradients(torch, ours, theirs, [rng().standard_normal((T, N, FEATURES))])


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch", [(), (N,)])
def test_a_cell_is_pytorchs(torch, kind, bias, batch):
    ours, theirs = twins(torch, kind, FEATURES, HIDDEN, bias)
    x = rng().standard_normal((*batch, FEATURES))
    same_results_and_gradients(torch, ours, theirs, [x])
    ours.zero_grad(), theirs.zero_grad()
    state = [rng(i).standard_normal((*batch, HIDDEN)) for i in (1, 2)][: 1 + (kind == "LSTMCell")]
    same_results_and_gradients(torch, ours, theirs, [x], state)


def test_an_rnn_cell_with_relu_is_pytorchs(torch):
    ours, theirs = twins(torch, "RNNCell", FEATURES, HIDDEN, True, "relu")
    same_results_and_gradients(torch, ours, theirs, [rng().standard_normal((N, FEATURES))])


@pytest.mark.parametrize("kind", LAYERS)
def test_a_state_dict_goes_both_ways(torch, kind):
    ours = LAYERS[kind](FEATURES, HIDDEN, 2, bidirectional=True)
    theirs = getattr(torch.nn, kind)(FEATURES, HIDDEN, 2, bidirectional=True).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})
    same_results_and_gradients(torch, ours, theirs, [rng().standard_normal((T, N, FEATURES))])


@pytest.mark.parametrize("kind", LAYERS)
def test_the_constructors_take_pytorchs_arguments_in_its_order(torch, kind):
    extra = ("relu",) if kind == "RNN" else ()
    args = (FEATURES, HIDDEN, 2, *extra, False, True, 0.25, True)
    ours, theirs = LAYERS[kind](*args), getattr(torch.nn, kind)(*args)
    for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional", *(["nonlinearity"] if extra else [])):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert {n: p.shape for n, p in ours.named_parameters()} == {n: p.shape for n, p in theirs.named_parameters()}


@pytest.mark.parametrize("kind", [*LAYERS, *CELLS])
def test_parameters_are_uniform_between_plus_and_minus_one_over_the_root_of_the_hidden_size(kind):
    layer = (LAYERS | CELLS)[kind](20, 25, rng=3)
    for name, parameter in layer.named_parameters():
        assert abs(parameter.data).max() <= 0.2, name
        if parameter.size > 100:
            assert abs(parameter.data).max() > 0.19 and abs(parameter.data.mean()) < 0.03, name
    again = (LAYERS | CELLS)[kind](20, 25, rng=3)
    for name, value in again.state_dict().items():
        np.testing.assert_array_equal(value, layer.state_dict()[name])


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_first_and_second_derivatives_agree_with_differences(kind, bidirectional):
    layer = LAYERS[kind](2, 3, 2 - bidirectional, bidirectional=bidirectional, rng=0)
    names = [name for name, _ in layer.named_parameters()]

    def projected(x, parameters):
        held = dict(zip(names, parameters, strict=True))
        for name in names:
            value = held[name]
            object.__setattr__(layer, name, value if isinstance(value, xe.Tensor) else xe.tensor(value))
        output, final = layer(x)
        return np.sum(output**2) + sum(np.sum(s**3) for s in flat((final,)))

    values = [parameter.numpy() for parameter in layer.parameters()]
    xe.check_gradients(projected, rng().standard_normal((4, 2, 2)), values, order=2)


@pytest.mark.parametrize("kind", CELLS)
def test_second_derivatives_of_cells_agree_with_differences(kind):
    cell = CELLS[kind](2, 3, rng=0)
    shapes = [(2, 2), (2, 3), (2, 3)][: 2 + (kind == "LSTMCell")]

    def projected(x, *state):
        return sum(np.sum(s**3) for s in flat((cell(x, state if len(state) > 1 else state[0]),)))

    xe.check_gradients(projected, *[rng(i).standard_normal(shape) for i, shape in enumerate(shapes)], order=2)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_its_cell_step_by_step(kind):
    layer, cell = LAYERS[kind](FEATURES, HIDDEN, rng=0), CELLS[kind + "Cell"](FEATURES, HIDDEN)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x, state, outputs = rng().standard_normal((T, N, FEATURES)), None, []
    for step in x:
        state = cell(step, state)
        outputs.append(flat((state,))[0])
    output, final = layer(x)
    np.testing.assert_allclose(output.data, np.stack(outputs).data, 1e-13)
    for a, b in zip(flat((final,)), flat((state,)), strict=True):
        np.testing.assert_allclose(a.data[0], b.data, 1e-13)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_state_carries_a_sequence_over_from_one_part_to_the_next(kind):
    layer, x = LAYERS[kind](FEATURES, HIDDEN, 2, rng=0), rng().standard_normal((T, N, FEATURES))
    whole, final = layer(x)
    first, state = layer(x[:2])
    second, state = layer(x[2:], state)
    np.testing.assert_allclose(np.concatenate([first, second]).data, whole.data, 1e-13)
    for a, b in zip(flat((final,)), flat((state,)), strict=True):
        np.testing.assert_allclose(a.data, b.data, 1e-13)


@pytest.mark.parametrize("kind", [*LAYERS, *CELLS])
def test_float32_is_kept(kind):
    layer = (LAYERS | CELLS)[kind](FEATURES, HIDDEN, rng=0).astype(np.float32)
    x = rng().standard_normal((T, N, FEATURES) if kind in LAYERS else (N, FEATURES)).astype(np.float32)
    results = flat(layer(xe.tensor(x, requires_grad=True)) if kind in LAYERS else (layer(x),))
    assert {r.dtype for r in results} == {np.dtype(np.float32)}
    sum(r.sum() for r in results).backward()
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", [*LAYERS, *CELLS])
def test_float64_input_to_float32_weights_warns(kind):
    layer = (LAYERS | CELLS)[kind](FEATURES, HIDDEN, rng=0).astype(np.float32)
    shape = (T, N, FEATURES) if kind in LAYERS else (N, FEATURES)
    with pytest.warns(xe.MixedDtypeWarning, match=f"{kind}\\(4, 6"):
        layer(np.zeros(shape))
    state = np.zeros((1, N, HIDDEN) if kind in LAYERS else (N, HIDDEN))
    with pytest.warns(xe.MixedDtypeWarning, match=f"{kind}\\(4, 6"):
        layer(np.zeros(shape, np.float32), (state.astype(np.float32), state) if "LSTM" in kind else state)


def test_dropout_acts_between_layers_in_training_only():
    gru, x = GRU(FEATURES, 50, 2, dropout=0.5, rng=0), np.ones((T, N, FEATURES))
    plain = GRU(FEATURES, 50, 2, rng=1)
    plain.load_state_dict(gru.state_dict())
    expected = plain(x)[0].data
    assert abs(gru(x)[0].data - expected).max() > 1e-3
    assert abs(gru(x)[0].data - gru(x)[0].data).max() > 1e-3
    np.testing.assert_array_equal(gru(x)[1].data[0], plain(x)[1].data[0])  # the first layer reads what was given
    gru.eval()
    np.testing.assert_array_equal(gru(x)[0].data, expected)


def test_dropout_lets_a_share_of_the_states_pass_scaled_and_the_same_seed_gives_the_same_bits():
    rnn = RNN(2, 4, 2, "relu", bias=False, dropout=0.25, rng=5)
    eye = np.eye(4)
    rnn.load_state_dict({"weight_ih_l0": eye[:, :2] + eye[:, 2:][:, ::-1], "weight_hh_l0": 0 * eye,
                         "weight_ih_l1": eye, "weight_hh_l1": 0 * eye})  # fmt: skip
    x = np.ones((40, 50, 2))
    passed = rnn(x)[0].data[:, :, :1]
    kept = passed != 0
    np.testing.assert_allclose(passed[kept], 1 / 0.75)
    assert 0.72 < kept.mean() < 0.78
    first, second = (GRU(3, 4, 2, dropout=0.5, rng=8)(np.ones((3, 2, 3)))[0].data for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_librarys_seed_decides_parameters_and_dropout():
    results = []
    for _ in range(2):
        xe.seed(4)
        gru = GRU(3, 4, 2, dropout=0.5)
        results.append(gru(np.ones((3, 2, 3)))[0].data)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_copy_follows_the_librarys_seed_too(kind, copied):
    layer, x = LAYERS[kind](3, 4, 2, dropout=0.5), np.ones((3, 2, 3))
    results = []
    for one in (layer, copied(layer), copied(layer)):
        xe.seed(4)
        results.append(one(x)[0].data)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    own = LAYERS[kind](3, 4, 2, dropout=0.5, rng=0)
    other = copied(own)
    np.testing.assert_array_equal(own(x)[0].data, other(x)[0].data)  # a generator of its own is copied


def test_dropout_in_one_layer_warns_that_it_does_nothing():
    with pytest.warns(xe.XeWarning, match="GRU: dropout=0.5 does nothing in one layer") as caught:
        GRU(3, 4, dropout=0.5)
    assert caught[0].filename == __file__


def test_no_gradient_flows_through_a_detached_state():
    gru = GRU(FEATURES, HIDDEN, rng=0)
    x = xe.tensor(rng().standard_normal((T, N, FEATURES)), requires_grad=True)
    _, h = gru(x)
    output, _ = gru(np.ones((T, N, FEATURES)), h.detach())
    output.sum().backward()
    assert x.grad is None and gru.weight_hh_l0.grad is not None


def test_nothing_is_recorded_without_a_gradient():
    gru = GRU(FEATURES, HIDDEN, rng=0)
    with xe.no_grad():
        output, h = gru(np.ones((T, N, FEATURES)))
    assert not output.requires_grad and not h.requires_grad


@pytest.mark.parametrize("count", [*range(1, 12), 50])
def test_cutting_into_steps_gives_every_slice_in_order(count):
    x = xe.tensor(rng().standard_normal((count, 2)), requires_grad=True)
    steps = in_steps(x)
    np.testing.assert_array_equal(np.stack(steps).data, x.data)
    sum(i * step.sum() for i, step in enumerate(steps)).backward()
    np.testing.assert_array_equal(x.grad, np.repeat(np.arange(count)[:, None], 2, 1))


def test_a_sequence_may_have_one_step_and_a_batch_no_sequences():
    gru = GRU(FEATURES, HIDDEN, bidirectional=True, rng=0)
    assert gru(np.ones((1, N, FEATURES)))[0].shape == (1, N, 2 * HIDDEN)
    assert gru(np.ones((T, 0, FEATURES)))[0].shape == (T, 0, 2 * HIDDEN)


WRONG = [
    ((FEATURES,), r"GRU\(4, 6\): the input has shape \(4,\); expected \(T, N, 4\), T steps of N"),
    ((2, 3, 4, 4), r"expected \(T, N, 4\), T steps of N sequences, or \(T, 4\), a single one"),
    ((T, N, 3), r"GRU\(4, 6\): the input has shape \(5, 3, 3\); its last axis must have length 4"),
    ((0, N, FEATURES), r"GRU\(4, 6\): the input has shape \(0, 3, 4\); expected 1 step or more"),
]


@pytest.mark.parametrize("shape, message", WRONG)
def test_a_wrong_input_shape_is_named_with_the_right_one(shape, message):
    with pytest.raises(xe.ShapeError, match=message):
        GRU(FEATURES, HIDDEN)(np.zeros(shape))


def test_the_message_follows_batch_first():
    with pytest.raises(xe.ShapeError, match=r"GRU\(4, 6, batch_first=True\).*expected \(N, T, 4\)"):
        GRU(FEATURES, HIDDEN, batch_first=True)(np.zeros(4))
    with pytest.raises(xe.ShapeError, match="expected 1 step or more"):
        GRU(FEATURES, HIDDEN, batch_first=True)(np.zeros((N, 0, FEATURES)))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_wrong_state_shape_is_named_with_the_right_one(kind):
    layer, x = LAYERS[kind](FEATURES, HIDDEN, 2, bidirectional=True), np.zeros((T, N, FEATURES))
    right, wrong = np.zeros((4, N, HIDDEN)), np.zeros((2, N, HIDDEN))
    with pytest.raises(xe.ShapeError, match=r"the state . has shape \(2, 3, 6\), expected \(4, 3, 6\)"):
        layer(x, (right, wrong) if kind == "LSTM" else wrong)


def test_an_lstm_asks_for_a_pair():
    with pytest.raises(xe.ShapeError, match=r"LSTM\(4, 6\): the state is one array; expected a pair.\n  Write \("):
        LSTM(FEATURES, HIDDEN)(np.zeros((T, N, FEATURES)), np.zeros((1, N, HIDDEN)))
    with pytest.raises(xe.ShapeError, match="the state is 3 arrays; expected a pair"):
        LSTMCell(FEATURES, HIDDEN)(np.zeros((N, FEATURES)), (np.zeros((N, HIDDEN)),) * 3)


def test_a_gru_given_the_state_of_an_lstm_says_what_it_expects():
    h = np.zeros((1, N, HIDDEN))
    with pytest.raises(xe.ShapeError, match=r"GRU\(4, 6\): the state is 2 arrays; expected one array, of shape"):
        GRU(FEATURES, HIDDEN)(np.zeros((T, N, FEATURES)), (h, h))


def test_a_cell_names_the_layer_for_whole_sequences():
    with pytest.raises(xe.ShapeError, match=r"GRUCell\(4, 6\): the input has shape \(5, 3, 4\)(?s:.*)or GRU for all"):
        GRUCell(FEATURES, HIDDEN)(np.zeros((T, N, FEATURES)))
    with pytest.raises(xe.ShapeError, match="its last axis must have length 4"):
        GRUCell(FEATURES, HIDDEN)(np.zeros((N, 3)))


def test_whole_numbers_are_refused():
    with pytest.raises(xe.DTypeError, match="int64"):
        GRU(FEATURES, HIDDEN)(np.zeros((T, N, FEATURES), int))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GRU(0, 3), "GRU: input_size is 0"),
        (lambda: LSTMCell(3, 0), "LSTMCell: hidden_size is 0"),
        (lambda: LSTM(3, 4, 0), "LSTM: num_layers is 0"),
        (lambda: GRU(3, 4, 2, dropout=1.5), "GRU: dropout: p is 1.5; it is the share"),
        (lambda: RNN(3, 4, nonlinearity="sigmoid"), "RNN: nonlinearity is 'sigmoid'; it can be 'tanh' or 'relu'"),
        (lambda: RNNCell(3, 4, nonlinearity="gelu"), "RNNCell: nonlinearity is 'gelu'"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(xe.ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    "layer, text",
    [
        (lambda: RNN(3, 4), "RNN(3, 4)"),
        (lambda: GRU(3, 4, 2, dropout=0.5), "GRU(3, 4, num_layers=2, dropout=0.5)"),
        (lambda: LSTM(3, 4, bias=False, batch_first=True), "LSTM(3, 4, bias=False, batch_first=True)"),
        (lambda: GRUCell(3, 4, bias=False), "GRUCell(3, 4, bias=False)"),
        (lambda: RNNCell(3, 4, nonlinearity="relu"), "RNNCell(3, 4, nonlinearity='relu')"),
    ],
)
def test_the_repr_is_pytorchs(torch, layer, text):
    assert repr(layer()).split("  #")[0] == text
    assert repr(eval(f"torch.nn.{text}")) == text.replace("'", "")  # PyTorch's has no quotes


def test_the_repr_of_an_rnn_tells_of_relu():
    text = "RNN(3, 4, bias=False, nonlinearity='relu')  # 28 parameters"
    assert repr(RNN(3, 4, nonlinearity="relu", bias=False)) == text


def test_a_gru_learns_to_remember_the_first_of_eight_steps():
    draws = rng(0)
    gru, out = GRU(2, 8, rng=0), xe.tensor(0.1 * draws.standard_normal((8, 1)), requires_grad=True)
    parameters = [*gru.parameters(), out]
    momenta = [(np.zeros(p.shape), np.zeros(p.shape)) for p in parameters]
    for step in range(1, 151):
        bits = draws.integers(0, 2, (8, 32))
        x = np.stack([bits, np.broadcast_to(np.arange(8)[:, None] == 0, bits.shape)], -1).astype(float)
        loss = xe.losses.sigmoid_cross_entropy_with_logits(
            labels=bits[0].astype(float), logits=(gru(x)[1][0] @ out)[:, 0], reduction="mean"
        )
        for p in parameters:
            p.zero_grad()
        loss.backward()
        for p, (m, v) in zip(parameters, momenta, strict=True):  # Adam
            m[...], v[...] = 0.9 * m + 0.1 * p.grad, 0.999 * v + 0.001 * p.grad**2
            p.assign(p.data - 0.03 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8))
    assert loss.item() < 0.02


def test_making_and_calling_layers_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GRU(3, 4, 2, dropout=0.5)(np.ones((2, 2, 3)))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("after", [
    lambda: xe.nn.Linear(HIDDEN, 1), lambda: xe.nn.LayerNorm(HIDDEN), lambda: GRU(HIDDEN, 1), lambda: xe.nn.Flatten(),
    lambda: xe.nn.MaxPool1d(2), lambda: xe.nn.Dropout(0.5),
])  # fmt: skip
def test_a_layer_behind_one_that_returns_its_state_too_says_what_to_take(kind, after):
    x, layer = rng().standard_normal((T, N, FEATURES)), after()
    with pytest.raises(xe.DTypeError) as error:
        xe.nn.Sequential(LAYERS[kind](FEATURES, HIDDEN), layer)(x)
    said = str(error.value)
    assert said.startswith(f"{type(layer).__name__}(") and "the input is a tuple of 2; expected one array." in said
    assert "GRU, LSTM, RNN and attention return (output, state).\n  Write output[0]; in a Sequential put lambda" in said
    fixed = xe.nn.Sequential(LAYERS[kind](FEATURES, HIDDEN), lambda output: output[0], layer)
    assert fixed(x) is not None
