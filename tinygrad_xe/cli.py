"""The command line: ``tinygrad-xe demo``, ``graph`` and ``explore``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ._version import __version__
from .errors import ArgumentError

GRAPH = """\
FILE.py is run, as by python, but for what stands under `if __name__ == "__main__"`; then FUNCTION is called. It
computes with Tensors and returns one, best a single number: then the picture has gradients.

Where its arguments come from:
  nothing            its own Tensors, or the defaults of its parameters
  --args 'A, B'      Python literals, in the order of its parameters. Lists of numbers become arrays. Numbers with a
                     point, and arrays of them, get gradients; whole numbers are constants.

"""

GRAPH_EXAMPLE = """\
example, with this in loss.py:

    import numpy as np

    def loss(w, x, y):
        z = w @ x
        return np.logaddexp(0, z) - y * z

  tinygrad-xe {command} loss.py:loss --args '[0.6, -1.1], [1.5, -0.4], 1' --out {out}
"""


# -- what the command line takes ---------------------------------------------------------------------------------------


def seed(text: str) -> int:
    """A seed from the command line: a whole number, 0 or more."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a seed is a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"a seed is 0 or more, got {value}")
    return value


def depth(text: str) -> int:
    """Levels of modules from the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a depth is a whole number, 0 or more, got {text!r}")
    return int(text)


def folder(text: str) -> str:
    """An output folder from the command line: one that is there and can be written, or that can be made."""
    if os.path.exists(text) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text!r} is a file; give a folder")
    parent = os.path.abspath(text)
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} can't be written: {parent!r} is not a folder that you can write to")
    return text


def file_ending_in(*endings: str) -> Callable[[str], str]:
    """An output file from the command line, in a folder that is there, with one of these endings."""

    def output(text: str) -> str:
        parent = os.path.dirname(os.path.abspath(text))
        if os.path.isdir(text):
            raise argparse.ArgumentTypeError(f"{text!r} is a folder; give a file")
        if os.path.splitext(text)[1].lower() not in endings:
            raise argparse.ArgumentTypeError(f"{text!r} has another ending than {', '.join(endings)}")
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"{text!r} can't be written: {parent!r} is not a folder you can write to")
        return text

    return output


def read_with(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader whose `ArgumentError` argparse tells as it does its own."""

    def read(text: str) -> Any:
        try:
            return reader(text)
        except ArgumentError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    from .user_code import arguments, split

    description = "Automatic differentiation for plain NumPy that shows its work."
    made = argparse.ArgumentParser(prog="tinygrad-xe", description=description)
    made.add_argument("--version", action="version", version=f"tinygrad_xe {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="compare autodiff with the article, train on real data, draw the graph")
    demo.add_argument("--seed", type=seed, default=0, help="of every random number (default 0)")
    where = "folder for what it writes (default %(default)s)"
    demo.add_argument("--out", type=folder, default="tinygrad-xe-demo", metavar="DIR", help=where)
    demo.add_argument("--quick", action="store_true", help="a tenth of the training")

    def picture(command: str, help: str, out: str, *endings: str) -> argparse.ArgumentParser:
        one = commands.add_parser(
            command,
            help=f"{help}; this runs FILE.py",
            description=f"{help[0].upper()}{help[1:]}.\n\n{GRAPH}{GRAPH_EXAMPLE.format(command=command, out=out)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        target = "a function in a file, which is run"
        one.add_argument("target", type=read_with(split), metavar="FILE.py:FUNCTION", help=target)
        literals = "arguments of the function, in one word: --args '[0.5, 1.0], 3.0'; --args=-1 if it begins with -"
        one.add_argument("--args", type=read_with(arguments), default=[], metavar="'A, B'", help=literals)
        written = f"file to write, ending in {', '.join(endings)} (default %(default)s)"
        one.add_argument("--out", type=file_ending_in(*endings), default=out, metavar="FILE", help=written)
        levels = "levels of modules and functions that are shown open (default: all, as far as there is room)"
        one.add_argument("--depth", type=depth, metavar="N", help=levels)
        return one

    graph = picture("graph", "draw the graph of a function", "graph.svg", ".svg", ".png", ".pdf", ".dot", ".gv")
    graph.add_argument("--theme", choices=["light", "dark", "auto"], default="light")
    graph.add_argument("--direction", choices=["TB", "LR", "auto"], default="TB", help="down, or to the right")
    explore = picture("explore", "make a page that steps through a function", "explorer.html", ".html", ".htm")
    explore.add_argument("--lang", choices=["en", "zh"], default="en", help="English or Chinese")
    explore.add_argument("--theme", choices=["light", "dark", "auto"], default="auto")
    return made


# -- what it does ------------------------------------------------------------------------------------------------------


def draw(chosen: argparse.Namespace) -> int:
    """Draw a function of the user's, or make its explorer; 0, or 1 if it or the drawing fails, 2 for bad arguments."""
    from . import user_code, viz

    path, name = chosen.target
    try:
        with user_code.loaded(path) as module:
            try:
                function = user_code.function_of(module, path, name)
                given = user_code.with_defaults(function, chosen.args)
            except ArgumentError as error:
                sys.stderr.write(f"tinygrad-xe: {error}\n")
                return 2
            if chosen.command == "graph":
                options = {key: getattr(chosen, key) for key in ("theme", "direction", "depth")}
                picture = viz.graph(function, *given, **options)
                picture.save(chosen.out)
                done = f"{len(picture.layout.cards):,} nodes, {len(picture.layout.links):,} edges"
            else:
                options = {key: getattr(chosen, key) for key in ("lang", "theme", "depth")}
                explorer = viz.explore(function, *given, path=chosen.out, **options)
                done = f"{explorer.steps:,} steps; open it in a browser"
    except viz.RenderError as error:
        sys.stderr.write(f"tinygrad-xe: {error}\n  Or write --out graph.dot, which needs no program.\n")
        return 1
    except SystemExit as stopped:
        sys.stderr.write(f"tinygrad-xe: {os.path.basename(path)} exits, with {stopped.code!r}\n")
        return 1
    except Exception as error:  # the user's, or of writing the file
        sys.stderr.write(user_code.told(error, path))
        return 1
    sys.stdout.write(f"Wrote {chosen.out}: {done}.\n")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0, 1 for a failure, 2 for bad arguments, 130 when interrupted."""
    chosen = parser().parse_args(arguments)
    try:
        if chosen.command != "demo":
            return draw(chosen)
        from . import demo

        return demo.run(seed=chosen.seed, out=chosen.out, quick=chosen.quick)
    except KeyboardInterrupt:
        sys.stderr.write("\ntinygrad-xe: interrupted\n")
        return 130
    except OSError as error:
        sys.stderr.write(f"tinygrad-xe: {error}\n")
        return 1
