"""Words for people about what a stranger sent: short, printable, on one line."""

from __future__ import annotations

_LONGEST_PIECE = 80


def short(text: str) -> str:
    """At most 80 printable characters on one line: what may be shown of a stranger's words."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= _LONGEST_PIECE else line[: _LONGEST_PIECE - 1] + "…"
