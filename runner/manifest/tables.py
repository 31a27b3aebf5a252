"""Tables beside a manifest: CSV and JSON Lines with a header, read row by row, cells held against their column's type.

UTF-8, with or without a byte order mark; CSV as in RFC 4180, quoted where a cell needs it. A finding is at the line
where its row begins, and names the column: `hosts.csv:4711:subject`. Columns of secrets are left where they are.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput, Place
from runner.manifest.columns import SECRET, Check, check_of
from runner.manifest.including import octets_of, words_of
from runner.manifest.paths import is_below, is_file
from runner.manifest.source import decoded
from runner.manifest.words import choose, listed, shortened
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.variables import Text

MOST_TOLD = 20
"""Rows of one table whose mistakes are told one by one."""
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@frozen
class Record:
    """A row of a table, and where it is; a repr shows no values."""

    values: dict[str, str] = field(repr=False)
    place: Place | None = None
    table: Table | None = None

    def at(self, column: str) -> Place | None:
        """Where one of its cells is."""
        place = self.place
        return Place(place.file, place.line, place.column, column) if place else None


@frozen
class Table:
    """Which table is meant: its file, how it is written, the types of its columns and where the manifest says so."""

    path: str
    named: Text
    kind: str
    types: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    delimiter: str = ","


def read_table(table: Table, top: str, ledger: Ledger) -> list[Record] | None:
    """The rows of a table below the folder `top`; None, with findings, where it cannot be read or a cell is wrong."""
    try:
        text = _text(table, top, ledger)
        reading = _Reading(table, ledger)
        return reading.records(_csv(text, table) if table.kind == "csv" else _jsonl(text, table, reading.note))
    except BadInput as problem:
        ledger.diagnostics.extend(problem.diagnostics)
    except OSError as problem:
        ledger.error(f"cannot read {table.named.value}", table.named.place, why=words_of(problem))
    return None


def _text(table: Table, top: str, ledger: Ledger) -> str:
    name, place = table.named.value, table.named.place
    if not is_below(table.path, top):
        why = f"tables are read from {top} and below, and no link leads out of it"
        raise _bad(f"{table.kind}: {name} leads elsewhere", place, why=why)
    if not is_file(table.path):
        raise _bad(f"file not found: {name}", place, why=f"there is no file {table.path}")
    octets = octets_of(Path(table.path))
    ledger.tables[shown(table)] = sha256(octets).hexdigest()
    return decoded(shown(table), octets)


def shown(table: Table) -> str:
    """The file as its findings call it: beside the manifest, spelled like the manifest itself."""
    return os.path.normpath(os.path.join(os.path.dirname(table.named.place.file), table.named.value))  # noqa: PTH118, PTH120


def _bad(summary: str, place: Place, *, why: str = "", next_step: str = "") -> BadInput:
    from runner.manifest.events import unreadable  # noqa: PLC0415 - YAML is not needed for a table that can be read

    return unreadable(summary, place, why=why, next_step=next_step)


def _csv(text: str, table: Table) -> Iterator[tuple[int, Sequence[str]]]:
    """The header, then the rows: each with the line on which it begins. Empty lines are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as problem:
            step = 'a quoted cell ends in ", and one inside it is written twice'
            raise _bad(f"this is not CSV: {problem}", Place(shown(table), line, 1), next_step=step) from None
        if cells is None:
            return
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _jsonl(text: str, table: Table, note: Callable[[BadInput], None]) -> Iterator[tuple[int, Sequence[str]]]:
    """The same of JSON Lines: the keys of the first object are the header; lines that are wrong go to `note`."""
    header: list[str] | None = None
    for number, line in enumerate(re.split("\r\n|\n", text), 1):
        if not line.strip():
            continue
        place = Place(shown(table), number, 1)
        if header is None:
            header = [key for key, _ in _object(line, place)]
            yield number, header
        try:
            yield number, _cells(line, header, place)
        except BadInput as problem:
            note(problem)


def _cells(line: str, header: Sequence[str], place: Place) -> list[str]:
    """The values of a line, in the order of the header; one that is not said is empty."""
    pairs = _object(line, place)
    values = dict(pairs)
    if len(values) < len(pairs) or not values.keys() <= set(header):
        unknown = [key for key in values if key not in header]
        why = f"the first line has no {listed(unknown)}" if unknown else "a key is there twice"
        raise _bad("this line has other keys than the first", place, why=why)
    return [values.get(key, "") for key in header]


