"""Entries of the item sections to rows: `for_each` unrolled, names made and kept unique.

A row is an entry with one set of variables. What the row asks for is read by runner.manifest.items.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.manifest.foreach import variable_sets
from runner.manifest.reader import Reader
from runner.manifest.rowplaces import placed_at
from runner.manifest.schema import example_of
from runner.manifest.shared import with_defaults
from runner.manifest.words import shortened
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.errors import Place
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part
    from runner.manifest.tables import Record

SECTIONS = ("enrollments", "updates", "revocations", "recoveries", "fetches", "polls")

_REQUIRED = {
    "enrollments": ("output",),
    "updates": ("certificate", "key", "output"),
    "recoveries": ("output",),
    "polls": ("output",),
    "fetches": ("what",),
    "tunnels": ("requests", "approve"),
}
"""Keys that an entry must have, or the defaults: the schema, which sees one file, cannot ask for them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_LONGEST_NAME = 128
"""Names become parts of file names."""
_STAND_IN = "unnamed"
"""The name with which a row is read whose own name is not fit, so that its other mistakes are told too."""


@frozen
class Sketch:
    """One item to be, as little of it as can wait for a hundred thousand others.

    `name` is None where it has none that is fit; it is then read for its mistakes only.
    """

    section: str
    name: str | None
    part: Part
    record: Record
    """Its variables, and where they are written if that is in a table."""

    def row(self, variables: Mapping[str, str], ledger: Ledger) -> Row:
        """What its item is read from; `variables` are those of all."""
        own = {**variables, **self.record.values}
        if "name" not in self.record.values:
            own["name"] = self.name or _STAND_IN
        return Row(self.section, self.name, Reader(self.part, own, ledger), self.record)


@frozen
class Row:
    """An item that is being read."""

    section: str
    name: str | None
    reader: Reader
    record: Record

    @property
    def place(self) -> Place:
        """Where the row is written: in a table, or in the manifest."""
        return self.record.place or self.reader.part.place


def read_rows(
    roots: Sequence[Part],
    variables: dict[str, str],
    defaults: Mapping[str, Part],
    ledger: Ledger,
    sections: Sequence[str] = SECTIONS,
) -> list[Sketch]:
    """All rows of all files, section by section, in the order in which they are written."""
    rows = [
        row
        for section in sections
        for root in roots
        for entry in root.entries(section)
        for row in _rows_of(section, with_defaults(section, entry, defaults), variables, ledger)
    ]
    return list(_uniquely_named(rows, ledger))


def _rows_of(section: str, entry: Part, variables: dict[str, str], ledger: Ledger) -> Iterator[Sketch]:
    if not _complete(section, entry, ledger):
        ledger.partial = True
    records = variable_sets(entry, variables, ledger)
    if records is None:
        ledger.partial = True
        return
    for record in records:
        mark = len(ledger.diagnostics)
        name = _name(Reader(entry, {**variables, **record.values}, ledger))
        if len(ledger.diagnostics) > mark:
            placed_at(record, (entry,), ledger, mark)
        ledger.partial |= name is None
        yield Sketch(section, name, entry, record)


def _complete(section: str, entry: Part, ledger: Ledger) -> bool:
    missing = [key for key in _REQUIRED.get(section, ()) if key not in entry.values]
    for key in missing:
        ledger.error(f"missing key {key!r} in {entry.spelled}", entry.place, next_step=example_of(section, key))
    return not missing


def _name(reader: Reader) -> str | None:
    name = reader.text("name")
    if name is None:
        return None
    place = reader.part.place_of("name")
    if not _NAME.fullmatch(name):
        why = "a name has letters, digits and . _ @ + -, and begins with a letter or a digit"
        reader.ledger.error(f"{shortened(name)} cannot be the name of an item", place, why=why)
        return None
    if len(name) > _LONGEST_NAME:
        reader.ledger.error(f"the name {shortened(name)} is longer than {_LONGEST_NAME} characters", place)
        return None
    return name


def _uniquely_named(rows: Sequence[Sketch], ledger: Ledger) -> Iterator[Sketch]:
    seen: dict[str, Sketch] = {}
    for row in rows:
        first = seen.setdefault(row.name, row) if row.name else row
        if first is row:
            yield row
            continue
        yield replace(row, name=None)
        place, before = _place_of_name(row), _place_of_name(first)
        if place == before:
            ledger.error(f"several rows are named {row.name!r}", place, next_step="use a variable of for_each in it")
        else:
            ledger.error(f"two items are named {row.name!r}", place, why=f"the first is at {before}")


def _place_of_name(row: Sketch) -> Place:
    return row.record.place or row.part.place_of("name")
