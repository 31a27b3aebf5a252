"""Hooks: commands of the manifest around an item, run where the user allows commands, and never by a shell.

They get a clean environment that names the files, no input, a time limit, and a process group that ends with them.
What they print goes into the report, cut to a measure and without the secrets that this run has read.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from runner.execute.results import Outcome
from runner.keystores.commands import Measure, run_command
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.ambient import Clock
    from runner.execute.desk import Desk
    from runner.execute.results import Result
    from runner.manifest.hooks import Command
    from runner.manifest.model import AnyItem

LONGEST_OUTPUT = 4096
"""Octets of a hook's output that are kept."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HIDDEN = b"[secret]"
_PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
"""PEM, to its end or to that of the output."""
_GOOD = frozenset({Outcome.ISSUED, Outcome.UPDATED, Outcome.REVOKED, Outcome.RECOVERED})
_BAD = frozenset({Outcome.FAILED, Outcome.UNKNOWN})


@frozen
class HookRun:
    """What came of a command: `problem` is empty where it ended with status 0."""

    hook: str
    command: str
    problem: str
    output: str
    duration: float


@frozen
class Place:
    """Where and when commands run: the manifest's folder, the clock, and what must not be told."""

    folder: Path
    clock: Clock
    secrets: tuple[bytes, ...]


async def run_hook(hook: str, command: Command, seconds: float, files: Mapping[str, str], place: Place) -> HookRun:
    """Run one command to its end, or to that of its time; others go on meanwhile."""
    began, environment = place.clock.monotonic(), {"PATH": _PATH, "LANG": "C.UTF-8", **files}
    measure = Measure(seconds, LONGEST_OUTPUT + _longest(place.secrets), errors=True)
    try:
        ended = await asyncio.to_thread(run_command, command, place.folder, environment, measure, place.clock)
    except (OSError, ValueError) as trouble:
        why = getattr(trouble, "strerror", None) or "its words are no command"
        return HookRun(hook, command[0], f"it cannot be started: {why}", "", place.clock.monotonic() - began)
    problem = f"it ended with status {ended.status}" if ended.status else ""
    if ended.status is None:
        problem = f"it did not end within {seconds:g} s"
    told = _without_secrets(ended.output, place.secrets)[:LONGEST_OUTPUT].decode("utf-8", "replace")
    return HookRun(hook, command[0], problem, told, place.clock.monotonic() - began)


def _longest(secrets: tuple[bytes, ...]) -> int:
    """What is read beyond the measure, so that a secret across its end is seen as one."""
    return max(map(len, secrets), default=0)


def _without_secrets(output: bytes, secrets: tuple[bytes, ...]) -> bytes:
    output = _PRIVATE_KEY.sub(_HIDDEN, output)
    for secret in secrets:
        output = output.replace(secret, _HIDDEN)
    return output


def named_files(item: AnyItem, result: Result | None = None) -> dict[str, str]:
    """The environment by which a hook finds out what it is about."""
    output = getattr(item, "output", None)
    chain = (output.full_chain or output.chain or "") if output is not None else ""
    certificate = output.certificate if output is not None else getattr(item, "certificate", None) or ""
    named = {"CMP_BATCH_ITEM": item.name, "CMP_BATCH_CERTIFICATE": certificate, "CMP_BATCH_CHAIN": chain}
    if result is not None:
        failure = result.failure.what if result.failure else ""
        named |= {"CMP_BATCH_OUTCOME": result.outcome.value, "CMP_BATCH_ERROR": _in_one_line(failure)}
        named |= {"CMP_BATCH_KEY": result.key_path or ""}
    return named


def _in_one_line(text: str) -> str:
    """Words that a CA may have chosen, without what steers a terminal or begins another line of a mail's header."""
    return "".join(each if each.isprintable() else " " for each in text)


def place_of(desk: Desk) -> Place:
    """Where the hooks of this run are at home."""
    secrets = desk.keyring.secrets
    return Place(secrets.base, desk.clock, secrets.told)


async def with_hooks(item: AnyItem, result: Result, desk: Desk) -> Result:
    """The result with what came of the hook for its outcome. One that fails is a warning: the CA's word stands."""
    hooks = item.hooks
    good, bad = result.outcome in _GOOD, result.outcome in _BAD
    name, command = ("on_success", hooks.on_success) if good else ("on_failure", hooks.on_failure)
    if not command or not (good or bad):
        return result
    done = await run_hook(name, command, hooks.timeout, named_files(item, result), place_of(desk))
    warnings = (*result.warnings, f"hook {name}: {done.problem}") if done.problem else result.warnings
    return replace(result, hooks=(*result.hooks, done), warnings=warnings)
