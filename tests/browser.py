"""Pages in headless Chromium, for the tests that need a browser."""

from __future__ import annotations

import os
import shutil

#: Nothing but the page: no background traffic, no graphics card.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def program() -> str | None:
    """Debian's Chromium, or the one that ``CHROMIUM`` names."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class Opened:
    """A page, what it asked for and what went wrong in it."""

    def __init__(self, page) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def text(self, selector: str) -> str:
        """What is written in an element."""
        return self.page.inner_text(selector)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def run(self, script: str, argument: object = None) -> object:
        """Evaluate JavaScript in the page."""
        return self.page.evaluate(script, argument)

    def card(self, number: int, part: str) -> str | None:
        """A text of a card, `part` being ``tg-v``, ``tg-g`` or ``tg-sum``; None where it is not shown."""
        return self.run(
            """([number, part]) => {
              const e = document.querySelector(`#n_${number} .${part}`);
              return e && getComputedStyle(e).visibility === "visible" ? e.textContent.trim() : null;
            }""",
            [number, part],
        )
