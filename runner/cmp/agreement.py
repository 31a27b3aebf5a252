"""Secrets agreed on by a KEM before the first request (RFC 9810 §5.1.1.5, §5.1.3.4), sans IO.

Our key: a genm without protection asks for a ciphertext, and what it opens to protects our messages. Whoever answers
may have encapsulated, so that the same secret proves nothing of the CA. The server's key: we encapsulate, the
ciphertext goes along with the request, and whoever protects his answers with that secret has the key. Each serves one
transaction, whose transactionID is in the derived key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import InfoTypeAndValue
from runner.asn1.infotypes import INFO_TYPES, KemCiphertextInfo
from runner.asn1.structures import decode, encode
from runner.cmp.dialogue import Opening
from runner.cmp.message import read_message
from runner.cmp.protection import KemProtection, speaks_for_ca
from runner.cmp.response import refusal_in
from runner.cmp.validation import ANSWER_CHECKS, MESSAGE_CHECKS, Expectation
from runner.errors import Claimed, Malformed, ProtocolError, Unauthentic
from runner.pki.certificates import readable_certificates
from runner.pki.extensions import key_usages_in
from runner.pki.kems import decapsulate, encapsulate, is_kem_key
from runner.pki.macs import KemSecret
from runner.pki.paths import find_path
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from runner.cmp.dialogue import Parties
    from runner.cmp.inquiry import Inquiry
    from runner.cmp.protection import Peer
    from runner.pki.certificates import Certificate

KEM_CIPHERTEXT = INFO_TYPES["KemCiphertextInfo"]


def ciphertext_in(inquiry: Inquiry, octets: bytes) -> Opening:
    """The genp with the ciphertext for our key. It need not be protected: a wrong one gives a MAC that nobody takes."""
    unverified = read_message(octets)
    refusal = refusal_in(unverified.message.body)
    if refusal is not None:
        raise Claimed(f"the server gives no KEM ciphertext: {refusal}", next_step="the CA may not know our certificate")
    marks = inquiry.pvno, inquiry.transaction_id, (inquiry.nonce,)
    awaited = Expectation(*marks, frozenset({"genp"}), tolerates=frozenset())
    for check in (*MESSAGE_CHECKS, *ANSWER_CHECKS):
        check(unverified, awaited)
    values = [item.info_value for item in unverified.message.body.value if item.info_type == KEM_CIPHERTEXT]
    if len(values) != 1 or values[0] is None:
        raise Malformed("the answer holds no KEM ciphertext")
    header = unverified.message.header
    return Opening(inquiry.transaction_id, header.sender_nonce or b"", header.sender, values[0])


def bound(parties: Parties, transaction_id: bytes, ciphertext: bytes) -> Parties:
    """Parties whose protection has the secret of a ciphertext for our key. ProtocolError where it is not for it."""
    ours = parties.protection
    if not isinstance(ours, KemProtection):
        return parties
    secret = decapsulate(ours.opener, decode(KemCiphertextInfo, ciphertext))
    return replace(parties, protection=replace(ours, secret=KemSecret(secret, transaction_id)))


def encapsulated(parties: Parties, server: Certificate, transaction_id: bytes) -> Parties:
    """Parties whose first message carries a fresh ciphertext for the server's key, and who believe its MAC."""
    secret, ciphertext = encapsulate(server.public_key_info)
    item = InfoTypeAndValue(info_type=KEM_CIPHERTEXT, info_value=encode(ciphertext))
    peer = replace(parties.peer, kem_secret=KemSecret(secret, transaction_id))
    return replace(parties, peer=peer, general_info=(*parties.general_info, item))


def announced(certificates: Iterable[bytes], peer: Peer, now: datetime) -> Certificate | None:
    """The server's KEM certificate among those that came with an unprotected wrongIntegrity (RFC 9810 §5.1.3.4).

    It counts as far as our own anchors vouch for it and it may speak for the CA.
    """
    known = readable_certificates(certificates)
    for certificate in known:
        usages = key_usages_in(certificate.extensions)
        if not is_kem_key(certificate.public_key_info) or (usages is not None and "keyEncipherment" not in usages):
            continue
        try:
            find_path(certificate, known, peer.anchors, now)
        except (Unauthentic, ProtocolError):
            continue
        if speaks_for_ca(certificate, peer):
            return certificate
    return None
