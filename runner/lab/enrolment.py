"""Enrolment, from request to confirmation: ir, cr, kur, p10cr; pollReq; certConf (RFC 9810 §5.3, RFC 9483 §4.1, §4.4).

A certificate is UNCONFIRMED until certConf comes or implicitConfirm is granted; there is no time limit on that, and
the lab revokes only what the requester rejects. While a request waits, nothing is made; it is judged again when
its time has come.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from hmac import compare_digest
from math import ceil
from typing import TYPE_CHECKING

from runner.asn1.algorithms import HASHES
from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import (
    CMP_2021,
    IMPLICIT_CONFIRM,
    PKI_STATUS,
    CertifiedKeyPair,
    CertRepMessage,
    CertResponse,
    CertStatus,
    PKIStatusInfo,
    PollRep,
)
from runner.asn1.cms import DATA
from runner.asn1.structures import Chosen
from runner.errors import ProtocolError
from runner.lab.answers import PKICONF, Answer
from runner.lab.asked import asked_in, cert_req_id
from runner.lab.ledger import IssuedCertificate, Stage, State, Transaction
from runner.lab.proof import by_decryption
from runner.lab.received import Request, read
from runner.lab.rules import Rejection, rejected, status_info
from runner.lab.senders import SecretSender
from runner.pki.certificates import parse_certificate
from runner.pki.encrypted_values import seal_encrypted_value
from runner.pki.envelopes import recipient_of_request, seal_envelope
from runner.pki.extensions import CRL_REASONS

if TYPE_CHECKING:
    from runner.asn1.cmp import PKIHeader
    from runner.lab.asked import Asked
    from runner.lab.office import Office

_ANSWERS = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup"}
_ANY_REQUEST = -1
"""certReqId of a pollReq about the whole message (RFC 9810 §5.3.22)."""
_ACCEPTED = (PKI_STATUS.index("accepted"), PKI_STATUS.index("grantedWithMods"))

_REJECTION = PKI_STATUS.index("rejection")
_UNSPECIFIED = CRL_REASONS["unspecified"]


def enrol(office: Office, request: Request) -> Answer:
    """An ir, cr, kur or p10cr: the certificate, or `waiting`; or a rejection, which leaves no trace."""
    transaction = Transaction(
        identifier=request.identifier,
        kind=request.kind,
        holder=request.sender.holder,
        cert_req_id=cert_req_id(request),
        opened_by=request.digest,
        latest=request.digest,
        nonces=(request.nonce,),
        stage=Stage.WAITING,
        request=request.received.octets,
    )
    try:
        asked = asked_in(office, request)
    except Rejection as rejection:
        return _response(transaction, rejected(rejection))
    if not office.rules.waiting_polls:
        return _issued(office, request, asked, transaction)
    office.ledger.record(transaction)
    return _response(transaction, status_info("waiting"))


def _issued(office: Office, request: Request, asked: Asked, transaction: Transaction) -> Answer:
    """The certificate is made; `request` is the message that opened the transaction."""
    encrypted = _encryption(request)
    implicit = office.rules.implicit_confirm and _wants_implicit_confirm(request.header) and not encrypted
    certificate, der = office.issue(asked, confirmed=implicit)
    issued = replace(
        transaction,
        stage=Stage.DONE if implicit else Stage.UNCONFIRMED,
        serial=certificate.serial,
        implicit=implicit,
        encrypted=encrypted,
        mods=asked.mods,
        request=b"",
    )
    office.ledger.record(certificate, issued)
    return _with_certificate(office, request, issued, der)


def _encryption(request: Request) -> int:
    """The pvno by which the certificate is to be encrypted to its own key: that is how possession will be proved."""
    if request.kind == "p10cr" or not by_decryption(request.content[0]):
        return 0
    return request.header.pvno


def _wants_implicit_confirm(header: PKIHeader) -> bool:
    return any(item.info_type == IMPLICIT_CONFIRM for item in header.general_info)


def _with_certificate(office: Office, request: Request, transaction: Transaction, der: bytes) -> Answer:
    """The certificate goes out; to a newcomer who shares the secret, the CA's own goes with it (dossier §3.2 no. 6)."""
    newcomer = transaction.kind == "ir" and isinstance(request.sender, SecretSender)
    return _response(
        transaction,
        status_info("grantedWithMods" if transaction.mods else "accepted", *transaction.mods),
        CertifiedKeyPair(cert_or_enc_cert=_certificate(office, transaction, der)),
        (office.issuer.certificate.der,) if newcomer else (),
    )


def _certificate(office: Office, transaction: Transaction, der: bytes) -> Chosen:
    """CertOrEncCert: as it is, in an EncryptedValue (CMP 2000, RSA alone), or in an EnvelopedData (CMP 2021)."""
    if not transaction.encrypted:
        return Chosen("certificate", der)
    key = parse_certificate(der).public_key_info
    try:
        if transaction.encrypted < CMP_2021:
            sealed = Chosen("encryptedValue", seal_encrypted_value(der, key, office.entropy))
        else:
            to = recipient_of_request(key, transaction.cert_req_id)
            sealed = Chosen("envelopedData", seal_envelope(DATA, der, to, office.entropy))
    except ProtocolError as problem:
        raise Rejection("badPOP", f"nothing can be encrypted to this key: {problem.what}") from problem
    return Chosen("encryptedCert", ENCRYPTED_KEY.encode(sealed))


def _response(
    transaction: Transaction, status: PKIStatusInfo, pair: CertifiedKeyPair | None = None, ca: tuple[bytes, ...] = ()
) -> Answer:
    response = CertResponse(cert_req_id=transaction.cert_req_id, status=status, certified_key_pair=pair)
    content = CertRepMessage(ca_pubs=ca, response=(response,))
    return Answer(_ANSWERS[transaction.kind], content, implicit=transaction.implicit)


