"""Files that appear whole or not at all, in groups.

Each file is written without its name (runner.keystores.drafts), with its final mode from the first octet on; all are
fsynced, then all get their names, then each folder is fsynced once. A crash leaves old content or new content.
Which paths are allowed is for runner.keystores.folders to say.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runner.errors import KeyStoreError
from runner.keystores.backups import keep_previous
from runner.keystores.folders import sync_folder
from runner.keystores.troubles import told
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from types import TracebackType

    from runner.ambient import Entropy
    from runner.keystores.drafts import Draft
    from runner.keystores.folders import Folder

KEY_MODE = 0o600


@frozen
class NewFile:
    """A file to be: its place, its octets and its permission bits (whatever the umask).

    `owner` and `group` are numbers, -1 for our own. `backup`: what it replaces is kept as NAME.bak.
    """

    path: Path
    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: int = -1
    group: int = -1
    backup: bool = False


@frozen
class Mark:
    """A file that is there and is to have these permission bits and this owner and group (-1: as they are)."""

    path: Path
    mode: int
    owner: int = -1
    group: int = -1


def write_new(folder: Folder, files: Sequence[NewFile], entropy: Entropy) -> None:
    """Create files that must not exist yet, durably. KeyStoreError: none of them was created."""
    targets = _checked(folder, [file.path for file in files])
    with _Group(folder) as group:
        group.draft(files, targets, entropy)
        group.create_all()


def replace(folder: Folder, files: Sequence[NewFile], entropy: Entropy) -> None:
    """Put files in place, over what is there, in the given order, durably.

    KeyStoreError: those from some file on are as they were; each one is whole, old or new.
    """
    targets = _checked(folder, [file.path for file in files])
    with _Group(folder) as group:
        group.draft(files, targets, entropy)
        group.replace_all()


def move(folder: Folder, pairs: Sequence[tuple[Path, Path]], backed_up: Collection[Path] = ()) -> None:
    """Rename each (source, target), over what is there, in the given order, durably. KeyStoreError as for `replace`.

    What lies at one of the targets in `backed_up` is kept as NAME.bak.
    """
    sources = _checked(folder, [source for source, _ in pairs])
    targets = _checked(folder, [target for _, target in pairs])
    with _Group(folder) as group:
        for source, target, (_, named) in zip(sources, targets, pairs, strict=True):
            with told("move", source):
                here, there = group.folder_of(source), group.folder_of(target)
                if named in backed_up:
                    keep_previous(_name(target), there)
                os.replace(_name(source), _name(target), src_dir_fd=here, dst_dir_fd=there)
        group.sync_folders()


def remove(folder: Folder, paths: Sequence[Path]) -> None:
    """Take files of ours away, their octets overwritten first as far as the file system lets that mean anything."""
    with _Group(folder) as group:
        for target in _checked(folder, paths):
            with told("remove", target):
                here = group.folder_of(target)
                descriptor = os.open(_name(target), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(bytes(os.fstat(descriptor).st_size))
                os.unlink(_name(target), dir_fd=here)
        group.sync_folders()


def mark(folder: Folder, marks: Sequence[Mark]) -> None:
    """Give files their permission bits, owner and group; none of them is followed through a link. KeyStoreError."""
    with _Group(folder) as group:
        for each in marks:
            target = folder.place(each.path, {})
            with told("change the permissions of", target):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(_name(target), flags, dir_fd=group.folder_of(target))
                try:
                    _own(descriptor, each.owner, each.group)
                    os.fchmod(descriptor, each.mode)
                finally:
                    os.close(descriptor)


def _own(descriptor: int, owner: int, group: int) -> None:
    if (owner, group) != (-1, -1):
        os.fchown(descriptor, owner, group)


def read_file(path: Path, limit: int = 1 << 20) -> bytes:
    """The octets of a regular file of at most `limit` octets; nothing else is read, and a pipe does not block us.

    Raises KeyStoreError.
    """
    with told("read", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise KeyStoreError(f"cannot read {path}", why="it is not a file", next_step="give the path of a file")
            octets = file.read(limit + 1)
    if len(octets) > limit:
        raise KeyStoreError(
            f"cannot read {path}", why=f"it is longer than {limit} octets", next_step="check that it is the right file"
        )
    return octets


def _checked(folder: Folder, paths: Iterable[Path]) -> list[str]:
    seen: dict[str, str] = {}
    return [folder.place(path, seen) for path in paths]


def _name(target: str) -> str:
    return target.rpartition(os.sep)[2]


class _Group:
    """Files that go through each stage together. However it ends, no temporary name and no open file is left."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._folders: dict[str, int] = {}
        self._ways: dict[int, type[Draft]] = {}
        self._drafts: list[tuple[NewFile, str, Draft]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, _, draft in self._drafts:
            draft.close()
        for descriptor in self._folders.values():
            os.close(descriptor)

    def folder_of(self, target: str) -> int:
        """A descriptor of the folder that `target` is in; one for all that share it. Raises OSError."""
        parent = target.rpartition(os.sep)[0] or os.sep
        if parent not in self._folders:
            self._folders[parent] = self._folder.open(Path(parent))
        return self._folders[parent]

    def draft(self, files: Sequence[NewFile], targets: Sequence[str], entropy: Entropy) -> None:
        """Write every file, without its name yet; when all are written, make all of them durable.

        All are on their way to the disk before the first is waited for: one commit of the file system then serves
        many, and the group takes half the time.
        """
        for file, target in zip(files, targets, strict=True):
            with told("write", target):
                draft = self._begun(target, entropy)
                self._drafts.append((file, target, draft))
                _own(draft.descriptor, file.owner, file.group)
                os.fchmod(draft.descriptor, file.mode)
                _write_all(draft.descriptor, file.content)
        for _, _, draft in self._drafts:
            _send_off(draft.descriptor)
        for _, target, draft in self._drafts:
            with told("write", target):
                os.fsync(draft.descriptor)

    def _begun(self, target: str, entropy: Entropy) -> Draft:
        """An empty file that is to be `target`."""
        here = self.folder_of(target)
        if here not in self._ways:
            self._ways[here] = self._folder.drafting.way(here, entropy)
        return self._ways[here](_name(target), here, entropy)

    def replace_all(self) -> None:
        """Give every draft its name, over what is there."""
        for file, target, draft in self._drafts:
            with told("write", target):
                if file.backup:
                    keep_previous(draft.name, draft.folder)
                draft.replace()
        self.sync_folders()

    def create_all(self) -> None:
        """Give every draft its name, which must be free; where one is not, take back those that were given."""
        created: list[Draft] = []
        try:
            for _, target, draft in self._drafts:
                with told("create", target):
                    draft.create()
                created.append(draft)
            self.sync_folders()
        except BaseException:
            for draft in created:
                with suppress(OSError):
                    os.unlink(draft.name, dir_fd=draft.folder)
            raise

    def sync_folders(self) -> None:
        """Make the names in every folder of the group durable."""
        for path, descriptor in self._folders.items():
            with told("write to", path):
                sync_folder(descriptor)


def _send_off(descriptor: int) -> None:
    """Let the system begin to write a file; what it does not know how to do is left to fsync."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