def _object(line: str, place: Place) -> list[tuple[str, str]]:
    try:
        pairs = json.loads(line, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise _bad(
            "this line is no JSON", place, next_step='for example {"name": "web", "address": "192.0.2.1"}'
        ) from None
    if not isinstance(pairs, _Pairs) or any(isinstance(value, list) for _, value in pairs):
        raise _bad("this line is no flat JSON object", place, next_step="give texts, numbers, true and false")
    return [(key, _plain(value)) for key, value in pairs]


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object, told apart from a list."""


def _plain(value: Any) -> str:
    return {None: "", True: "true", False: "false"}.get(value, value) if not isinstance(value, str) else value


class _Reading:
    """One reading of one table: the header's names, each column's check, and what is wrong."""

    def __init__(self, table: Table, ledger: Ledger) -> None:
        self.table = table
        self.ledger = ledger
        self.file = shown(table)
        self.wrong = 0

    def records(self, lines: Iterable[tuple[int, Sequence[str]]]) -> list[Record] | None:
        rows = iter(lines)
        line, header = next(rows, (1, ()))
        checks = self._columns(line, header)
        if checks is None:
            return None
        width, kept = len(header), [(index, name, check) for index, (name, check) in enumerate(checks) if check]
        found = [self._record(line, cells, width, kept) for line, cells in rows]
        self.ledger.rows[self.table.path] = self._digest(found, width > len(kept))
        if self.wrong > MOST_TOLD:
            more = f"… and {self.wrong - MOST_TOLD} more rows of {self.table.named.value} with mistakes"
            self.ledger.error(more, self.table.named.place)
        return None if self.wrong else [each for each in found if each]

    def note(self, problem: BadInput) -> None:
        """A line that is none; the others are read all the same."""
        self.wrong += 1
        if self.wrong <= MOST_TOLD:
            self.ledger.diagnostics.extend(problem.diagnostics)

    def _digest(self, found: Iterable[Record | None], secrets: bool) -> str:  # noqa: FBT001 - one caller
        """Of what may be shown: a digest would let a short secret be guessed."""
        if not secrets:
            return self.ledger.tables[self.file]
        told = sha256()
        for record in found:
            told.update(f"{list(record.values.items()) if record else None}\n".encode("utf-8", "surrogatepass"))
        return told.hexdigest()

    def _columns(self, line: int, header: Sequence[str]) -> list[tuple[str, Check | None]] | None:
        """Each column's name and check (None: a secret); None, with findings, where the header cannot be used."""
        place, before = Place(self.file, line, 1), self.wrong
        if not header:
            self._tell("this table is empty", place, next_step="its first line names the columns")
        unfit = [index + 1 for index, name in enumerate(header) if not _COLUMN.fullmatch(name)]
        if unfit:
            why = "a column's name has letters, digits, _ and -, and begins with a letter or _"
            other = next((each for each in ";\t|" if each in header[0] and self.table.delimiter == ","), "")
            step = f"if that is what stands between cells, say delimiter: {json.dumps(other)}" if other else ""
            self._tell(f"column {unfit[0]} has no name that a variable can have", place, why=why, next_step=step)
        elif twice := [name for name in dict.fromkeys(header) if header.count(name) > 1]:
            self._tell(f"two columns are named {shortened(twice[0])}", place)
        elif header:
            for name in self.table.types.keys() - set(header):
                self.wrong += 1
                step = choose(name, list(header))
                where = self.table.places.get(name, self.table.named.place)
                self.ledger.error(f"{self.table.named.value} has no column {shortened(name)}", where, next_step=step)
        types = self.table.types
        if self.wrong > before:
            return None
        return [(name, None if types.get(name) == SECRET else check_of(types.get(name, "text"))) for name in header]

    def _record(
        self, line: int, cells: Sequence[str], width: int, kept: Sequence[tuple[int, str, Any]]
    ) -> Record | None:
        place = Place(self.file, line, 1)
        if len(cells) != width:
            self._tell(f"this row has {len(cells)} cells, the header {width}", place)
            return None
        for index, name, check in kept:
            if problem := check(cells[index]):
                self._tell(f"{name}: {problem}", Place(self.file, line, 1, name))
                return None
        return Record({name: cells[index] for index, name, _ in kept}, place, self.table)

    def _tell(self, summary: str, place: Place, *, why: str = "", next_step: str = "") -> None:
        self.wrong += 1
        if self.wrong <= MOST_TOLD:
            self.ledger.error(summary, place, why=why, next_step=next_step)
