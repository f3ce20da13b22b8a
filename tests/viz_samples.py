"""Traces made by hand: the logistic regression that the pictures were designed with, and its hostile twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe.program.expressions import Expression, Number
from tinygrad_xe.viz.records import Flow, Scope, Sending, Trace, Value

F64 = np.dtype(np.float64)

HOSTILE = [
    "<script>alert(1)</script>",
    '"];evil[label="x',
    "</title><img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "a\\N\\L\\G b",
    "ends in a backslash\\",
    "&lt;b&gt; &#92;N &amp;",
    "]]>--><!--",
    "nul\x00 esc\x1b bidi\u202e end \x85\u2028",
    "emoji 🙂 ∂ 中文",
    "\ud800",
    "<<b>x</b>>",
    "x" * 10_000,
    " ",
]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def bce(model: str = "model", function: str = "bce_with_logits") -> Trace:
    """softplus(z) - y z of three features, forward and backward."""
    x, w, b, y = np.array([1.5, -0.4, 2.0]), np.array([0.6, -1.1, 0.3]), np.array(-0.5), np.array(1.0)
    u, s = w * x, np.array((w * x).sum())
    z = np.array(s + b)
    a, c = np.array(np.log1p(np.exp(z))), np.array(y * z)
    loss = np.array(a - c)
    gz = np.array(sigmoid(z) - y)
    linear = (Scope(model, "module", "Linear(3 -> 1)"),)
    bce_ = (Scope(function, "function"),)

    def leaf(id, name, role, value, grad=None, note="", scopes=()):
        return Value(id, name, "", "", role, value.shape, F64, value, grad, note, scopes, "bce.py:3: leaves")

    def op(id, name, expression, op_, value, grad, scopes, role="op"):
        line = f"bce.py:{id}: {name} = {expression}"
        return Value(id, name, expression, op_, role, value.shape, F64, value, grad, "", scopes, line)

    values = [
        leaf(0, "w", "parameter", w, gz * x, scopes=linear),
        leaf(1, "x", "input", x, note="not tracked"),
        op(2, "u", "w * x", "multiply", u, np.full(3, gz), linear),
        op(3, "s", "sum(u)", "sum", s, gz, linear),
        leaf(4, "b", "parameter", b, gz, scopes=linear),
        op(5, "z", "s + b", "add", z, gz, linear),
        op(6, "a", "softplus(z)", "softplus", a, np.array(1.0), bce_),
        leaf(7, "y", "target", y, note="not tracked"),
        op(8, "c", "y * z", "multiply", c, np.array(-1.0), bce_),
        op(9, "loss", "a - c", "subtract", loss, np.array(1.0), bce_, "loss"),
    ]
    flows = [
        Flow(0, 0, 2, 0, True, sent=gz * x),
        Flow(1, 1, 2, 1, False),
        Flow(2, 2, 3, 0, True, sent=np.full(3, gz)),
        Flow(3, 3, 5, 0, True, sent=gz),
        Flow(4, 4, 5, 1, True, sent=gz),
        Flow(5, 5, 6, 0, True, sent=np.array(sigmoid(z))),
        Flow(6, 7, 8, 0, False),
        Flow(7, 5, 8, 1, True, sent=np.array(-1.0)),
        Flow(8, 6, 9, 0, True, sent=np.array(1.0)),
        Flow(9, 8, 9, 1, True, sent=np.array(-1.0)),
    ]
    zero = np.zeros(())
    sendings = [
        Sending(9, zero, np.array(-1.0)),
        Sending(8, zero, np.array(1.0)),
        Sending(7, zero, np.array(-1.0)),
        Sending(5, np.array(-1.0), gz),
        Sending(4, zero, gz),
        Sending(3, zero, gz),
        Sending(2, np.zeros(3), np.full(3, gz)),
        Sending(0, np.zeros(3), gz * x),
    ]
    return Trace(values, flows, sendings, result=9, title="bce")


def hostile(text: str) -> Trace:
    """The same trace with `text` in every place that a user can name."""
    trace = bce(text, text)
    scopes = {s: replace(s, name=text, detail=text) for value in trace.values for s in value.scopes}
    values = [
        replace(v, name=text, expression=text if v.op else "", op=text if v.op else "", line=text,
                scopes=tuple(scopes[s] for s in v.scopes))
        for v in trace.values
    ]  # fmt: skip
    return replace(trace, values=values, title=text)


def chain(length: int, twice: bool = False) -> Trace:
    """``for _ in range(length): a = a + 1``, or ``a = a + a``."""
    one = np.array(1.0)
    values = [Value(0, "a", "", "", "parameter", (), F64, one, one)]
    flows: list[Flow] = []
    for i in range(1, length + 1):
        values.append(Value(i, "a", "a + a" if twice else "a + 1", "add", "op", (), F64, one, one))
        for position in range(1 + twice):
            flows.append(Flow(len(flows), i - 1, i, position, True, sent=one))
    return Trace(values, flows, result=length)


def blocks(count: int, scoped: bool = True) -> Trace:
    """`count` layers ``h = tanh(h @ W + b)``, each with parameters of its own, and a mean at the end."""
    h = np.full((5, 4), 0.25)
    values = [Value(0, "x", "", "", "input", (5, 4), F64, h, None, "not tracked")]
    flows: list[Flow] = []

    def add(name, expression, op, role, value, parents, scopes):
        values.append(Value(len(values), name, expression, op, role, value.shape, F64, value, value, "", scopes))
        for position, parent in enumerate(parents):
            flows.append(Flow(len(flows), parent, len(values) - 1, position, bool(parent), sent=values[parent].value))
        return len(values) - 1

    last = 0
    for i in range(count):
        inside = (Scope("net", "module", "MLP"), Scope(f"layer{i}", "module", "Dense(4 -> 4)", i)) if scoped else ()
        W = add(f"W{i}", "", "", "parameter", np.eye(4), (), inside)
        product = add("", f"h @ W{i}", "matmul", "op", h, (last, W), inside)
        b = add(f"b{i}", "", "", "parameter", np.zeros(4), (), inside)
        z = add("z", f"h @ W{i} + b{i}", "add", "op", h, (product, b), inside)
        last = add("h", "tanh(z)", "tanh", "op", h, (z,), inside)
    loss = add("loss", "mean(h)", "mean", "loss", np.array(0.25), (last,), ())
    return Trace(values, flows, result=loss)


def ruled() -> Trace:
    """The logistic regression with its gradient rules, written down as `Expression`s."""
    trace = bce()
    known = {v.name: Expression(v.value, v.name) for v in trace.values}
    grads = {v.name: Expression(v.grad, f"{v.name}.grad") for v in trace.values if v.grad is not None}
    one, x, y, z = np.ones(()), known["x"], known["y"], known["z"]
    rules = {
        0: (grads["u"] * x, x),
        2: (np.broadcast_to(grads["s"], (3,)), Expression(one, Number(1))),
        3: (grads["z"], Expression(one, Number(1))),
        4: (grads["z"], Expression(one, Number(1))),
        5: (grads["a"] * xe.sigmoid(z), xe.sigmoid(z)),
        7: (grads["c"] * y, y),
        8: (grads["loss"], Expression(one, Number(1))),
        9: (-grads["loss"], Expression(-one, Number(-1))),
    }
    return replace(trace, flows=[
        replace(flow, rule=rules[flow.id][0], local=rules[flow.id][1]) if flow.id in rules else flow
        for flow in trace.flows
    ])  # fmt: skip
