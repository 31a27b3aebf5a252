"""The write-ahead journal: SQLite in WAL mode, every commit durable (synchronous=FULL).

A group of changes is one commit. Synchronous; used by one thread at a time, which need not be the one that opened it.
Two applies are kept apart by runner.state.lock; readers need no lock. What the rows look like is in tables.py.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from runner.errors import StateError
from runner.state.database import connect, told
from runner.state.folder import make_state_folder, refuse_links, sync_folder
from runner.state.inventory import Stage
from runner.state.tables import (
    HELD,
    OPEN,
    check_ours,
    is_current,
    load_inventory,
    moment_text,
    stored,
    upgrade,
    upsert,
)
from runner.values import frozen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from runner.state.inventory import Held, Inventory, Open

_SET_HELD, _SET_OPEN = upsert("held", HELD), upsert("open", OPEN)
_SPEND = "INSERT OR IGNORE INTO spent (mark, item, operation, at) VALUES (?, ?, ?, ?)"
_ADD_TRANSITION = "INSERT INTO transition (operation, item, run, stage, at, note) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_ITEM = "INSERT INTO report_item (run, number, item) VALUES (?, ?, ?)"


@frozen
class Change:
    """What happened to one item.

    Its open operation is now `open` (None: it has none), it holds `held` (None: as before; with `forget`: nothing).
    With `drop` it is as if it had never been: its history goes, too.
    """

    item: str
    run: str
    open: Open | None
    held: Held | None = None
    forget: bool = False
    drop: bool = False
    unspent: str = ""
    """The mark of a one-time secret that this operation was to use, and for certain did not."""
    note: str = ""
    at: datetime = field(kw_only=True)

    @property
    def stage(self) -> str:
        """The word for it in the history."""
        if self.open is not None:
            return self.open.stage.value
        return self.held.outcome if self.held is not None else "closed"


class Entry(NamedTuple):
    """A Change as the rows that it becomes: plain values, which are quickly handed to another process."""

    item: str
    open: tuple[object, ...] | None
    held: tuple[object, ...] | None
    forget: bool
    operation: str
    """Empty where the change ends it: the journal knows which one that is."""
    transition: tuple[str, str, str, str, str]
    """Item, run, stage, time and note."""
    drop: bool = False
    spends: str = ""
    """The mark of a one-time secret that is used from now on."""
    unspent: str = ""


def entry_of(change: Change) -> Entry:
    """The rows of a change."""
    transition = (change.item, change.run, change.stage, moment_text(change.at), change.note)
    held = None if change.held is None else stored(change.held)
    if change.open is None:
        return Entry(change.item, None, held, change.forget, "", transition, change.drop)
    spends = change.open.spends if change.open.stage is Stage.SENT else ""
    row, operation = stored(change.open), change.open.operation
    return Entry(change.item, row, held, change.forget, operation, transition, spends=spends, unspent=change.unspent)


class Journal:
    """The open journal. Every method raises StateError where the disk or the file does not let it do its work."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Journal:
        """The journal at `path`, for writing, brought to this version's schema; made (0600) where it may be."""
        with told(path):
            refuse_links(path)
            if not path.exists():
                _make(path, allowed=create)
            db = connect(path, "mode=rw")
            try:
                check_ours(db)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                if not is_current(db):
                    upgrade(db)
            except BaseException:
                db.close()
                raise
        return cls(db, path)

    def close(self) -> None:
        """Let go of the file; the last one to do so folds the -wal into it."""
        with told(self.path):
            self._db.close()

    def inventory(self) -> Inventory:
        """All that is held and open."""
        with told(self.path):
            return load_inventory(self._db)

    def record(self, changes: Sequence[Change | Entry]) -> None:
        """Make a group of changes durable, all or none, in the given order."""
        with self._writing() as db:
            for change in changes:
                _apply(db, change if isinstance(change, Entry) else entry_of(change))

    def start_run(self, run: str, started: datetime, manifest: str) -> None:
        """Note that an apply has begun."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO run (id, started, manifest) VALUES (?, ?, ?)", (run, moment_text(started), manifest)
            )

    def finish_run(self, run: str, finished: datetime, head: str, items: Iterable[str]) -> None:
        """Note that an apply came to its end, with its report: the head and each item, JSON text."""
        with self._writing() as db:
            db.execute("UPDATE run SET finished = ?, report = ? WHERE id = ?", (moment_text(finished), head, run))
            db.executemany(_ADD_ITEM, ((run, number, item) for number, item in enumerate(items)))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when it ends, undone where it fails."""
        with told(self.path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            yield db


def _apply(db: sqlite3.Connection, entry: Entry) -> None:
    if entry.drop:
        for table in ("open", "held", "transition"):
            db.execute(f"DELETE FROM {table} WHERE item = ?", (entry.item,))  # noqa: S608 - the tables are ours
        return
    operation = entry.operation
    if entry.open is not None:
        db.execute(_SET_OPEN, entry.open)
        if entry.spends:
            db.execute(_SPEND, (entry.spends, entry.item, operation, entry.transition[3]))
        if entry.unspent:
            db.execute("DELETE FROM spent WHERE mark = ? AND operation = ?", (entry.unspent, operation))
    else:
        row = db.execute("SELECT operation FROM open WHERE item = ?", (entry.item,)).fetchone()
        operation = row[0] if row else ""
        db.execute("DELETE FROM open WHERE item = ?", (entry.item,))
    if entry.held is not None:
        db.execute(_SET_HELD, entry.held)
    elif entry.forget:
        db.execute("DELETE FROM held WHERE item = ?", (entry.item,))
    db.execute(_ADD_TRANSITION, (operation, *entry.transition))


def _make(path: Path, *, allowed: bool) -> None:
    """An empty file that is ours alone; SQLite gives its -wal and -shm the same permissions."""
    if not allowed:
        raise StateError(f"there is no state at {path}", next_step="run apply first, or give its path with --state")
    make_state_folder(path.parent)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    sync_folder(path.parent)
