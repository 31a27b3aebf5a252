"""What the operating system refuses, in words: OSError → KeyStoreError with the reason and the next step.

Every module of this package that touches the disk raises through here, so that one cause has one wording.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from runner.errors import KeyStoreError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_WORDS = {
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("it is a folder", "give the path of a file"),
    errno.EEXIST: ("something is there already", "move it away, or choose another path; nothing was overwritten"),
    errno.EACCES: ("permission is denied", "run as the user who owns the folder, or change its permissions"),
    errno.EPERM: ("the operating system does not permit it", "run as the owner, or check the file's attributes"),
    errno.EROFS: ("the file system is read-only", "mount it writable, or choose another folder"),
    errno.ENOSPC: ("the disk is full", "make room and run again"),
    errno.EDQUOT: ("the disk quota is used up", "make room and run again"),
    errno.EFBIG: ("the file would be larger than is allowed", "raise the limit on file sizes"),
    errno.ELOOP: ("a symbolic link stands where none is followed", "replace the link by what it points to"),
    errno.EXDEV: ("the two paths are on different file systems", "keep the folder on one file system"),
    errno.ENAMETOOLONG: ("the name is longer than the file system allows", "choose a shorter name"),
    errno.EMFILE: ("too many files are open", "raise the limit of open files (ulimit -n)"),
    errno.ENFILE: ("the machine has too many files open", "try again when it is less busy"),
    errno.EIO: ("the disk reports an error", "check the disk; its log knows more"),
}


def trouble(problem: OSError, doing: str, path: Path | str) -> KeyStoreError:
    """The error for `problem`, met while `doing` (`read`, `write`, …) something to `path`."""
    fallback = (problem.strerror or type(problem).__name__, "check the path and the disk")
    why, next_step = _WORDS.get(problem.errno or 0, fallback)
    return KeyStoreError(f"cannot {doing} {path}", why=why, next_step=next_step)


class told:  # noqa: N801 - a verb to whoever uses it; a class is entered in a third of the time of a generator
    """Within it, an OSError becomes the KeyStoreError of `trouble`; so does a path that no system call takes."""

    __slots__ = ("_doing", "_path")

    def __init__(self, doing: str, path: Path | str) -> None:
        self._doing = doing
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if problem is None:
            return
        if isinstance(problem, OSError):
            raise trouble(problem, self._doing, self._path) from problem
        if isinstance(problem, ValueError):
            what = f"cannot {self._doing} {self._path}"
            raise KeyStoreError(what, why="the path cannot exist", next_step="check it") from problem
