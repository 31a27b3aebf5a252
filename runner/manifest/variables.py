"""`${name}` in the texts of a manifest: found, replaced, and missed at its place.

`$$` is a dollar; a dollar before anything but a brace is itself. Inside key URLs `${env:…}` and `${file:…}` are
passphrase references: they stay as they are, and keystores resolve them. Elsewhere `${env:…}` is a value like any
other, of those variables alone that somebody who runs us has said may be shown.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from runner.errors import Place
from runner.manifest.words import choose, shortened
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.manifest.inserting import Insert
    from runner.manifest.ledger import Ledger
    from runner.manifest.source import Written

_DOLLAR = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SECRETS = ("env:", "file:")
FREE_PREFIX = "CMP_BATCH_VAR_"
"""Environment variables with this prefix are meant to be shown; any other one is, where --allow-env names it."""
_WHY_NOT = {
    "env": "a plan shows what stands here, and the variable may be a secret",
    "file": "a manifest takes secrets in the passphrases of key URLs only, and values from --var",
}


@frozen
class Text:
    """A text of the manifest and how it was written."""

    value: str = field(repr=False)
    written: Written

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.written.place

    def at(self, offset: int) -> Place:
        """Where its character at `offset` is; where it begins, if the file does not hold the text just as it reads."""
        place = self.place
        if self.written.lead is None:
            return place
        return Place(place.file, place.line, place.column + self.written.lead + offset)


def expand(
    text: Text, variables: Mapping[str, str], ledger: Ledger, *, secrets: bool = False, insert: Insert | None = None
) -> str | None:
    """The text with its variables replaced; None, and a finding for each, where some cannot be.

    `secrets`: `${env:…}` and `${file:…}` may stand in it, and are left.
    `insert`: how a value that is only a part of the text gets into it.
    """
    if "$" not in text.value:
        return text.value
    uses, end = _cut(text.value)
    said: list[str] = []
    missed = False
    for before, found in uses:
        if secrets and found[2] and found[1].startswith(_SECRETS):
            put: str | None = found[0]
        else:
            put = _value_of(found, text, variables, ledger, insert)
        if put is None:
            missed = True
        else:
            said += (before, put)
    return None if missed else "".join((*said, end))


def has_variable(value: object) -> bool:
    """Whether a value of the manifest, or anything in it, may read otherwise from row to row."""
    if isinstance(value, str):
        return "$" in value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_variable, inside))


@lru_cache(maxsize=256)
def _cut(value: str) -> tuple[tuple[tuple[str, re.Match[str]], ...], str]:
    """Each `${…}` of a text with what is written before it, and what is behind the last; `$$` is a dollar there.

    Every row has the same texts.
    """
    uses: list[tuple[str, re.Match[str]]] = []
    before, at = "", 0
    for found in _DOLLAR.finditer(value):
        before += value[at : found.start()]
        at = found.end()
        if found[1] is None:
            before += "$"
        else:
            uses.append((before, found))
            before = ""
    return tuple(uses), before + value[at:]


def _value_of(
    found: re.Match[str], text: Text, variables: Mapping[str, str], ledger: Ledger, insert: Insert | None
) -> str | None:
    value = variables.get(found[1]) if found[2] else None
    if value is None:
        _miss(found, text, variables, ledger)
        return None
    if insert is None or found[0] == text.value:
        return value
    try:
        return insert(text.value[: found.start()], value)
    except ValueError as problem:
        _refuse(found, str(problem), text, ledger)
        return None


def _refuse(found: re.Match[str], why: str, text: Text, ledger: Ledger) -> None:
    """The value is not shown: of a key URL, it may be a secret."""
    step = f"put {found[0]} alone there if it is to say all of it"
    ledger.error(f"the value of {found[0]} cannot stand here", text.place, why=why, next_step=step)


def _miss(found: re.Match[str], text: Text, variables: Mapping[str, str], ledger: Ledger) -> None:
    name, place = found[1], text.at(found.start())
    if not found[2]:
        ledger.error("a brace is not closed", place, why="${ begins a variable", next_step="write $${ for the text ${")
    elif name.startswith(_SECRETS):
        ledger.error(
            f"{found[0]} cannot stand here",
            place,
            why=_WHY_NOT[name[: name.index(":")]],
            next_step=f"set {FREE_PREFIX}…, or say --allow-env {name[4:]}" if name.startswith("env:") else "",
        )
    elif not _VARIABLE.fullmatch(name):
        ledger.error(f"{shortened(name)} is no name of a variable", place, next_step="write $${ for the text ${")
    else:
        why = f"neither for_each nor vars nor --var {name}=… gives it a value"
        ledger.error(f"undefined variable {shortened(name)}", place, why=why, next_step=choose(name, sorted(variables)))
