"""Findings in what entries share, a template or defaults: with the first entry that comes to grief by it.

What is wrong there whoever uses it was told before, and is told once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.errors import Place
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

_USED = "used by"


@dataclass(slots=True)
class Users:
    """Who was told of first, by place and summary."""

    ledger: Ledger
    before: set[tuple[Place | None, str]] = field(init=False)
    first: dict[tuple[Place | None, str], str] = field(default_factory=dict)
    _known: dict[tuple[int, object], frozenset[tuple[str, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = (each for each in self.ledger.diagnostics if _USED not in each.why)
        self.before = {(each.place, each.summary) for each in told}

    def name(self, user: str, entry: Part, shared: Iterable[Part], mark: int) -> None:
        """Add the user to the findings since `mark` that are in `shared`, and in what the entry has from defaults."""
        findings = self.ledger.diagnostics
        if len(findings) == mark:
            return
        lenders = (lender for part in (entry, *shared) for lender in part.borrowed.values())
        lines = frozenset[tuple[str, int]]().union(*map(self._lines, (*shared, *lenders))) - self._lines(entry)
        for index in range(mark, len(findings)):
            finding = findings[index]
            place, told = finding.place, (finding.place, finding.summary)
            if place is not None and (place.file, place.line) in lines and told not in self.before:
                words = self.first.setdefault(told, f"{_USED} {user!r} at {entry.place}")
                findings[index] = replace(finding, why=f"{finding.why}; {words}" if finding.why else words)

    def _lines(self, part: Part) -> frozenset[tuple[str, int]]:
        """The lines that a part stands on, as far as it is written there itself."""
        key = id(part.source), part.path
        if key not in self._known:
            depth, written = len(part.path), part.source.written.items()
            places = (each.place for path, each in written if path[:depth] == part.path)
            self._known[key] = frozenset((place.file, place.line) for place in places)
        return self._known[key]
