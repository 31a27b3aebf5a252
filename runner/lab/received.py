"""A message as it came: its octets, what they say, and exactly the octets that its protection covers (RFC 9810 §5.1.3).

Received octets are cut, never made again: what was signed is what is verified.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.asn1.cmp import PKIHeader, PKIMessage
from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, read_header, tlv
from runner.asn1.structures import decode
from runner.errors import Malformed

if TYPE_CHECKING:
    from runner.lab.senders import Sender

_PARTS = 4
"""header, body, protection, extraCerts."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Request:
    """A received message, who made it, and the senderNonce that our answer to it will have."""

    received: Received
    sender: Sender
    nonce: bytes

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


def first_inside(element: bytes, depth: int) -> bytes:
    """The first element of the first element … of an element, `depth` levels down, as it came."""
    for _ in range(depth):
        _, start, stop = read_header(element, 0, len(element))
        _, _, stop = read_header(element, start, stop)
        element = element[start:stop]
    return element
