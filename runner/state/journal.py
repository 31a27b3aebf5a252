"""The write-ahead journal: SQLite in WAL mode, every commit durable (synchronous=FULL) (design §5 promise 2).

A group of changes is one commit. Synchronous; used by one thread at a time, which need not be the one that opened it.
Two applies are kept apart by runner.state.lock; readers need no lock. What the rows look like is in tables.py.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import StateError
from runner.state.folder import make_state_folder, refuse_links, sync_folder
from runner.state.inventory import Inventory
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.state.inventory import Held, Open

BUSY_SECONDS = 10.0
"""How long a reader's lock is waited for."""
_READ_ATTEMPTS = 5
_SET_HELD, _SET_OPEN = upsert("held", HELD), upsert("open", OPEN)
_ADD_TRANSITION = "INSERT INTO transition (operation, item, run, stage, at, note) VALUES (?, ?, ?, ?, ?, ?)"
_KEEP = "keep the file and its -wal; nothing in it was changed"
_WORDS = {
    "SQLITE_NOTADB": ("it is not a database", "move it aside, and put a backup of the state in its place"),
    "SQLITE_CORRUPT": ("it is damaged", f"{_KEEP}; restore a backup, or save what `sqlite3 FILE .recover` can read"),
    "SQLITE_FULL": ("the disk is full", "make room and run again; what was recorded before is safe"),
    "SQLITE_READONLY": ("it, or its folder, is read-only", "run as its owner, or make it writable"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "check the path and the permissions of the file and its folder"),
    "SQLITE_PERM": ("permission is denied", "run as its owner"),
    "SQLITE_BUSY": ("another program has it open", "close what else reads the state, and run again"),
    "SQLITE_IOERR": ("the disk reports an error", "check the disk; what was recorded before is safe"),
}
"""SQLite's primary result codes → why, and the next step."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one item.

    Its open operation is now `open` (None: it has none), it holds `held` (None: as before; with `forget`: nothing).
    """

    item: str
    run: str
    open: Open | None
    held: Held | None = None
    forget: bool = False
    note: str = ""
    at: datetime = field(kw_only=True)

    @property
    def stage(self) -> str:
        """The word for it in the history."""
        if self.open is not None:
            return self.open.stage.value
        return self.held.outcome if self.held is not None else "closed"


@dataclass(frozen=True, slots=True)
class PastRun:
    """An apply, as the journal knows it; `finished` is None where it was killed, or is still at work."""

    id: str
    started: datetime
    finished: datetime | None
    manifest: str


class Journal:
    """The open journal. Every method raises StateError where the disk or the file does not let it do its work."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Journal:
        """The journal at `path`, for writing, brought to this version's schema; made (0600) where it may be."""
        with _told(path):
            refuse_links(path)
            if not path.exists():
                _make(path, allowed=create)
            db = _connect(path, "mode=rw")
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
        with _told(self.path):
            self._db.close()

    def inventory(self) -> Inventory:
        """All that is held and open."""
        with _told(self.path):
            return load_inventory(self._db)

    def record(self, changes: Sequence[Change]) -> None:
        """Make a group of changes durable, all or none, in the given order."""
        with self._writing() as db:
            for change in changes:
                _apply(db, change)

    def start_run(self, run: str, started: datetime, manifest: str) -> None:
        """Note that an apply has begun."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO run (id, started, manifest) VALUES (?, ?, ?)", (run, moment_text(started), manifest)
            )

    def finish_run(self, run: str, finished: datetime, report: str) -> None:
        """Note that an apply came to its end, with its report (JSON text)."""
        with self._writing() as db:
            db.execute("UPDATE run SET finished = ?, report = ? WHERE id = ?", (moment_text(finished), report, run))

    def runs(self) -> tuple[PastRun, ...]:
        """All applies, the oldest first."""
        with _told(self.path):
            rows = self._db.execute("SELECT id, started, finished, manifest FROM run ORDER BY rowid").fetchall()
            return tuple(
                PastRun(name, _moment(start), _moment(end) if end else None, text) for name, start, end, text in rows
            )

    def report(self, run: str) -> str | None:
        """The report of an apply (JSON text); None where there is no such run, or it did not come to its end."""
        with _told(self.path):
            row = self._db.execute("SELECT report FROM run WHERE id = ?", (run,)).fetchone()
            return None if row is None else row[0]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when it ends, undone where it fails."""
        with _told(self.path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            yield db


def _apply(db: sqlite3.Connection, change: Change) -> None:
    if change.open is not None:
        operation = change.open.operation
        db.execute(_SET_OPEN, stored(change.open))
    else:
        row = db.execute("SELECT operation FROM open WHERE item = ?", (change.item,)).fetchone()
        operation = row[0] if row else ""
        db.execute("DELETE FROM open WHERE item = ?", (change.item,))
    if change.held is not None:
        db.execute(_SET_HELD, stored(change.held))
    elif change.forget:
        db.execute("DELETE FROM held WHERE item = ?", (change.item,))
    db.execute(_ADD_TRANSITION, (operation, change.item, change.run, change.stage, moment_text(change.at), change.note))


def read_inventory(path: Path) -> Inventory:
    """What the journal at `path` holds, read without leaving a trace; empty where there is none.

    May be called while an apply is at work. Raises StateError.
    """
    for _ in range(_READ_ATTEMPTS):
        view = _view(path)
        if view is None:
            return Inventory()
        try:
            found = _read(path, view[0])
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
    with _told(path):
        refuse_links(path)
        if not path.exists():
            return None
        if wal.exists() and shm.exists():
            return "mode=ro&readonly_shm=1", 0, 0
        if wal.exists() and wal.stat().st_size:
            return "copy", 0, 0
        facts = path.stat()
        return "mode=ro&immutable=1", facts.st_mtime_ns, facts.st_size


def _read(path: Path, way: str) -> Inventory:
    with _told(path):
        if way != "copy":
            return _loaded(path, way)
        with tempfile.TemporaryDirectory(prefix="cmp-batch-") as folder:
            copy = Path(folder) / "state.db"
            shutil.copyfile(path, copy)
            shutil.copyfile(path.with_name(path.name + "-wal"), copy.with_name("state.db-wal"))
            return _loaded(copy, "mode=rw")


def _loaded(path: Path, options: str) -> Inventory:
    with closing(_connect(path, options)) as db:
        check_ours(db)
        if is_current(db):
            return load_inventory(db)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as newer:
            db.backup(newer)
            upgrade(newer)
            return load_inventory(newer)


def _connect(path: Path, options: str) -> sqlite3.Connection:
    """A connection that trusts nothing that the file brings along. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?{options}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    return db


def _make(path: Path, *, allowed: bool) -> None:
    """An empty file that is ours alone; SQLite gives its -wal and -shm the same permissions."""
    if not allowed:
        raise StateError(f"there is no state at {path}", next_step="run apply first, or give its path with --state")
    make_state_folder(path.parent)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    sync_folder(path.parent)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Within it, what SQLite and the system refuse becomes a StateError."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorname", "")
        words = next((words for name, words in _WORDS.items() if code.startswith(name)), (str(problem), _KEEP))
        raise StateError(f"the state {path} cannot be used", why=words[0], next_step=words[1]) from problem
    except OSError as problem:
        why = problem.strerror or type(problem).__name__
        raise StateError(f"the state {path} cannot be used", why=why, next_step="check the path") from problem
    except (TypeError, ValueError) as problem:
        raise StateError(
            f"the state {path} holds what cmp-batch never wrote",
            why=str(problem),
            next_step=f"restore a backup; {_KEEP}",
        ) from problem
