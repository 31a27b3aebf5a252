"""The previous generation of a file, kept beside it as NAME.bak before it is replaced.

A second name for the same octets where the file system has hard links, a copy where it has none; the name itself
appears by a rename, so that the older backup is there until the newer one is.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

BACKUP_SUFFIX = ".bak"
_TEMPORARY_SUFFIX = ".bak.cmp-batch"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep_previous(name: str, folder: int) -> None:
    """Keep what is at `name` in an open folder as NAME.bak; nothing where nothing is there. Raises OSError."""
    temporary = f".{name}{_TEMPORARY_SUFFIX}"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    try:
        os.link(name, temporary, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError:
        _copy(name, temporary, folder)
    os.replace(temporary, name + BACKUP_SUFFIX, src_dir_fd=folder, dst_dir_fd=folder)


def _copy(name: str, copy: str, folder: int) -> None:
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as source:
        found = os.fstat(source.fileno())
        with os.fdopen(os.open(copy, _CREATE, 0o600, dir_fd=folder), "wb") as target:
            target.write(source.read())
            target.flush()
            os.fchown(target.fileno(), found.st_uid, found.st_gid)
            os.fchmod(target.fileno(), stat.S_IMODE(found.st_mode))
            os.fsync(target.fileno())