def enrolled(office: Office, request: Request, transaction: Transaction) -> Answer:
    """What the transaction has come to, told once more: `waiting`, or the certificate."""
    if transaction.stage is Stage.WAITING:
        return _response(transaction, status_info("waiting"))
    if transaction.serial is None:
        raise Rejection("badRequest", "this transaction was ended")
    return _with_certificate(office, request, transaction, office.storage.certificate(transaction.serial))


def poll(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A pollReq: pollRep, or, once the rules' number of polls have counted, what became of the request.

    Who polls again after that did not get the answer, and gets it once more.
    """
    if [element.cert_req_id for element in request.content] not in ([transaction.cert_req_id], [_ANY_REQUEST]):
        raise Rejection("badRequest", "the pollReq is not about the certificate that was asked for")
    moved = _moved(transaction, request)
    if transaction.stage is not Stage.WAITING:
        if not transaction.polls:
            raise Rejection("badRequest", "nothing is waiting in this transaction")
        office.ledger.record(moved)
        return enrolled(office, request, moved)
    if _too_soon(office, transaction):
        office.ledger.record(moved)
        return still_waiting(office, moved)
    if transaction.polls >= office.rules.waiting_polls:
        return _decided(office, request, moved)
    counted = replace(
        moved, polls=moved.polls + 1, next_poll=office.now() + timedelta(seconds=office.rules.check_after)
    )
    office.ledger.record(counted)
    return still_waiting(office, counted)


def _too_soon(office: Office, transaction: Transaction) -> bool:
    return transaction.next_poll is not None and office.now() < transaction.next_poll


def still_waiting(office: Office, transaction: Transaction) -> Answer:
    """A pollRep with the seconds that remain."""
    until = transaction.next_poll or office.now()
    seconds = max(ceil((until - office.now()).total_seconds()), 0)
    return Answer("pollRep", (PollRep(cert_req_id=transaction.cert_req_id, check_after=seconds),))


def _decided(office: Office, request: Request, transaction: Transaction) -> Answer:
    """The request that waited is judged, as it came, and granted or rejected."""
    opening = Request(read(transaction.request), request.sender, request.nonce)
    try:
        return _issued(office, opening, asked_in(office, opening), transaction)
    except Rejection as rejection:
        ended = replace(transaction, stage=Stage.DONE, request=b"")
        office.ledger.record(ended)
        return _response(ended, rejected(rejection))


def _moved(transaction: Transaction, request: Request) -> Transaction:
    """The transaction after this message is answered."""
    return replace(transaction, latest=request.digest, nonces=(request.nonce,))


def confirm(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A certConf: the certificate is confirmed; or, where it is rejected, revoked."""
    certificate = _unconfirmed(office, transaction)
    done = replace(_moved(transaction, request), stage=Stage.DONE)
    if _accepts(office, request.content, transaction, certificate):
        office.ledger.record(replace(certificate, state=State.CONFIRMED), done)
    else:
        office.revoke(certificate, _UNSPECIFIED, done)
    return PKICONF


def _unconfirmed(office: Office, transaction: Transaction) -> IssuedCertificate:
    certificate = None if transaction.serial is None else office.ledger.certificate(transaction.serial)
    if certificate is None or transaction.kind not in _ANSWERS:
        raise Rejection("badRequest", "there is no certificate to confirm in this transaction")
    if certificate.state is State.REVOKED:
        raise Rejection("certRevoked", "the certificate is revoked")
    if transaction.stage is Stage.DONE:
        raise Rejection("certConfirmed", "the certificate was confirmed already")
    return certificate


def _accepts(
    office: Office, statuses: tuple[CertStatus, ...], transaction: Transaction, certificate: IssuedCertificate
) -> bool:
    """Whether certConf takes the certificate; an empty one takes none (RFC 9810 §5.3.18)."""
    if not statuses:
        return False
    if [status.cert_req_id for status in statuses] != [transaction.cert_req_id]:
        raise Rejection("badRequest", "certConf is not about the certificate that was issued")
    if not compare_digest(statuses[0].cert_hash, _hash(office, statuses[0], certificate)):
        raise Rejection("badCertId", "certHash is not the hash of the certificate")
    info = statuses[0].status_info
    if info is None or info.status in _ACCEPTED:
        return True
    if info.status != _REJECTION:
        raise Rejection("badRequest", "certConf neither accepts nor rejects")
    return False


def _hash(office: Office, status: CertStatus, certificate: IssuedCertificate) -> bytes:
    """The certHash as it should be: by hashAlg, else by the certificate's signature algorithm, which names SHA-256."""
    if status.hash_alg is None:
        return certificate.fingerprint
    name = HASHES.get(status.hash_alg.algorithm)
    if name is None:
        raise Rejection("badAlg", f"hashAlg {status.hash_alg.algorithm} is not known here")
    return hashlib.new(name, office.storage.certificate(certificate.serial)).digest()


def abandon(office: Office, request: Request, transaction: Transaction) -> Answer:
    """An error from the requester: what was issued and not confirmed is revoked, what waits is forgotten."""
    done = replace(_moved(transaction, request), stage=Stage.DONE, request=b"")
    certificate = None if transaction.serial is None else office.ledger.certificate(transaction.serial)
    if certificate is not None and certificate.state is State.UNCONFIRMED:
        office.revoke(certificate, _UNSPECIFIED, done)
    else:
        office.ledger.record(done)
    return PKICONF
