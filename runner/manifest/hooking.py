"""Reads `hooks` and `commit`: the commands around an item, and when its certificate is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.durations import parse_timeout
from runner.manifest.hooks import AFTER_INSTALL, NO_HOOKS, Hooks
from runner.manifest.variables import expand

if TYPE_CHECKING:
    from runner.manifest.hooks import Command
    from runner.manifest.reader import Reader


def read_hooks(reader: Reader) -> Hooks:
    """The commands of an entry; variables in them are replaced, word by word."""
    part = reader.part.part("hooks")
    if part is None:
        return NO_HOOKS
    own = reader.elsewhere(part)
    return Hooks(
        verify=_command(own, "verify"),
        on_success=_command(own, "on_success"),
        on_failure=_command(own, "on_failure"),
        timeout=own.parsed("timeout", parse_timeout) or NO_HOOKS.timeout,
    )


def _command(reader: Reader, key: str) -> Command:
    words = [expand(text, reader.variables, reader.ledger) for text in reader.part.texts(key)]
    return tuple(word for word in words if word is not None)


def read_commit(reader: Reader, hooks: Hooks) -> bool:
    """Whether certConf waits until the files are in their places: the entry says so, or a hook is to verify them."""
    said = reader.part.text("commit")
    if said is not None and said.value != AFTER_INSTALL and hooks.verify:
        why = "the hook decides about the certificate before it is confirmed"
        reader.ledger.error("hooks: verify needs commit: after-install", said.place, why=why, next_step="leave it out")
    return bool(hooks.verify) or (said is not None and said.value == AFTER_INSTALL)
