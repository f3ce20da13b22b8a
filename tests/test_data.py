"""The embedded data sets: values, splits, scaling, names, licences and messages."""

import copy
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from tinygrad_xe import data
from tinygrad_xe.data import embedded
from tinygrad_xe.errors import DTypeError

LOADERS = {"breast_cancer": data.load_breast_cancer, "digits": data.load_digits, "iris": data.load_iris}
SHAPES = {"breast_cancer": (569, 30, 2), "digits": (1797, 64, 10), "iris": (150, 4, 3)}
PARTS = {"breast_cancer": (427, 142), "digits": (1347, 450), "iris": (114, 36)}
FOLDER = Path(embedded.__file__).parent

every_set = pytest.mark.parametrize("name", sorted(LOADERS))


def archive(name):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


@every_set
def test_the_values_are_those_of_scikit_learn_bit_for_bit(name):
    datasets = pytest.importorskip("sklearn.datasets", reason="the oracle is scikit-learn's copy of the data")
    theirs = getattr(datasets, f"load_{name}")()
    ours = LOADERS[name]()
    assert ours.X.dtype == theirs.data.dtype == np.float64
    assert ours.X.tobytes() == np.ascontiguousarray(theirs.data).tobytes()
    np.testing.assert_array_equal(ours.y, theirs.target, strict=True)
    assert ours.feature_names == tuple(map(str, theirs.feature_names))
    assert ours.target_names == tuple(map(str, theirs.target_names))


@every_set
def test_standardizing_the_test_part_equals_scikit_learn_fitted_on_the_training_part(name):
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="the oracle is scikit-learn's StandardScaler")
    load = LOADERS[name]
    scaler = preprocessing.StandardScaler().fit(load(split="train").X)
    for split in ("train", "test", None):
        expected = scaler.transform(load(split=split).X)
        np.testing.assert_allclose(load(split=split, standardize=True).X, expected, rtol=1e-12, atol=1e-12)


@every_set
def test_shapes_and_dtypes_are_as_documented(name):
    samples, features, classes = SHAPES[name]
    X, y = LOADERS[name]()
    assert X.shape == (samples, features) and X.dtype == np.float64
    assert y.shape == (samples,) and y.dtype == np.int64
    assert np.unique(y).tolist() == list(range(classes))
    assert np.isfinite(X).all()


@every_set
def test_the_two_parts_share_no_row_and_make_the_whole_in_order(name):
    train = archive(name)["train"]
    whole, part, rest = LOADERS[name](), LOADERS[name](split="train"), LOADERS[name](split="test")
    assert (len(part.y), len(rest.y)) == PARTS[name]
    np.testing.assert_array_equal(part.X, whole.X[train])
    np.testing.assert_array_equal(rest.X, whole.X[~train])
    np.testing.assert_array_equal(part.y, whole.y[train])
    np.testing.assert_array_equal(rest.y, whole.y[~train])


@every_set
def test_the_split_takes_a_quarter_of_each_class(name):
    counts = np.bincount(LOADERS[name]().y)
    held_out = np.bincount(LOADERS[name](split="test").y)
    assert (np.abs(held_out - counts / 4) <= 0.5).all()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("breast_cancer", "6d57364318132ce8"),
        ("digits", "72067e6643bbd82d"),
        ("iris", "554a420adf71e58f"),
    ],
)
def test_the_split_is_the_stored_one_for_good(name, digest):
    assert hashlib.sha256(np.packbits(archive(name)["train"]).tobytes()).hexdigest()[:16] == digest


@every_set
def test_standardized_training_columns_have_mean_0_and_deviation_1(name):
    X = LOADERS[name](split="train", standardize=True).X
    constant = np.ptp(LOADERS[name](split="train").X, axis=0) == 0
    assert constant.sum() == (3 if name == "digits" else 0)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(X[:, ~constant].std(axis=0), 1, rtol=1e-13)
    assert (X[:, constant] == 0).all()


@every_set
def test_the_whole_standardized_holds_the_same_rows_as_its_parts(name):
    train = archive(name)["train"]
    X = LOADERS[name](standardize=True).X
    np.testing.assert_array_equal(X[train], LOADERS[name](split="train", standardize=True).X)
    np.testing.assert_array_equal(X[~train], LOADERS[name](split="test", standardize=True).X)


def test_a_column_constant_in_the_training_rows_alone_becomes_0_everywhere():
    X = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 9.0]])
    np.testing.assert_array_equal(embedded._standardized(X, X[:2]), [[-1, 0], [1, 0], [0, 0]])


