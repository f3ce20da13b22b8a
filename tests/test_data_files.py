"""NumPy's files and IDX files: round trips, foreign, damaged and hostile ones."""

import gzip
import io
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from tinygrad_xe.data import load_idx, load_mnist, load_npy, load_npz
from tinygrad_xe.errors import ArgumentError, DTypeError

IDX_TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

some_arrays = arrays_of.arrays(
    st.sampled_from(["<f8", ">f4", "<i8", ">u2", "?", "<c16", "<U3", "S2", "<M8[s]", "f2"]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def idx(array):
    head = bytes([0, 0, IDX_TYPES[array.dtype.str[1:]], array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "data.bin"


def fault(load, path):
    """What is wrong with the file, or None."""
    try:
        load(path)
    except (ArgumentError, DTypeError) as error:
        return error
    return None


def memory(call):
    """The most memory that ``call`` took, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@given(array=some_arrays, fortran=st.booleans())
def test_an_npy_file_comes_back_as_it_was(path, array, fortran):
    given_order = np.asfortranarray(array) if fortran and array.ndim else array
    path.write_bytes(npy(given_order))
    back = load_npy(path)
    assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes()
    assert back.flags.writeable


@given(arrays=st.dictionaries(st.text("abxy_", min_size=1, max_size=4), some_arrays, max_size=3), packed=st.booleans())
def test_an_npz_file_comes_back_by_name(path, arrays, packed):
    with path.open("wb") as file:
        (np.savez_compressed if packed else np.savez)(file, **arrays)
    back = load_npz(path)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


def test_both_versions_of_the_header_and_records_are_read(path):
    records = np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    for version in ((1, 0), (2, 0)):
        path.write_bytes(npy(records, version=version))
        np.testing.assert_array_equal(load_npy(path), records)


def test_the_embedded_sets_are_npz_files():
    import tinygrad_xe.data.embedded as embedded

    assert load_npz(embedded.__file__.replace("embedded.py", "iris.npz"))["X"].shape == (150, 4)


def test_objects_are_refused_and_never_unpickled(path):
    objects = np.array([{"a": 1}], dtype=object)
    path.write_bytes(npy(objects))
    with pytest.raises(DTypeError, match=rf"load_npy: {re.escape(str(path))}: an array of Python objects"):
        load_npy(path)
    np.savez(path.with_suffix(".npz"), x=np.ones(2), y=objects)
    with pytest.raises(DTypeError, match=r"data\.npz: 'y': an array of Python objects"):
        load_npz(path.with_suffix(".npz"))


def header(shape, descr="<f8", fortran=False):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a .npy file; it begins with b''"),
        (b"a,b\n1,2\n", "not a .npy file"),
        (b"\x93NUMPY\x03\x00\x10\x00\x00\x00", "version 3.0"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "the header takes 4294967295 bytes, the whole file 14"),
        (b"\x93NUMPY\x01\x00\x02\x00{}", "the header is damaged"),
        (b"\x93NUMPY\x01\x00\x02\x00((", "the header is damaged"),
        (header((2**60,)), "takes 9223372036854775808 bytes, 0 are there"),
        (header((2**40, 2**40, 0)), "is impossible"),
        (header((-1,)) + b"\0" * 8, "cut short or damaged"),
        (header((2,)) + b"\0" * 15, "takes 16 bytes, 15 are there"),
        (header((1,)) + b"\0" * 16, "takes 8 bytes, 16 are there(?s:.*)more than one array"),
        (header((1,), "no dtype"), "the header is damaged"),
    ],
)
def test_a_foreign_or_damaged_npy_file_is_named_with_its_fault(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match=f"load_npy: {re.escape(str(path))}: (?s:.*){message}"):
        load_npy(path)


def write_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)


def test_a_foreign_or_damaged_npz_file_is_named_with_its_fault(path):
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ArgumentError, match=r"no \.npz file, or a damaged one"):
        load_npz(path)
    path.write_bytes(npy(np.ones(2)))
    with pytest.raises(ArgumentError, match=r"Write load_npy\(path\)"):
        load_npz(path)
    write_zip(path, [("notes.txt", "hello")])
    with pytest.raises(ArgumentError, match=r"the member 'notes.txt' is not an array"):
        load_npz(path)
    write_zip(path, [("x.npy", b"hello, this is text")])
    with pytest.raises(ArgumentError, match=r"data.bin: 'x': not a .npy file"):
        load_npz(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip(path, [("x.npy", npy(np.ones(1)))] * 2)
    with pytest.raises(ArgumentError, match=r"'x.npy' stands there twice"):
        load_npz(path)


def test_an_archive_that_needs_more_memory_than_allowed_is_refused(path):
    with path.open("wb") as file:
        np.savez_compressed(file, x=np.zeros(100_000))
    assert path.stat().st_size < 2000
    with pytest.raises(ArgumentError, match=r"need 8001\d\d bytes, more than max_bytes=10000(?s:.*)max_bytes=8001"):
        load_npz(path, max_bytes=10_000)
    assert load_npz(path, max_bytes=800_200)["x"].shape == (100_000,)


def test_an_archive_that_claims_more_than_it_can_hold_is_refused_before_memory_is_taken(path):
    write_zip(path, [("x.npy", header((2**28,)) + b"\0" * 80)], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArgumentError, match="takes 2147483648 bytes, 80 are there"):
        load_npz(path)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 2**31)
    path.write_bytes(content)

    def refused():
        with pytest.raises(ArgumentError, match="claims 2147483648 bytes out of"):
            load_npz(path)

    assert memory(refused) < 10**6


def test_a_member_that_is_shorter_than_the_archive_says_is_refused(path):
    begin = header((20,))
    write_zip(path, [("x.npy", begin + b"\0" * 80)], compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", len(begin) + 160)
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match="'x': cut short: 80 of 160 bytes are there"):
        load_npz(path)


@settings(max_examples=300)
@given(st.data())
def test_a_changed_or_cut_npz_file_gives_an_array_or_an_error_that_names_the_file(path, data):
    content = bytearray(FUZZED)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for load in (load_npz, load_npy, load_idx):
        error = fault(load, path)
        assert error is None or str(path) in str(error)


def fuzzed():
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.arange(6.0).reshape(2, 3), y=np.array(["a", "bc"]))
    return stream.getvalue()


FUZZED = fuzzed()


@given(
    array=arrays_of.arrays(
        st.sampled_from([kind if kind[1] == "1" else f"<{kind}" for kind in IDX_TYPES]),
        arrays_of.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    ),
    packed=st.booleans(),
)
def test_an_idx_file_of_any_type_comes_back_in_native_order(path, array, packed):
    path.write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))
    back = load_idx(path)
    assert back.dtype == array.dtype.newbyteorder("=") and back.dtype.isnative and back.shape == array.shape
    assert back.tobytes() == array.astype(back.dtype).tobytes()
    assert back.flags.writeable


@settings(max_examples=200)
@given(cut=st.integers(0, 39), packed=st.booleans())
def test_a_cut_idx_file_is_an_error_that_names_the_file(path, cut, packed):
    whole = idx(np.arange(28, dtype="u1").reshape(4, 7))
    assert len(whole) == 40
    content = gzip.compress(whole, mtime=0) if packed else whole
    path.write_bytes(content[: cut * len(content) // 40])
    with pytest.raises(ArgumentError, match=f"load_idx: {re.escape(str(path))}: "):
        load_idx(path)


@settings(max_examples=300)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), packed=st.booleans())
def test_a_changed_idx_file_gives_an_array_or_an_error_that_names_the_file(path, place, value, packed):
    content = idx(np.arange(6, dtype="<i4").reshape(2, 3))
    content = bytearray(gzip.compress(content, mtime=0) if packed else content)
    content[place % len(content)] = value
    path.write_bytes(content)
    error = fault(load_idx, path)
    assert error is None or str(path) in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it begins with nothing"),
        (b"\x89PNG\r\n", "not an IDX file: it begins with 89 50 4e 47"),
        (b"\0\0\x07\x01" + b"\0" * 8, "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (b"\0\0\x08\x21" + b"\0" * 200, "not an IDX file"),
        (b"\0\0\x08\x02\0\0\0\1", "cut short in the extents of its 2 axes"),
        (b"\0\0\x08\x01\0\0\0\2\1", r"shape \(2,\) of uint8 takes 2 bytes, 1 are there"),
        (b"\0\0\x08\x01\0\0\0\1\1\1", "takes 1 bytes, more are there"),
        (b"\0\0\x0e\x02" + b"\xff" * 8, "takes 147573952520956936200 bytes, 0 are there"),
        (b"\0\0\x08\x03" + b"\xff" * 8 + b"\0" * 4, "is impossible"),
        (gzip.compress(b"\0\0\x0e\x02" + b"\xff" * 8, mtime=0), "bytes, at most"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\2\1", mtime=0), "1 are there: cut short"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\1\1", mtime=0) + b"more", "cut short or damaged: Not a gzipped"),
        (b"\x1f\x8b\x08", "the compressed file is cut short or damaged"),
    ],
)
def test_a_foreign_or_damaged_idx_file_is_named_with_its_fault(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match=f"load_idx: {re.escape(str(path))}: (?s:.*){message}"):
        load_idx(path)


def test_a_hostile_header_takes_no_memory(path):
    def refused(content, message):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match=message):
            load_idx(path)

    claim = b"\0\0\x08\x04" + struct.pack(">4I", 2**15, 2**15, 2**15, 2**15)
    assert memory(lambda: refused(claim, "takes 1152921504606846976 bytes, 0 are there")) < 10**6
    assert memory(lambda: refused(gzip.compress(claim, mtime=0), "takes 1152921504606846976 bytes, at most")) < 10**6
    zeros = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 10**7) + b"\0" * 10**7, mtime=0)
    path.write_bytes(zeros)

    def limited():
        with pytest.raises(ArgumentError, match=r"more than max_bytes=1000\.\n  Write max_bytes=10000000"):
            load_idx(path, max_bytes=1000)

    assert memory(limited) < 10**6


@pytest.mark.parametrize("load", [load_npy, load_npz, load_idx])
def test_a_file_that_is_not_there_is_the_systems_error(load, tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("load", [load_npz, load_idx])
@pytest.mark.parametrize("limit", [0, 1.5])
def test_an_impossible_limit_is_refused(load, limit, path):
    with pytest.raises((ArgumentError, DTypeError), match="max_bytes"):
        load(path, max_bytes=limit)


def mnist(folder, *, packed=False, dotted=False, **changes):
    rng = np.random.default_rng(0)
    parts = {
        "train-images-idx3": rng.integers(0, 256, (6, 3, 2)).astype("u1"),
        "train-labels-idx1": np.array([0, 1, 2, 3, 2, 1], "u1"),
        "t10k-images-idx3": rng.integers(0, 256, (2, 3, 2)).astype("u1"),
        "t10k-labels-idx1": np.array([4, 0], "u1"),
    }
    parts.update({name.replace("_", "-"): array for name, array in changes.items()})
    for name, array in parts.items():
        known = (name.replace("-idx", ".idx") if dotted else name) + "-ubyte"
        (folder / (known + ".gz" * packed)).write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))
    return parts


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_mnists_four_files_become_two_sets(tmp_path, packed, dotted):
    parts = mnist(tmp_path, packed=packed, dotted=dotted)
    train, test = load_mnist(tmp_path)
    assert train.X.shape == (6, 6) and train.X.dtype == np.float32 and train.y.dtype == np.int64
    assert train.target_names == test.target_names == ("0", "1", "2", "3", "4")
    assert train.feature_names[:3] == ("pixel 0 0", "pixel 0 1", "pixel 1 0")
    expected = (parts["t10k-images-idx3"].reshape(2, 6) / 255).astype(np.float32)
    np.testing.assert_array_equal(test.X, expected)
    np.testing.assert_array_equal(test.y, [4, 0])
    np.testing.assert_array_equal(load_mnist(tmp_path, dtype=float)[1].X, parts["t10k-images-idx3"].reshape(2, 6) / 255)


def test_a_missing_file_of_mnist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no train-images-idx3-ubyte, with or without"):
        load_mnist(tmp_path)


def test_images_and_labels_that_do_not_go_together_are_refused(tmp_path):
    mnist(tmp_path, train_labels_idx1=np.zeros(5, "u1"))
    with pytest.raises(ArgumentError, match=r"train-labels-idx1-ubyte: uint8 of shape \(5,\); expected a label"):
        load_mnist(tmp_path)
    mnist(tmp_path, t10k_images_idx3=np.zeros((2, 6), "u1"))
    with pytest.raises(ArgumentError, match=r"t10k-images-idx3-ubyte: uint8 of shape \(2, 6\); expected images"):
        load_mnist(tmp_path)
    with pytest.raises(DTypeError, match="load_mnist: dtype"):
        load_mnist(tmp_path, dtype=int)
