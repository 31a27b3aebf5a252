"""The folder that the state lives in: `.cmp-batch`, ours alone (0700), made when something is first written.

A folder or file of that name that comes with a manifest as a symbolic link is refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runner.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

STATE_FOLDER = ".cmp-batch"
"""Its name, beside the manifest."""


def make_state_folder(folder: Path) -> None:
    """See that `folder` exists, durably; its parents must. StateError where it cannot be made or is a link."""
    try:
        refuse_links(folder)
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    except FileExistsError:
        pass  # the usual case
    except OSError as problem:
        raise StateError(
            f"the state's folder {folder} cannot be made",
            why=problem.strerror or "",
            next_step="check the permissions of the folder that it belongs in, or give another place with --state",
        ) from problem


def refuse_links(*paths: Path) -> None:
    """Raise StateError for a state file that is a symbolic link, or is in a `.cmp-batch` that is one."""
    for path in paths:
        for suspect in (path, path.parent):
            if suspect.is_symlink() and (suspect is path or suspect.name == STATE_FOLDER):
                raise StateError(
                    f"{suspect} is a symbolic link",
                    why="the state is not kept where a link leads",
                    next_step="remove the link, or give the true place with --state",
                )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
