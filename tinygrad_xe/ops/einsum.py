"""Sums of products over named axes: np.einsum in all its forms.

Every form is brought to products of two arrays, each with the letters of its axes: an index that is repeated in one
array is a diagonal, an index that no one else has is summed, and more than two arrays are multiplied pair by pair in
the order of ``np.einsum_path``. So there is one rule, that of a product of two.
"""

from __future__ import annotations

import functools
import math
import string
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..op import compose, constant, op, refuse_out

Shape = tuple[int, ...]

#: In the order in which NumPy sorts the axes of a result that is not written out.
LETTERS = "".join(sorted(string.ascii_letters))


# -- a product of two --------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def plan(subscripts: str) -> tuple[Any, ...] | None:
    """How to write a product of two as one of matrices: the orders of axes, None for as they are, and their numbers.

    None where an element of the result is one product, or one side is a vector: NumPy's loop is as fast there.
    """
    inputs, result = subscripts.split("->")
    left, right = inputs.split(",")
    stacked = [c for c in left if c in right and c in result]
    summed = [c for c in left if c in right and c not in result]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    if not (summed and rows and columns):
        return None
    made = [*stacked, *rows, *columns]
    orders = (
        [left.index(c) for c in (*stacked, *rows, *summed)],
        [right.index(c) for c in (*stacked, *summed, *columns)],
        [made.index(c) for c in result],
    )
    changed = [order if order != sorted(order) else None for order in orders]
    return *changed, len(stacked), len(rows), len(summed), len(columns)


def _einsum_pair(a: Any, b: Any, *, subscripts: str) -> Any:
    """The product by np.matmul: at (64, 64) in float64 "ij,jk->ik" takes 15 us, np.einsum 73, with optimize=True 21.

    Small ones are left to NumPy's loop: at (3, 4) and (4, 5) it takes 2 us.
    """
    steps = plan(subscripts)
    if steps is None or a.size * b.size < 100_000 or not a.dtype.kind == b.dtype.kind == "f":
        return np.einsum(subscripts, a, b)
    order_a, order_b, order, stacked, rows, summed, columns = steps
    a = a if order_a is None else np.transpose(a, order_a)
    b = b if order_b is None else np.transpose(b, order_b)
    m, n = a.shape[stacked : stacked + rows], b.shape[stacked + summed :]
    k, other = a.shape[stacked + rows :], b.shape[stacked : stacked + summed]
    if k != other:  # a length of 1 beside another: sum that first
        unlike = [i for i in range(summed) if k[i] != other[i]]
        a = np.sum(a, axis=tuple([stacked + rows + i for i in unlike]), keepdims=True)
        b = np.sum(b, axis=tuple([stacked + i for i in unlike]), keepdims=True)
        k = tuple([1 if i in unlike else n for i, n in enumerate(k)])
    if rows > 1 or summed > 1:
        a = np.reshape(a, (*a.shape[:stacked], math.prod(m), math.prod(k)))
    if summed > 1 or columns > 1:
        b = np.reshape(b, (*b.shape[:stacked], math.prod(k), math.prod(n)))
    with np.errstate(all="ignore"):  # np.einsum gives no warnings
        made = np.matmul(a, b)
    if rows > 1 or columns > 1:
        made = np.reshape(made, (*made.shape[:stacked], *m, *n))
    return made if order is None else np.transpose(made, order)


def turned(subscripts: str, side: int) -> str:
    """The subscripts of the cotangent of one factor: those of the result, of the other factor, and its own."""
    inputs, result = subscripts.split("->")
    factors = inputs.split(",")
    return f"{result},{factors[1 - side]}->{factors[side]}"


def other_times(g: Any, other: Any, subscripts: str, side: int, shape: Shape) -> Any:
    """Cotangent of one factor, repeated along axes that are of length 1 in the result and in the other factor."""
    found = einsum_pair(g, other, subscripts=turned(subscripts, side))
    return found if found.shape == shape else np.broadcast_to(found, np.broadcast_shapes(found.shape, shape))


def einsum_pair_of_numpy(a: Any, b: Any, *, subscripts: str) -> Any:
    """Sum of products of two arrays, ``np.einsum(subscripts, a, b)``.

    No index is repeated in an array, and each is in the other array or in the result.
    """
    return np.einsum(subscripts, a, b)


