"""A file in the making: whole and durable before it has its name, and gone unless it gets it.

Linux makes files that have no name (O_TMPFILE) and names them later: however a process ends, nothing stays of those
that it did not name. Elsewhere, on many network shares, and where there is no /proc to reach such a file by, a draft
has a temporary name beside its place, `.NAME.cmp-batch-…`, which a killed process leaves behind. Each file system is
asked once, by trying.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.ambient import Entropy

TEMPORARY_MARK = ".cmp-batch-"
_NAME_IN_TEMPORARY = 50
"""Characters of the file's own name in a temporary one: at four octets each they still fit NAME_MAX (255)."""
_MODE = 0o600
_NAMELESS_FLAGS = os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_TMPFILE", 0)
"""Where there is no O_TMPFILE, they open a folder for writing, which is refused: the answer that is wanted."""
_NAMED_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Draft(ABC):
    """A file that is open for writing, for our eyes only, and is to be `name` in an open `folder`."""

    __slots__ = ("_entropy", "_temporary", "descriptor", "folder", "name")

    def __init__(self, name: str, folder: int, entropy: Entropy) -> None:
        self.name = name
        self.folder = folder
        self._entropy = entropy
        self._temporary = ""
        self.descriptor = self._opened()

    @abstractmethod
    def _opened(self) -> int:
        """The descriptor of an empty file."""

    @abstractmethod
    def create(self) -> None:
        """Give it its name, which must be free. Raises OSError; nothing was overwritten."""

    @abstractmethod
    def replace(self) -> None:
        """Give it its name, over what is there. Raises OSError; what is there is as it was."""

    def close(self) -> None:
        """Let go of it. Without its own name it is gone."""
        os.close(self.descriptor)
        if self._temporary:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self.folder)

    def _new_name(self) -> str:
        return f".{self.name[:_NAME_IN_TEMPORARY]}{TEMPORARY_MARK}{self._entropy.octets(8).hex()}"

    def _rename(self) -> None:
        os.replace(self._temporary, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self._temporary = ""


class NamelessDraft(Draft):
    """A file without a name until it is given its own."""

    __slots__ = ()

    def _opened(self) -> int:
        return os.open(".", _NAMELESS_FLAGS, _MODE, dir_fd=self.folder)

    def create(self) -> None:
        """By its first hard link, which never overwrites."""
        self._link(self.name)

    def replace(self) -> None:
        """The same where nothing is there; a rename alone overwrites, and takes a name to rename from."""
        try:
            self._link(self.name)
        except FileExistsError:
            self.name_for_now()
            self._rename()

    def name_for_now(self) -> None:
        """Give it a temporary name. Raises OSError."""
        temporary = self._new_name()
        self._link(temporary)
        self._temporary = temporary

    def _link(self, name: str) -> None:
        os.link(f"/proc/self/fd/{self.descriptor}", name, dst_dir_fd=self.folder, follow_symlinks=True)


class NamedDraft(Draft):
    """A file under a temporary name until it has its own."""

    __slots__ = ()

    def _opened(self) -> int:
        self._temporary = self._new_name()
        return os.open(self._temporary, _NAMED_FLAGS, _MODE, dir_fd=self.folder)

    def create(self) -> None:
        """By a hard link, which unlike a rename never overwrites."""
        here = self.folder
        try:
            os.link(self._temporary, self.name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        except OSError as problem:
            if problem.errno not in _NO_HARD_LINKS:
                raise
            self._create_without_links()
        else:
            os.unlink(self._temporary, dir_fd=here)
            self._temporary = ""

    def replace(self) -> None:
        """By a rename."""
        self._rename()

    def _create_without_links(self) -> None:
        """The same on file systems without hard links (some network shares): take the name, then rename over it."""
        os.close(os.open(self.name, _NAMED_FLAGS, _MODE, dir_fd=self.folder))
        try:
            self._rename()
        except OSError:
            os.unlink(self.name, dir_fd=self.folder)
            raise


class Drafting:
    """The way that drafts are made in each file system, by its device number."""

    __slots__ = ("_ways",)

    def __init__(self) -> None:
        self._ways: dict[int, type[Draft]] = {}

    def way(self, folder: int, entropy: Entropy) -> type[Draft]:
        """How drafts are made in an open folder. Raises OSError."""
        device = os.fstat(folder).st_dev
        if device not in self._ways:
            self._ways[device] = NamelessDraft if _can_be_nameless(folder, entropy) else NamedDraft
        return self._ways[device]


def _can_be_nameless(folder: int, entropy: Entropy) -> bool:
    """Whether a file can be without a name here and then get one: one does, and goes again."""
    try:
        trial = NamelessDraft("", folder, entropy)
    except OSError:
        return False
    try:
        trial.name_for_now()
    except OSError:
        return False
    finally:
        trial.close()
    return True
