"""The graph of a Tensor as a ``graphviz.Digraph``: one node a tensor, one edge an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GraphError
from ..graph import Node, place
from ..tensor import Tensor
from ..watch import Step, record

if TYPE_CHECKING:
    from graphviz import Digraph

#: Fill colours: a leaf that wants a gradient, a constant, a computed tensor.
LEAF, CONSTANT, COMPUTED = "#cfe8ff", "#eeeeee", "#fff4d6"


def digraph(result: Tensor, recorded: record | None = None) -> Digraph:
    """Draw what `result` was computed from.

    Parameters
    ----------
    result : Tensor
        A computed Tensor.
    recorded : record, optional
        What ``with xe.record() as recorded:`` kept: then values, gradients and constants are shown too.

    Returns
    -------
    graphviz.Digraph
        Its ``source`` is DOT text; rendering needs Graphviz.

    Raises
    ------
    GraphError
        When `result` has no graph.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> from tinygrad_xe.viz import digraph
    >>> x = xe.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> print(digraph(x.sum()).source.splitlines()[0])
    digraph {
    """
    from graphviz import Digraph, escape

    if result.node is None:
        raise GraphError("digraph: the tensor has no graph: nothing that it was computed from requires grad.")
    steps = {} if recorded is None else {step.node: step for step in recorded.steps}
    numbers: dict[Node, int] = {}
    drawing = Digraph(
        graph_attr={"rankdir": "LR"},
        node_attr={"shape": "box", "style": "rounded,filled", "fontname": "Helvetica", "fontsize": "10"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9"},
    )
    stack = [result.node]
    while stack:
        node = stack.pop()
        if node in numbers:
            continue
        numbers[node] = len(numbers)
        stack.extend(parent for parent in node.parents if parent is not None)
    for node, number in numbers.items():
        step = steps.get(node)
        tip = place(node) or "a leaf"
        fill = LEAF if node.op is None else COMPUTED
        drawing.node(str(number), escape(description(node, step, recorded)), fillcolor=fill, tooltip=escape(tip))
        for i, parent in enumerate(node.parents):
            name = "" if node.op is None else node.op.variadic or node.op.inputs[i]
            if parent is not None:
                drawing.edge(str(numbers[parent]), str(number), label=escape(name))
            elif step is not None and node.op is not None and node.op.variadic is None:
                constant = f"c{number}_{i}"
                drawing.node(constant, escape(f"constant {name}\n{value_text(step.inputs[i])}"), fillcolor=CONSTANT)
                drawing.edge(constant, str(number), label=escape(name))
    return drawing


def description(node: Node, step: Step | None, recorded: record | None) -> str:
    """The text in the box of a node."""
    name = getattr(node, "name", None)
    title = name if node.op is None else f"{name} = {node.op.name}" if name else node.op.name
    lines = [title or "tensor", f"{node.dtype} {node.shape}" if node.shape else str(node.dtype)]
    if step is not None:
        lines.append(f"value {value_text(step.out)}")
    if recorded is not None:
        try:
            lines.append(f"gradient {value_text(recorded.cotangent_of(node))}")
        except GraphError:
            lines.append("gradient not computed yet")
    return "\n".join(lines)


def value_text(value: Any) -> str:
    """A few numbers as they are; of more, the shape and the range."""
    array = np.asarray(getattr(value, "_data", value))
    if array.size <= 6:
        return np.array2string(array, precision=4, separator=", ", suppress_small=True).replace("\n", "")
    return f"{array.shape} from {array.min():.4g} to {array.max():.4g}"
