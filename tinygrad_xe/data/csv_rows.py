"""The rows of a CSV file as text, each with its line in the file, and its columns as numbers or categories."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DTypeError

INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Table:
    """Fields as text, without the blanks around them; ``lines`` has the line on which each row begins."""

    who: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    marks: frozenset[str]
    decimal: str

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, option: str, column: Any) -> int:
        """The number of the column that an option speaks of, by name or by number."""
        if isinstance(column, str):
            if column not in self.names:
                raise ArgumentError(
                    f"{self.who}: {option} speaks of a column {column!r}; there are {', '.join(map(repr, self.names))}."
                )
            return self.names.index(column)
        if not isinstance(column, int | np.integer) or isinstance(column, bool):
            raise DTypeError(f"{self.who}: {option} is {column!r}; expected the name or the number of a column.")
        width = len(self.names)
        if not -width <= column < width:
            raise ArgumentError(
                f"{self.who}: {option} speaks of column {column}; there are {width}: expected {-width} to {width - 1}."
            )
        return int(column) % width

    def complete(self, used: list[int]) -> Table:
        """The rows without a missing field in the columns ``used``."""
        kept = [k for k, row in enumerate(self.rows) if not any(row[i] in self.marks for i in used)]
        if not kept:
            raise ArgumentError(f"{self.who}: every row has a missing field; missing='drop' leaves none.")
        return replace(self, rows=[self.rows[k] for k in kept], lines=[self.lines[k] for k in kept])

    def refuse_missing(self, i: int, *, unless: bool, is_target: bool) -> None:
        """Say where column ``i`` has its first missing field."""
        places = [] if unless else [k for k, row in enumerate(self.rows) if row[i] in self.marks]
        if places:
            ways = "missing='drop' to leave its row out" + ("" if is_target else ", or missing='nan'")
            raise self.fault(
                places[0],
                i,
                f"{self.rows[places[0]][i]!r} counts as missing, in {len(places)} of {len(self)} rows",
                f"Write {ways}, or marks= for other marks of missing fields.",
            )

    def is_numeric(self, i: int) -> bool:
        """Whether column ``i`` has numbers; a mixture of numbers and text is refused."""
        fields = [(k, row[i]) for k, row in enumerate(self.rows) if row[i] not in self.marks]
        odd = [(k, field) for k, field in fields if not _number(self.decimal).fullmatch(field)]
        if odd and len(odd) < len(fields):
            # a name among numbers is odd, and so is a number among names
            rows = {k for k, _ in odd}
            rare = odd if 2 * len(odd) <= len(fields) else [pair for pair in fields if pair[0] not in rows]
            k, field = rare[0]
            what = "is no number" if rare is odd else "is a number"
            others = "others of the column are" if rare is odd else "others of the column are not"
            raise self.fault(
                k, i, f"{field!r} {what}, {len(fields) - len(rare)} {others}",
                f"Correct it, or write categorical=[{self.names[i]!r}] if all are names.",
            )  # fmt: skip
        comma = _number("," if self.decimal == "." else ".")
        if odd and all(comma.fullmatch(field) for _, field in odd):
            k, field = odd[0]
            raise self.fault(
                k, i, f"{field!r} is a number with another decimal sign, so are all of the column",
                f"Write decimal={',' if self.decimal == '.' else '.'!r}, or categorical=[{self.names[i]!r}].",
            )  # fmt: skip
        return not odd

    def numbers(self, i: int) -> NDArray[np.float64]:
        """Column ``i`` as numbers, NaN where a field is missing."""
        column = np.empty(len(self))
        for k, row in enumerate(self.rows):
            field = row[i]
            column[k] = math.nan if field in self.marks else float(field.replace(self.decimal, "."))
            if math.isinf(column[k]):
                raise self.fault(k, i, f"{field!r} is beyond float64", "Correct it, or rescale the column.")
        return column

    def whole_numbers(self, i: int) -> NDArray[np.int64] | None:
        """Column ``i`` as int64, if all of its fields are written as whole numbers of that range."""
        fields = [row[i] for row in self.rows]
        if not all(re.fullmatch(r"[+-]?[0-9]{1,19}", field) for field in fields):
            return None
        numbers = [int(field) for field in fields]
        return np.array(numbers, np.int64) if all(number in INT64 for number in numbers) else None

    def categories(self, i: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """The place of each field of column ``i`` among the categories, and these; a missing field is category ""."""
        fields = ["" if row[i] in self.marks else row[i] for row in self.rows]
        order = sorted(set(fields), key=self._rank)
        places = {category: k for k, category in enumerate(order)}
        return np.array([places[field] for field in fields], np.int64), tuple(order)

    def _rank(self, category: str) -> tuple[bool, float, str]:
        """Numbers first, by size, then text."""
        if _number(self.decimal).fullmatch(category):
            return False, float(category.replace(self.decimal, ".")), category
        return True, 0.0, category

    def fault(self, k: int, i: int, what: str, way_out: str) -> ArgumentError:
        """An error about column ``i`` of row ``k``."""
        return ArgumentError(f"{self.who}: line {self.lines[k]}, column {self.names[i]!r}: {what}.\n  {way_out}")


def _number(decimal: str) -> re.Pattern[str]:
    """What a number looks like; ``float`` would also take 1_000, nan and digits of other scripts."""
    sign = re.escape(decimal)
    return re.compile(rf"[+-]?([0-9]+({sign}[0-9]*)?|{sign}[0-9]+)([eE][+-]?[0-9]+)?")


def read_table(
    path: Path, header: bool | str, delimiter: str, decimal: str, encoding: str, marks: frozenset[str]
) -> Table:
    """The table in a file, checked for equally long rows and names that differ."""
    who = f"load_csv: {path}"
    for name, sign in (("delimiter", delimiter), ("decimal", decimal)):
        if not isinstance(sign, str) or len(sign) != 1 or sign in '\r\n"' or sign.isalnum():
            raise ArgumentError(f"load_csv: {name} is {sign!r}; expected one sign, such as ',' or ';'.")
    if delimiter == decimal:
        raise ArgumentError(f"load_csv: delimiter and decimal are both {decimal!r}.\n  Write delimiter=';'.")
    rows, lines = _rows(who, _text(who, path, encoding), delimiter)
    if not rows:
        raise ArgumentError(f"{who}: the file has no rows.")
    _refuse_ragged(who, rows, lines, delimiter)
    named = _has_header(who, rows, decimal, marks) if header == "infer" else bool(header)
    names = [f"x{i}" for i in range(len(rows[0]))]
    if named:
        names = [given or name for given, name in zip(rows[0], names)]
        rows, lines = rows[1:], lines[1:]
        twice = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
        if twice:
            raise ArgumentError(f"{who}: two columns are called {twice[0]!r}.\n  Rename one, or write header=False.")
    if not rows:
        raise ArgumentError(f"{who}: there is a header, and no row below it.")
    return Table(who, tuple(names), rows, lines, marks, decimal)


def _text(who: str, path: Path, encoding: str) -> str:
    raw = path.read_bytes()
    try:
        text = raw.decode(encoding)
    except LookupError:
        raise ArgumentError(f"{who}: encoding is {encoding!r}, which Python does not know.") from None
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        raise ArgumentError(
            f"{who}: line {line}: byte {raw[error.start]:#04x} is no {error.encoding}.\n"
            "  Write encoding='cp1252' for older files of the West, encoding='utf-16' for those that begin with 0xff."
        ) from None
    if "\0" in text:
        line = 1 + text.count("\n", 0, text.index("\0"))
        raise ArgumentError(
            f"{who}: line {line} has a NUL character, which no text has.\n"
            "  Is the file damaged, or of another kind? Write encoding='utf-16' if it is of that encoding."
        )
    return text


def _rows(who: str, text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, and the line on which each begins."""
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=delimiter != " ")
    found: list[tuple[int, list[str]]] = []
    begin = 1
    try:
        for row in reader:
            if row:
                found.append((begin, [field.strip() for field in row]))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ArgumentError(
            f"{who}: line {begin}: {error}.\n"
            "  Is a quotation mark left open, not doubled inside a field, or followed by a blank?"
        ) from None
    # a line of blanks is a field only where rows have one field
    if any(len(row) > 1 for _, row in found):
        found = [(line, row) for line, row in found if row != [""]]
    return [row for _, row in found], [line for line, _ in found]


