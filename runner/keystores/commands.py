"""One command that the user has allowed: no shell, no input, a time limit, and a process group that ends with it.

What its end means is for the caller: secrets.py reads secrets from commands, execute/hooks.py runs hooks.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import field
from select import POLLIN, poll
from typing import IO, TYPE_CHECKING, cast

from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runner.ambient import Clock

_CHUNK = 64 * 1024


@frozen
class Measure:
    """How long a command may take, in seconds, and how many octets of its output are kept.

    `errors`: what it says on stderr belongs to the output. `strict`: more output than that ends it at once.
    """

    seconds: float
    octets: int
    errors: bool = False
    strict: bool = False


@frozen
class Ended:
    """How a command ended. `status` is None where we ended it: it took too long, or (`too_much`) it said too much."""

    status: int | None
    output: bytes = field(repr=False)
    too_much: bool = False


def run_command(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], measure: Measure, clock: Clock
) -> Ended:
    """Run it in `folder` and wait for its end. OSError or ValueError where it cannot be started."""
    process = subprocess.Popen(  # noqa: S603 - what the user allowed, without a shell
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if measure.errors else subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    with process:
        try:
            return _watched(process, measure, clock)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it, and whatever it started


def _watched(process: subprocess.Popen[bytes], measure: Measure, clock: Clock) -> Ended:
    pipe, output = cast("IO[bytes]", process.stdout).fileno(), b""
    waiting = poll()
    waiting.register(pipe, POLLIN)
    deadline = clock.monotonic() + measure.seconds
    while True:
        rest = max(0.0, deadline - clock.monotonic())
        if not waiting.poll(rest * 1000):
            return Ended(None, output)
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            break
        if len(output) + len(chunk) > measure.octets and measure.strict:
            return Ended(None, b"", too_much=True)
        output += chunk[: measure.octets - len(output)]
    try:  # it has closed its output, which is not yet its end
        return Ended(process.wait(rest), output)
    except subprocess.TimeoutExpired:
        return Ended(None, output)