einsum_pair_of_numpy.__name__ = "einsum_pair"
einsum_pair: Any = op(
    einsum_pair_of_numpy, "a, b, *, subscripts", kernel=_einsum_pair, broadcasts=True,
    a=lambda g, b, a_shape, *, subscripts: other_times(g, b, subscripts, 0, a_shape),
    b=lambda g, a, b_shape, *, subscripts: other_times(g, a, subscripts, 1, b_shape),
)  # fmt: skip


# -- reading subscripts ------------------------------------------------------------------------------------------------


def from_lists(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts and arrays of the form einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    count = len(operands) // 2
    lists = [*operands[1 : 2 * count : 2], *operands[2 * count :]]
    try:
        numbers = sorted({int(n) for labels in lists for n in labels if n is not Ellipsis})
    except TypeError:
        raise DTypeError(
            "einsum: expected subscripts as text, or a list of whole numbers after each array; "
            f"got {', '.join(type(o).__name__ for o in operands)}."
        ) from None
    if len(numbers) > len(LETTERS) or (numbers and numbers[0] < 0):
        raise ArgumentError(f"einsum: labels must be from 0 to {len(LETTERS) - 1}, got {numbers[0]} to {numbers[-1]}.")
    letters = string.ascii_lowercase if len(numbers) <= 26 else LETTERS
    name = dict(zip(numbers, letters))
    terms = ["".join("..." if n is Ellipsis else name[int(n)] for n in labels) for labels in lists]
    written = ",".join(terms[:count])
    return (f"{written}->{terms[count]}" if len(terms) > count else written), list(operands[: 2 * count : 2])


def read(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """One letter for each axis of each array and of the result; an ellipsis takes letters that are free."""

    def wrong(what: str) -> ArgumentError:
        return ArgumentError(f"einsum: {what}\n  Subscripts: {subscripts!r}; arrays with {ndims} axes.")

    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise wrong(f"the subscripts name {len(terms)} arrays, got {len(ndims)}.")
    for term in (*terms, result):
        letters = term.replace("...", "", 1)
        if strange := set(letters) - set(LETTERS):
            raise wrong(f"{min(strange)!r} is no letter; write letters, '...', ',' and one '->'.")
    free = [c for c in reversed(LETTERS) if c not in inputs + result]
    extra = [n - len(term.replace("...", "")) for term, n in zip(terms, ndims)]
    for i, (term, more, n) in enumerate(zip(terms, extra, ndims)):
        if more < 0 or (more > 0 and "..." not in term):
            raise wrong(f"array {i} has {n} axes, its subscripts {term!r} name {n - more}.")
    most = max((more for term, more in zip(terms, extra) if "..." in term), default=0)
    if most > len(free):
        raise wrong("there are more axes than the 52 letters.")
    dots = "".join(sorted(free[:most]))
    terms = [term.replace("...", dots[most - more :]) for term, more in zip(terms, extra)]
    named = inputs.replace("...", "").replace(",", "")
    if not arrow:
        return tuple(terms), dots + "".join(c for c in sorted(set(named)) if named.count(c) == 1)
    if most and "..." not in result:
        raise wrong("the arrays have axes under '...', the result has none; write '...' after '->' too.")
    result = result.replace("...", dots)
    for c in result:
        if result.count(c) > 1 or c not in named + dots:
            raise wrong(f"the result names {c!r} {'twice' if c in named else 'which no array has'}.")
    return tuple(terms), result


def check_lengths(terms: tuple[str, ...], shapes: tuple[Shape, ...]) -> None:
    """Raise where an index stands for two lengths: in one array they must agree, in several all but one may be 1."""
    known: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        own: dict[str, int] = {}
        for c, n in zip(term, shape):
            others = known.get(c, 1)
            if own.setdefault(c, n) != n or (n != others and 1 not in (n, others)):
                given = ", ".join(f"{t!r} {s}" for t, s in zip(terms, shapes))
                other = own[c] if own[c] != n else others
                raise ShapeError(f"einsum: index {c!r} has length {n} and length {other}: {given}.")
        known |= {c: n for c, n in own.items() if n != 1}


# -- np.einsum ---------------------------------------------------------------------------------------------------------


def one(a: Any, term: str, kept: set[str]) -> tuple[Any, str]:
    """`a` with repeated indices taken as diagonals and those that are not `kept` summed, and its letters then."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            first = term.index(c)
            second = term.index(c, first + 1)
            a = np.diagonal(a, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + c
    alone = tuple([i for i, c in enumerate(term) if c not in kept])
    if alone:  # NumPy's sums of small integers are wider, np.einsum's are not
        a = np.sum(a, axis=alone, dtype=None if a.dtype.kind == "f" else a.dtype)
        term = "".join(c for c in term if c in kept)
    return a, term


@functools.lru_cache(maxsize=512)
def prepared(subscripts: str, shapes: tuple[Shape, ...], optimize: Any) -> tuple[Any, ...]:
    """For each array its letters, and those to keep where some are repeated or alone; the result's letters; the pairs.

    Kept for the next call, where it takes 1 us and not 10.
    """
    terms, result = read(subscripts, tuple(map(len, shapes)))
    check_lengths(terms, shapes)
    keep: list[set[str] | None] = []
    for i, term in enumerate(terms):
        kept = set(result).union(*terms[:i], *terms[i + 1 :])
        keep.append(None if len(set(term) & kept) == len(term) else kept)
    pairs: tuple[tuple[int, int], ...] = () if len(terms) == 1 else ((0, 1),)
    if len(terms) > 2:
        pairs = order_of_pairs(f"{','.join(terms)}->{result}", shapes, optimize)
    return terms, tuple(keep), result, pairs


def order_of_pairs(terms: str, shapes: tuple[Shape, ...], optimize: Any) -> tuple[tuple[int, int], ...]:
    """Which two of the remaining arrays are multiplied in turn; each product goes to the end of the list."""
    dummies = [np.broadcast_to(0.0, shape) for shape in shapes]
    path, _ = np.einsum_path(terms, *dummies, optimize=list(optimize) if isinstance(optimize, tuple) else optimize)
    pairs: list[tuple[int, int]] = []
    count = len(shapes)
    for step in path[1:]:
        together = sorted(step)
        while len(together) > 1:  # NumPy takes three or more at once, and single ones, which need no step here
            i, j = together[:2]
            pairs.append((i, j))
            count -= 1
            together = sorted([*(k - (k > i) - (k > j) for k in together[2:]), count - 1])
    while count > 1:
        pairs.append((0, 1))
        count -= 1
    return tuple(pairs)


def hashable(optimize: Any) -> Any:
    """What the user gave as optimize=, as np.einsum_path takes it. For False, order greedily."""
    if isinstance(optimize, list | tuple):
        return tuple([tuple(step) if isinstance(step, list | tuple) else step for step in optimize])
    return "greedy" if optimize is None or isinstance(optimize, bool) else optimize


@functools.partial(compose, np.einsum)
def einsum(*operands: Any, out: None = None, optimize: Any = False, **kwargs: Any) -> Any:
    """Sum of products over named axes."""
    refuse_out("einsum", out)
    for key, value in kwargs.items():
        if value != {"dtype": None, "order": "K", "casting": "safe"}.get(key, NotImplemented):
            advice = "Write .astype(...) of the arrays." if key == "dtype" else "Leave it out."
            raise DTypeError(f"einsum: {key}= is not supported on a tensor. {advice}")
    if not operands:
        raise ArgumentError("einsum: expected subscripts and arrays, got nothing.")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], list(operands[1:])
    else:
        subscripts, arrays = from_lists(operands)
    arrays = [a if hasattr(a, "dtype") else np.asarray(a) for a in arrays]
    found, keep, result, pairs = prepared(subscripts, tuple([a.shape for a in arrays]), hashable(optimize))
    terms = list(found)
    for i, kept in enumerate(keep):
        if kept is not None:
            arrays[i], terms[i] = one(arrays[i], terms[i], kept)
    for i, j in pairs:
        right, left = arrays.pop(j), arrays.pop(i)
        right_term, left_term = terms.pop(j), terms.pop(i)
        kept = set(result).union(*terms)
        made = result if not terms else "".join(c for c in dict.fromkeys(left_term + right_term) if c in kept)
        arrays.append(einsum_pair(left, right, subscripts=f"{left_term},{right_term}->{made}"))
        terms.append(made)
    return arrays[0] if terms[0] == result else np.transpose(arrays[0], [terms[0].index(c) for c in result])


constant(np.einsum_path)
