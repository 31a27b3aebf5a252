"""From what the manifest asks for beside the template to what goes into messages: controls, validity, generalInfo.

Secrets among it are read here, at the last moment; SecretError where one is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.crmf import OptionalValidity
from runner.asn1.x509 import NULL_DN
from runner.cmp.protection import MacProtection
from runner.cmp.wishes import authenticator, publication, reg_token, utf8_pairs
from runner.errors import SecretError
from runner.pki.names import directory_name
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.asn1.crmf import Control
    from runner.cmp.dialogue import Parties
    from runner.cmp.request import Order
    from runner.execute.desk import Desk
    from runner.keystores.secrets import SecretReader
    from runner.manifest.credentials import Credential, SecretRef
    from runner.manifest.model import Authority
    from runner.manifest.wishes import Asking, ValidityWish
    from runner.pki.macs import SharedSecret
    from runner.pki.names import Name
    from runner.pki.servers import ServerProfile


def with_wishes(order: Order, asking: Asking, authority: Authority, secrets: SecretReader) -> Order:
    """The order with the entry's controls and regInfo; oldCertID as entry, authority or its profile say."""
    said = (asking.old_cert_id, authority.asking.old_cert_id, authority.server.old_cert_id)
    names_old = next(each for each in said if each is not None)
    reg_info = (utf8_pairs(asking.reg_info),) if asking.reg_info else ()
    return replace(order, controls=tuple(controls(asking, secrets)), reg_info=reg_info, names_old=names_old)


def controls(asking: Asking, secrets: SecretReader) -> Iterator[Control]:
    """The controls of a CertRequest (RFC 4211 §6)."""
    if asking.reg_token is not None:
        yield reg_token(_text(asking.reg_token, secrets))
    if asking.authenticator is not None:
        yield authenticator(_text(asking.authenticator, secrets))
    if asking.publication is not None:
        yield publication(asking.publication.action, asking.publication.method, asking.publication.location)


def _text(reference: SecretRef, secrets: SecretReader) -> str:
    try:
        return secrets.read(reference.kind, reference.value).reveal().decode()
    except UnicodeDecodeError:
        raise SecretError("regToken and authenticator are texts, and this secret is not UTF-8") from None


def in_header(parties: Parties, asking: Asking, usual: Asking) -> Parties:
    """Parties whose first messages bear the certProfile and the generalInfo of entry and authority."""
    own = {item.info_type for item in asking.general_info}
    further = tuple(item for item in usual.general_info if item.info_type not in own)
    profile = asking.cert_profile or usual.cert_profile
    return replace(parties, cert_profile=profile, general_info=(*asking.general_info, *further))


def presented(parties: Parties, credential: Credential | None, server: ServerProfile, order: Order | None) -> Parties:
    """Parties whose sender is of the form that the credential or, under a shared secret, the profile asks for."""
    said = credential.presenting.sender if credential else None
    form = said if said is not None or not isinstance(parties.protection, MacProtection) else server.sender
    subject = _subject(order)
    if form == "none":
        return _with_sender(parties, NULL_DN)
    if form == "subject" and subject is not None and subject.text:
        return _with_sender(parties, subject.der)
    return parties


def _subject(order: Order | None) -> Name | None:
    """Whom the request is about."""
    if order is not None and order.wanted is not None:
        return order.wanted.subject
    return order.certificate.subject if order is not None and order.certificate is not None else None


def _with_sender(parties: Parties, name: bytes) -> Parties:
    ours = parties.protection
    named = replace(ours.presentation, sender=directory_name(name))
    return replace(parties, protection=replace(ours, presentation=named))


def answer_secret(desk: Desk, authority: Authority) -> SharedSecret | None:
    """The secret that answers to signed requests may be protected with (`answer_credential:`)."""
    if authority.answer_credential is None:
        return None
    protection = desk.keyring.protection(desk.document.credentials[authority.answer_credential], authority.server.mac)
    return protection.secret if isinstance(protection, MacProtection) else None


def validity_of(wish: ValidityWish, now: datetime) -> OptionalValidity | None:
    """The validity of a CertTemplate; a span begins with the request, or where `not_before` says."""
    if not wish.is_said:
        return None
    end = wish.not_after
    if wish.valid_for is not None:
        end = ((wish.not_before or now) + wish.valid_for).replace(microsecond=0)
    return OptionalValidity(not_before=wish.not_before, not_after=end)
