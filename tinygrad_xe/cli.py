"""The command line: ``tinygrad-xe demo``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ._version import __version__


def seed(text: str) -> int:
    """A seed from the command line: a whole number, 0 or more."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a seed is a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"a seed is 0 or more, got {value}")
    return value


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


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    description = "Automatic differentiation for plain NumPy that shows its work."
    made = argparse.ArgumentParser(prog="tinygrad-xe", description=description)
    made.add_argument("--version", action="version", version=f"tinygrad_xe {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="compare autodiff with the article, train on real data, draw the graph")
    demo.add_argument("--seed", type=seed, default=0, help="of every random number (default 0)")
    where = "folder for what it writes (default %(default)s)"
    demo.add_argument("--out", type=folder, default="tinygrad-xe-demo", metavar="DIR", help=where)
    demo.add_argument("--quick", action="store_true", help="a tenth of the training")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (2, from argparse, for bad arguments)."""
    chosen = parser().parse_args(arguments)
    from . import demo

    try:
        return demo.run(seed=chosen.seed, out=chosen.out, quick=chosen.quick)
    except KeyboardInterrupt:
        sys.stderr.write("\ntinygrad-xe: interrupted\n")
        return 130
    except OSError as error:
        sys.stderr.write(f"tinygrad-xe: {error}\n")
        return 1
