"""What an entry refers to: its authority, which need not be said where there is only one, and its credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.rowsecrets import own_credential
from runner.manifest.words import listed
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.manifest.declarations import Declared
    from runner.manifest.entries import Row
    from runner.manifest.model import Authority
    from runner.manifest.parts import Part


@frozen
class World:
    """What a row may refer to."""

    declared: Declared
    names: Collection[str]
    """Of all items."""


def template_of(row: Row, declared: Declared) -> tuple[Part, ...]:
    """The template that an entry names, where it is one."""
    name = row.reader.part.text("template")
    found = declared.templates.get(name.value) if name else None
    return () if found is None else (found,)


def authority_of(row: Row, world: World) -> Authority | None:
    """The authority of an entry: the one it names, or the only one there is."""
    reader, authorities = row.reader, world.declared.authorities
    if "authority" in reader.part.values:
        name = reader.reference("authority", authorities, "authority")
        return authorities[name] if name is not None else None
    if len(authorities) == 1:
        return next(iter(authorities.values()))
    why = f"there are several: {listed(list(authorities))}" if authorities else "there is none under authorities"
    step = "add authority: and one of them" if authorities else "add authorities:"
    reader.ledger.error("this entry has no authority", reader.part.place, why=why, next_step=step)
    return None


def credential_of(row: Row, world: World) -> str | None:
    """The credential that an entry names itself."""
    part = row.reader.part
    if "psk" not in part.values:
        return row.reader.reference("credential", world.declared.credentials, "credential")
    if "credential" in part.values:
        why, place = "a request is protected in one way", part.place_of_key("psk")
        row.reader.ledger.error("psk does not go together with credential", place, why=why, next_step="remove one")
    own = own_credential(row.reader)
    if own is None:
        return None
    world.declared.credentials.setdefault(own.name, own)
    return own.name
