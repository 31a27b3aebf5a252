"""A message as it came: its octets, what they say, and exactly the octets that its protection covers (RFC 9810 §5.1.3).

Received octets are cut, never made again: what was signed is what is verified.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any

from runner.asn1.cmp import PKIHeader, PKIMessage
from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, read_header, tlv
from runner.asn1.structures import decode
from runner.errors import Malformed
from runner.values import frozen

if TYPE_CHECKING:
    from runner.lab.records import Part
    from runner.lab.senders import Sender

_PARTS = 4
"""header, body, protection, extraCerts."""
_CERT_REQ_MESSAGES = 64


@frozen
class Received:
    """A message that decodes; nothing is known of who made it."""

    octets: bytes = field(repr=False)
    message: PKIMessage
    protected_part: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def header(self) -> PKIHeader:
        """Its header."""
        return self.message.header


@frozen
class Request:
    """A received message, who made it, and the senderNonce that our answer to it will have."""

    received: Received
    sender: Sender
    nonce: bytes
    answering: bytes = b""
    """SHA-256 of the pollReq that our answer answers, where this message was kept back …"""
    late: Part | None = None
    """… and how far it had come."""
    ours: bytes = field(default=b"", repr=False)
    """What was encapsulated to the lab's own KEM key: the secret that our answers are protected by (kems.py)."""

    @property
    def header(self) -> PKIHeader:
        """Its header."""
        return self.received.header

    @property
    def kind(self) -> str:
        """Its body type."""
        return self.received.message.body.name

    @property
    def content(self) -> Any:
        """The value of its body."""
        return self.received.message.body.value

    @property
    def identifier(self) -> bytes:
        """Its transactionID; empty where it has none."""
        return self.header.transaction_id or b""

    @property
    def digest(self) -> bytes:
        """SHA-256 of its octets."""
        return hashlib.sha256(self.received.octets).digest()

    @property
    def answers_to(self) -> bytes:
        """The digest of the message that our answer answers."""
        return self.answering or self.digest


def read(octets: bytes) -> Received:
    """The message whose octets these are; Malformed where they are none."""
    message = decode(PKIMessage, octets)
    header, body, *_ = elements(octets, *open_sequence(octets), _PARTS)
    return Received(octets, message, tlv(SEQUENCE_TAG, header + body), body)


def header_alone(octets: bytes) -> PKIHeader | None:
    """The header of a message whose body may not decode; None where even that cannot be read."""
    with suppress(Malformed):
        for header in elements(octets, *open_sequence(octets), _PARTS):
            return decode(PKIHeader, header)
    return None


def cert_request(body: bytes, number: int) -> bytes:
    """The certReq of one CertReqMsg in a body, as it came: body [n] → CertReqMessages → CertReqMsg → certReq."""
    _, start, stop = read_header(body, 0, len(body))
    messages = body[start:stop]
    message = elements(messages, *open_sequence(messages), _CERT_REQ_MESSAGES)[number]
    return elements(message, *open_sequence(message), _PARTS)[0]
