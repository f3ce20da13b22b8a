"""Nested lists, tuples and dicts: taken apart into leaves and put together again."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from .errors import ShapeError


def leaves(tree: Any) -> list[Any]:
    """What is in the lists, tuples and dicts of `tree`, in their order; None counts as an empty container."""
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in leaves(item)]
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    return [] if tree is None else [tree]


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """A copy of the containers of `tree` with `values` for its leaves."""
    return _rebuild(tree, iter(values))


def _rebuild(tree: Any, values: Iterator[Any]) -> Any:
    if isinstance(tree, list | tuple):
        items = [_rebuild(item, values) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)  # a namedtuple takes them in turn
    if isinstance(tree, dict):
        made = copy.copy(tree)  # keeps the class, and a defaultdict's default
        made.update({key: _rebuild(item, values) for key, item in tree.items()})
        return made
    return None if tree is None else next(values)


def paths(tree: Any, root: str = "") -> list[str]:
    """For each leaf, how a user reaches it: ``params['w'][0]``."""
    if isinstance(tree, list | tuple):
        return [path for i, item in enumerate(tree) for path in paths(item, f"{root}[{i}]")]
    if isinstance(tree, dict):
        return [path for key, item in tree.items() for path in paths(item, f"{root}[{key!r}]")]
    return [] if tree is None else [root]


def named_leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each leaf, with the way to it from `path` on, joined by dots: ``layers.0.weight``."""
    if isinstance(tree, list | tuple):
        for i, item in enumerate(tree):
            yield from named_leaves(item, f"{path}.{i}")
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from named_leaves(item, f"{path}.{key}")
    else:
        yield path, tree


def matching(who: str, name: str, tree: Any, like: Any, root: str) -> list[Any]:
    """The leaves of `tree` in the order of those of `like`, whose containers it must have.

    Raises
    ------
    ShapeError
        Where the containers differ: which place, and both.
    """
    if isinstance(like, list | tuple):
        if not isinstance(tree, list | tuple) or len(tree) != len(like):
            raise differs(who, name, tree, like, root)
        pairs = zip(tree, like, (f"[{i}]" for i in range(len(like))), strict=True)
    elif isinstance(like, dict):
        if not isinstance(tree, dict) or tree.keys() != like.keys():
            raise differs(who, name, tree, like, root)
        pairs = zip([tree[key] for key in like], like.values(), (f"[{key!r}]" for key in like), strict=True)
    elif (like is None) != (tree is None) or isinstance(tree, dict):
        raise differs(who, name, tree, like, root)
    else:
        return [] if like is None else [tree]
    return [leaf for item, other, step in pairs for leaf in matching(who, name, item, other, root + step)]


def differs(who: str, name: str, tree: Any, like: Any, root: str) -> ShapeError:
    """The error for containers that do not agree."""
    where = f" at {root}" if root else ""
    return ShapeError(f"{who}: {name}{where} is {kind(tree)}; expected {kind(like)}, as in what it belongs to.")


def kind(tree: Any) -> str:
    """A container in a few words."""
    if isinstance(tree, dict):
        return f"a dict with the keys {', '.join(map(repr, tree)) or '(none)'}"
    if isinstance(tree, list | tuple):
        return f"a {type(tree).__name__} of length {len(tree)}"
    name = type(tree).__name__
    return "None" if tree is None else f"{'an' if name[0] in 'aeio' else 'a'} {name}"