def _refuse_ragged(who: str, rows: list[list[str]], lines: list[int], delimiter: str) -> None:
    width = len(rows[0])
    other = next((sign for sign in ";\t|," if sign != delimiter and sign in rows[0][0]), None)
    for row, line in zip(rows, lines):
        if len(row) != width:
            advice = f"A field with {delimiter!r} in it must stand in quotation marks."
            if width == 1 and other:
                decimal = f", decimal={delimiter!r}" if delimiter == "," else ""
                advice = f"Line {lines[0]} has {other!r} in it: write delimiter={other!r}{decimal}."
            raise ArgumentError(f"{who}: line {line} has {len(row)} fields, line {lines[0]} has {width}.\n  {advice}")
    if width == 1 and other and all(row[0].count(other) == rows[0][0].count(other) for row in rows):
        raise ArgumentError(f"{who}: there is one column, with {other!r} in every row.\n  Write delimiter={other!r}.")


def _has_header(who: str, rows: list[list[str]], decimal: str, marks: frozenset[str]) -> bool:
    """Whether the first row has names: no number in it, and below it a column of numbers."""
    number = _number(decimal)
    if any(number.fullmatch(field) for field in rows[0]):
        return False
    for column in zip(*rows[1:]):
        given = [field for field in column if field not in marks]
        if given and all(map(number.fullmatch, given)):
            return True
    raise ArgumentError(
        f"{who}: no column is all numbers, so that a header can't be told from data.\n"
        "  Write header=True if the first line has the names of the columns, else header=False."
    )
