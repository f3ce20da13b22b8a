"""The `DataLoader`: what an epoch hands out, seeds, positions that are saved and restored, and refusals."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe.data import DataLoader
from tinygrad_xe.errors import ArgumentError, DTypeError, GradientLostError, ShapeError

KINDS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


def rows(loader):
    return [batch.tolist() for batch in loader]


def through_json(state):
    return json.loads(json.dumps(state))


@given(n=st.integers(1, 40), size=st.integers(1, 45), shuffle=st.booleans(), drop=st.booleans(), seed=st.integers(0, 9))
def test_an_epoch_has_every_row_once_in_batches_of_the_size_asked_for(n, size, shuffle, drop, seed):
    if drop and n < size:
        with pytest.raises(ArgumentError, match=f"leaves no batch of {size}: there are {n} samples"):
            DataLoader(np.arange(n), size, drop_last=True)
        return
    X, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    loader = DataLoader((X, y), size, shuffle=shuffle, drop_last=drop, rng=seed)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert all(len(labels) == size for _, labels in batches[:-1])
    assert not drop or len(batches[-1][1]) == size
    seen = np.concatenate([labels for _, labels in batches])
    assert len(seen) == (n - n % size if drop else n) == len(set(seen.tolist()))
    assert shuffle or (seen == np.arange(len(seen))).all()
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), X[seen])


@given(
    n=st.integers(1, 30), size=st.integers(1, 10), shuffle=st.booleans(), epochs=st.integers(0, 2),
    taken=st.integers(0, 30), seed=st.integers(0, 9),
)  # fmt: skip
def test_a_restored_loader_hands_out_the_same_batches_from_there_on(n, size, shuffle, epochs, taken, seed):
    loader = DataLoader(np.arange(n), size, shuffle=shuffle, rng=seed)
    for _ in range(epochs):
        rows(loader)
    batches = iter(loader)
    for _ in range(min(taken, len(loader))):
        next(batches)
    state = through_json(loader.state_dict())
    left = [batch.tolist() for batch in batches]
    following = [rows(loader) for _ in range(3)]

    other = DataLoader(np.arange(n), size, shuffle=shuffle, rng=seed + 1)
    other.load_state_dict(state)
    assert other.state_dict() == state
    if left:
        assert rows(other) == left
    assert [rows(other) for _ in range(3)] == following
    assert other.state_dict() == loader.state_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_every_kind_of_generator_goes_through_json(kind):
    loader, other = (DataLoader(np.arange(50), 7, shuffle=True, rng=np.random.Generator(kind(s))) for s in (1, 2))
    next(iter(loader))
    other.load_state_dict(through_json(loader.state_dict()))
    left = rows(other)
    assert len(left) == len(loader) - 1
    assert [rows(other), rows(other)] == [rows(loader), rows(loader)]


def test_the_same_seed_gives_the_same_epochs_and_each_epoch_another_order():
    first, second = (DataLoader(np.arange(100), 10, shuffle=True, rng=3) for _ in range(2))
    epochs = [rows(first) for _ in range(3)]
    assert epochs == [rows(second) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert rows(DataLoader(np.arange(100), 10, shuffle=True, rng=4)) != epochs[0]


def test_the_orders_come_from_the_generator_that_seed_sets():
    loader = DataLoader(np.arange(20), 4, shuffle=True)
    xe.seed(5)
    before = [rows(loader), rows(loader)]
    xe.seed(5)
    assert [rows(loader), rows(loader)] == before


def test_an_epoch_costs_one_draw_whatever_its_length_and_none_when_not_shuffled():
    def drawn(n, shuffle):
        xe.seed(0)
        rows(DataLoader(np.arange(n), 4, shuffle=shuffle))
        return xe.random.state()

    assert drawn(5, True) == drawn(500, True)
    xe.seed(0)
    assert drawn(5, False) == xe.random.state()


def test_resuming_leaves_the_librarys_generator_alone():
    xe.seed(1)
    loader = DataLoader(np.arange(20), 3, shuffle=True)
    batches = iter(loader)
    next(batches)
    state = through_json(loader.state_dict())
    assert state["generator"] is None
    left = [batch.tolist() for batch in batches]
    before = xe.random.state()
    loader.load_state_dict(state)
    assert rows(loader) == left
    assert xe.random.state() == before


def test_with_the_librarys_state_saved_too_the_epochs_that_follow_are_the_same():
    xe.seed(1)
    loader = DataLoader(np.arange(20), 3, shuffle=True)
    next(iter(loader))
    saved = through_json([loader.state_dict(), xe.random.state()])
    following = [rows(loader), rows(loader)]
    xe.seed(99)
    other = DataLoader(np.arange(20), 3, shuffle=True)
    other.load_state_dict(saved[0])
    xe.random.set_state(saved[1])
    assert len(rows(other)) == len(loader) - 1
    assert [rows(other), rows(other)] == following


def test_two_iterators_have_their_own_places_and_the_state_is_of_the_newest():
    loader = DataLoader(np.arange(6), 2, shuffle=True, rng=0)
    first = iter(loader)
    a = next(first)
    second = iter(loader)
    assert loader.state_dict()["epoch"] == 2 and loader.state_dict()["batch"] == 0
    next(second)
    b = list(first)
    assert sorted(np.concatenate([a, *b]).tolist()) == list(range(6))
    assert loader.state_dict()["batch"] == 1
    assert len(list(second)) == 2
    assert loader.state_dict()["batch"] == 3


def test_a_loop_that_is_left_starts_anew_at_the_next():
    loader = DataLoader(np.arange(6), 2)
    for _ in loader:
        break
    assert rows(loader) == [[0, 1], [2, 3], [4, 5]]


def test_the_position_counts_batches_handed_out_and_epochs_begun():
    loader = DataLoader(np.arange(4), 2, rng=0)
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (0, 0)
    batches = iter(loader)
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (1, 0)
    next(batches)
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (1, 1)


def test_a_state_saved_before_the_first_epoch_starts_the_same_first_epoch():
    loader = DataLoader(np.arange(9), 2, shuffle=True, rng=0)
    state = through_json(loader.state_dict())
    expected = rows(loader)
    other = DataLoader(np.arange(9), 2, shuffle=True, rng=8)
    other.load_state_dict(state)
    assert rows(other) == expected


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_is_a_copy(shuffle):
    X = np.zeros((4, 2))
    for x in DataLoader(X, 2, shuffle=shuffle):
        x += 1
    assert (X == 0).all()


def test_arrays_are_not_copied_and_lists_are_made_arrays_once():
    X = np.arange(4.0)
    loader = DataLoader((X, [[1], [2], [3], [4]]), 2)
    assert loader.arrays[0] is X and loader.samples == 4
    x, y = next(iter(loader))
    assert isinstance(y, np.ndarray) and y.shape == (2, 1) and x.tolist() == [0, 1]


def test_a_data_set_and_a_tensor_are_data():
    X, y = next(iter(DataLoader(xe.data.load_iris(), 5)))
    assert X.shape == (5, 4) and y.shape == (5,)
    assert rows(DataLoader(xe.tensor([1.0, 2.0, 3.0]), 2)) == [[1, 2], [3]]
    with pytest.raises(GradientLostError):
        DataLoader(xe.tensor([1.0, 2.0], requires_grad=True))


def test_views_with_strides_and_memory_maps_are_served(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(20).reshape(10, 2))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for data in (mapped, np.lib.stride_tricks.sliding_window_view(np.arange(12), 3), np.arange(20).reshape(2, 10).T):
        batches = list(DataLoader(data, 3, shuffle=True, rng=0))
        np.testing.assert_array_equal(np.sort(np.concatenate(batches)[:, 0]), np.sort(data[:, 0]))
        assert all(batch.flags.writeable and batch.flags.owndata for batch in batches)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((np.zeros((3, 2)), np.zeros(4)), r"data\[0\] has 3 samples, shape \(3, 2\), but data\[1\] has 4, shape"),
        (np.zeros((0, 2)), r"data has shape \(0, 2\): there are no samples"),
        ([], r"data has shape \(0,\): there are no samples"),
        ((), "data is an empty tuple"),
        (3.0, "data is a single number"),
        (([1, 2], 3), r"data\[1\] is a single number"),
        ([[1, 2], [3]], "data is no array"),
    ],
)
def test_shapes_that_do_not_go_together_are_named(data, message):
    with pytest.raises(ShapeError, match=f"DataLoader: {message}"):
        DataLoader(data)


def test_a_list_of_arrays_is_refused_since_it_may_mean_two_things():
    with pytest.raises(DTypeError, match=r"list of 2 arrays(?s:.*)Write DataLoader\(\(X, y\)\)"):
        DataLoader([np.zeros(3), np.zeros(3)])


@pytest.mark.parametrize("data", [np.array([None, 1]), [object()], np.ma.array([1, 2], mask=[0, 1])])
def test_objects_and_masks_are_refused(data):
    with pytest.raises(DTypeError, match=r"DataLoader: data is an? (array of objects|masked array)"):
        DataLoader(data)


@pytest.mark.parametrize("size", [0, -1, np.int64(0)])
def test_a_batch_size_below_1_is_refused(size):
    with pytest.raises(ArgumentError, match=f"batch_size is {size}; expected 1 or more"):
        DataLoader(np.zeros(3), size)


@pytest.mark.parametrize(("size", "meant"), [(2.0, 2), (2.5, 2), (True, 1), ("4", 1), (None, 1), (float("nan"), 1)])
def test_a_batch_size_that_is_no_whole_number_is_refused(size, meant):
    with pytest.raises(DTypeError, match=rf"batch_size is (?s:.*) whole number.\n  Write batch_size={meant}\."):
        DataLoader(np.zeros(3), size)


@pytest.mark.parametrize("option", ["shuffle", "drop_last"])
def test_a_switch_that_is_neither_true_nor_false_is_refused(option):
    with pytest.raises(DTypeError, match=f"{option} is 1; expected True or False"):
        DataLoader(np.zeros(3), **{option: 1})


def test_a_wrong_rng_is_refused_at_once():
    with pytest.raises(DTypeError, match="rng"):
        DataLoader(np.zeros(3), rng=np.random.RandomState(0))


def test_options_are_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        DataLoader(np.zeros(3), 2, True)


def test_the_options_show():
    shown = "DataLoader(1 array of 3 samples, batch_size=2, shuffle=False, drop_last=False)"
    assert repr(DataLoader(np.zeros(3), 2)) == shown


def saved():
    loader = DataLoader(np.arange(10), 3, shuffle=True, rng=0)
    next(iter(loader))
    return loader.state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 11}, "saved with samples=11, this loader has samples=10"),
        ({"batch_size": 4}, "saved with batch_size=4, this loader has batch_size=3"),
        ({"shuffle": False}, "saved with shuffle=False"),
        ({"shuffle": 1}, "saved with shuffle=1"),
        ({"drop_last": True}, "saved with drop_last=True"),
        ({"epoch": -1}, r"state\['epoch'\] is -1"),
        ({"epoch": 1.0}, r"state\['epoch'\] is 1.0"),
        ({"batch": 5}, r"state\['batch'\] is 5; expected a whole number, from 0 to 4"),
        ({"batch": True}, r"state\['batch'\] is True"),
        ({"seed": None}, r"state\['seed'\] is None"),
        ({"seed": 2**53}, r"state\['seed'\]"),
        ({"epoch": 0, "batch": 0}, r"state\['seed'\] is \d+; nothing was shuffled"),
        ({"generator": None}, "draws from the library's generator; this loader draws from one of its own"),
        ({"generator": 3}, "not the state of a PCG64"),
        ({"generator": {}}, "not the state of a PCG64"),
        ({"generator": {"bit_generator": "MT19937"}}, "not the state of a PCG64"),
        ({"more": 1}, "'more' is unknown"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    loader = DataLoader(np.arange(10), 3, shuffle=True, rng=7)
    next(iter(loader))
    before = copy.deepcopy(loader.state_dict())
    with pytest.raises(ArgumentError, match=f"DataLoader.load_state_dict: (?s:.*){message}"):
        loader.load_state_dict({**saved(), **change})
    assert loader.state_dict() == before


def test_a_missing_key_and_a_state_that_is_no_dict_are_named():
    loader = DataLoader(np.arange(10), 3, shuffle=True, rng=7)
    with pytest.raises(ArgumentError, match="'seed' is missing"):
        loader.load_state_dict({key: value for key, value in saved().items() if key != "seed"})
    with pytest.raises(ArgumentError, match="state is a list"):
        loader.load_state_dict([1])


def test_a_state_of_a_generator_with_numbers_out_of_range_is_refused():
    state = saved()
    state["generator"]["state"]["state"] = -1
    with pytest.raises(ArgumentError, match="not the state of a PCG64"):
        DataLoader(np.arange(10), 3, shuffle=True, rng=7).load_state_dict(state)


def test_a_state_of_a_generator_with_more_than_it_has_is_refused():
    state = saved()
    state["generator"]["more"] = 1
    with pytest.raises(ArgumentError, match="it does not read back as written"):
        DataLoader(np.arange(10), 3, shuffle=True, rng=7).load_state_dict(state)


def test_a_loader_of_the_librarys_generator_refuses_a_state_with_a_generator():
    with pytest.raises(ArgumentError, match="one of its own; this loader draws from the library's"):
        DataLoader(np.arange(10), 3, shuffle=True).load_state_dict(saved())
