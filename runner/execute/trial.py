"""`commit: after-install`: the files are in their places, and verified, before the CA hears that we accept.

Whatever the new files replace is kept beside them (NAME.before) until the CA has confirmed; where a hook says no, or
the CA does, it is put back. The new key stays where it waits, a copy takes its place, so that the journal's word about
it stays true. Every step may be done again: a crash anywhere in between is mended by the next apply.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadCertificate
from runner.execute.desk import Installation, Move
from runner.execute.install import is_taken
from runner.keystores.files import NewFile, read_file
from runner.manifest.model import Enrollment, Update
from runner.pki.tokenuris import is_token
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.execute.desk import Desk
    from runner.execute.hooks import HookRun
    from runner.manifest.model import AnyItem

BEFORE, TRIAL = ".before", ".trial"
_LARGEST = 1 << 24


def _places_of(files: Installation) -> tuple[Path, ...]:
    """The places that an installation fills."""
    moved = {move.source: move.target for move in files.moves}
    places = [moved.get(file.path, file.path) for file in files.files]
    return tuple(dict.fromkeys([*places, *moved.values()]))


async def _keep_previous(desk: Desk, places: Iterable[Path]) -> None:
    """Copies of what is there now. One that an interrupted trial has left is the older, and stays."""
    copies = [_copy(place, BEFORE) for place in places if is_taken(str(place)) and not is_taken(f"{place}{BEFORE}")]
    if copies:
        await desk.installations.do(Installation(tuple(copies), ()))


def _copy(place: Path, suffix: str) -> NewFile:
    return NewFile(Path(f"{place}{suffix}"), read_file(place, _LARGEST), stat.S_IMODE(place.stat().st_mode))


def before_trial(path: str) -> str:
    """Where that file is which was there before a trial that was interrupted; `path` itself where none was."""
    return f"{path}{BEFORE}" if not is_token(path) and is_taken(f"{path}{BEFORE}") else path


async def copy_of_key(desk: Desk, key_now: str | None) -> str | None:
    """A copy of a key that waits, to be moved to its place in its stead; what is no file is left where it is."""
    if key_now is None or is_token(key_now):
        return key_now
    if not is_taken(key_now + TRIAL):
        await desk.creations.do(replace(_copy(Path(key_now), TRIAL), mode=0o600))
    return key_now + TRIAL


def is_held_back(item: AnyItem) -> bool:
    """Whether certConf waits for the files of an item."""
    return isinstance(item, Enrollment | Update) and item.held_back


async def tried(
    desk: Desk, item: AnyItem, files: Installation, key_path: str | None
) -> tuple[BadCertificate | None, tuple[HookRun, ...]]:
    """Put files in their places and have them verified; where they are no good, what was there before is put back."""
    await _keep_previous(desk, _places_of(files))
    await desk.installations.do(files)
    problem, runs = await _verified(desk, item, key_path)
    if problem is not None:
        await roll_back(desk, files)
    return problem, runs


async def _verified(
    desk: Desk, item: AnyItem, key_path: str | None
) -> tuple[BadCertificate | None, tuple[HookRun, ...]]:
    """What the hook `verify` says of the files that are in their places."""
    if not item.hooks.verify:
        return None, ()
    from runner.execute.hooks import named_files, place_of, run_hook  # noqa: PLC0415 - few items have any

    files = named_files(item) | {"CMP_BATCH_KEY": key_path or ""}
    done = await run_hook("verify", item.hooks.verify, item.hooks.timeout, files, place_of(desk))
    if not done.problem:
        return None, (done,)
    problem = BadCertificate(
        "the certificate was installed and its verification failed",
        why=f"{done.command}: {done.problem}",
        next_step="what was there before is there again; look at the hook's output in the report",
    )
    return problem, (done,)


async def roll_back(desk: Desk, files: Installation) -> None:
    """What was there before a trial, again; what was not there is gone."""
    places = _places_of(files)
    back = [Move(Path(f"{place}{BEFORE}"), place) for place in places if is_taken(f"{place}{BEFORE}")]
    kept = {move.target for move in back}
    gone = tuple(place for place in places if place not in kept and is_taken(str(place)))
    await desk.installations.do(Installation((), tuple(back), removals=gone))


def leftovers(item: AnyItem, files: Installation) -> tuple[Path, ...]:
    """The copies that a trial which went well has no more use for."""
    return tuple(Path(f"{place}{BEFORE}") for place in _places_of(files)) if is_held_back(item) else ()
