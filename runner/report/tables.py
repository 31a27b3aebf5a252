"""Tables for people: aligned plain text, or a coloured table of `rich` where a person looks at a terminal.

In: cells that were cleaned already. Out: text that ends in a newline. What stands in the tables is decided by
results_text and plan_text; where they go, by the command line.
"""

from __future__ import annotations

import textwrap
from io import StringIO
from itertools import zip_longest
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTHS = (60, 200)
"""The narrowest and the widest that text is laid out for, in characters."""
TIED = "\xa0"
"""A space that holds a number and its word together; cleaned text never has it."""
_GAP = 2
_NARROW = 6
_SEAMS = "-./_,="
"""Signs behind which a word that is too long for its column is cut."""
_MANY = 1000
"""Rows from which a terminal gets plain text too: rich takes 0.4 ms a row, and nobody admires the ten-thousandth."""


@frozen
class Layout:
    """How text is to be laid out. `terminal`: a table drawn by rich; `colour` also colours it."""

    width: int = 100
    terminal: bool = False
    colour: bool = False
    verbose: bool = False

    @property
    def columns(self) -> int:
        """The width, kept within WIDTHS."""
        return max(WIDTHS[0], min(self.width, WIDTHS[1]))


@frozen
class Row:
    """Cells, and the style (of rich) of the whole row."""

    cells: tuple[str, ...]
    style: str = ""


def render(headers: Sequence[str], rows: Sequence[Row], layout: Layout) -> str:
    """The table as text; empty where there are no rows."""
    return "".join(rendered_lines(headers, rows, layout))


def rendered_lines(headers: Sequence[str], rows: Sequence[Row], layout: Layout) -> Iterator[str]:
    """The same line by line."""
    if not rows:
        return
    if layout.terminal and len(rows) < _MANY:
        lines = iter(_drawn(headers, rows, layout).splitlines())
    else:
        lines = _plain(tuple(headers), rows, layout.columns)
    for line in lines:
        yield line.rstrip() + "\n"


def wrapped(text: str, layout: Layout, *, first: str, rest: str) -> str:
    """`text` folded to the layout's width; lines begin with `first`, then with `rest`. TIED is never folded at."""
    folded = textwrap.fill(text, layout.columns, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return folded.replace(TIED, " ")


def _drawn(headers: Sequence[str], rows: Sequence[Row], layout: Layout) -> str:
    from rich import box  # noqa: PLC0415 - rich takes 90 ms to import; only a terminal needs it
    from rich.console import Console  # noqa: PLC0415 - the same
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row.cells), style=row.style)
    out = StringIO()
    console = Console(
        file=out,
        width=layout.columns,
        force_terminal=True,
        color_system="standard" if layout.colour else None,
        no_color=not layout.colour,
    )
    console.print(table)
    return out.getvalue()


def _plain(headers: tuple[str, ...], rows: Sequence[Row], width: int) -> Iterator[str]:
    widest = [*map(len, headers)]
    for row in rows:
        widest = [*map(max, widest, map(len, row.cells))]
    widths = _fitted(widest, width)
    yield from _lines(headers, widths)
    for row in rows:
        yield from _lines(row.cells, widths)


def _fitted(widths: list[int], width: int) -> list[int]:
    """`widths` made smaller, the widest first, until they and their gaps fit."""
    fitted = list(widths)
    while sum(fitted) + _GAP * (len(fitted) - 1) > width and max(fitted) > _NARROW:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _lines(row: tuple[str, ...], widths: list[int]) -> list[str]:
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    gap = " " * _GAP
    return [
        gap.join(part.ljust(width) for part, width in zip(parts, widths, strict=True))
        for parts in zip_longest(*folded, fillvalue="")
    ]


def _folded(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    lines: list[str] = []
    for line in textwrap.wrap(cell, width, break_on_hyphens=False, break_long_words=False):
        lines.extend(_pieces(line, width))
    return lines or [""]


def _pieces(word: str, width: int) -> Iterator[str]:
    """A line that is too long because it is one word: cut behind a hyphen, dot or slash where one is near the end."""
    while len(word) > width:
        at = max(word.rfind(sign, 0, width) for sign in _SEAMS) + 1
        at = at if at * 2 > width else width
        yield word[:at]
        word = word[at:]
    yield word