@every_set
@pytest.mark.parametrize("dtype", [np.float32, "float16", np.longdouble, float])
def test_the_dtype_asked_for_is_the_float64_value_rounded_once(name, dtype):
    X, y = LOADERS[name](standardize=True, dtype=dtype)
    assert X.dtype == np.dtype(dtype) and y.dtype == np.int64
    np.testing.assert_array_equal(X, LOADERS[name](standardize=True).X.astype(dtype))


@every_set
@pytest.mark.parametrize("split", ["Train", "validation", "", 0, True, 0.25, ["train"], np.array(["train", "test"])])
def test_a_wrong_split_is_named_with_what_to_write(name, split):
    with pytest.raises(ValueError, match=rf'load_{name}: split is (?s:.*) must be "train", "test", or None') as error:
        LOADERS[name](split=split)
    assert repr(split) in str(error.value)
    assert f'Write load_{name}(split="train")' in str(error.value)


@every_set
@pytest.mark.parametrize("dtype", [int, np.uint8, bool, complex, object, str, "no such dtype"])
def test_a_dtype_that_is_not_floating_is_refused(name, dtype):
    with pytest.raises(DTypeError, match=rf"load_{name}: dtype is (?s:.*) floating") as error:
        LOADERS[name](dtype=dtype)
    assert repr(dtype) in str(error.value)


@every_set
def test_options_are_keywords_only(name):
    with pytest.raises(TypeError, match="positional"):
        LOADERS[name]("train")


@every_set
def test_the_arrays_are_new_and_writable_at_each_call(name):
    first, second = LOADERS[name](), LOADERS[name]()
    first.X[:] = -1
    first.y[:] = -1
    assert second.X.min() >= 0 and second.y.min() == 0
    assert LOADERS[name]().X.min() >= 0


@every_set
def test_a_data_set_is_a_pair_that_knows_its_names(name):
    _, features, classes = SHAPES[name]
    loaded = LOADERS[name]()
    X, y = loaded
    assert X is loaded.X is loaded[0] and y is loaded.y is loaded[1]
    assert len(loaded.feature_names) == features and len(set(loaded.feature_names)) == features
    assert len(loaded.target_names) == classes and len(set(loaded.target_names)) == classes
    assert loaded.name == name
    assert repr(loaded) == f"Dataset({name}: X {X.shape} float64, y {y.shape} int64, {classes} classes)"
    assert "CC BY 4.0" in loaded.description and "doi:10." in loaded.description


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_keeps_arrays_and_names(duplicate):
    loaded = data.load_iris(split="test")
    twin = duplicate(loaded)
    assert type(twin) is data.Dataset and vars(twin) == vars(loaded) and vars(twin)
    np.testing.assert_array_equal(twin.X, loaded.X)
    np.testing.assert_array_equal(twin.y, loaded.y)


def test_the_classes_are_the_right_way_round():
    X, y = data.load_breast_cancer()
    assert np.bincount(y).tolist() == [212, 357]
    radius = data.load_breast_cancer().feature_names.index("mean radius")
    assert X[y == 0, radius].mean() > X[y == 1, radius].mean(), "malignant nuclei are larger"
    assert "Not for diagnosis" in data.load_breast_cancer().description


def test_the_first_digit_is_a_zero():
    X, y = data.load_digits()
    image = X[0].reshape(8, 8)
    assert y[0] == 0 and image[3:5, 3:5].sum() == 0 and image.max() == 15, "a ring around an empty middle"
    assert X.min() == 0 and X.max() == 16 and (X == X.round()).all()


def test_the_iris_values_are_those_of_the_paper_not_of_the_file_with_errors():
    X, _ = data.load_iris()
    assert X[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert X[37].tolist() == [4.9, 3.6, 1.4, 0.1]


@every_set
def test_an_archive_is_small_and_needs_no_unpickling(name):
    assert (FOLDER / f"{name}.npz").stat().st_size < 150_000
    arrays = archive(name)
    assert sorted(arrays) == ["X", "feature_names", "target_names", "train", "y"]
    assert not any(array.dtype.hasobject for array in arrays.values())
    assert arrays["train"].dtype == bool


@every_set
def test_every_archive_has_its_source_and_licence_beside_it(name):
    text = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    section = text.split(f"## {name}.npz")[1].split("\n## ")[0]
    for wanted in ("Title:", "Author", "https://archive.ics.uci.edu/dataset/", "DOI: [10.24432/", "CC BY 4.0"):
        assert wanted in section
    if name == "breast_cancer":
        assert "Not for diagnosis" in section


def test_no_archive_is_without_a_loader():
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(LOADERS)
