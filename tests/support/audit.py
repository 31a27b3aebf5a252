"""What this process does to the machine while it is watched: files that it opens, names that it resolves, programs.

Python's audit events tell (PEP 578). A hook cannot be taken away again, so there is one, and it listens only then.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

_listeners: list[list] = []
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")


def _hook(event: str, arguments: tuple) -> None:
    for events in _listeners:
        events.append((event, arguments))


class Seen:
    """The events of one watch."""

    def __init__(self, events: list) -> None:
        self._events = events

    def of(self, *names: str) -> list:
        return [(event, arguments) for event, arguments in self._events if event in names]

    def opened(self, folder: Path) -> list[Path]:
        """Files below a folder that were opened."""
        return [path for path, _ in self._opens(folder)]

    def written(self, folder: Path) -> list[Path]:
        """Files below a folder that were opened for writing, and what else was changed there."""
        changed = [_path(arguments[0]) for event, arguments in self._events if event in _CHANGES]
        return [path for path, flags in self._opens(folder) if flags & _WRITES] + [
            path for path in changed if path.is_relative_to(folder)
        ]

    def _opens(self, folder: Path) -> list[tuple[Path, int]]:
        opens = [(_path(arguments[0]), arguments[2] or 0) for event, arguments in self._events if event == "open"]
        return [(path, flags) for path, flags in opens if path.is_relative_to(folder)]


def _path(name: object) -> Path:
    return Path(os.fsdecode(name)) if isinstance(name, (str, bytes, os.PathLike)) else Path(f"fd-{name}")


@contextlib.contextmanager
def watched():
    """Watch this process; yields what is Seen."""
    if not hasattr(watched, "hooked"):
        sys.addaudithook(_hook)
        watched.hooked = True
    events: list = []
    _listeners.append(events)
    try:
        yield Seen(events)
    finally:
        _listeners.remove(events)
