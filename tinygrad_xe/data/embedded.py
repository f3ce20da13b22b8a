"""The loaders of the embedded data sets: breast cancer (two classes), digits (ten) and iris (three)."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import DTypeError

Split = Literal["train", "test"]


class _Arrays(NamedTuple):
    X: NDArray[np.floating[Any]]
    y: NDArray[np.int64]


class Dataset(_Arrays):
    """Features and classes, a pair that unpacks as ``X, y`` and knows its names.

    Attributes
    ----------
    X : ndarray of floats, shape (samples, features)
        The features, one sample a row.
    y : ndarray of int64, shape (samples,)
        The class of each sample, an index into ``target_names``.
    name : str
        The name of the data set.
    feature_names, target_names : tuple of str
        The name of each column of ``X``, and of each class.
    description : str
        What was measured, by whom, and the licence.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> iris = xe.data.load_iris()
    >>> iris
    Dataset(iris: X (150, 4) float64, y (150,) int64, 3 classes)
    >>> iris.target_names[iris.y[0]]
    'setosa'
    >>> X, y = iris
    """

    name: str = ""
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    description: str = ""

    def __new__(
        cls,
        X: NDArray[np.floating[Any]],
        y: NDArray[np.int64],
        *,
        name: str = "",
        feature_names: tuple[str, ...] = (),
        target_names: tuple[str, ...] = (),
        description: str = "",
    ) -> Self:
        """Pair ``X`` with ``y``, under the given names."""
        pair = super().__new__(cls, X, y)
        pair.name = name
        pair.feature_names = feature_names
        pair.target_names = target_names
        pair.description = description
        return pair

    def __repr__(self) -> str:
        """Return one line: the name, shapes, dtypes and the number of classes, if there are any."""
        X, y = self
        classes = f", {len(self.target_names)} classes" if self.target_names else ""
        return f"Dataset({self.name}: X {X.shape} {X.dtype}, y {y.shape} {y.dtype}{classes})"


def load_breast_cancer(
    *, split: Split | None = None, standardize: bool = False, dtype: DTypeLike = np.float64
) -> Dataset:
    """Load the Wisconsin diagnostic breast-cancer data: 569 samples, 30 features, two classes.

    Each sample describes the cell nuclei in an image of a fine needle aspirate of a breast mass: mean, standard
    error and worst (mean of the three largest) of ten measures. Class 0 is malignant (212 samples), 1 is benign (357).
    For study and demonstration; not for diagnosis.

    Parameters
    ----------
    split : {"train", "test"}, optional
        The part of the fixed split: 427 training or 142 test samples. All 569 by default. The rows keep their order.
    standardize : bool, default False
        Subtract each column's mean and divide by its standard deviation, both of the *training* samples,
        whichever part is asked for.
    dtype : floating dtype, default float64
        The dtype of ``X``. Arithmetic is done in float64 and rounded once.

    Returns
    -------
    Dataset
        ``X`` of shape (samples, 30) and ``y`` of shape (samples,), int64. The arrays are new at each call.

    Raises
    ------
    ValueError
        If ``split`` is neither None, "train" nor "test".
    DTypeError
        If ``dtype`` is not a floating dtype.

    Notes
    -----
    W. Wolberg, O. Mangasarian, N. Street and W. Street (1993), *Breast Cancer Wisconsin (Diagnostic)*,
    UCI Machine Learning Repository, doi:10.24432/C5DW2B, CC BY 4.0; the values and the order of the rows are those of
    scikit-learn's copy. The split is stratified, about 75 to 25, and stored with the data.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.load_breast_cancer(standardize=True)
    >>> X.shape, y.shape, np.bincount(y).tolist()
    ((569, 30), (569,), [212, 357])
    >>> X, y = xe.data.load_breast_cancer(split="train", standardize=True)
    >>> bool(np.allclose(X.mean(axis=0), 0) and np.allclose(X.std(axis=0), 1))
    True
    """
    return _load(
        "breast_cancer",
        "Measures of cell nuclei in images of breast masses, malignant or benign. Wolberg, Mangasarian, Street and "
        "Street (1993), UCI Machine Learning Repository, doi:10.24432/C5DW2B, CC BY 4.0. Not for diagnosis.",
        split,
        standardize,
        dtype,
    )


def load_digits(*, split: Split | None = None, standardize: bool = False, dtype: DTypeLike = np.float64) -> Dataset:
    """Load images of handwritten digits: 1797 samples of 8 x 8 pixels, ten classes.

    Each pixel counts the dark points of a 4 x 4 block of the scanned bitmap: an integer from 0 (white) to 16.
    ``X / 16`` scales them to [0, 1], and ``X[0].reshape(8, 8)`` is the first image.

    Parameters
    ----------
    split : {"train", "test"}, optional
        The part of the fixed split: 1347 training or 450 test samples. All 1797 by default. The rows keep their order.
    standardize : bool, default False
        Subtract each column's mean and divide by its standard deviation, both of the *training* samples,
        whichever part is asked for. The three pixels that are white in every image become 0.
    dtype : floating dtype, default float64
        The dtype of ``X``. Arithmetic is done in float64 and rounded once.

    Returns
    -------
    Dataset
        ``X`` of shape (samples, 64) and ``y`` of shape (samples,), int64. The arrays are new at each call.

    Raises
    ------
    ValueError
        If ``split`` is neither None, "train" nor "test".
    DTypeError
        If ``dtype`` is not a floating dtype.

    Notes
    -----
    E. Alpaydin and C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
    doi:10.24432/C50P49, CC BY 4.0; the values and the order of the rows are those of scikit-learn's copy, which is
    UCI's test set. The split is stratified, about 75 to 25, and stored with the data. It does not know the writers
    (13 people), so a test image may be by the hand of a training image.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.load_digits(split="test", dtype=np.float32)
    >>> X.shape, X.dtype.name, int(X.max())
    ((450, 64), 'float32', 16)
    """
    return _load(
        "digits",
        "Handwritten digits, 8 x 8 pixels from 0 to 16. Alpaydin and Kaynak (1998), UCI Machine Learning Repository, "
        "doi:10.24432/C50P49, CC BY 4.0.",
        split,
        standardize,
        dtype,
    )


def load_iris(*, split: Split | None = None, standardize: bool = False, dtype: DTypeLike = np.float64) -> Dataset:
    """Load Fisher's iris data: 150 flowers, four measures in cm, three species of 50.

    The columns are length and width of the sepal and of the petal. Class 0 is setosa, 1 versicolor, 2 virginica.

    Parameters
    ----------
    split : {"train", "test"}, optional
        The part of the fixed split: 114 training or 36 test samples. All 150 by default. The rows keep their order,
        which is by class.
    standardize : bool, default False
        Subtract each column's mean and divide by its standard deviation, both of the *training* samples,
        whichever part is asked for.
    dtype : floating dtype, default float64
        The dtype of ``X``. Arithmetic is done in float64 and rounded once.

    Returns
    -------
    Dataset
        ``X`` of shape (samples, 4), in cm unless standardized, and ``y`` of shape (samples,), int64. The arrays are
        new at each call.

    Raises
    ------
    ValueError
        If ``split`` is neither None, "train" nor "test".
    DTypeError
        If ``dtype`` is not a floating dtype.

    Notes
    -----
    R. A. Fisher (1936), *The use of multiple measurements in taxonomic problems*, Annals of Eugenics 7, 179-188,
    doi:10.1111/j.1469-1809.1936.tb02137.x; UCI Machine Learning Repository, doi:10.24432/C56C76, CC BY 4.0. The
    values are those of scikit-learn's copy, which are Fisher's. UCI's file differs from the paper in the 35th and the
    38th sample (there 4.9, 3.1, 1.5, 0.1 both times; here 4.9, 3.1, 1.5, 0.2 and 4.9, 3.6, 1.4, 0.1).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.load_iris()
    >>> X[34].tolist(), X[37].tolist()
    ([4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1])
    """
    return _load(
        "iris",
        "Sepals and petals of three species of iris, in cm. Fisher (1936), UCI Machine Learning Repository, "
        "doi:10.24432/C56C76, CC BY 4.0.",
        split,
        standardize,
        dtype,
    )


def _load(name: str, description: str, split: Split | None, standardize: bool, dtype: DTypeLike) -> Dataset:
    """Read an archive, scale all of its rows, and return those of ``split``."""
    if not (split is None or (isinstance(split, str) and split in ("train", "test"))):
        raise ValueError(
            f'load_{name}: split is {split!r}.\n  It must be "train", "test", or None for all rows.\n'
            f'  Write load_{name}(split="train").'
        )
    target = _floating(f"load_{name}", dtype)
    with np.load(os.path.join(os.path.dirname(__file__), f"{name}.npz"), allow_pickle=False) as archive:
        stored, y, train = archive["X"], archive["y"].astype(np.int64), archive["train"]
        feature_names = tuple(archive["feature_names"].tolist())
        target_names = tuple(archive["target_names"].tolist())
    X = stored.astype(np.float64)
    if standardize:
        X = _standardized(X, X[train])
    if split is not None:
        rows = train if split == "train" else ~train
        X, y = X[rows], y[rows]
    return Dataset(
        X.astype(target),
        y,
        name=name,
        feature_names=feature_names,
        target_names=target_names,
        description=description,
    )


def _floating(owner: str, dtype: DTypeLike) -> np.dtype[np.floating[Any]]:
    """Return ``dtype`` as a floating dtype, or say why it is none."""
    try:
        target: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        target = np.dtype(object)
    if not np.issubdtype(target, np.floating):
        raise DTypeError(
            f"{owner}: dtype is {dtype!r}.\n  X holds measurements, so it must be a floating dtype.\n"
            f"  Write {owner}(dtype=np.float32), and X.astype(...) for another kind."
        )
    return target


def _standardized(X: NDArray[Any], train: NDArray[Any]) -> NDArray[Any]:
    """Scale the columns of ``X`` by mean and deviation of ``train``; a column constant in ``train`` becomes 0."""
    # scaling by a power of two is exact, and keeps the squares of very large and small numbers in range
    exponent = np.frexp(np.abs(train).max(axis=0))[1]
    X, train = np.ldexp(X, -exponent), np.ldexp(train, -exponent)
    varies = np.ptp(train, axis=0) > 0
    deviation = np.where(varies, train.std(axis=0), 1)
    return np.where(varies, (X - train.mean(axis=0)) / deviation, 0)
