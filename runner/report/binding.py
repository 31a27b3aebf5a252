"""What a saved plan is bound to: the manifests, the state and the files that it was made from, as digests by name.

Two bindings of one situation are equal, and where they are not, their difference says what has changed. Secrets do not
go in, not even as digests: a field that its class keeps out of `repr` is left out of what a manifest means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runner import __version__
from runner.errors import Place
from runner.manifest.digests import named_half
from runner.pki.certificates import Certificate
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.manifest.model import Document
    from runner.plan.facts import Facts
    from runner.state.inventory import Inventory

SETTINGS = ("authorities", "credentials", "logins", "strategy")
"""What a Document has beside its items that decides what an apply does."""
MOST_TOLD = 10
"""Changes that are named; the rest is counted."""
_WORDS = {
    "manifests": ("the manifest {} has changed", "the manifest {} is new", "the manifest {} is gone"),
    "inputs": ("the file {} has changed", "the file {} is read now, too", "the file {} is not read now"),
    "settings": ("the manifests' {} have changed",) * 3,
    "items": ("the entry {} has changed", "the entry {} is new", "the entry {} is gone"),
    "state": ("the state of {} has changed",) * 3,
    "files": ("{} has changed",) * 3,
}
"""Section of a binding → how a change in it is told: changed, new, gone."""


@frozen
class Asked:
    """The command line that a plan was made for. Of `--var` only the names: values can be secrets."""

    paths: tuple[str, ...]
    base: str | None = None
    state: str | None = None
    targets: tuple[str, ...] = ()
    retry_unknown: bool = False
    prune: bool = False
    variables: tuple[str, ...] = ()


def binding_of(asked: Asked, document: Document, facts: Facts, inventory: Inventory) -> dict[str, Any]:
    """Everything that a plan depends on beside the hour, ready for canonical_json."""
    return {
        "version": __version__,
        "asked": {each.name: _plain(getattr(asked, each.name)) for each in fields(asked)},
        "manifests": dict(document.sources),
        "inputs": dict(document.inputs),
        "settings": {name: _digest(getattr(document, name), secrets=False) for name in SETTINGS},
        "items": {item.name: named_half(item.digest) for item in document.items},
        "state": {name: _digest((inventory.held.get(name), inventory.open.get(name))) for name in _known(inventory)},
        "files": dict(_files(facts)),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _known(inventory: Inventory) -> list[str]:
    return [*inventory.held, *(name for name in inventory.open if name not in inventory.held)]


def _files(facts: Facts) -> Iterator[tuple[str, str]]:
    """Each file that was looked at, with a digest of all that was seen of it."""
    seen: dict[str, list[object]] = {}
    for mapping in (facts.certificates, facts.keys, facts.requests, facts.files):
        for path, found in mapping.items():
            seen.setdefault(path, []).append(found)
    for path, facts_of_it in seen.items():
        yield path, _digest(facts_of_it)
    for authority in sorted({*facts.anchors, *facts.crls}):
        yield f"the trust of {authority}", _digest((facts.anchors.get(authority), facts.crls.get(authority)))


def _digest(value: object, *, secrets: bool = True) -> str:
    told = sha256()
    for piece in _pieces(value, secrets):
        told.update(piece)
    return told.hexdigest()


def _pieces(value: object, secrets: bool) -> Iterator[bytes]:  # noqa: FBT001 - passed on
    """The octets that stand for a value: equal for equal values, and for no others."""
    if isinstance(value, Certificate):
        yield from _pieces(value.der, secrets)
    elif isinstance(value, Place):
        yield b"P"  # where something stands decides nothing
    elif is_dataclass(value):
        yield f"D{type(value).__name__}".encode()
        for each in fields(value):
            if (each.repr or secrets) and each.compare:
                yield from _pieces(getattr(value, each.name), secrets)
        yield b"E"
    elif isinstance(value, Mapping):
        yield b"M"
        for key in sorted(value, key=str):
            yield from _pieces(key, secrets)
            yield from _pieces(value[key], secrets)
        yield b"E"
    else:
        yield from _simple(value, secrets)


def _simple(value: object, secrets: bool) -> Iterator[bytes]:  # noqa: FBT001 - passed on
    if isinstance(value, tuple | list):
        yield b"L"
        for each in value:
            yield from _pieces(each, secrets)
        yield b"E"
    elif isinstance(value, frozenset | set):
        yield from _pieces(sorted(value, key=str), secrets)
    else:
        octets = value if isinstance(value, bytes) else _text(value).encode("utf-8", "surrogatepass")
        yield f"{type(value).__name__}{len(octets)}:".encode()
        yield octets


def _text(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What has changed from one binding to another, in words; the first MOST_TOLD, and how many more there are."""
    told = [words for section in _WORDS for words in _changed(section, before.get(section, {}), now[section])]
    if before.get("version") != now["version"]:
        told.insert(0, f"it was made by version {before.get('version')}, and this is {now['version']}")
    more = len(told) - MOST_TOLD
    return [*told[:MOST_TOLD], f"and {more} more"] if more > 0 else told


def _changed(section: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed, new, gone = _WORDS[section]
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) != now.get(name):
            yield (new if name not in before else gone if name not in now else changed).format(name)
