"""The table of a model's modules: names, output shapes, numbers of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..containers import leaves
from ..graph import no_grad

if TYPE_CHECKING:
    from .module import Module


@dataclass(frozen=True)
class Row:
    """One module: its name, class, the shape of what it returned (empty if it was not run), its own parameters."""

    name: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True)
class Summary:
    """What `Module.summary` returns; its text is the table.

    Attributes
    ----------
    rows : tuple of Row
        A module called more than once has the shape of its last call.
    parameters, frozen : int
        Numbers in all parameters, and in those that want no gradient.
    nbytes : int
        Memory of the parameters and buffers.
    """

    rows: tuple[Row, ...]
    parameters: int
    frozen: int
    nbytes: int

    def __str__(self) -> str:
        head = ("name", "module", "output", "parameters")
        lines = [head, *((r.name, r.kind, r.shape, f"{r.parameters:,}" if r.parameters else "") for r in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        text = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(line[:3], widths)), line[3].rjust(widths[3])])
            for line in lines
        ]
        text.insert(1, "-" * len(text[0]))
        frozen = f", {self.frozen:,} of them frozen" if self.frozen else ""
        text += [text[1], f"{self.parameters:,} parameters{frozen}; {_size(self.nbytes)}"]
        return "\n".join(line.rstrip() for line in text)

    __repr__ = __str__


def summary(model: Module, args: Sequence[Any]) -> Summary:
    """See `Module.summary`."""
    shapes = _output_shapes(model, args) if args else {}
    rows = tuple(
        Row(name or "(all)", type(module).__name__, shapes.get(id(module), ""), _own(module))
        for name, module in model.named_modules()
    )
    held = list(model.parameters())
    return Summary(
        rows,
        sum(p.size for p in held),
        sum(p.size for p in held if not p.requires_grad),
        sum(t.data.nbytes for t in (*held, *model.buffers())),
    )


def _own(module: Module) -> int:
    """How many numbers the parameters of a module have that are not its parts'."""
    below = {id(p) for child in module.children() for p in child.parameters()}
    return sum(p.size for p in module.parameters() if id(p) not in below)


def _output_shapes(model: Module, args: Sequence[Any]) -> dict[int, str]:
    """Run the model in eval mode, without a graph, and note what each module returned."""
    shapes: dict[int, str] = {}

    def note(module: Module, args: Any, out: Any) -> None:
        shapes[id(module)] = ", ".join(str(getattr(leaf, "shape", "")) for leaf in leaves(out))

    modules = list(model.modules())
    modes = [module.training for module in modules]
    removers = [module.register_forward_hook(note) for module in modules]
    try:
        with no_grad():
            model.eval()(*args)
    finally:
        for remove in removers:
            remove()
        for module, mode in zip(modules, modes):
            module.training = mode
    return shapes


def _size(count: int) -> str:
    """Bytes in a unit that suits them."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
