"""A PKIMessage at the border: built from header and body, and read back as an Unverified one (RFC 9810 §5.1).

What was received is Unverified until runner.cmp.validation has judged it; only a Verified message is acted upon.
Protection covers the octets of header and body exactly as they came (RFC 9810 §5.1.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CERTIFICATES, PKI_BODY, PKIHeader, PKIMessage
from runner.asn1.der import SEQUENCE_TAG, open_sequence, read_header, tlv
from runner.asn1.primitives import BIT_STRING
from runner.asn1.structures import Chosen, Explicit, decode, encode
from runner.errors import Malformed
from runner.values import frozen

if TYPE_CHECKING:
    from runner.pki.certificates import Certificate

MAX_MESSAGE = 1 << 20
"""Octets; more is refused unread."""
_PROTECTION, _EXTRA_CERTS = Explicit(0, BIT_STRING), Explicit(1, CERTIFICATES)


@frozen
class Unverified:
    """A message that came, decoded and not yet believed. `protected` is the DER of its ProtectedPart."""

    message: PKIMessage
    protected: bytes


@frozen
class Verified:
    """A message whose protection was judged good. `signer` is who signed it; None: a MAC with our secret."""

    message: PKIMessage
    signer: Certificate | None


def read_message(octets: bytes) -> Unverified:
    """Octets → Unverified. Malformed where they are not exactly one PKIMessage within the limits."""
    if len(octets) > MAX_MESSAGE:
        raise Malformed("the message is too large", why=f"{len(octets)} octets; at most {MAX_MESSAGE} are accepted")
    message = decode(PKIMessage, octets)
    start, stop = open_sequence(octets)
    _, _, header_stop = read_header(octets, start, stop)
    _, _, body_stop = read_header(octets, header_stop, stop)
    return Unverified(message, tlv(SEQUENCE_TAG, octets[start:body_stop]))


def protected_part(header: PKIHeader, body: Chosen) -> bytes:
    """The DER of ProtectedPart ::= SEQUENCE { header, body } (RFC 9810 §5.1.3)."""
    return tlv(SEQUENCE_TAG, encode(header) + PKI_BODY.encode(body))


def whole_message(protected: bytes, protection: bytes | None, extra_certs: tuple[bytes, ...] = ()) -> bytes:
    """The DER of the PKIMessage whose ProtectedPart is `protected`: header and body as they are in it."""
    start, stop = open_sequence(protected)
    certificates = _EXTRA_CERTS.encode(extra_certs) if extra_certs else b""
    bits = b"" if protection is None else _PROTECTION.encode(protection)
    return tlv(SEQUENCE_TAG, protected[start:stop] + bits + certificates)
