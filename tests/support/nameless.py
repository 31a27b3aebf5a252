"""A system that knows no files without a name (O_TMPFILE), or that cannot name them afterwards."""

from __future__ import annotations

import errno
import os


def is_nameless(flags: int) -> bool:
    """Whether a file is opened that has no name."""
    return flags & os.O_TMPFILE == os.O_TMPFILE


def refuse_nameless(real=os.open):
    """os.open as it is where files have names."""

    def refusing(path, flags, *mode, **options):
        if is_nameless(flags):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, *mode, **options)

    return refusing


def without_proc(real=os.link):
    """os.link as it is where nothing is mounted at /proc."""

    def lost(source, target, **options):
        if str(source).startswith("/proc/"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        real(source, target, **options)

    return lost
