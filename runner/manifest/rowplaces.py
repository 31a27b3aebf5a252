"""Findings about one row of a table: moved from the text in the manifest to the row and the column behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.manifest.tables import MOST_TOLD
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runner.errors import Place
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part
    from runner.manifest.source import Source
    from runner.manifest.tables import Record

_USED = re.compile(r"\$\{([^}]*)\}")


def placed_at(record: Record, parts: Sequence[Part], ledger: Ledger, mark: int) -> None:
    """Move the findings since `mark` whose texts use a column of `record`. `parts`: the entry, its template.

    Of many at one text some are moved; the others stay there, where they are told as a number.
    """
    for index in range(mark, len(ledger.diagnostics)) if record.place else ():
        finding = ledger.diagnostics[index]
        if finding.place is None or ledger.moved.get(finding.place, 0) >= MOST_TOLD:
            continue
        column = _named(finding.summary, record) or _column(finding.place, record, parts)
        if column is not None:
            ledger.moved[finding.place] = ledger.moved.get(finding.place, 0) + 1
            why = f"{finding.why}; used at {finding.place}" if finding.why else f"used at {finding.place}"
            ledger.diagnostics[index] = replace(finding, place=record.at(column), why=why)


def _named(summary: str, record: Record) -> str | None:
    """The column that a finding names as a variable."""
    return next((name for name in _USED.findall(summary) if name in record.values), None)


def _column(place: Place, record: Record, parts: Sequence[Part]) -> str | None:
    """The first column that is used in the text at `place`, or in the name that is used there."""
    used = list(_variables(_texts(place, parts)))
    if "name" in used and "name" not in record.values:
        used += _variables(text.value for text in parts[0].texts("name"))
    return next((name for name in used if name in record.values), None)


def _texts(place: Place, parts: Iterable[Part]) -> Iterable[str]:
    sources = {id(source): source for part in parts for source in _sources(part)}
    for source in sources.values():
        yield from (written.text for written in source.written.values() if written.place == place)


def _sources(part: Part) -> Iterable[Source]:
    return (part.source, *(lender.source for lender in part.borrowed.values()))


def _variables(texts: Iterable[str]) -> Iterable[str]:
    return (name for text in texts for name in _USED.findall(text))
