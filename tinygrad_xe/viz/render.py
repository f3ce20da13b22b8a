"""Finding a Graphviz program, running it on DOT text, and tidying the SVG that it writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig

from ..errors import XeError

#: Seconds until a layout is given up.
TIMEOUT = 20.0

#: Names a program to draw with.
VARIABLE = "TINYGRAD_XE_DOT"

REMEDIES = (
    "Install Graphviz (https://graphviz.org/download, or the package graphviz of your system), "
    "or run: pip install 'tinygrad-xe[viz]'"
)


class RenderError(XeError, RuntimeError):
    """A picture that could not be drawn: no Graphviz program, or one that failed or took too long."""


def find(dot: str | os.PathLike[str] | None = None) -> str | None:
    """The Graphviz program to draw with, or None.

    Looked for in this order: `dot`; the variable ``TINYGRAD_XE_DOT``; ``dot`` on the PATH; ``graphviz-pure`` on the
    PATH, beside the interpreter and where pip puts programs.

    Raises
    ------
    RenderError
        When `dot` or the variable names a program that is not there.
    """
    for given, who in ((dot, "dot="), (os.environ.get(VARIABLE), VARIABLE)):
        if given:
            found = shutil.which(os.fspath(given))
            if found is None:
                raise RenderError(f"{who} names {os.fspath(given)!r}, which is no program. {REMEDIES}.")
            return found
    places = [None, os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
    pure = (shutil.which("graphviz-pure", path=path) for path in places)
    return shutil.which("dot") or next(filter(None, pure), None)


def render(source: str, format: str, dot: str | os.PathLike[str] | None = None, *options: str) -> bytes:
    """Draw DOT text.

    Parameters
    ----------
    source : str
        DOT.
    format : str
        ``"svg"``, ``"png"``, ``"pdf"``, or another that the program knows.
    dot : path, optional
        The program to draw with.
    *options : str
        Its further arguments, ``"-Gbgcolor=white"``.

    Raises
    ------
    RenderError
        When there is no program, or when it fails or takes more than 20 seconds.
    """
    program = find(dot)
    if program is None:
        raise RenderError(f"There is no program to draw with: neither dot nor graphviz-pure was found. {REMEDIES}.")
    try:
        done = subprocess.run(
            [program, f"-T{format}", *options],
            input=source.encode("utf-8", "replace"),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise RenderError(
            f"{program} took more than {TIMEOUT:g} s and was stopped. Draw less: depth= collapses modules and "
            "functions, scope= draws one alone. The DOT text is in .source."
        ) from None
    except OSError as error:
        raise RenderError(f"{program} could not be run: {error}. {REMEDIES}, or name another by {VARIABLE}.") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()
        more = f"It can't write {format}. " if "not recognized" in said else ""
        raise RenderError(
            f"{program} failed with exit code {done.returncode}. {more}It said:\n{said[:2000] or '(nothing)'}\n"
            f"Another program can be named by {VARIABLE}. {REMEDIES}."
        )
    return done.stdout


def svg(source: str, dot: str | os.PathLike[str] | None = None, style: str = "") -> str:
    """Draw DOT text as an SVG element, tidied.

    `style` is CSS that goes into it. The errors are those of `render`.
    """
    written = render(source, "svg", dot).decode("utf-8", "replace")
    if "<svg" not in written:
        raise RenderError(f"{find(dot)} wrote no SVG, but {written[:200]!r}. {REMEDIES}.")
    text = tidy(written)
    if style:
        end = text.index(">", text.index("<svg")) + 1
        text = f"{text[:end]}\n<style>{style}</style>{text[end:]}"
    return text


def tidy(text: str) -> str:
    """The SVG element that Graphviz wrote, without its prolog, comments and ids as titles, with plain tooltips.

    Tooltips come as links, ``<a xlink:title>``, and go as ``<g><title>``; coordinates keep one decimal.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*?</title>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<a(?: [^>]*?)? ?xlink:title="([^"]*)"[^>]*>', r"<g><title>\1</title>", text).replace("</a>", "</g>")
    text = text.replace("&#45;", "-").replace("<title> </title>", "")
    text = re.sub(r'( (?:d|points|x|y|cx|cy|rx|ry)=")([^"]*)"', rounded, text)
    # Graphviz 2.43 omits it, and spaces would collapse
    text = re.sub(r"<text(?! xml:space)", '<text xml:space="preserve"', text)
    return text.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")


def rounded(attribute: re.Match[str]) -> str:
    """A geometry attribute with one decimal."""
    return attribute[1] + re.sub(r"(\.\d)\d+", r"\1", attribute[2]) + '"'
