"""Data: sets that come with the package, made up ones, files, text; batches, splits and scaling.

The embedded sets are here at once; what else is named here loads on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .embedded import Dataset, load_breast_cancer, load_digits, load_iris

if TYPE_CHECKING:
    from ..nn.functional import one_hot
    from .array_files import load_npy, load_npz
    from .csv_file import load_csv
    from .idx_file import load_idx, load_mnist
    from .loader import DataLoader
    from .split import standardize, train_test_split
    from .synthetic import make_blobs, make_circles, make_moons, make_spiral
    from .text import codes_text, load_text, text_codes, windows

#: Which module has what.
HOME = {
    "DataLoader": ".loader",
    **dict.fromkeys(("make_blobs", "make_circles", "make_moons", "make_spiral"), ".synthetic"),
    "load_csv": ".csv_file",
    **dict.fromkeys(("load_npy", "load_npz"), ".array_files"),
    **dict.fromkeys(("load_idx", "load_mnist"), ".idx_file"),
    **dict.fromkeys(("codes_text", "load_text", "text_codes", "windows"), ".text"),
    **dict.fromkeys(("standardize", "train_test_split"), ".split"),
    "one_hot": "..nn.functional",
}

__all__ = [
    "Dataset", "load_breast_cancer", "load_digits", "load_iris", "load_text",
    "load_csv", "load_idx", "load_mnist", "load_npy", "load_npz",
    "make_blobs", "make_circles", "make_moons", "make_spiral",
    "DataLoader", "train_test_split", "standardize", "one_hot", "codes_text", "text_codes", "windows",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load the module that has `name`."""
    from importlib import import_module

    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(HOME[name], __name__), name)
    return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
