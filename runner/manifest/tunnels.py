"""Reads `tunnels`: where requests are found, whom an RA knows, what it changes, approves and forwards (docs/ra.md)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.manifest.credentials import CertificateCredential, PskCredential
from runner.manifest.durations import parse_duration
from runner.manifest.entries import read_rows
from runner.manifest.labelling import read_labels
from runner.manifest.model import Template
from runner.manifest.referring import World, authority_of, credential_of, template_of
from runner.manifest.rowplaces import placed_at
from runner.manifest.secrets import read_secret
from runner.manifest.templates import NAMED_FIELDS, read_template
from runner.manifest.tunnel import Approval, Tunnel
from runner.manifest.users import Users
from runner.pki.extensions import EXTENDED_KEY_USAGES, KEY_USAGES, parse_extended_key_usage, parse_key_usage
from runner.pki.keyspecs import KINDS, parse_key_spec
from runner.pki.name_patterns import parse_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.manifest.credentials import SecretRef
    from runner.manifest.declarations import Declared
    from runner.manifest.entries import Row
    from runner.manifest.ledger import Ledger
    from runner.manifest.model import Authority
    from runner.manifest.parts import Part
    from runner.manifest.reader import Reader

ANY_NAME = "any"
_AMENDED = NAMED_FIELDS
_NOT_JUDGED_BY = frozenset(
    {"name", "for_each", "labels", "authority", "credential", "requests", "watch", "output", "batch"}
)


def read_tunnels(
    roots: Sequence[Part],
    variables: dict[str, str],
    declared: Declared,
    defaults: Mapping[str, Part],
    ledger: Ledger,
) -> tuple[Tunnel, ...]:
    """The tunnels of all files that can be read."""
    rows = read_rows(roots, variables, defaults, ledger, sections=("tunnels",))
    tunnels, users = [], Users(ledger)
    for sketch in rows:
        mark, row = len(ledger.diagnostics), sketch.row(variables, ledger)
        tunnels.append(_tunnel(row, World(declared, ())))
        placed_at(row.record, (row.reader.part, *template_of(row, declared)), ledger, mark)
        users.name(row.name or "", row.reader.part, template_of(row, declared), mark)
    return tuple(tunnel for tunnel in tunnels if tunnel is not None)


def _tunnel(row: Row, world: World) -> Tunnel | None:
    reader, authority = row.reader, authority_of(row, world)
    credential = credential_of(row, world) or (authority.credential if authority else None)
    _check_credential(row, authority, credential, world)
    watch, patience = _watch(reader)
    forward = reader.part.text("forward")
    tunnel = Tunnel(
        name=row.name or "",
        place=reader.part.place,
        authority=authority.name if authority else "",
        credential=credential,
        sources=reader.targets("requests"),
        output=reader.target("output"),
        watch=watch,
        patience=patience,
        psks=read_secret(reader, "psks", _none_here) if "psks" in reader.part.values else None,
        trust=reader.inputs("trust"),
        template=_filled_in(row, world),
        override=_override(reader),
        approval=_approval(reader),
        nested=forward is not None and forward.value == "nested",
        batch=int(reader.part.number("batch", 1)),
        original=reader.part.flag("original"),
        labels=read_labels(row, world.declared.templates),
        digest=_digest(row, world),
        places=row.reader.part.places(),
    )
    _check_together(reader, tunnel)
    return tunnel if authority is not None and row.name is not None else None


def _check_credential(row: Row, authority: Authority | None, name: str | None, world: World) -> None:
    """An RA signs, or has a secret, of its own."""
    credential = world.declared.credentials.get(name or "")
    if isinstance(credential, CertificateCredential | PskCredential) and not credential.ra:
        place, step = row.reader.part.place_of("credential"), "give one with ra_certificate:, or ra: true beside a psk"
        row.reader.ledger.error(f"{credential.name!r} is not an RA's credential", place, next_step=step)
    elif _lacks(name, authority, row):
        step = "add credential: and one with ra_certificate:"
        row.reader.ledger.error("this tunnel has no credential", row.reader.part.place, next_step=step)


def _lacks(name: str | None, authority: Authority | None, row: Row) -> bool:
    """Whether there is no credential where one is needed; the embedded lab has one for everybody."""
    return (
        name is None and authority is not None and not authority.is_lab and "credential" not in row.reader.part.values
    )


def _none_here(reader: Reader, key: str) -> SecretRef | None:  # noqa: ARG001 - as others read theirs
    """A table of secrets does not stand in a manifest; the schema has told of it."""
    return None


def _watch(reader: Reader) -> tuple[bool, float | None]:
    if reader.part.text("watch") is None:
        return reader.part.flag("watch"), None
    return True, reader.parsed("watch", parse_duration)


def _filled_in(row: Row, world: World) -> Template:
    """The fields of a template that an RA fills in; the others are a matter between requester and CA."""
    name = row.reader.reference("template", world.declared.templates, "template")
    if name is None:
        return Template()
    part = world.declared.templates[name]
    return read_template(row.reader.elsewhere(part.limited({k: v for k, v in part.values.items() if k in _AMENDED})))


def _override(reader: Reader) -> Template:
    part = reader.part.part("override")
    return Template() if part is None else read_template(reader.elsewhere(part))


def _approval(reader: Reader) -> Approval:
    part = reader.part.part("approve")
    if part is None:
        return Approval(ask=True)
    own, keys, psk = reader.elsewhere(part), part.part("keys"), part.text("psk")
    names = [text.value for text in part.texts("names")]
    of_keys = own.elsewhere(keys) if keys else None
    return Approval(
        names=() if names == [ANY_NAME] else own.parsed_all("names", parse_pattern),
        kinds=of_keys.parsed_all("kinds", parse_key_spec, KINDS) if of_keys else (),
        by_ca=keys is not None and keys.flag("by_ca"),
        usages=own.parsed_all("usages", _usage, (*KEY_USAGES, *EXTENDED_KEY_USAGES)),
        once=psk is not None and psk.value == "once",
    )


def _usage(text: str) -> str:
    try:
        return parse_key_usage(text)
    except ValueError:
        return parse_extended_key_usage(text)


def _digest(row: Row, world: World) -> str:
    """SHA-256 (hex) of what a request is judged by; where requests are and answers go is no part of it."""
    values = row.reader.part.values
    judged = {key: value for key, value in values.items() if key not in _NOT_JUDGED_BY}
    template = world.declared.templates.get(str(values.get("template")))
    judged["template"] = template.values if template else None
    text = json.dumps(judged, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


def _check_together(reader: Reader, tunnel: Tunnel) -> None:
    """What contradicts itself."""
    error, part = reader.ledger.error, reader.part
    changes = tunnel.override != Template() or tunnel.template != Template()
    if tunnel.nested and changes:
        why, key = "a request that is nested goes on as it is", "override" if "override" in part.values else "template"
        error(f"{key} does not go together with forward: nested", part.place_of(key), why=why, next_step="remove one")
    if tunnel.batch > 1 and not tunnel.nested:
        error("batch takes forward: nested", part.place_of("batch"), next_step="remove one, or add the other")
    if tunnel.original and tunnel.nested:
        error("original takes forward: replace", part.place_of("original"), why="a nested request is the original")
