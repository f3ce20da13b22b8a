"""save and load: weights in one file, which PyTorch reads too; a file that is not whole is named."""

import io
import os
import sys
import zipfile

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import nn
from tinygrad_xe.checkpoints import load, save
from tinygrad_xe.errors import ArgumentError, DTypeError, FileError

FORMATS = ("safetensors", "npz")


@pytest.fixture(params=FORMATS)
def suffix(request):
    if request.param == "safetensors":
        pytest.importorskip("safetensors", reason="safetensors, of the extra [save], is not installed")
    return request.param


def convnet():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, rng=1)
    )


def test_weights_come_back_to_the_bit(tmp_path, suffix):
    for dtype in (np.float64, np.float32):
        model = convnet().astype(dtype)
        model(np.random.default_rng(0).normal(size=(5, 1, 4, 4)).astype(dtype))  # moves the running statistics
        path = tmp_path / f"model.{suffix}"
        save(model, path)
        loaded = load(str(path))
        assert sorted(loaded) == sorted(model.state_dict())
        for name, value in model.state_dict().items():
            assert loaded[name].tobytes() == value.tobytes()
            assert (loaded[name].dtype, loaded[name].shape) == (value.dtype, value.shape)
            assert loaded[name].flags.writeable
        other = convnet().astype(dtype)
        other.load_state_dict(loaded)
        np.testing.assert_array_equal(other[0].weight.data, model[0].weight.data)
    assert [p.name for p in tmp_path.iterdir()] == [f"model.{suffix}"]


def test_any_names_layouts_and_kinds_of_numbers_are_kept(tmp_path, suffix):
    arrays = {
        "file": np.arange(3), "self": np.array(2.5), "a/b.c": np.zeros((2, 0, 3)), "T": np.arange(6.0).reshape(2, 3).T,
        "mask": np.array([True, False]), "é": np.float32([np.nan, np.inf]), "half": np.float16([1, 2]),
        "i8": np.int8([-1]), "u64": np.uint64([2**64 - 1]), "strided": np.arange(10.0)[::3],
    }  # fmt: skip
    path = tmp_path / f"x.{suffix}"
    save(arrays, path)
    loaded = load(path)
    assert loaded.keys() == arrays.keys()
    for name, value in arrays.items():
        assert loaded[name].dtype == value.dtype
        np.testing.assert_array_equal(loaded[name], value)
    save({"t": xe.tensor([1.0], requires_grad=True), "list": [1, 2]}, path)
    assert sorted(load(path)) == ["list", "t"]
    save({}, path)
    assert load(path) == {}


def torch_pair(torch, kind):
    """The same model here and there, and the shape of its input."""

    def model(layers):
        if kind == "linear":
            return layers.Sequential(layers.Linear(6, 5), layers.ReLU(), layers.Linear(5, 3))
        if kind == "convolution":
            return layers.Sequential(
                layers.Conv2d(2, 3, 3), layers.BatchNorm2d(3), layers.ReLU(), layers.Flatten(), layers.Linear(27, 2)
            )
        return layers.GRU(4, 6, batch_first=True)

    return model(nn), model(torch.nn), {"linear": (4, 6), "convolution": (4, 2, 5, 5), "gru": (3, 7, 4)}[kind]


@pytest.mark.parametrize("kind", ["linear", "convolution", "gru"])
def test_pytorch_takes_the_file_and_gives_the_same_output(torch, tmp_path, kind):
    files = pytest.importorskip("safetensors.torch", reason="safetensors, of the extra [save], is not installed")
    ours, theirs, shape = torch_pair(torch, kind)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ours.astype(np.float32)
    ours(x)  # moves the running statistics
    ours.eval()
    path = tmp_path / "model.safetensors"
    save(ours, path)
    theirs.load_state_dict(files.load_file(path))  # strict: every name, every shape
    theirs.eval()
    first = lambda out: out[0] if isinstance(out, tuple) else out
    with torch.no_grad(), xe.no_grad():
        np.testing.assert_allclose(
            first(ours(x)).data, first(theirs(torch.from_numpy(x))).numpy(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("kind", ["linear", "convolution", "gru"])
def test_a_file_that_pytorch_wrote_is_taken(torch, tmp_path, kind):
    files = pytest.importorskip("safetensors.torch", reason="safetensors, of the extra [save], is not installed")
    ours, theirs, _ = torch_pair(torch, kind)
    path = tmp_path / "model.safetensors"
    files.save_file(theirs.state_dict(), path)
    ours.load_state_dict(load(path))
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], value.numpy())


