"""What reading manifests brings to light: findings, and the files that they expect to find.

One Ledger goes along with all the reading of one run, so that every finding is told at once.
It only collects; what is a finding is decided where the manifest is read.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.errors import Diagnostic, Place, Severity
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_AT_ONE_PLACE = 3
"""Findings told about one place; a field of a for_each can go wrong in every row."""
_NOWHERE = Place("", 0, 0)


@mutable
class Ledger:
    """Collects. `partial` is set where an entry is too broken to say its name or what it produces."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    expected: dict[tuple[str, Place], str] = field(default_factory=dict)
    """(absolute path, where it is named) → the path as written: input files that must exist or be produced."""
    partial: bool = False
    tables: dict[str, str] = field(default_factory=dict)
    """Each table that was read, as its findings call it, and SHA-256 (hex) of it."""
    rows: dict[str, str] = field(default_factory=dict)
    """Absolute path of each table → SHA-256 (hex) of it; where a column holds secrets, of the other columns."""
    moved: dict[Place, int] = field(default_factory=dict)
    """How many findings about a text were moved to the rows of a table that made it wrong."""

    def error(self, summary: str, place: Place | None, *, why: str = "", next_step: str = "") -> None:
        """Note something that must be put right."""
        self.diagnostics.append(Diagnostic(summary, place, why, next_step))

    def warn(self, summary: str, place: Place | None, *, why: str = "", next_step: str = "") -> None:
        """Note something that works and should be looked at."""
        self.diagnostics.append(Diagnostic(summary, place, why, next_step, Severity.WARNING))

    def expect(self, path: str, place: Place, written: str) -> None:
        """Note an input file that must exist when the manifest is used."""
        self.expected.setdefault((path, place), written)

    def told(self, severity: Severity) -> tuple[Diagnostic, ...]:
        """The findings of one severity, each once, by place; many at one place are cut short."""
        return told(each for each in self.diagnostics if each.severity is severity)


def told(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings in the order and number in which they are told: each once, by place, a few for one place."""
    places: dict[Place | None, list[Diagnostic]] = {}
    for finding in dict.fromkeys(findings):
        places.setdefault(finding.place, []).append(finding)
    ordered = sorted(places.items(), key=lambda entry: entry[0] or _NOWHERE)
    return tuple(finding for place, found in ordered for finding in _cut_short(place, found))


def _cut_short(place: Place | None, found: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    more = len(found) - _MOST_AT_ONE_PLACE
    if place is None or more <= 1:
        return found
    rest = Diagnostic(f"… and {more} more findings at this place", place, severity=found[0].severity)
    return [*found[:_MOST_AT_ONE_PLACE], rest]
