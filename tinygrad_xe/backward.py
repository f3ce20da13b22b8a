"""The way back: a sweep over the nodes in reverse order of creation, which calls each rule and fits what it returns."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .batch import Batch
from .dispatch import limits_meant
from .errors import DTypeError, GraphError, ShapeError
from .graph import RELEASED, Argument, Leaf, Node, clock, fingerprint, label, mode, place, watching
from .op import Op, restore
from .ops.index import getitem, may_repeat
from .ops.rows import ones

#: Nodes that have hooks or whose gradient is retained. While there are none, sweeps need not look.
hooked: weakref.WeakSet[Node] = weakref.WeakSet()

make_tensor: Callable[[Any, Node | None], Any]

#: Results and their cotangents, from which a sweep starts.
Seeds = list[tuple[Node, Any]]


def connect(constructor: Callable[[Any, Node | None], Any]) -> None:
    """Hand in the constructor of a Tensor on a given node, for sweeps that are recorded themselves."""
    global make_tensor
    make_tensor = constructor


def pull(root: Node, cotangent: Any, *, create_graph: bool = False, retain_graph: bool = False) -> dict[Node, Any]:
    """Carry `cotangent` from `root` back to the leaves.

    Parameters
    ----------
    root : Node
        The node of the result.
    cotangent : ndarray or Tensor
        Of the shape and dtype of the result.
    create_graph : bool
        Record the sweep, so that the cotangents can be differentiated again.
    retain_graph : bool
        Keep the saved arrays, so that the graph can be swept again.

    Returns
    -------
    dict of Node to ndarray or Tensor
        The cotangent of each leaf, and of each node whose gradient is retained, that was reached.

    Raises
    ------
    GraphError
        When the graph was used up by an earlier sweep, or an array in it has changed since.
    ShapeError
        When a rule returns a cotangent of the wrong shape.
    """
    with np.errstate(all="ignore"):  # infinities in a gradient are for detect_nonfinite() to name
        if create_graph or mode.watch or hooked:
            leaves, visited = careful_sweep([(root, cotangent)], create_graph, create_graph)
        else:
            leaves, visited = masked_if_needed([(root, cotangent)])
    check_leaves(visited, leaves)
    if not (create_graph or retain_graph):
        for node in visited:
            node.saved, node.marks = RELEASED, None
    return leaves


def pull_to(targets: list[Node], seeds: Seeds, record: str, outside: bool) -> dict[Node, Any]:
    """Carry cotangents from one or more results back to `targets` and no further, for the transforms.

    Parameters
    ----------
    targets : list of Node
        Where to stop. What was recorded before the oldest of them is left alone.
    seeds : list of (Node, cotangent)
    record : {"", "cotangents", "all"}
        What the sweep is recorded as a function of: nothing, the given cotangents, or also what the graph saved.
    outside : bool
        Whether the graph goes on behind the targets, or past them: see `reach`.

    Returns
    -------
    dict of Node to ndarray, Batch or Tensor
        The cotangents of the targets that were reached. The graph keeps its arrays.
    """
    oldest = max([target.order for target in targets])  # the clock runs downwards
    if outside:
        seeds = [(node, g) for node, g in seeds if node.order <= oldest]
    with np.errstate(all="ignore"):
        if record or outside or mode.watch or hooked:
            leaves, visited = careful_sweep(seeds, record == "all", bool(record), {*targets}, oldest)
        else:
            leaves, visited = masked_if_needed(seeds)
    # What a closure reaches may have been assigned to as well.
    check_leaves(visited, reach([node for node, _ in seeds])[0] if outside else leaves)
    return leaves


def reach(nodes: list[Node], oldest: int = 0) -> tuple[set[Node], bool]:
    """The nodes that `nodes` were computed by, and whether one of them was recorded before `oldest`; it ends there."""
    pending, seen = [*nodes], {*nodes}
    while pending:
        for parent in pending.pop().parents:
            if parent is not None and parent not in seen:
                if parent.order > oldest:
                    return seen, True
                seen.add(parent)
                pending.append(parent)
    return seen, False


def is_argument_of_a_transform(node: Node) -> bool:
    """Whether `node` was computed from an argument that a transform which is running differentiates in."""
    return any(type(found) is Argument for found in reach([node])[0])


def masked_if_needed(seeds: Seeds) -> tuple[dict[Node, Any], list[Node]]:
    """Sweep without masks, and once more with them where that may have done harm.

    A branch not taken can only harm by 0 * inf = NaN, and a NaN reaches some leaf: masks are worth their cost (up to 3
    NumPy calls an edge) only then.
    """
    leaves, visited, selects = sweep(seeds)
    if selects and any(map(holds_nan, leaves.values())):
        return careful_sweep(seeds)
    return leaves, visited


def holds_nan(g: Any) -> bool:
    """Whether `g` has a NaN: a sum of squares is NaN only then, and costs 0.7 us where np.isnan(g).any() takes 2."""
    if type(g) is Batch:
        g = g.rows
    elif mode.tape is not None:
        g = mode.tape.concrete(g)
    if not isinstance(g, np.ndarray | np.generic):
        return False  # symbols
    total: Any = np.vdot(g, g)  # type: ignore[arg-type]
    return bool(total != total)


def begin(seeds: Seeds) -> tuple[dict[int, Any], list[tuple[int, Node]]]:
    """The cotangents by the numbers of their nodes, and the heap of these, from which a sweep starts."""
    cotangents: dict[int, Any] = {}
    heap: list[tuple[int, Node]] = []
    for node, g in seeds:
        number = node.order
        if number in cotangents:
            cotangents[number] = cotangents[number] + g
        else:
            cotangents[number] = g
            heappush(heap, (number, node))
    return cotangents, heap


def sweep(seeds: Seeds) -> tuple[dict[Node, Any], list[Node], bool]:
    """Sweep on plain arrays; tell the nodes visited, and whether an op among them selects, so that masks could matter.

    `careful_sweep` does the same and more; this loop, without its branches, takes about half the time. The heap holds
    the nodes that have a cotangent by their numbers; the smallest is the newest, all of whose users have been swept.
    """
    cotangents, heap = begin(seeds)
    leaves: dict[Node, Any] = {}
    visited: list[Node] = []
    sums: dict[int, Any] = {}  # the cotangents that were added up here: no one else has them, so they can be added to
    selects = False
    tape = mode.tape
    while heap:
        number, node = heappop(heap)
        g = cotangents.pop(number)
        op: Any = node.op
        if op is None:  # a leaf that is a result itself
            leaves[node] = leaves[node] + g if node in leaves else g
            continue
        saved = node.saved
        if saved is RELEASED:
            raise_released(node, seeds)
        if node.marks is not None:
            check_marks(node)
        if op.selects:
            selects = True
        visited.append(node)
        if tape is not None:
            tape.cotangent(node, g)
        if op is getitem and add_slice(node, g, sums):
            continue
        for parent, gx in zip(node.parents, op.vjp(node, saved, g)):
            if gx is None or parent is None:
                continue
            if gx.shape != parent.shape or gx.dtype is not parent.dtype:
                gx = fit(gx, parent, op)
            number = parent.order
            # leaves stay out of the heap, which is then short: 0.15 us less for a node
            held: Any = leaves if parent.op is None else cotangents
            key = parent if held is leaves else number
            if key not in held:
                held[key] = gx
                if held is cotangents:
                    heappush(heap, (number, parent))
            elif number in sums and type(gx) is np.ndarray:
                np.add(sums[number], gx, sums[number])
            else:
                held[key] = total = held[key] + gx
                if type(total) is np.ndarray:
                    sums[number] = total
                else:
                    sums.pop(number, None)
    if tape is not None:
        tape.cotangents(leaves)
    return leaves, visited, selects


def add_slice(node: Node, g: Any, sums: dict[int, Any]) -> bool:
    """Add the cotangent of ``a[key]`` to that of `a` where there is a sum already; tell whether it could be done.

    A loop over the steps of a sequence would else make an array of zeros for each, and add it: of 32 steps of a
    recurrent layer these took a fifth of the time.
    """
    parent = node.parents[0]
    total = None if parent is None else sums.get(parent.order)
    if total is None or type(g) is not np.ndarray or may_repeat(node.options[0]):
        return False
    total[node.options[0]] += g
    return True


def careful_sweep(
    seeds: Seeds,
    saved_too: bool = False,
    record: bool = False,
    targets: set[Node] | frozenset[Node] = frozenset(),
    oldest: int = 0,
) -> tuple[dict[Node, Any], list[Node]]:
    """Sweep with masks, hooks and observers, on plain arrays or, to be differentiated again, on Tensors.

    With `record` the cotangents are Tensors, and with `saved_too` also what the nodes have saved. The sweep ends at the
    leaves, at `targets`, and at what is older than `oldest`.

    Beside a cotangent travels, where something was selected on the way, the boolean array of the places that the result
    depends on. Elsewhere each edge is cleaned with a ``where`` before it is added up, since a rule may have made
    ``0 * inf`` there.
    """
    cotangents, heap = begin(seeds)
    masks: dict[int, Any] = {}
    leaves: dict[Node, Any] = {}
    visited: list[Node] = []
    watch = mode.watch or ()
    with watching((watch or None) if record else False):  # rules on plain arrays are nobody's forward steps
        while heap:
            number, node = heappop(heap)
            g, mask = cotangents.pop(number), masks.pop(number, None)
            if hasattr(node, "hooks"):
                g, mask = run_hooks(node, g, mask, record)
            for observer in watch:
                observer.cotangent(node, g)
            if mode.tape is not None:
                mode.tape.cotangent(node, g)
            op = node.op
            if op is None or hasattr(node, "owner") or node in targets:
                leaves[node] = g
            if op is None or node in targets:
                continue
            if node.saved is RELEASED:
                raise_released(node, seeds)
            check_marks(node)
            visited.append(node)
            wanted = without_parents_before(oldest, node, targets) if oldest else node
            if not any(wanted.parents):
                continue
            saved = saved_as_tensors(node) if saved_too else node.saved
            results = op.vjp(wanted, saved, g)
            for i, (parent, gx, taken) in enumerate(zip(wanted.parents, results, edge_masks(wanted, mask))):
                if gx is None or parent is None:
                    continue
                if taken is not None and not op.permutes:
                    gx = np.where(taken, gx, 0)
                if gx.shape != parent.shape or gx.dtype != parent.dtype:
                    gx = fit(gx, parent, op)
                for observer in watch:
                    observer.contribution(node, i, gx)
                if taken is not None:
                    taken = fit(taken.astype(parent.dtype), parent, op) != 0
                number = parent.order
                if number in cotangents:
                    cotangents[number] = cotangents[number] + gx
                    other = masks.pop(number, None)
                    taken = None if other is None or taken is None else taken | other
                else:
                    cotangents[number] = gx
                    heappush(heap, (number, parent))
                if taken is not None:
                    masks[number] = taken
    return leaves, visited


def without_parents_before(oldest: int, node: Node, targets: set[Node] | frozenset[Node]) -> Node:
    """`node`, or a copy that does not know the parents older than `oldest`, so that their rules are not called."""
    parents = tuple([p if p is None or p.order <= oldest or p in targets else None for p in node.parents])
    if parents == node.parents:
        return node
    copied = Node()
    copied.op, copied.parents, copied.saved, copied.marks = node.op, parents, node.saved, None
    copied.shape, copied.dtype, copied.order = node.shape, node.dtype, node.order
    if hasattr(node, "options"):
        copied.options = node.options
    return copied


def add_hook(node: Node, hook: Callable[[Any], Any]) -> Callable[[], None]:
    """Have `hook` called with the cotangent of `node`; return what removes it."""
    if not hasattr(node, "hooks"):
        node.hooks = []
    listed = node.hooks
    listed.append(hook)
    hooked.add(node)
    return lambda: listed.remove(hook) if hook in listed else None


def run_hooks(node: Node, g: Any, mask: Any, record: bool) -> tuple[Any, Any]:
    """The cotangent, and its mask, after the hooks of `node`; each is given a copy of its own."""
    for hook in list(node.hooks):  # a hook may remove itself
        shown = g.copy() if type(g) is np.ndarray else g
        if type(g) is np.ndarray:
            shown.flags.writeable = False  # writing into it would have no effect
        replaced = hook(shown)
        if replaced is None:
            continue
        try:
            if record and hasattr(replaced, "node"):
                replaced = replaced if replaced.dtype == node.dtype else replaced.astype(node.dtype)
            else:
                replaced = np.array(getattr(replaced, "_data", replaced), node.dtype)
        except (ValueError, TypeError) as error:
            raise DTypeError(f"register_hook: a hook of {label(node)} returned {replaced!r:.80}: {error}.") from None
        if replaced.shape != node.shape:
            raise ShapeError(
                f"register_hook: a hook of {label(node)} returned shape {replaced.shape} for a gradient of shape "
                f"{node.shape}."
            )
        g, mask = make_tensor(replaced, None) if record and type(replaced) is np.ndarray else replaced, None
    return g, mask


def edge_masks(node: Node, mask: Any) -> list[Any]:
    """For each parent, where it matters to the result, given where `node` does; None for everywhere.

    A mask passes through elementwise operations, reductions and permutations and stops at all others.
    """
    op = node.op
    assert op is not None
    everywhere = [None] * len(node.parents)
    if op.permutes:
        if mask is None and not op.selects:
            return everywhere
        ones = np.ones(node.shape) if mask is None else mask.astype(np.float64)
        return [None if found is None or found.all() else found != 0 for found in op.vjp(node, node.saved, ones)]
    if mask is not None and not (op.elementwise or op.reduces):
        return everywhere
    if mask is None and not op.taken:
        return everywhere
    values = dict(zip(op.options, node.options) if op.options else ()) | dict(zip(op.saves, node.saved))
    if op.reduces:
        axis, shape = values["axis"], values[f"{op.reduces}_shape"]
        if axis is not None:
            mask = None if mask is None else restore(mask, axis, shape)
            if op.taken and "out" in op.saves:
                values["out"] = restore(values["out"], axis, shape)
        mask = None if mask is None else np.broadcast_to(mask, shape)
    limits = any(limits_meant(parent) for parent in node.parents)
    return [mask if limits or name not in op.taken else taken_mask(node, name, values, mask) for name in op.inputs]


def taken_mask(node: Node, name: str, values: dict[str, Any], mask: Any) -> Any:
    """Where the input `name` is taken, and the result of `node` matters; None for everywhere."""
    op = node.op
    assert op is not None
    words, options = op.taken_words[name]
    taken = op.taken[name](*(values[word] for word in words), **{word: values[word] for word in options})
    taken = np.broadcast_to(taken, node.shape) if op.elementwise else taken
    taken = taken if mask is None else taken & mask
    return None if taken.all() else taken


def saved_as_tensors(node: Node) -> tuple[Any, ...]:
    """What `node` saved, as Tensors on their own nodes, so that a rule evaluated on them is recorded."""
    op = node.op
    assert op is not None
    values = dict(zip(op.saves, node.saved))
    parents = dict(zip(op.inputs, node.parents))
    found: list[Any] = []
    for word, value in values.items():
        if word == "out":
            found.append(make_tensor(value, node))
        elif word == op.variadic:
            found.append([v if p is None else make_tensor(v, p) for v, p in zip(value, node.parents)])
        elif value is not None and word in parents and op.rules[word] is not None and parents[word] is not None:
            found.append(make_tensor(value, parents[word]))
        elif op.residuals.get(word) is not None:
            found.append(residual(node, op.residuals[word], value, values))
        elif word in op.residuals:
            found.append(op.as_constant(word, value))
        else:
            found.append(value)
    return tuple(found)


def residual(node: Node, source: Any, value: Any, values: dict[str, Any]) -> Any:
    """The Tensor of a residual: the output `value` of another op, at some of the same inputs."""
    op, *arguments = source
    assert node.op is not None
    parents = dict(zip(node.op.inputs, node.parents))
    options = dict(zip(node.op.options, node.options)) if node.op.options else {}
    made = Node()
    made.op, made.marks, made.order = op, None, next(clock)
    made.parents = tuple(parents[name] for name in arguments)
    if not any(made.parents):
        return value
    renamed = {"out": value}
    for own, name in zip(op.inputs, arguments):
        renamed[own], renamed[f"{own}_shape"] = values.get(name), values.get(f"{name}_shape")
    made.saved = tuple(renamed[word] for word in op.saves)
    made.options = tuple(options[name] for name in op.options)
    made.shape, made.dtype, made.code, made.lasti = value.shape, value.dtype, node.code, node.lasti
    return make_tensor(value, made)


# -- fitting a cotangent to its input ----------------------------------------------------------------------------------


def fit(g: Any, parent: Node, op: Op) -> Any:
    """Give the cotangent `g`, as a rule of `op` returned it, the shape and dtype of the input that it belongs to."""
    shape = parent.shape
    if g.shape != shape:
        if op.broadcasts and g.ndim >= len(shape):
            g = sum_to(g, shape)
        elif op.reduces:
            g = spread(g, shape)
        if g.shape != shape:
            raise ShapeError(
                f"{op.name}: a gradient rule returned a cotangent of shape {g.shape} for an input of shape {shape}.\n"
                "  A rule returns the shape of its input; only operations declared with broadcasts=True are summed."
            )
    return g if g.dtype is parent.dtype or g.dtype == parent.dtype else g.astype(parent.dtype)


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an array of `shape` was broadcast to it: the transpose of broadcasting."""
    lead = g.ndim - len(shape)
    if type(g) is np.ndarray and lead and len(shape) == 1 and g.shape[-1] == shape[0] and g.dtype.char in "fd":
        # (N, D) -> (D,), a bias: 0.5 us against 2.6 for add.reduce at (64, 64); (8, 32, 64) -> (64,): 3 us against 14
        if lead > 1 and g.flags.c_contiguous and g.size:
            g = g.reshape(-1, shape[0])
        if g.ndim == 2:
            return ones(len(g), g.dtype).dot(g)
        lead = g.ndim - 1
    if type(g) is not np.ndarray:
        g = np.sum(g, axis=tuple(range(lead))) if lead else g
        stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
        return np.sum(g, axis=stretched, keepdims=True) if stretched else g
    if lead:
        g = np.add.reduce(g, tuple(range(lead)))
    stretched = tuple([i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1])
    return np.add.reduce(g, stretched, keepdims=True) if stretched else g


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """Repeat `g` along reduced axes. Filling a new array takes 0.5 us, np.broadcast_to 2.3."""
    if not isinstance(g, np.ndarray | np.generic):
        return np.broadcast_to(g, shape)
    full = np.empty(shape, g.dtype)
    try:
        full[...] = g
    except ValueError:
        return g  # of a wrong shape, which `fit` reports
    return full


