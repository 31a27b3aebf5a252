"""Entries of the item sections to rows: `for_each` unrolled, names made and kept unique (design §3).

A row is an entry with one set of variables. What the row asks for is read by runner.manifest.items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.manifest.reader import Reader
from runner.manifest.variables import expand
from runner.manifest.words import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.errors import Place
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

SECTIONS = ("enrollments", "updates", "revocations", "recoveries")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_LONGEST_NAME = 128
"""Names become parts of file names."""
_STAND_IN = "unnamed"
"""The name with which a row is read whose own name is not fit, so that its other mistakes are told too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One item to be. `name` is None where it has none that is fit; the row is then read for its mistakes only."""

    section: str
    name: str | None
    reader: Reader
    places: Mapping[str, Place]


def read_rows(roots: Sequence[Part], variables: Mapping[str, str], ledger: Ledger) -> list[Row]:
    """All rows of all files, section by section, in the order in which they are written."""
    rows = [
        row
        for section in SECTIONS
        for root in roots
        for entry in root.entries(section)
        for row in _rows_of(section, entry, variables, ledger)
    ]
    return list(_uniquely_named(rows, ledger))


def _rows_of(section: str, entry: Part, variables: Mapping[str, str], ledger: Ledger) -> Iterator[Row]:
    places = entry.places()
    sets = _variable_sets(entry, variables, ledger)
    if sets is None:
        ledger.partial = True
        return
    for values in sets:
        name = _name(Reader(entry, {**variables, **values}, ledger))
        ledger.partial |= name is None
        own = {**variables, "name": name or _STAND_IN, **values}
        yield Row(section, name, Reader(entry, own, ledger), places)


def _variable_sets(entry: Part, variables: Mapping[str, str], ledger: Ledger) -> list[dict[str, str]] | None:
    """The variables of each row; None where `for_each` cannot be read."""
    if "for_each" not in entry.values:
        return [{}]
    part = entry.part("for_each")
    columns = {key: _column(key, Reader(part, variables, ledger)) for key in part.values} if part else {}
    readable = {key: column for key, column in columns.items() if column is not None}
    if not readable or len(readable) < len(columns):
        return None
    if len({len(column) for column in readable.values()}) > 1:
        ledger.partial = True
        why = ", ".join(f"{key} has {len(column)}" for key, column in readable.items())
        step = "give each variable one value for each row"
        ledger.error("the lists of for_each are not equally long", entry.place_of("for_each"), why=why, next_step=step)
    return [dict(zip(readable, row, strict=True)) for row in zip(*readable.values(), strict=False)]


def _column(key: str, reader: Reader) -> list[str] | None:
    """The values of one variable, as they are written (`1.10` is not 1.1); None where one cannot be read."""
    texts = reader.part.scalars(key)
    if texts is None:
        return None
    values = [expand(text, reader.variables, reader.ledger) for text in texts]
    column = [value for value in values if value is not None]
    return column if len(column) == len(values) else None


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


def _uniquely_named(rows: Sequence[Row], ledger: Ledger) -> Iterator[Row]:
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row.name, row) if row.name else row
        if first is row:
            yield row
            continue
        yield replace(row, name=None)
        place, before = row.reader.part.place_of("name"), first.reader.part.place_of("name")
        if place == before:
            ledger.error(f"several rows are named {row.name!r}", place, next_step="use a variable of for_each in it")
        else:
            ledger.error(f"two items are named {row.name!r}", place, why=f"the first is at {before}")
