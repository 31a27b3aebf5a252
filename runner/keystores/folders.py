"""Where we may write: one folder and what lies below it, and folders that outlive a crash.

A path is judged twice: as text, and as it really is once symbolic links are followed. What is opened afterwards is
opened step by step without following links, so that a link put there in between is met and refused, not obeyed.
Writing files is left to runner.keystores.files.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import KeyStoreError
from runner.keystores.drafts import Drafting
from runner.keystores.troubles import told

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)
"""What file systems say that cannot fsync a folder, and need not."""


class Folder:
    """The folder `base`, the `allowed` paths beside it (each with all that is below), and nothing else.

    What is below `closed` is for others to write: the state.
    """

    __slots__ = ("_base", "_closed", "_named", "_real", "drafting")

    def __init__(self, base: Path, allowed: tuple[Path, ...] = (), closed: tuple[Path, ...] = ()) -> None:
        self._base = os.path.abspath(base)  # noqa: PTH100 - `..` is resolved as text here; links are looked at apart
        named = [os.path.abspath(path) for path in (base, *allowed)]  # noqa: PTH100 - the same
        real = [os.path.realpath(path) for path in named]
        self._closed = _Roots(os.path.realpath(path) for path in closed)
        self._real = _Roots(real)
        self._named = _Roots([*named, *real])
        self.drafting = Drafting()

    def check(self, path: Path) -> Path:
        """The file that `path` (relative: to the base) really is, which need not exist yet.

        Raises KeyStoreError where it is outside, in words or through a symbolic link, or is a link or folder itself.
        """
        return Path(self.place(path, {}))

    def place(self, path: Path | str, seen: dict[str, str]) -> str:
        """The same as text, for many files that are checked one straight after the other.

        `seen` remembers where their folders really are.
        """
        with told("use", path):
            text = os.fspath(path)  # as text: a Path, and os.path, cost more than all of the rest
            named = os.path.normpath(text if text[:1] == os.sep else f"{self._base}{os.sep}{text}")
            parent, _, name = named.rpartition(os.sep)
            if parent not in seen:
                seen[parent] = os.path.realpath(parent or os.sep).rstrip(os.sep)
            real = f"{seen[parent]}{os.sep}{name}"
            self._refuse_outside(path, named, real)
            _refuse_link_and_folder(path, real)
        return real

    def _refuse_outside(self, path: Path | str, named: str, real: str) -> None:
        if not self._named.cover(named):
            why = f"it is outside {self._base}"
        elif not self._real.cover(real):
            why = f"a symbolic link in it leads out of {self._base}"
        elif self._closed.cover(real):
            why = "cmp-batch keeps its own state there"
        else:
            return
        raise KeyStoreError(
            f"{path} may not be written",
            why=why,
            next_step="keep results below the manifest's folder, or allow the path with --allow-path",
        )

    def open(self, parent: Path) -> int:
        """A descriptor of `parent`, the folder of a checked path. Missing folders are made, and are durable.

        Raises OSError; a symbolic link that was not there when the path was checked is one (ELOOP, ENOTDIR).
        """
        start = self._existing_root(parent)
        here = os.open(start, _FOLDER_FLAGS)
        for name in parent.relative_to(start).parts:
            above, here = here, _step(here, name)
            os.close(above)
        return here

    def _existing_root(self, parent: Path) -> Path:
        """The folder to start from: the root that `parent` is below, or what exists of the way to it."""
        start = Path(self._real.above(str(parent)) or parent)
        while not start.is_dir() and start != start.parent:
            start = start.parent
        return start


class _Roots:
    """Folders that others are below, or the very same; all paths are absolute and tidy."""

    __slots__ = ("_inside", "_paths")

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._inside = tuple(path.rstrip(os.sep) + os.sep for path in self._paths)

    def cover(self, path: str) -> bool:
        """Whether a path is one of them or below one."""
        return path.startswith(self._inside) or path in self._paths

    def above(self, path: str) -> str | None:
        """The first of them that a path is, or is below."""
        both = zip(self._paths, self._inside, strict=True)
        return next((root for root, inside in both if path == root or path.startswith(inside)), None)


def _refuse_link_and_folder(path: Path | str, real: str) -> None:
    try:
        mode = os.lstat(real).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise KeyStoreError(
            f"{path} may not be written",
            why="it is a symbolic link",
            next_step="remove the link, or name the file that it points to",
        )
    if stat.S_ISDIR(mode):
        raise KeyStoreError(f"{path} may not be written", why="it is a folder", next_step="give the path of a file")


def _step(above: int, name: str) -> int:
    """A descriptor of the folder `name` in the open folder `above`, made where it is missing. Errors close `above`."""
    try:
        with suppress(FileNotFoundError):
            return os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above)
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=above)
        sync_folder(above)
        return os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above)
    except OSError:
        os.close(above)
        raise


def sync_folder(descriptor: int) -> None:
    """Make the names in an open folder durable, where the file system knows how. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_FOLDER_SYNC:
            raise
