"""What the state says, read without leaving a trace, also while an apply is at work: the inventory, and past runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from runner.errors import StateError
from runner.state.database import connect, told
from runner.state.folder import refuse_links
from runner.state.inventory import Inventory
from runner.state.tables import check_ours, is_current, load_inventory, upgrade
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_READ_ATTEMPTS = 5


@frozen
class PastRun:
    """An apply, as the journal knows it; `finished` is None where it was killed, or is still at work."""

    id: str
    started: datetime
    finished: datetime | None
    manifest: str


@frozen
class KeptReport:
    """The report of an apply, JSON text: its head, and each item. Before schema version 10 all of it is in the head."""

    head: str
    items: tuple[str, ...]


def read_inventory(path: Path) -> Inventory:
    """What the journal at `path` holds; empty where there is none. Raises StateError."""
    return _read(path, load_inventory, Inventory())


def read_runs(path: Path) -> tuple[PastRun, ...]:
    """All applies, the oldest first. Raises StateError."""
    return _read(path, _load_runs, ())


def read_report(path: Path, run: str) -> KeptReport | None:
    """The report of an apply; None where there is no such run, or it did not come to its end."""
    return _read(path, lambda db: _load_report(db, run), None)


def _load_runs(db: sqlite3.Connection) -> tuple[PastRun, ...]:
    rows = db.execute("SELECT id, started, finished, manifest FROM run ORDER BY rowid").fetchall()
    return tuple(PastRun(name, _moment(start), _moment(end) if end else None, text) for name, start, end, text in rows)


def _load_report(db: sqlite3.Connection, run: str) -> KeptReport | None:
    row = db.execute("SELECT report FROM run WHERE id = ?", (run,)).fetchone()
    items = db.execute("SELECT item FROM report_item WHERE run = ? ORDER BY number", (run,))
    return KeptReport(row[0], tuple(item for (item,) in items)) if row and row[0] is not None else None


def _read(path: Path, load: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    """What `load` finds; `nothing` where there is no state."""
    for _ in range(_READ_ATTEMPTS):
        view = _view(path)
        if view is None:
            return nothing
        try:
            found = _attempt(path, view[0], load)
        except StateError:
            if _view(path) == view:
                raise
        else:
            if _view(path) == view:
                return found
    raise StateError(f"the state {path} cannot be read", why="it keeps changing", next_step="try again in a moment")


def _view(path: Path) -> tuple[str, int, int] | None:
    """How to read without a trace, and a mark that changes where that was wrong; None: there is nothing to read.

    Without a -wal nobody is writing: `immutable` takes the file as it is, and the mark tells whether that held true.
    With one, SQLite reads through the -shm of whoever writes, or was killed. A -wal alone is read from a copy.
    """
    wal, shm = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    with told(path):
        refuse_links(path)
        if not path.exists():
            return None
        if wal.exists() and shm.exists():
            return "mode=ro&readonly_shm=1", 0, 0
        if wal.exists() and wal.stat().st_size:
            return "copy", 0, 0
        facts = path.stat()
        return "mode=ro&immutable=1", facts.st_mtime_ns, facts.st_size


def _attempt(path: Path, way: str, load: Callable[[sqlite3.Connection], T]) -> T:
    with told(path):
        if way != "copy":
            return _loaded(path, way, load)
        import shutil  # noqa: PLC0415 - a state without its index, as a backup may be
        import tempfile  # noqa: PLC0415 - the same

        with tempfile.TemporaryDirectory(prefix="cmp-batch-") as folder:
            copy = Path(folder) / "state.db"
            shutil.copyfile(path, copy)
            shutil.copyfile(path.with_name(path.name + "-wal"), copy.with_name("state.db-wal"))
            return _loaded(copy, "mode=rw", load)


def _loaded(path: Path, options: str, load: Callable[[sqlite3.Connection], T]) -> T:
    with closing(connect(path, options)) as db:
        check_ours(db)
        if is_current(db):
            return load(db)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as newer:
            db.backup(newer)
            upgrade(newer)
            return load(newer)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
