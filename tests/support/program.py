"""cmp-batch as a program: a process of its own, started as people start it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def command_line(*argv: object) -> list[str]:
    return [sys.executable, "-m", "runner", *map(str, argv)]


def environment(**more: str) -> dict[str, str]:
    """This process's variables without those that change how text is laid out, and `more`."""
    plain = {
        k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "TERM", "CMP_BATCH_DEBUG")
    }
    return {**plain, **more}


def program(*argv: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end in the folder `cwd`; keywords are environment variables."""
    return subprocess.run(
        command_line(*argv),
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def start(*argv: object, cwd: Path, **more: str) -> subprocess.Popen[str]:
    """Begin it, with pipes to what it prints."""
    return subprocess.Popen(
        command_line(*argv),
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
