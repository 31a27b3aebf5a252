"""`for_each` to the variables of each row: lists side by side, ranges, products, and tables in files."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from runner.manifest.columns import is_type
from runner.manifest.paths import absolute
from runner.manifest.reader import Reader
from runner.manifest.tables import Record, Table, read_table
from runner.manifest.variables import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

MOST_ROWS = 1_000_000
"""Rows of one entry that lists, ranges and products may make."""
_ONE_ROW = [Record({})]


def variable_sets(entry: Part, variables: Mapping[str, str], ledger: Ledger) -> list[Record] | None:
    """The variables of each row; None where `for_each` cannot be read."""
    if "for_each" not in entry.values:
        return _ONE_ROW
    part = entry.part("for_each")
    if part is None:
        return None
    reader = Reader(part, variables, ledger)
    for kind in ("csv", "jsonl"):
        if part.text(kind) is not None:
            return _table(reader, kind)
    inner = part.part("product")
    if inner is not None:
        return _product(reader.elsewhere(inner), entry)
    return _side_by_side(reader, entry)


def _table(reader: Reader, kind: str) -> list[Record] | None:
    part, text = reader.part, reader.part.text(kind)
    name = expand(text, reader.variables, reader.ledger) if text else None
    if text is None or name is None:
        return None
    columns, delimiter = part.part("columns"), part.text("delimiter")
    types = {key: value for key, value in columns.values.items() if is_type(value)} if columns else {}
    if len(types) < len(columns.values if columns else ()) or (delimiter and len(delimiter.value) != 1):
        return None  # the schema has told of it
    places = {key: columns.place_of_key(key) for key in columns.values} if columns else {}
    path = absolute(part.source.base, name)
    table = Table(path, text, kind, types, places, delimiter.value if delimiter else ",")
    return read_table(table, part.source.top, reader.ledger)


def _product(reader: Reader, entry: Part) -> list[Record] | None:
    columns = _columns(reader)
    if columns is None:
        return None
    rows = 1
    for column in columns.values():
        rows *= len(column)
    if rows > MOST_ROWS:
        _too_many(rows, entry, reader.ledger)
        return None
    return [Record(dict(zip(columns, row, strict=True))) for row in product(*columns.values())]


def _side_by_side(reader: Reader, entry: Part) -> list[Record] | None:
    columns = _columns(reader)
    if columns is None:
        return None
    if len({len(column) for column in columns.values()}) > 1:
        reader.ledger.partial = True
        why = ", ".join(f"{key} has {len(column)}" for key, column in columns.items())
        reader.ledger.error(
            "the lists of for_each are not equally long",
            entry.place_of("for_each"),
            why=why,
            next_step="give each variable one value for each row, or put them into product:",
        )
    return [Record(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=False)]


def _columns(reader: Reader) -> dict[str, list[str]] | None:
    """The values of each variable; None where there are none, or some cannot be read."""
    columns = {key: _column(key, reader) for key in reader.part.values}
    readable = {key: column for key, column in columns.items() if column is not None}
    return readable if readable and len(readable) == len(columns) else None


def _column(key: str, reader: Reader) -> list[str] | None:
    """The values of one variable, as they are written (`1.10` is not 1.1); None where one cannot be read."""
    inner = reader.part.part(key)
    if inner is not None:
        return _range(reader.elsewhere(inner))
    texts = reader.part.scalars(key)
    if texts is None:
        return None
    values = [expand(text, reader.variables, reader.ledger) for text in texts]
    column = [value for value in values if value is not None]
    return column if len(column) == len(values) else None


def _range(reader: Reader) -> list[str] | None:
    """`{from: 1, to: 300}`, both included; `step:` and `digits:` where they are said."""
    first, last = (reader.part.values.get(key) for key in ("from", "to"))
    if not isinstance(first, int) or not isinstance(last, int):
        return None
    step, digits = int(reader.part.number("step", 1)), int(reader.part.number("digits", 0))
    if step < 1:
        return None  # the schema has told of it
    numbers = range(first, last + 1, step)
    if not numbers:
        reader.ledger.error(f"this range is empty: {first} to {last}", reader.part.place)
        return None
    if len(numbers) > MOST_ROWS:
        _too_many(len(numbers), reader.part, reader.ledger)
        return None
    return [f"{number:0{digits}d}" for number in numbers]


def _too_many(rows: int, part: Part, ledger: Ledger) -> None:
    ledger.error(f"for_each makes {rows} rows, more than {MOST_ROWS}", part.place)
