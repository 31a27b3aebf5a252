"""One-time secrets: a shared key for each row, in a column of its own table or of another one.

Here is decided where each item's is; nothing of it is read but by apply (runner.keystores.cells). Two items never have
the same cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.columns import SECRET
from runner.manifest.credentials import PskCredential, SecretColumn, SecretRef
from runner.manifest.tables import shown
from runner.manifest.words import choose, listed, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.errors import Place
    from runner.manifest.credentials import Credential
    from runner.manifest.entries import Row
    from runner.manifest.ledger import Ledger
    from runner.manifest.model import AnyItem
    from runner.manifest.parts import Part
    from runner.manifest.reader import Reader
    from runner.manifest.tables import Record

EACH_ROW = SecretRef("column", "")
"""In the place of a secret, where each item has another one."""
_OTHERS = frozenset({"env", "file", "command"})


def read_column(reader: Reader) -> SecretColumn | None:
    """The column that `psk` names, if it does."""
    part = reader.part.part("psk")
    if part is None or "column" not in part.values:
        return None
    if others := sorted(_OTHERS & part.values.keys()):
        reader.ledger.error(f"column does not go together with {listed(others)}", part.place, next_step="remove one")
    inner = reader.elsewhere(part)
    kind = next((each for each in ("csv", "jsonl") if each in part.values), "")
    path, key, delimiter = inner.input(kind) if kind else "", inner.text("key"), part.text("delimiter")
    if "key" in part.values and not kind:
        step = "add csv: or jsonl:, or leave key out"
        reader.ledger.error("key is for the rows of another table", part.place_of_key("key"), next_step=step)
    column = inner.text("column")
    if column is None or path is None:
        return None
    return SecretColumn(column, path, kind, key or "", delimiter.value if delimiter else ",")


def own_credential(reader: Reader) -> PskCredential | None:
    """The credential that an entry's own `psk` is; named by what it says, so that equal ones are one."""
    column = read_column(reader)
    if column is None:
        return None
    table = f" of {reader.spellings[column.path]}" if column.path else ""
    return PskCredential(f"psk {column.column}{table}", reader.part.place_of_key("psk"), EACH_ROW, column=column)


def row_secret(row: Row, credential: Credential | None) -> SecretRef | None:
    """Where the item's own secret is, of a credential that has one for each."""
    if not isinstance(credential, PskCredential) or credential.column is None:
        return None
    column = credential.column
    if row.section == "fetches":
        step = "give it a credential that is good for more than one transaction"
        row.reader.ledger.error("a one-time secret is not for questions", _place(row.reader.part), next_step=step)
        return None
    if column.path:
        return _of_other_table(row, column)
    return _of_own_table(row.record, column, row.reader)


def _of_other_table(row: Row, column: SecretColumn) -> SecretRef | None:
    value = row.reader.variables.get(column.key)
    if value is None:
        known = sorted({"name", *row.record.values})
        place, step = _place(row.reader.part), choose(column.key, known)
        row.reader.ledger.error(f"no variable {shortened(column.key)} to find the secret by", place, next_step=step)
        return None
    return _cell(column.path, column.kind, column.delimiter, column.column, column.key, value, "")


def _of_own_table(record: Record, column: SecretColumn, reader: Reader) -> SecretRef | None:
    table, place = record.table, _place(reader.part)
    if table is None or record.place is None:
        step = "use for_each: {csv: …}, or say in psk where the secrets are: csv, key and column"
        reader.ledger.error(f"no table with a column {shortened(column.column)}", place, next_step=step)
        return None
    if table.types.get(column.column) != SECRET:
        why, step = "other columns are variables, and get into plans", f"columns: {{{column.column}: secret}}"
        summary = f"the column {shortened(column.column)} of {table.named.value} is not of type secret"
        reader.ledger.error(summary, place, why=why, next_step=step)
        return None
    digest = reader.ledger.tables.get(shown(table), "")
    return _cell(table.path, table.kind, table.delimiter, column.column, "", str(record.place.line), digest)


def _cell(*parts: str) -> SecretRef:
    return SecretRef("cell", "\0".join(parts))


def _place(part: Part) -> Place:
    return part.place_of("psk" if "psk" in part.values else "credential")


def check_secret(number: int, items: Sequence[AnyItem], item: AnyItem, owners: dict[str, int], ledger: Ledger) -> None:
    """A secret that opens one transaction is no two items'. `owners` has the numbers of those that came before."""
    if item.secret is None:
        return
    before = owners.setdefault(item.secret.value, number)
    if before != number:
        other = items[before]
        why = f"{other.name!r} has it at {other.place}; it opens one transaction"
        ledger.error(f"{item.name!r} takes the one-time secret of another item", item.place, why=why)
