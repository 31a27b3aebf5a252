"""Revocation: rr, about one certificate or several (RFC 9810 §5.3.9, RFC 9483 §4.2).

A certificate's holder may revoke it; whoever knows the shared secret, and an RA, any certificate. What is on hold may
be revoked for good or, by removeFromCRL, released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import RevDetails, RevRepContent
from runner.asn1.crmf import CertId
from runner.asn1.primitives import ENUMERATED
from runner.errors import Malformed
from runner.lab.answers import Answer
from runner.lab.records import IssuedCertificate, Part, Stage, State, Transaction, begun
from runner.lab.rules import Rejection, rejected, status_info
from runner.lab.senders import CertificateSender, SecretSender
from runner.pki.extensions import CRL_REASONS, REASON_CODE, find_extension
from runner.pki.names import same_name
from runner.values import replace

if TYPE_CHECKING:
    from runner.lab.office import Office
    from runner.lab.received import Request

_HOLD = CRL_REASONS["certificateHold"]
_REMOVE = CRL_REASONS["removeFromCRL"]
_OF_FLAGS = {7: CRL_REASONS["privilegeWithdrawn"], 8: CRL_REASONS["aACompromise"]}
"""Bits of ReasonFlags that have another number as a CRLReason (RFC 5280 §4.2.1.13, §5.3.1)."""


def revoke(office: Office, request: Request) -> Answer:
    """An rr, about one certificate or several: rp with a status for each."""
    if not request.content or (len(request.content) > 1 and not office.rules.batches):
        raise Rejection("badRequest", f"{len(request.content)} certificates in one rr; one is taken")
    changed: dict[int, IssuedCertificate] = {}
    parts = tuple(_part(office, request, number, changed) for number in range(len(request.content)))
    transaction = begun(request, parts=parts)
    if changed:
        office.change(tuple(changed.values()), transaction)
    return revoked(office, request, transaction)


def _part(office: Office, request: Request, number: int, changed: dict[int, IssuedCertificate]) -> Part:
    """What becomes of one RevDetails; `changed` are the certificates as they will be, by serial number."""
    details: RevDetails = request.content[number]
    try:
        certificate, reason = _named(office, request, details), _reason(details)
        changed[certificate.serial] = _changed(office, changed.get(certificate.serial, certificate), reason)
    except Rejection as rejection:
        return Part(number, Stage.DONE, refusal=(rejection.fail_info, rejection.what))
    return Part(number, Stage.DONE, serial=certificate.serial)


def revoked(office: Office, request: Request, transaction: Transaction) -> Answer:  # noqa: ARG001 - a handler's shape
    """The rp of an rr; revCerts names the certificates where all could be revoked."""
    statuses = tuple(
        status_info("accepted") if part.refusal is None else rejected(Rejection(*part.refusal))
        for part in transaction.parts
    )
    issuer = office.issuer.general_name
    named = tuple(CertId(issuer=issuer, serial_number=p.serial) for p in transaction.parts if p.serial is not None)
    return Answer("rp", RevRepContent(status=statuses, rev_certs=named if len(named) == len(statuses) else ()))


def _named(office: Office, request: Request, details: RevDetails) -> IssuedCertificate:
    """The certificate that the rr is about, if the sender may revoke it."""
    issuer, serial = details.cert_details.issuer, details.cert_details.serial_number
    if issuer is None or serial is None:
        raise Rejection("badCertId", "issuer and serialNumber of the certificate are needed")
    certificate = office.ledger.certificate(serial)
    if certificate is None or not _is_ours(office, issuer):
        raise Rejection("badCertId", "this CA has issued no such certificate")
    own = isinstance(request.sender, CertificateSender) and request.sender.certificate.serial == serial
    if not (own or isinstance(request.sender, SecretSender) or office.is_ra(request.sender)):
        raise Rejection("notAuthorized", "an rr is signed with the certificate that it revokes")
    return certificate


def _is_ours(office: Office, issuer: bytes) -> bool:
    try:
        return same_name(issuer, office.issuer.name)
    except Malformed:
        return False


def _reason(details: RevDetails) -> int:
    """The CRLReason, by CMP 1999 in ReasonFlags, whose bits have numbers of their own; else unspecified."""
    value = find_extension(details.crl_entry_details, REASON_CODE)
    try:
        flag = min(details.revocation_reason, default=0)
        reason = _OF_FLAGS.get(flag, flag) if value is None else ENUMERATED.decode(value)
    except Malformed as problem:
        raise Rejection("badDataFormat", "reasonCode is not an ENUMERATED") from problem
    if reason not in CRL_REASONS.values():
        raise Rejection("unacceptedExtension", f"there is no CRLReason {reason}")
    return reason


def _changed(office: Office, certificate: IssuedCertificate, reason: int) -> IssuedCertificate:
    """The certificate as it will be."""
    is_revoked = certificate.state is State.REVOKED
    on_hold = is_revoked and certificate.reason == _HOLD
    if reason == _REMOVE:
        if not on_hold:
            raise Rejection("badRequest", "only a certificate on hold is removed from the CRL")
        return replace(certificate, state=State.CONFIRMED, revoked_at=None, reason=0)
    if is_revoked and not (on_hold and reason != _HOLD):
        raise Rejection("certRevoked", "the certificate is revoked already")
    return office.revoked_now(certificate, reason)
