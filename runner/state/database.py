"""The state's SQLite file, opened with care, and its failures in words. What is in it: journal.py, reading.py."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 10.0
"""How long a reader's lock is waited for."""
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


def connect(path: Path, options: str) -> sqlite3.Connection:
    """A connection that trusts nothing that the file brings along. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?{options}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("PRAGMA cache_size = -512")  # kB: what is under way is in few pages, and the rest is not looked at again
    return db


@contextmanager
def told(path: Path) -> Iterator[None]:
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
