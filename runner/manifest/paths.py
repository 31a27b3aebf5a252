"""Paths as text: made absolute against a manifest's folder, and asked whether something is there.

`os.path` and not pathlib: `..` is folded without following links, and a path that is too long or not permitted is
answered with "no" instead of an exception.
"""
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH119, PTH120

from __future__ import annotations

import os.path


def absolute(base: str, path: str) -> str:
    """`path` from the absolute folder `base`, with `.` and `..` folded and no link followed."""
    return os.path.normpath(os.path.join(base, path))


def folded(path: str) -> str:
    """`path` with `.`, `..` and doubled slashes folded, relative where it was."""
    return os.path.normpath(path)


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
