"""The journal's tables: their making, step by step, and what a row is as data.

Columns are the fields of Held and Open, spelled out, so that `sqlite3 .cmp-batch/state.db` reads well; times are
ISO 8601 text in UTC, certificates DER. A new field is a new entry of MIGRATIONS; a released entry never changes.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from runner.errors import StateError
from runner.state.inventory import Held, Inventory, Open, Spent, Stage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

APPLICATION_ID = 0x636D7062
"""`cmpb`: marks the file as ours (PRAGMA application_id)."""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE held (
            item TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL,
            certificate BLOB, certificate_path TEXT, key_path TEXT, key_digest TEXT, replaces TEXT)""",
        """CREATE TABLE open (
            item TEXT NOT NULL PRIMARY KEY, operation TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, digest TEXT NOT NULL,
            stage TEXT NOT NULL, at TEXT NOT NULL, attempts INTEGER NOT NULL, transaction_id TEXT NOT NULL,
            key_path TEXT, note TEXT NOT NULL, check_after TEXT, dialogue TEXT NOT NULL)""",
        """CREATE TABLE transition (
            number INTEGER PRIMARY KEY, operation TEXT NOT NULL, item TEXT NOT NULL, run TEXT NOT NULL,
            stage TEXT NOT NULL, at TEXT NOT NULL, note TEXT NOT NULL)""",
        """CREATE TABLE run (
            id TEXT NOT NULL PRIMARY KEY, started TEXT NOT NULL, finished TEXT, manifest TEXT NOT NULL, report TEXT)""",
    ),
    ("ALTER TABLE open ADD COLUMN reference TEXT NOT NULL DEFAULT ''",),
    ("ALTER TABLE held ADD COLUMN stores TEXT NOT NULL DEFAULT ''",),
    ("ALTER TABLE open ADD COLUMN stores TEXT NOT NULL DEFAULT ''",),
    (
        "ALTER TABLE held ADD COLUMN chain BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE held ADD COLUMN seals TEXT NOT NULL DEFAULT ''",
    ),
    (
        "ALTER TABLE held ADD COLUMN authority TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE held ADD COLUMN credential TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE held ADD COLUMN on_remove TEXT NOT NULL DEFAULT 'keep'",
    ),
    (
        "ALTER TABLE held ADD COLUMN relay TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE open ADD COLUMN relay TEXT NOT NULL DEFAULT ''",
    ),
    (
        "ALTER TABLE open ADD COLUMN spends TEXT NOT NULL DEFAULT ''",
        """CREATE TABLE spent (
            mark TEXT NOT NULL PRIMARY KEY, item TEXT NOT NULL, operation TEXT NOT NULL, at TEXT NOT NULL)""",
    ),
    (),  # digests got a second half (runner.manifest.digests), which a version before this would take for a change
    (
        """CREATE TABLE report_item (
            run TEXT NOT NULL, number INTEGER NOT NULL, item TEXT NOT NULL, PRIMARY KEY (run, number))""",
    ),  # before this, the column `report` of `run` had the whole report, and now only its head
)
"""The statements that lead from each schema version to the next; PRAGMA user_version counts those that were done."""
HELD = tuple(field.name for field in fields(Held))
OPEN = tuple(field.name for field in fields(Open))


def upsert(table: str, columns: tuple[str, ...]) -> str:
    """The statement that sets an item's row in `table`."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (item) DO UPDATE SET {sets}"  # noqa: S608 - constants


def check_ours(db: sqlite3.Connection) -> None:
    """Raise StateError where the database is another program's, or of a newer version of this one."""
    application, version = _pragma(db, "application_id"), _pragma(db, "user_version")
    if application not in (0, APPLICATION_ID) or (
        application == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        raise StateError(
            "the state is a database of another program",
            next_step="give the path of the state, or of a new one, with --state",
        )
    if version > len(MIGRATIONS):
        raise StateError(
            "the state was written by a newer version of cmp-batch",
            why=f"its schema is {version}, this version knows {len(MIGRATIONS)}",
            next_step="upgrade cmp-batch; nothing was changed",
        )


def is_current(db: sqlite3.Connection) -> bool:
    """Whether the tables are as this version knows them."""
    return _pragma(db, "user_version") == len(MIGRATIONS)


def upgrade(db: sqlite3.Connection) -> None:
    """Bring the tables to this version in one transaction. Raises sqlite3.Error, and then nothing has changed."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        for statements in MIGRATIONS[_pragma(db, "user_version") :]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


_HELD_ROW = attrgetter(*HELD)
_OPEN_ROW = attrgetter(*("stage.value" if name == "stage" else name for name in OPEN))
_HELD_MOMENTS, _OPEN_MOMENTS = (HELD.index("at"),), (OPEN.index("at"), OPEN.index("check_after"))


def stored(value: Held | Open) -> tuple[object, ...]:
    """The row of a value, its fields in order."""
    row = list((_HELD_ROW if isinstance(value, Held) else _OPEN_ROW)(value))
    for place in _HELD_MOMENTS if isinstance(value, Held) else _OPEN_MOMENTS:
        if row[place] is not None:
            row[place] = moment_text(row[place])
    return tuple(row)


def moment_text(moment: datetime) -> str:
    """A moment as text: ISO 8601, in UTC."""
    return _iso_text(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@lru_cache(maxsize=64)
def _iso_text(moment: datetime) -> str:
    """A row and the word of its transition have the same moment."""
    return moment.isoformat()


def load_inventory(db: sqlite3.Connection) -> Inventory:
    """All rows. Raises sqlite3.Error, and ValueError where a row holds what we never wrote."""
    shared: dict[bytes, bytes] = {}
    held = [_held(row, shared) for row in db.execute(f"SELECT {', '.join(HELD)} FROM held")]  # noqa: S608 - constants
    under_way = [_open(row) for row in db.execute(f"SELECT {', '.join(OPEN)} FROM open")]  # noqa: S608 - constants
    spent = {
        mark: Spent(item, operation, datetime.fromisoformat(at))
        for mark, item, operation, at in db.execute("SELECT mark, item, operation, at FROM spent")
    }
    return Inventory({one.item: one for one in held}, {one.item: one for one in under_way}, spent)


def _held(row: Sequence[Any], shared: dict[bytes, bytes]) -> Held:
    """A row; one chain is kept for all that have it."""
    values = dict(zip(HELD, row, strict=True))
    values["at"] = datetime.fromisoformat(values["at"])
    values["chain"] = shared.setdefault(values["chain"], values["chain"])
    return Held(**values)


def _open(row: Sequence[Any]) -> Open:
    values = dict(zip(OPEN, row, strict=True))
    values["at"] = datetime.fromisoformat(values["at"])
    values["stage"] = Stage(values["stage"])
    if values["check_after"] is not None:
        values["check_after"] = datetime.fromisoformat(values["check_after"])
    return Open(**values)
