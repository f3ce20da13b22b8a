"""Makes the data sets embedded in tinygrad_xe/data from the copies that scikit-learn ships.

Run from the root of the repository, with scikit-learn installed:

    python tests/data/make_embedded.py tinygrad_xe/data

Each archive holds the features ``X``, the classes ``y``, the mask ``train`` of the fixed split, and the names.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

SPLIT_SEED = 0
TEST_SHARE = 0.25


def split_mask(y: np.ndarray, test_share: float = TEST_SHARE, seed: int = SPLIT_SEED) -> np.ndarray:
    """Return a mask, True for training rows, with the same share of each class in either part.

    Examples
    --------
    >>> mask = split_mask(np.repeat([0, 1], [40, 8]))
    >>> int(mask[:40].sum()), int(mask[40:].sum())
    (30, 6)
    """
    rng = np.random.default_rng(seed)
    train = np.ones(len(y), dtype=bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        train[rows[: round(test_share * len(rows))]] = False
    return train


def embedded_arrays(name: str) -> dict[str, np.ndarray]:
    """Return what the archive of the data set ``name`` holds, made from scikit-learn's copy."""
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{name}")()
    exact = np.uint8 if name == "digits" else np.float64
    X = bunch.data.astype(exact)
    np.testing.assert_array_equal(X, bunch.data)
    return {
        "X": X,
        "y": bunch.target.astype(np.uint8),
        "train": split_mask(bunch.target),
        "feature_names": np.array([str(text) for text in bunch.feature_names]),
        "target_names": np.array([str(text) for text in bunch.target_names]),
    }


def main(folder: Path) -> None:
    """Write the three archives into ``folder``."""
    for name in ("breast_cancer", "digits", "iris"):
        path = folder / f"{name}.npz"
        unfinished = path.with_suffix(".npz.tmp")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **embedded_arrays(name))
        os.replace(unfinished, path)
        print(f"{path}  {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