# -- what may have happened to a graph since it was recorded -----------------------------------------------------------


def raise_released(node: Node, seeds: Seeds) -> None:
    """Raise for a graph whose arrays are gone."""
    which = "this graph" if node is seeds[0][0] else f"part of this graph ({label(node)})"
    raise GraphError(
        f"backward: {which} was used by an earlier backward(), which released its arrays.\n"
        f"  It was recorded at {place(node)}\n"
        "  Write backward(retain_graph=True) the first time, or compute the result again."
    )


def check_marks(node: Node) -> None:
    """Raise if a plain array that a rule will read is not what it was when it was recorded."""
    for i, mark in node.marks or ():
        array = node.saved[i]
        if fingerprint(array) != mark:
            assert node.op is not None
            raise GraphError(
                f"backward: the array {node.op.saves[i]} of {label(node)}, shape {array.shape}, "
                f"was changed after it was used at\n  {place(node)}\n"
                "  The gradient would mix old values and new ones. Pass a copy: x.copy()."
            )


def check_leaves(visited: list[Node], leaves: Iterable[Node]) -> None:
    """Raise if a leaf was assigned to after an operation of this graph saved its memory, itself or by way of a view."""
    assigned = [leaf for leaf in leaves if type(leaf) is Leaf and leaf.changed < leaf.order]
    if not visited or not assigned or min([leaf.changed for leaf in assigned]) > visited[-1].order:
        return  # every assignment is older than the oldest operation: the clock runs downwards
    for node in visited:
        for leaf in assigned:
            if leaf.changed < node.order and any(shares(value, leaf) for value in node.saved):
                raise GraphError(
                    f"backward: {label(leaf)}, shape {leaf.shape}, was assigned to after it was used at\n"
                    f"  {place(node)}\n"
                    "  The gradient would mix old values and new ones. Call backward() before the update, "
                    "or compute the result again."
                )


def shares(value: Any, leaf: Leaf) -> bool:
    """Whether a saved value lies in the memory of a leaf."""
    return isinstance(value, np.ndarray) and np.may_share_memory(value, leaf.memory)
