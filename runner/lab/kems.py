"""Secrets that a KEM gives (ML-KEM): the requester's key, or the lab's own (RFC 9810 §5.1.3.4).

A requester with a KEM certificate of ours asks, without protection, for a ciphertext; what it opens to is the MAC key
of his messages, and says nothing of the lab, which goes on signing. Who knows the lab's KEM certificate sends a
ciphertext with his first request, and is answered under what is in it. Either secret serves one transaction, and is
kept with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import ErrorMsgContent, InfoTypeAndValue
from runner.asn1.infotypes import INFO_TYPES, KemCiphertextInfo
from runner.asn1.structures import decode, encode
from runner.errors import Malformed, ProtocolError
from runner.lab.answers import Answer
from runner.lab.checks import sender_nonce, standing, transaction_id, version
from runner.lab.records import begun
from runner.lab.rules import Rejection, rejected
from runner.lab.senders import CertificateSender, issued_here
from runner.lab.services import KEM
from runner.pki.kems import decapsulate, encapsulate, is_kem_key
from runner.pki.opening import PrivateKeyDecrypter
from runner.values import replace

if TYPE_CHECKING:
    from runner.lab.office import Office
    from runner.lab.received import Received, Request
    from runner.pki.certificates import Certificate

_ITEM = INFO_TYPES["KemCiphertextInfo"]


def asks_for_ciphertext(received: Received) -> bool:
    """Whether a message is a genm without protection that asks for a ciphertext, and for nothing else."""
    body = received.message.body
    if body.name != "genm" or received.message.protection is not None:
        return False
    return [(item.info_type, item.info_value) for item in body.value] == [(_ITEM, None)]


def give_ciphertext(office: Office, request: Request) -> Answer:
    """The genp, without protection, with a ciphertext for the KEM certificate in extraCerts; its transaction begins."""
    for check in (version, transaction_id, sender_nonce):
        check(office, request)
    known = office.ledger.transaction(request.identifier)
    if known is not None and known.latest != request.digest:
        raise Rejection("transactionIdInUse", "another request has this transactionID")
    if request.header.recip_nonce is not None:
        raise Rejection("badRecipientNonce", "a first message has no recipNonce")
    certificate = _kem_certificate(office, request)
    secret, ciphertext = encapsulate(certificate.public_key_info)
    known_by = replace(request, sender=CertificateSender(certificate, secret))
    standing(office, known_by)
    office.ledger.record(begun(known_by))
    item = InfoTypeAndValue(info_type=_ITEM, info_value=encode(ciphertext))
    return Answer("genp", (item,), bare=True)


def _kem_certificate(office: Office, request: Request) -> Certificate:
    """The certificate of ours in extraCerts whose key is a KEM's."""
    ours = issued_here(office, request.received)
    found = next((certificate for certificate in ours if is_kem_key(certificate.public_key_info)), None)
    if found is None:
        raise Rejection("signerNotTrusted", "no KEM certificate of this CA is in extraCerts")
    return found


def secret_with_us(office: Office, received: Received) -> bytes:
    """What the requester encapsulated to the lab's own key, in this message or an earlier one; empty for nothing.

    Rejection where a ciphertext cannot be opened. One that is for another key gives a secret that nobody else has.
    """
    header = received.header
    values = [item.info_value for item in header.general_info if item.info_type == _ITEM]
    if not values:
        transaction = office.ledger.transaction(header.transaction_id or b"")
        return b"" if transaction is None else transaction.ours
    if len(values) > 1:
        raise Rejection("badRequest", "there are several KEM ciphertexts")
    service = office.service(KEM)
    try:
        return decapsulate(PrivateKeyDecrypter(service.key), decode(KemCiphertextInfo, values[0] or b""))  # type: ignore[arg-type]  # an ML-KEM key
    except (Malformed, ProtocolError) as problem:
        raise Rejection("badMessageCheck", "the KEM ciphertext cannot be opened") from problem


def announce(office: Office) -> Answer:
    """The error, without protection, that brings the lab's KEM certificate."""
    status = rejected(Rejection("wrongIntegrity", "answers are protected by a KEM: its certificate is in extraCerts"))
    certificate = office.service(KEM).certificate.der
    return Answer("error", ErrorMsgContent(pki_status_info=status), bare=True, extra_certs=(certificate,))
