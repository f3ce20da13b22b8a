"""`load_csv`: a table in a text file as features and targets, numbers as they are and text as categories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import ArgumentError, DTypeError
from ..random import Array
from .checks import whole_number
from .csv_rows import Table, read_table
from .embedded import Dataset, _floating

Column = str | int
MARKS = ("", "?", "NA", "N/A", "NaN", "nan", "NULL", "null")


def load_csv(
    path: str | os.PathLike[str],
    *,
    target: Column | None = None,
    categorical: Iterable[Column] = (),
    drop: Iterable[Column] = (),
    header: bool | Literal["infer"] = "infer",
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8-sig",
    encode: Literal["one_hot", "codes"] = "one_hot",
    missing: Literal["error", "nan", "drop"] = "error",
    marks: Iterable[str] = MARKS,
    max_categories: int = 100,
    dtype: DTypeLike = np.float64,
) -> Dataset:
    r"""Read a table with one sample a line: numbers become features as they are, text becomes categories.

    A column is numeric when all of its fields are numbers, and categorical when none is. A mixture is an error that
    names the first odd field, unless the column stands in ``categorical``. Blanks around a field are left out.

    Parameters
    ----------
    path : str or path
    target : str or int, optional
        The column of ``y``, by its name, or by its place from 0, or from -1 backwards. By default there is none.
    categorical : iterable of str or int
        Columns of numbers that are names of classes, such as postal codes, or the classes 3 and 5 of a target.
    drop : iterable of str or int
        Columns to leave out, such as row numbers.
    header : bool or "infer", default "infer"
        Whether the first line has the names of the columns. "infer": yes when it has no number and a column below it
        is all numbers. Without a header the columns are called x0, x1, ...
    delimiter, decimal : str, default "," and "."
        What stands between fields, and in numbers before the decimal places.
    encoding : str, default "utf-8-sig"
        UTF-8, with a byte order mark or without.
    encode : {"one_hot", "codes"}, default "one_hot"
        What a categorical feature becomes: a column of 0 and 1 for each category, called ``name=category``, in order of
        the categories as text (numbers first, by size); or one column with the place of the category in that order,
        which suits an `embedding`, but not a linear layer, for which category 2 is twice category 1.
    missing : {"error", "nan", "drop"}, default "error"
        What to do with a missing field: say where it is; make it NaN in a numeric column, and a category of its own,
        called "", in a categorical one (in the target it stays an error); or leave its row out.
    marks : iterable of str
        The fields that count as missing.
    max_categories : int, default 100
        More categories in a feature are an error, since a one-hot encoding of row numbers takes much memory and tells a
        model nothing.
    dtype : floating dtype, default float64
        The dtype of ``X``.

    Returns
    -------
    Dataset
        ``X`` of shape (samples, features). ``y`` of shape (samples,): for a categorical target the class of each
        sample, int64, an index into ``target_names``; for a numeric one its values, int64 when all are written as whole
        numbers, else float64, and ``target_names`` is empty. Without a target ``y`` has shape (0,).

    Raises
    ------
    OSError
        When the file can't be read.
    ArgumentError
        When the file is no such table, or an option has an impossible value. The message has the file, the line as an
        editor counts (from 1, blank lines and the header too; a quoted field may span several), and the column.
    DTypeError
        If ``dtype`` is not a floating dtype.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tinygrad_xe as xe
    >>> path = pathlib.Path(tempfile.mkdtemp(), "fruit.csv")
    >>> path.write_text("weight,colour,name\n182,red,apple\n120.5,yellow,banana\n170,green,apple\n")
    69
    >>> fruit = xe.data.load_csv(path, target="name")
    >>> fruit
    Dataset(fruit: X (3, 4) float64, y (3,) int64, 2 classes)
    >>> fruit.feature_names, fruit.target_names
    (('weight', 'colour=green', 'colour=red', 'colour=yellow'), ('apple', 'banana'))
    >>> fruit.X[1].tolist(), fruit.y.tolist()
    ([120.5, 0.0, 0.0, 1.0], [0, 1, 0])
    """
    floating = _floating("load_csv", dtype)
    _one_of("encode", encode, ("one_hot", "codes"))
    _one_of("missing", missing, ("error", "nan", "drop"))
    _one_of("header", header, (True, False, "infer"))
    limit = whole_number("load_csv", "max_categories", max_categories, at_least=1)
    table = read_table(Path(path), header, delimiter, decimal, encoding, _words("marks", marks))
    aim = None if target is None else table.place("target", target)
    named = {table.place("categorical", column) for column in _listed("categorical", categorical)}
    dropped = {table.place("drop", column) for column in _listed("drop", drop)}
    if aim in dropped:
        raise ArgumentError(f"{table.who}: the target, {table.names[aim or 0]!r}, is in drop as well.")
    used = [i for i in range(len(table.names)) if i not in dropped]
    if missing == "drop":
        table = table.complete(used)
    for i in used:
        table.refuse_missing(i, unless=missing == "nan" and i != aim, is_target=i == aim)
    parts: list[NDArray[np.float64]] = []
    names: list[str] = []
    for i in (i for i in used if i != aim):
        column, titles = _feature(table, i, i in named, encode, limit)
        parts.append(column)
        names += titles
    y, classes = (np.zeros(0, np.int64), ()) if aim is None else _target(table, aim, aim in named)
    return Dataset(
        (np.concatenate(parts, axis=1) if parts else np.zeros((len(table), 0))).astype(floating),
        y,
        name=Path(path).stem,
        feature_names=tuple(names),
        target_names=classes,
        description=f"Read from {Path(path).name}.",
    )


def _feature(
    table: Table, i: int, categorical: bool, encode: str, limit: int
) -> tuple[NDArray[np.float64], list[str]]:
    """The columns, of shape (samples, columns), that column ``i`` of the table becomes, and their names."""
    name = table.names[i]
    if not categorical and table.is_numeric(i):
        return table.numbers(i)[:, None], [name]
    codes, categories = table.categories(i)
    if len(categories) > limit:
        raise ArgumentError(
            f"{table.who}: column {name!r} has {len(categories)} categories in {len(table)} rows, more than "
            f"max_categories={limit}.\n"
            f"  Write drop=[{name!r}] if it identifies rows, or max_categories={len(categories)}."
        )
    if encode == "codes":
        return codes[:, None].astype(np.float64), [name]
    hot: NDArray[np.float64] = (codes[:, None] == np.arange(len(categories))).astype(np.float64)
    return hot, [f"{name}={category}" for category in categories]


def _target(table: Table, i: int, categorical: bool) -> tuple[Array, tuple[str, ...]]:
    """The target, and the names of its classes, none for numbers."""
    if categorical or not table.is_numeric(i):
        codes, categories = table.categories(i)
        return codes, categories
    whole = table.whole_numbers(i)
    return (table.numbers(i) if whole is None else whole), ()


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ArgumentError(f"load_csv: {name} is {value!r}; expected one of {', '.join(map(repr, choices))}.")


def _listed(name: str, columns: Any) -> list[Column]:
    """The columns of an option, which a lone text would be taken apart into letters."""
    if isinstance(columns, str | int):
        raise DTypeError(f"load_csv: {name} is {columns!r}; expected a list.\n  Write {name}=[{columns!r}].")
    return list(columns)


def _words(name: str, words: Any) -> frozenset[str]:
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise DTypeError(f"load_csv: {name} is {words!r}; expected a list of texts.\n  Write {name}=['', 'NA'].")
    return frozenset(word.strip() for word in words)
