"""The key history of a krp, opened: each private key held against its certificate (RFC 9810 §5.3.8).

Called after the message's protection was verified, any number of times: what came is in the dialogue.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.cmp import CertifiedKeyPair
from runner.asn1.structures import decode
from runner.errors import CmpBatchError, Malformed, ProtocolError
from runner.pki.certificates import Certificate, parse_certificate, readable_certificates
from runner.pki.private_keys import Judgement, open_private_key
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue, Parties


@frozen
class RecoveredKey:
    """A pair of the history. `private_key` (PrivateKeyInfo, DER) is empty where `problem` says what is wrong."""

    certificate: Certificate
    private_key: bytes = field(default=b"", repr=False)
    problem: str = ""


def recovered_keys(dialogue: Dialogue, parties: Parties, now: datetime) -> tuple[RecoveredKey, ...]:
    """Every pair of the history, in its order; one that cannot be used spoils no other."""
    return tuple(_recovered(dialogue, parties, now))


def _recovered(dialogue: Dialogue, parties: Parties, now: datetime) -> Iterator[RecoveredKey]:
    known = readable_certificates(dialogue.extra_certs)
    for der in dialogue.history:
        pair = decode(CertifiedKeyPair, der)
        if pair.cert_or_enc_cert.name != "certificate":
            raise Malformed("a key came without a certificate that can be read")
        certificate = parse_certificate(pair.cert_or_enc_cert.value)
        try:
            key = _key_of(pair, certificate, parties, Judgement(now, None, known, unsigned=True))
        except CmpBatchError as problem:
            yield RecoveredKey(certificate, problem=problem.what)
        else:
            yield RecoveredKey(certificate, key)


def _key_of(pair: CertifiedKeyPair, certificate: Certificate, parties: Parties, judgement: Judgement) -> bytes:
    if pair.private_key is None or parties.key_opener is None:
        raise ProtocolError("its private key did not come")
    package = open_private_key(pair.private_key, parties.key_opener, judgement)
    if package.public_key_info != certificate.public_key_info:
        raise ProtocolError("the private key that came is not that of the certificate")
    return package.private_key_info
