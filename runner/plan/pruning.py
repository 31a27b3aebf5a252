"""What the state holds and no manifest speaks of any more: told of in every plan, and removed where that is asked for.

`--prune` does what `on_remove` of the entry said when it was last carried out: revoke the certificate, forget it, or
keep it as it is. Nothing is pruned by itself, files stay where they are, and a certificate that an item of the
manifests still uses is never revoked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Place
from runner.manifest.credentials import PskCredential
from runner.manifest.model import Revocation
from runner.pki.certificates import parse_certificate
from runner.plan.case import certificate_path_of, decide
from runner.plan.steps import Step, Verb
from runner.plan.words import spell_time
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from runner.manifest.credentials import Credential
    from runner.manifest.model import Document
    from runner.pki.certificates import Certificate
    from runner.plan.case import Decision
    from runner.plan.facts import Facts
    from runner.state.inventory import Held, Inventory

REASON = "cessationOfOperation"
"""The CRLReason of what is not wanted any more."""
IN_NO_MANIFEST = Place("the state", 1, 1)


@frozen
class Left:
    """Something that is held and in no manifest; `decision`: what --prune does about it, under which credential."""

    held: Held
    decision: Decision
    credential: str | None = None


def left_over(
    document: Document, facts: Facts, inventory: Inventory, now: datetime, spoken_of: Collection[str] = ()
) -> tuple[Left, ...]:
    """Certificates that we hold for items that the manifests do not name (any more), by name.

    `spoken_of`: names of what follows from the manifests beside their items.
    """
    if not inventory.held:
        return ()
    names, used = {*spoken_of, *(item.name for item in document.items)}, None
    found = []
    for name in sorted(inventory.held.keys() - names):
        held = inventory.held[name]
        if held.certificate is None or held.outcome == "revoked" or name in inventory.open or held.relay:
            continue  # what an RA forwarded is remembered, or it would be forwarded again
        used = used if used is not None else _used(document, facts, inventory)
        authority = document.authorities.get(held.authority)
        credential = held.credential or (authority.credential if authority else None)
        found.append(Left(held, _decision(held, document, used, now), credential))
    return tuple(found)


def _used(document: Document, facts: Facts, inventory: Inventory) -> dict[bytes, str]:
    """DER of the certificates that items have → the item's name."""
    return dict(_in_use(document, facts, inventory))


def _in_use(document: Document, facts: Facts, inventory: Inventory) -> Iterator[tuple[bytes, str]]:
    for item in document.items:
        if isinstance(item, Revocation):
            continue
        present, held = facts.certificate(certificate_path_of(item)).certificate, inventory.held.get(item.name)
        if present is not None:
            yield present.der, item.name
        if held is not None and held.certificate is not None:
            yield held.certificate, item.name


def _decision(held: Held, document: Document, used: dict[bytes, str], now: datetime) -> Decision:
    certificate = parse_certificate(held.certificate or b"")
    user = used.get(certificate.der)
    if held.on_remove == "keep":
        return decide(Verb.KEEP, "left-over", f"in no manifest, and kept as on_remove said; {_until(certificate)}")
    if user is not None:
        return decide(Verb.FORGET, "renamed", f'in no manifest; "{user}" has the certificate now')
    if held.on_remove == "forget":
        return decide(Verb.FORGET, "left-over", f"in no manifest, and on_remove was forget; {_until(certificate)}")
    if certificate.not_after <= now:
        return decide(Verb.FORGET, "expired", "in no manifest; on_remove was revoke, and it has expired")
    lacking = _lacking(held, document)
    if lacking:
        return decide(Verb.BLOCKED, "no-way-to-revoke", f"in no manifest, and on_remove was revoke, but {lacking}")
    return decide(Verb.REVOKE, "left-over", f"in no manifest, and on_remove was revoke; {_until(certificate)}")


def _until(certificate: Certificate) -> str:
    return f"good until {spell_time(certificate.not_after)}"


def _lacking(held: Held, document: Document) -> str:
    """What an rr would need and the manifests do not have any more."""
    if held.authority not in document.authorities:
        return f"its authority {held.authority} is not in the manifests"
    authority = document.authorities[held.authority]
    credential = held.credential or authority.credential
    if credential is not None and credential not in document.credentials:
        return f"its credential {credential} is not in the manifests"
    if _is_one_time(document.credentials.get(credential or "")):
        return f"its credential {credential} holds one-time secrets, and its row is gone; add an entry to revocations"
    return "" if credential or authority.is_lab else "it had no credential, and its authority names none"


def _is_one_time(credential: Credential | None) -> bool:
    return isinstance(credential, PskCredential) and credential.column is not None


def pruning(left: tuple[Left, ...]) -> Iterator[Step]:
    """The steps of --prune."""
    for each in left:
        if each.decision.verb is not Verb.KEEP:
            request = "rr" if each.decision.verb is Verb.REVOKE else ""
            yield Step(_removal(each), each.decision.verb, each.decision.reasons, request=request)


def _removal(left: Left) -> Revocation:
    """What is left of an entry: the certificate by its issuer and serial number."""
    held = left.held
    certificate = parse_certificate(held.certificate or b"")
    return Revocation(
        name=held.item,
        place=IN_NO_MANIFEST,
        authority=held.authority,
        credential=left.credential,
        certificate=None,
        issuer=certificate.issuer,
        serial=certificate.serial,
        reason=REASON,
        asked=held.digest,
    )
