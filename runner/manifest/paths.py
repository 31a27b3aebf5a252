"""Paths as text: made absolute against a manifest's folder, and asked whether something is there.

`os.path` and not pathlib: `..` is folded without following links, and a path that is too long or not permitted is
answered with "no" instead of an exception.
"""
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH119, PTH120

from __future__ import annotations

import os.path
from functools import lru_cache


def absolute(base: str, path: str) -> str:
    """`path` from the absolute folder `base`, with `.` and `..` folded and no link followed."""
    return f"{base}/{path}" if _is_tidy(path) and _is_root(base) else os.path.normpath(os.path.join(base, path))


def folded(path: str) -> str:
    """`path` with `.`, `..` and doubled slashes folded, relative where it was."""
    return path if _is_tidy(path) else os.path.normpath(path)


def _is_tidy(path: str) -> bool:
    """Whether a path is relative, and has nothing to fold: nearly all are, and to see it is quicker than to fold."""
    return path[:1] not in ("", ".", "/") and path[-1] != "/" and "/." not in path and "//" not in path


@lru_cache(maxsize=64)
def _is_root(base: str) -> bool:
    """Whether a folder, such as that of a manifest, needs nothing but a slash behind it."""
    return base != "/" and base.startswith("/") and os.path.normpath(base) == base


def last_name(path: str) -> str:
    """What stands after the last slash; empty where the path ends in one."""
    return os.path.basename(path)


def short(path: str) -> str:
    """The end of a path that people recognise: its folder and its name."""
    return os.path.join(os.path.basename(os.path.dirname(path)), os.path.basename(path))


def same_file_key(path: str) -> str:
    """Equal for two spellings that the system takes for one name."""
    return os.path.normcase(path)


def is_folder(path: str) -> bool:
    """Whether a folder is there."""
    return os.path.isdir(path)


def is_file(path: str) -> bool:
    """Whether a regular file is there."""
    return os.path.isfile(path)


def exists(path: str) -> bool:
    """Whether anything is there, as far as we may look."""
    return os.path.exists(path)


def is_below(path: str, folder: str) -> bool:
    """Whether `path`, with all links followed, is in `folder` or below it."""
    top = os.path.realpath(folder)
    return os.path.commonpath([top, os.path.realpath(path)]) == top