def test_without_safetensors_the_extra_is_named_and_npz_still_works(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for act in (lambda: save({"a": np.ones(2)}, tmp_path / "a.safetensors"), lambda: load(tmp_path / "a.safetensors")):
        (tmp_path / "a.safetensors").write_bytes(b"x")
        with pytest.raises(ImportError, match=r"pip install 'tinygrad_xe\[save\]'"):
            act()
    save({"a": np.ones(2)}, tmp_path / "a.npz")
    assert load(tmp_path / "a.npz")["a"].sum() == 2


def test_what_can_not_be_saved_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DTypeError, match=r"Write xe.save\(model, path\)"):
        save(tmp_path / "a.npz", {"a": np.ones(2)})
    with pytest.raises(DTypeError, match="expected a Module or a dict"):
        save([1.0], tmp_path / "a.npz")
    with pytest.raises(DTypeError, match="'a' holds"):
        save({"a": np.array(["x"])}, tmp_path / "a.npz")
    with pytest.raises(DTypeError, match="'a' holds object"):
        save({"a": np.array([None, {}])}, tmp_path / "a.npz")
    with pytest.raises(DTypeError, match="the name 3"):
        save({3: np.ones(1)}, tmp_path / "a.npz")
    for name in ("a", "a.pt", "a.npz.gz"):
        with pytest.raises(ArgumentError, match=r"expected model\.safetensors or model\.npz"):
            save({"a": np.ones(1)}, tmp_path / name)
        with pytest.raises(ArgumentError, match=r"expected model\.safetensors or model\.npz"):
            load(tmp_path / name)
    with pytest.raises(ArgumentError, match="there is no folder"):
        save({"a": np.ones(1)}, tmp_path / "nowhere" / "a.npz")
    (tmp_path / "b.npz").mkdir()
    with pytest.raises(ArgumentError, match="is a folder"):
        save({"a": np.ones(1)}, tmp_path / "b.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["b.npz"]


def test_long_doubles_have_no_place_in_safetensors(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors, of the extra [save], is not installed")
    if np.dtype(np.longdouble) == np.dtype(np.float64):
        pytest.skip("long doubles are doubles here")
    with pytest.raises(DTypeError, match="safetensors can't hold"):
        save({"a": np.ones(2, np.longdouble)}, tmp_path / "a.safetensors")


def test_a_file_that_is_cut_off_anywhere_is_named(tmp_path, suffix):
    path = tmp_path / f"model.{suffix}"
    save(convnet(), path)
    whole = path.read_bytes()
    for length in [0, 1, 4, 7, 8, 9, 100, *range(200, len(whole), max(1, len(whole) // 30)), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=f"model.{suffix}"):
            load(path)


def test_an_edited_npz_fails_its_checksum(tmp_path):
    path = tmp_path / "model.npz"
    save({"w": np.arange(1000.0)}, path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(FileError, match=r"no whole \.npz file"):
        load(path)


def test_foreign_files_are_named_and_nothing_in_them_is_run(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    evil = b"cos\nsystem\n(S'echo harm'\ntR."
    npz = io.BytesIO()
    with zipfile.ZipFile(npz, "w") as archive:
        archive.writestr("data.pkl", evil)
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([{}], object))
    for content in (b"hello", b"\x00" * 64, evil, npz.getvalue(), pickled.getvalue(), b'{"a": 1}'):
        path.write_bytes(content)
        with pytest.raises(FileError, match=f"a.{suffix}"):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / f"missing.{suffix}")


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"model.{suffix}"
    save({"w": np.zeros(3)}, path)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save({"w": np.ones(3)}, path)
    monkeypatch.undo()
    assert load(path)["w"].sum() == 0
    assert [p.name for p in tmp_path.iterdir()] == [f"model.{suffix}"]


def test_names_that_end_in_npy_keep_their_arrays(tmp_path):
    arrays = {"a": np.zeros(1), "a.npy": np.ones(2)}
    save(arrays, tmp_path / "w.npz")
    found = load(tmp_path / "w.npz")
    assert {name: value.tolist() for name, value in found.items()} == {"a": [0.0], "a.npy": [1.0, 1.0]}


def test_a_name_that_safetensors_keeps_for_itself_is_refused(tmp_path):
    pytest.importorskip("safetensors", reason="the extra [save] is not installed")
    with pytest.raises(ArgumentError, match="'__metadata__' is no name for an array"):
        save({"__metadata__": np.ones(1)}, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_file_of_bfloat16_is_named_as_such(tmp_path):
    pytest.importorskip("safetensors", reason="the extra [save] is not installed")
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "b.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(FileError, match=r"(?s)holds numbers of the type .*BF16.*tensor\.float\(\)"):
        load(tmp_path / "b.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="modes and links are of POSIX")
def test_a_file_that_is_replaced_keeps_its_mode_and_a_link_stays_one(tmp_path):
    path, link = tmp_path / "w.npz", tmp_path / "link.npz"
    save({"a": np.zeros(1)}, path)
    path.chmod(0o640)
    link.symlink_to(path)
    save({"a": np.ones(1)}, link)
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640 and load(path)["a"] == 1
