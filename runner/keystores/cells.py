"""Cells of tables that hold a secret for each row: CSV and JSON Lines with a header, UTF-8.

A cell is `path, kind, delimiter, column, key, value, digest`, joined by NUL. The row is the one whose column `key` has
`value`, or, without a key, the one that begins at the line `value` of the very file with that SHA-256 `digest`: rows
are told apart by their lines only while nobody has moved them. Messages hold nothing of what was read.
"""

from __future__ import annotations

import csv
import io
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.errors import SecretError
from runner.keystores.files import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_OCTETS = 256 * 1024 * 1024


class Cell(NamedTuple):
    """Where a secret is."""

    path: str
    kind: str
    delimiter: str
    column: str
    key: str
    value: str
    digest: str


class Cells:
    """Tables of secrets, each read once."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._columns: dict[tuple[str, ...], Mapping[str, str | None]] = {}

    def read(self, reference: str) -> bytes:
        """The octets of a cell. SecretError where there is none, or two."""
        cell = Cell(*reference.split("\0"))
        *column, _, _ = cell
        marked = (*column, cell.digest)
        if marked not in self._columns:
            self._columns[marked] = _column(self._base / cell.path, cell)
        found = self._columns[marked]
        row = f"whose {cell.key} is {cell.value}" if cell.key else f"at line {cell.value}"
        if cell.value not in found:
            raise SecretError(f"{cell.path} has no row {row}", next_step="add the row with its secret")
        text = found[cell.value]
        if text is None:
            raise SecretError(f"{cell.path} has two rows {row}", next_step="keep the one with the secret")
        if not text:
            raise SecretError(f"{cell.path} has no {cell.column} in the row {row}", next_step="put the secret there")
        return text.encode()


def _column(path: Path, cell: Cell) -> Mapping[str, str | None]:
    """The cells of one column, by line or by the key's cell; None stands for several."""
    octets = read_file(path, MAX_OCTETS)
    if cell.digest and sha256(octets).hexdigest() != cell.digest:
        why = "its rows may have moved meanwhile"
        raise SecretError(f"{cell.path} has changed since the plan was made", why=why, next_step="run it again")
    try:
        rows = _csv(octets, cell.delimiter) if cell.kind == "csv" else _jsonl(octets)
        return _by_key(rows, cell)
    except (ValueError, csv.Error, RecursionError):
        raise SecretError(f"{cell.path} is no {cell.kind.upper()} in UTF-8, with a header") from None


def _by_key(rows: Iterator[tuple[str, Mapping[str, str]]], cell: Cell) -> Mapping[str, str | None]:
    found: dict[str, str | None] = {}
    for line, values in rows:
        for name in (cell.column, cell.key):
            if name and name not in values:
                raise SecretError(f"{cell.path} has no column {name}", why=f"line {line} has none")
        mark = values[cell.key] if cell.key else line
        found[mark] = None if mark in found else values[cell.column]
    return found


def _csv(octets: bytes, delimiter: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row that is not empty, with the line on which it begins."""
    text = octets.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, line = None, 1
    for cells in reader:
        if cells and header is None:
            header = cells
        elif cells and header is not None:
            yield str(line), dict(zip(header, cells, strict=True))
        line = reader.line_num + 1


def _jsonl(octets: bytes) -> Iterator[tuple[str, Mapping[str, str]]]:
    text = octets.decode("utf-8-sig")
    for number, line in enumerate(re.split("\r\n|\n", text), 1):
        if line.strip():
            values: Any = json.loads(line, parse_int=str, parse_float=str)
            if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
                raise ValueError
            yield str(number), values
