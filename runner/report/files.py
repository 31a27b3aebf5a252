"""Reports as files: the suffix chooses the format, and a file appears at once or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, CmpBatchError
from runner.report.formats import SUFFIXES, rendered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def check_report_path(path: str) -> None:
    """Whether a report can go to `path`, asked before anything is sent. BadInput says what is in the way."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"no report format belongs to the name {path}",
            why="the suffix of the file chooses the format",
            next_step=f"end the name in {' or '.join(SUFFIXES)}",
        )
    check_folder_of(target, "a report")


def check_folder_of(target: Path, what: str) -> None:
    """Whether there is a folder for a file that is to be written. BadInput."""
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput(
            f"{what} cannot be written to {target}",
            why="it is a folder" if target.is_dir() else f"there is no folder {target.parent}",
            next_step="give the name of a file in a folder that exists",
        )


def write_report(path: str, report: Mapping[str, object]) -> None:
    """Write a report (json_report) to a `path` that check_report_path lets by. CmpBatchError where the disk refuses."""
    pieces = rendered(report, SUFFIXES[Path(path).suffix.lower()])
    try:
        replace_file(Path(path), map(str.encode, pieces))
    except OSError as problem:
        raise CmpBatchError(
            f"the report {path} cannot be written",
            why=problem.strerror or "",
            next_step="the run itself is not affected",
        ) from problem


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Put these octets at `path`, by way of a file beside it. Whatever is raised leaves what was there, and no more."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
