"""Rows to items: what an entry asks for, with its authority and its credential.

A psk makes an `ir` and a certificate a `cr` unless the entry says otherwise; an update signs with the certificate
that it updates; a revocation may. How items get along with each other is left to runner.manifest.checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from runner.manifest.care import Circumstances, read_care
from runner.manifest.digests import digest_of
from runner.manifest.fetching import read_fetch
from runner.manifest.hooking import read_commit, read_hooks
from runner.manifest.labelling import read_labels
from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Template, Update
from runner.manifest.outputs import check_stores, read_output
from runner.manifest.polls import check_named, check_pollable, parse_reference, parse_request_id
from runner.manifest.recoveries import check_recovered, read_saved
from runner.manifest.referring import World, authority_of, credential_of, template_of
from runner.manifest.renewing import read_renewal
from runner.manifest.requests import check_request, check_revoked, read_reason
from runner.manifest.rowplaces import placed_at
from runner.manifest.rowsecrets import row_secret
from runner.manifest.templates import read_template
from runner.manifest.users import Users
from runner.manifest.wishing import parse_moment, parse_serial, read_asking
from runner.packing import Packed
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runner.errors import Place
    from runner.manifest.credentials import SecretRef
    from runner.manifest.declarations import Declared
    from runner.manifest.entries import Row, Sketch
    from runner.manifest.hooks import Hooks
    from runner.manifest.ledger import Ledger
    from runner.manifest.model import AnyItem, Authority
    from runner.manifest.wishes import Asking


_SAYS_WHO = frozenset({"credential", "psk"})
"""Keys that say what a request is protected with."""
_SAYS_WHOM = frozenset({"subject", "alt_names", "certificate", "template"})
"""Keys that say whom a certificate is for."""


class _Common(TypedDict):
    name: str
    place: Place
    authority: str
    credential: str | None
    depends_on: tuple[str, ...]
    on_remove: str
    places: Mapping[str, Place]
    labels: Mapping[str, str]
    hooks: Hooks
    secret: SecretRef | None


def read_items(rows: list[Sketch], variables: Mapping[str, str], declared: Declared, ledger: Ledger) -> Packed[AnyItem]:
    """The items of all rows that can be read. `ledger.partial` is set where one cannot. The rows are used up."""
    count = len(rows)
    items = Packed(_items(rows, variables, declared, ledger))
    ledger.partial |= len(items) < count
    return items


def _items(rows: list[Sketch], variables: Mapping[str, str], declared: Declared, ledger: Ledger) -> Iterator[AnyItem]:
    world, users = World(declared, {row.name: None for row in rows if row.name}.keys()), Users(ledger)
    rows.reverse()
    while rows:
        mark, row = len(ledger.diagnostics), rows.pop().row(variables, ledger)
        item = _item(row, world)
        if len(ledger.diagnostics) > mark:
            placed_at(row.record, (row.reader.part, *declared.templates.values()), ledger, mark)
            users.name(row.name or "", row.reader.part, template_of(row, declared), mark)
        if item is not None:
            yield item


def _item(row: Row, world: World) -> AnyItem | None:
    make = _MAKERS[row.section]
    item = make(row, world)
    if item is None or row.name is None:
        return None
    object.__setattr__(item, "asked", digest_of(item, row.reader.spellings))  # nobody has seen it yet
    return item


def _enrollment(row: Row, world: World) -> Enrollment | None:
    reader, authority = row.reader, authority_of(row, world)
    credential = credential_of(row, world) or (authority.credential if authority else None)
    key, csr, output = reader.key_url("key", generate=True), reader.input("csr"), read_output(reader, "output")
    template, places = (Template(), None) if "csr" in reader.part.values else _template(row, world)
    asking, request = _asking(row, world), reader.part.text("request")
    check_request(reader, key, asking)
    renew_before, renewal = read_renewal(reader)
    common = _common(row, authority, credential, world, places)
    care = read_care(reader, Circumstances(key, authority, world.declared.credentials.get(credential or ""), template))
    _need_credential(row, authority, credential, "add credential: and a name under credentials")
    check_stores(reader, key)
    if authority is None or output is None or (key is None and csr is None):
        return None
    return Enrollment(
        **common,
        template=template,
        key=key,
        csr=csr,
        output=output,
        renew_before=renew_before,
        renewal=renewal,
        request=request.value if request else "",
        proof=care.proof,
        backup=care.backup,
        generation=care.generation,
        asking=asking,
        held_back=read_commit(reader, common["hooks"]),
    )


def _asking(row: Row, world: World) -> Asking:
    """What the entry says, and certProfile from its template where it says none itself."""
    asking, name = read_asking(row.reader), row.reader.part.text("template")
    shared = world.declared.templates.get(name.value) if name else None
    if asking.cert_profile or shared is None or "cert_profile" not in shared.values:
        return asking
    return replace(asking, cert_profile=row.reader.elsewhere(shared).text("cert_profile") or "")


def _update(row: Row, world: World) -> Update | None:
    reader, authority = row.reader, authority_of(row, world)
    certificate, key = reader.input("certificate"), reader.key_url("key", generate=False)
    new_key, output = reader.key_url("new_key", generate=True), read_output(reader, "output")
    credential = credential_of(row, world)
    common = _common(row, authority, credential, world)
    certified = new_key if "key_generation" in reader.part.values else new_key or key
    care = read_care(reader, Circumstances(certified, authority, world.declared.credentials.get(credential or "")))
    check_stores(reader, certified)
    if authority is None or certificate is None or key is None or output is None:
        return None
    update = Update(
        **common, certificate=certificate, key=key, new_key=new_key, output=output, asking=read_asking(reader)
    )
    held_back = read_commit(reader, common["hooks"])
    return replace(update, proof=care.proof, backup=care.backup, generation=care.generation, held_back=held_back)


def _revocation(row: Row, world: World) -> Revocation | None:
    reader, authority = row.reader, authority_of(row, world)
    certificate, key = reader.input("certificate"), reader.key_url("key", generate=False)
    issuer, serial = reader.name("issuer"), reader.parsed_scalar("serial", parse_serial)
    reason, since = read_reason(reader), reader.parsed("invalidity_date", parse_moment)
    credential = _revocation_credential(row, authority, world)
    common = _common(row, authority, credential, world)
    if authority is None or not check_revoked(reader) or (certificate is None and None in (issuer, serial)):
        return None
    return Revocation(
        **common,
        certificate=certificate,
        issuer=issuer,
        serial=serial,
        key=key,
        reason=reason or "unspecified",
        invalid_since=since,
    )


def _recovery(row: Row, world: World) -> Recovery | None:
    reader, authority = row.reader, authority_of(row, world)
    credential = credential_of(row, world) or (authority.credential if authority else None)
    template, places = _template(row, world)
    output, saved = read_output(reader, "output"), read_saved(reader)
    new_key = reader.key_url("new_key", generate=True)
    common = _common(row, authority, credential, world, places)
    _need_credential(row, authority, credential, "add credential: and a name under credentials")
    if authority is None or output is None or saved is None or not check_recovered(reader, output):
        return None
    certificate, asking = template.reference, _asking(row, world)
    return Recovery(
        **common, template=template, certificate=certificate, key=new_key, saved=saved, output=output, asking=asking
    )


def _fetch(row: Row, world: World) -> Fetch | None:
    reader, authority = row.reader, authority_of(row, world)
    credential = credential_of(row, world) or (authority.credential if authority else None)
    common = _common(row, authority, credential, world)
    _need_credential(row, authority, credential, "add credential: and a name under credentials")
    wish = read_fetch(reader)
    if authority is None or wish is None:
        return None
    return Fetch(
        **common,
        what=wish.what,
        file=reader.target("output"),
        format=wish.format,
        root=reader.input("root"),
        trust_file=reader.target("install_trust"),
        refresh=wish.refresh,
        about=wish.about,
        asking=read_asking(reader),
    )


def _poll(row: Row, world: World) -> Poll | None:
    reader, authority = row.reader, authority_of(row, world)
    credential = credential_of(row, world) or (authority.credential if authority else None)
    identifier, key = reader.parsed_scalar("id", parse_request_id), reader.key_url("key", generate=False)
    reference = reader.parsed_scalar("reference", parse_reference)
    output, common = read_output(reader, "output"), _common(row, authority, credential, world)
    _need_credential(row, authority, credential, "add credential: and a name under credentials")
    check_named(reader)
    if authority is None or (identifier is None and reference is None) or output is None:
        return None
    check_pollable(reader, authority)
    return Poll(**common, transaction_id=identifier or b"", reference=reference, key=key, output=output)


_MAKERS: Mapping[str, Callable[[Row, World], AnyItem | None]] = {
    "enrollments": _enrollment,
    "updates": _update,
    "revocations": _revocation,
    "recoveries": _recovery,
    "fetches": _fetch,
    "polls": _poll,
}


def _revocation_credential(row: Row, authority: Authority | None, world: World) -> str | None:
    values, credential = row.reader.part.values, credential_of(row, world)
    if "key" not in values:
        credential = credential or (authority.credential if authority else None)
        _need_credential(row, authority, credential, "add credential:, or the certificate's own key:")
    elif "credential" in values:
        place, why = row.reader.part.place_of("key"), "a request is protected in one way"
        row.reader.ledger.error("key does not go together with credential", place, why=why, next_step="remove one")
    return credential


def _template(row: Row, world: World) -> tuple[Template, Mapping[str, Place]]:
    """The template that the entry and what it refers to say together, and where all of it is written."""
    name = row.reader.reference("template", world.declared.templates, "template")
    part = row.reader.part
    whole = part if name is None else part.with_template(name, world.declared.templates[name])
    if _SAYS_WHOM.isdisjoint(whole.values):
        row.reader.ledger.warn(
            "nothing says whom this certificate is for",
            part.place,
            why="the request goes out with an empty subject, and the CA decides",
            next_step="add template:, subject: or alt_names:",
        )
    return read_template(row.reader.elsewhere(whole)), whole.places()


def _need_credential(row: Row, authority: Authority | None, credential: str | None, step: str) -> None:
    if authority is None or authority.is_lab or credential is not None or row.reader.part.values.keys() & _SAYS_WHO:
        return
    why = f"authority {authority.name!r} names none either"
    row.reader.ledger.error("this entry has no credential", row.reader.part.place, why=why, next_step=step)


def _common(
    row: Row,
    authority: Authority | None,
    credential: str | None,
    world: World,
    places: Mapping[str, Place] | None = None,
) -> _Common:
    return {
        "name": row.name or "",
        "place": row.place,
        "labels": read_labels(row, world.declared.templates),
        "authority": authority.name if authority else "",
        "credential": credential,
        "depends_on": tuple(dict.fromkeys(_needs(row, world))),
        "on_remove": said.value if (said := row.reader.part.text("on_remove")) else "keep",
        "places": row.reader.part.places() if places is None else places,
        "hooks": read_hooks(row.reader),
        "secret": row_secret(row, world.declared.credentials.get(credential or "")),
    }


def _needs(row: Row, world: World) -> tuple[str, ...]:
    if row.reader.ledger.partial or "depends_on" not in row.reader.part.values:
        return ()  # some names are not known, so that none can be called unknown
    return row.reader.references("depends_on", world.names, "item")
