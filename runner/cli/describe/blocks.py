"""Labelled, nested lines: the form that every description has, and its text, after `ssh-cmpclient-g3`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from runner.report.sanitise import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Entry: TypeAlias = "tuple[str, str | Sequence[Entry]]"
"""A label, and its value or the entries below it."""


def block_text(entries: Sequence[Entry]) -> str:
    """The entries as text, one a line, those below others indented; foreign text is cleaned."""
    return "".join(f"{line}\n" for line in _lines(entries, ""))


def _lines(entries: Sequence[Entry], indent: str) -> Iterator[str]:
    for label, value in entries:
        if isinstance(value, str):
            yield f"{indent}{clean(label)} = {clean(value)}".rstrip()
        else:
            yield f"{indent}{clean(label)} ="
            yield from _lines(value, indent + "  ")


def present(*entries: tuple[str, str | Sequence[Entry] | None]) -> list[Entry]:
    """The entries that have a value; None, an empty text and an empty list are none."""
    return [(label, value) for label, value in entries if value]
