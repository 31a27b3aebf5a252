"""One apply at a time: a lock on `.cmp-batch/lock` that says who holds it.

The lock is the kernel's (flock), so it ends with its owner, however that comes about; the file stays, and what is
written in it only serves to name the owner.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import os
import socket
import stat
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Self

from runner.errors import Refused, StateError
from runner.state.folder import make_state_folder, refuse_links
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

_READ_LIMIT = 4096
_SHOWN = 80
"""Characters of what a file says about its owner."""


@frozen
class Owner:
    """Who holds the lock. `since` is ISO 8601, in UTC."""

    pid: int
    host: str
    user: str
    since: str
    command: str


def this_process(command: str, now: datetime) -> Owner:
    """This process as an owner; `command` is what it was started for (`apply plant.yaml`)."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = str(os.getuid())
    return Owner(os.getpid(), socket.gethostname(), user, now.isoformat(timespec="seconds"), command)


class StateLock:
    """Holds the lock at `path` while it is entered. Raises Refused, naming the owner, where another process has it."""

    def __init__(self, path: Path, owner: Owner) -> None:
        self._path = path
        self._owner = owner
        self._descriptor = -1

    def __enter__(self) -> Self:
        make_state_folder(self._path.parent)
        try:
            refuse_links(self._path)
            self._descriptor = _locked(self._path)
            _write(self._descriptor, json.dumps(asdict(self._owner)).encode())
        except OSError as problem:
            self._release()
            raise StateError(
                f"the lock {self._path} cannot be taken",
                why=problem.strerror or "",
                next_step="check the permissions of the state's folder, and that it is on a disk that knows locks",
            ) from problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)  # which unlocks it
            self._descriptor = -1


def _locked(path: Path) -> int:
    """A descriptor of the locked file. Raises Refused and OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        _refuse_other_kinds(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(os.read(descriptor, _READ_LIMIT))
        os.close(descriptor)
        raise Refused(
            f"another apply is at work here: {holder}",
            why=f"it holds the lock {path}",
            next_step="wait until it has ended, or end it; the lock goes with it",
        ) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_other_kinds(descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is not a file")


def _write(descriptor: int, octets: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, octets)


def _holder(octets: bytes) -> str:
    """Who the file says holds the lock, in words, fit for a terminal whatever it says."""
    try:
        said = json.loads(octets)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return "a process that did not leave its name"
    words = {each.name: _shown(said.get(each.name, "?")) for each in fields(Owner)}
    return f"process {words['pid']} on {words['host']}, by {words['user']} since {words['since']} ({words['command']})"


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, (str, int)) else "?"
    return "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])
