"""Key recovery: krr and krp (RFC 9810 §5.3.7, §5.3.8).

The private keys in the archive go back to whoever entrusted them: under the same secret, or signed with a certificate
of the same subject; and to an RA. Who asks for anything else learns nothing, not even whether there is something.
A new key that is asked for beside them is certified as in a cr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CertifiedKeyPair, KeyRecRepContent
from runner.asn1.structures import Chosen
from runner.lab.answers import Answer
from runner.lab.asked import asked_in, cert_req_ids
from runner.lab.enrolment import grants, issued
from runner.lab.keeping import is_wish, kept, reachable, seal_for
from runner.lab.records import Part, Stage, Transaction, begun
from runner.lab.rules import Rejection, rejected, status_info
from runner.lab.senders import CertificateSender
from runner.pki.certificates import parse_certificate
from runner.pki.names import same_name

_MOST = 64
"""Keys in one answer: the latest."""

if TYPE_CHECKING:
    from runner.asn1.crmf import CertReqMsg
    from runner.lab.office import Office
    from runner.lab.received import Request
    from runner.lab.records import IssuedCertificate


def recover(office: Office, request: Request) -> Answer:
    """A krr: krp with the history of keys, or a rejection that leaves no trace."""
    if len(cert_req_ids(office, request)) != 1:
        raise Rejection("badRequest", "a krr is about one holder's keys")
    message: CertReqMsg = request.content[0]
    try:
        reachable(office, request, message)
        _history(office, request)
        part, certificate = _new_certificate(office, request, message)
    except Rejection as rejection:
        return Answer("krp", KeyRecRepContent(status=rejected(rejection)))
    implicit = part.serial is not None and part.stage is Stage.DONE
    transaction = begun(request, parts=(part,), implicit=implicit)
    office.ledger.record(*([certificate] if certificate else []), transaction)
    return recovered(office, request, transaction)


def _new_certificate(office: Office, request: Request, message: CertReqMsg) -> tuple[Part, IssuedCertificate | None]:
    """The certificate for a new key, where the krr has one."""
    part = Part(message.cert_req.cert_req_id, Stage.DONE)
    if is_wish(message.cert_req.cert_template.public_key):
        return part, None
    implicit = grants(office, request)
    part, certificate = issued(office, request, 0, part, asked_in(office, request, 0), implicit=implicit)
    if part.refusal is not None:
        raise Rejection(*part.refusal)
    return part, certificate


def recovered(office: Office, request: Request, transaction: Transaction) -> Answer:
    """The krp of a krr that was granted."""
    (part,) = transaction.parts
    status = status_info("grantedWithMods" if part.mods else "accepted", *part.mods)
    new = None if part.serial is None else office.storage.certificate(part.serial)
    content = KeyRecRepContent(
        status=status, new_sig_cert=new, ca_certs=office.chain, key_pair_hist=tuple(_pairs(office, request))
    )
    return Answer("krp", content, implicit=transaction.implicit)


def _pairs(office: Office, request: Request) -> list[CertifiedKeyPair]:
    message: CertReqMsg = request.content[0]
    return [
        CertifiedKeyPair(
            cert_or_enc_cert=Chosen("certificate", office.storage.certificate(entry.serial)),
            private_key=seal_for(office, request, message, kept(office, entry.serial)),
        )
        for entry in _history(office, request)
    ]


def _history(office: Office, request: Request) -> list[IssuedCertificate]:
    """The certificates whose private keys go back to the sender, in the order of issue; Rejection where none does."""
    subject = request.content[0].cert_req.cert_template.subject
    if subject is None and isinstance(request.sender, CertificateSender):
        subject = request.sender.certificate.subject.der
    entries = [entry for entry in office.ledger.certificates() if entry.archived_for]
    found = [entry for entry in entries if subject and _is_rightful(office, request, entry, subject)]
    if not found:
        raise Rejection("badCertId", "no key of this holder is kept for you")
    return found[-_MOST:]


def _is_rightful(office: Office, request: Request, entry: IssuedCertificate, subject: bytes) -> bool:
    theirs = parse_certificate(office.storage.certificate(entry.serial)).subject.der
    if not same_name(theirs, subject):
        return False
    if office.is_ra(request.sender) or entry.archived_for == request.sender.holder:
        return True
    return isinstance(request.sender, CertificateSender) and same_name(request.sender.certificate.subject.der, theirs)
