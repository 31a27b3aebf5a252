"""Revocation, and questions: rr and genm (RFC 9810 §5.3.9, §5.3.19; RFC 9483 §4.2, §4.3).

A certificate's holder may revoke it, and whoever knows the shared secret any certificate. What is on hold may be
revoked for good or, by removeFromCRL, released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CERTIFICATES, InfoTypeAndValue, RevDetails, RevRepContent
from runner.asn1.crmf import CertId
from runner.asn1.primitives import ENUMERATED
from runner.errors import Malformed
from runner.lab.answers import Answer
from runner.lab.ledger import IssuedCertificate, Stage, State, Transaction
from runner.lab.rules import Rejection, rejected, status_info
from runner.lab.senders import CertificateSender
from runner.pki.extensions import CRL_REASONS, REASON_CODE, find_extension
from runner.pki.names import same_name

if TYPE_CHECKING:
    from runner.lab.office import Office
    from runner.lab.received import Request

_CURRENT_CRL = "1.3.6.1.5.5.7.4.6"
_CA_CERTS = "1.3.6.1.5.5.7.4.17"
_HOLD = CRL_REASONS["certificateHold"]
_REMOVE = CRL_REASONS["removeFromCRL"]


def revoke(office: Office, request: Request) -> Answer:
    """An rr, about one certificate: rp."""
    if len(request.content) != 1:
        raise Rejection("badRequest", f"{len(request.content)} certificates in one rr; one is taken")
    details: RevDetails = request.content[0]
    try:
        certificate, reason = _named(office, request, details), _reason(details)
        transaction = _done(request, certificate)
        _carry_out(office, certificate, reason, transaction)
    except Rejection as rejection:
        return Answer("rp", RevRepContent(status=(rejected(rejection),)))
    return revoked(office, request, transaction)


def revoked(office: Office, request: Request, transaction: Transaction) -> Answer:  # noqa: ARG001 - a handler's shape
    """The rp of an rr that was carried out."""
    named = CertId(issuer=office.issuer.general_name, serial_number=transaction.serial or 0)
    return Answer("rp", RevRepContent(status=(status_info("accepted"),), rev_certs=(named,)))


def _done(request: Request, certificate: IssuedCertificate) -> Transaction:
    return Transaction(
        identifier=request.identifier,
        kind=request.kind,
        holder=request.sender.holder,
        cert_req_id=0,
        opened_by=request.digest,
        latest=request.digest,
        nonces=(request.nonce,),
        stage=Stage.DONE,
        serial=certificate.serial,
    )


def _named(office: Office, request: Request, details: RevDetails) -> IssuedCertificate:
    """The certificate that the rr is about, if the sender may revoke it."""
    issuer, serial = details.cert_details.issuer, details.cert_details.serial_number
    if issuer is None or serial is None:
        raise Rejection("badCertId", "issuer and serialNumber of the certificate are needed")
    certificate = office.ledger.certificate(serial)
    if certificate is None or not _is_ours(office, issuer):
        raise Rejection("badCertId", "this CA has issued no such certificate")
    if isinstance(request.sender, CertificateSender) and request.sender.certificate.serial != serial:
        raise Rejection("notAuthorized", "an rr is signed with the certificate that it revokes")
    return certificate


def _is_ours(office: Office, issuer: bytes) -> bool:
    try:
        return same_name(issuer, office.issuer.name)
    except Malformed:
        return False


def _reason(details: RevDetails) -> int:
    """The CRLReason; unspecified where none is given."""
    value = find_extension(details.crl_entry_details, REASON_CODE)
    try:
        reason = CRL_REASONS["unspecified"] if value is None else ENUMERATED.decode(value)
    except Malformed as problem:
        raise Rejection("badDataFormat", "reasonCode is not an ENUMERATED") from problem
    if reason not in CRL_REASONS.values():
        raise Rejection("unacceptedExtension", f"there is no CRLReason {reason}")
    return reason


def _carry_out(office: Office, certificate: IssuedCertificate, reason: int, transaction: Transaction) -> None:
    is_revoked = certificate.state is State.REVOKED
    on_hold = is_revoked and certificate.reason == _HOLD
    if reason == _REMOVE:
        if not on_hold:
            raise Rejection("badRequest", "only a certificate on hold is removed from the CRL")
        office.release(certificate, transaction)
    elif is_revoked and not (on_hold and reason != _HOLD):
        raise Rejection("certRevoked", "the certificate is revoked already")
    else:
        office.revoke(certificate, reason, transaction)


def inform(office: Office, request: Request) -> Answer:
    """A genm: genp with what the lab knows of what is asked; of everything, where nothing is named."""
    asked = {item.info_type for item in request.content} or {_CA_CERTS, _CURRENT_CRL}
    found = []
    if _CA_CERTS in asked:
        value = CERTIFICATES.encode((office.issuer.certificate.der,))
        found.append(InfoTypeAndValue(info_type=_CA_CERTS, info_value=value))
    if _CURRENT_CRL in asked:
        found.append(InfoTypeAndValue(info_type=_CURRENT_CRL, info_value=office.revocation_list()))
    return Answer("genp", tuple(found))
