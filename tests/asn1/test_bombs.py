"""Messages that are made to hurt: each is read or refused at once."""

from __future__ import annotations

import time

import pytest

from runner.asn1.cmp import PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import decode
from runner.cmp.message import MAX_MESSAGE, read_message
from runner.errors import Malformed

SENDER = bytes.fromhex("a4023000")
HEADER = tlv(0x30, b"\x02\x01\x02" + SENDER + SENDER)
CONFIRM = bytes.fromhex("b3020500")


def nested(depth: int, tag: int = 0x30) -> bytes:
    """`depth` elements, one inside the other, built from the innermost outwards."""
    heads, size = [], 0
    for _ in range(depth):
        head = tlv(tag, b"\x00" * size)[:-size] if 0 < size < 0x80 else _long(tag, size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads))


def _long(tag: int, size: int) -> bytes:
    if size == 0:
        return bytes((tag, 0))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def header(**fields: bytes) -> bytes:
    """A header with other octets for pvno, sender, or more behind the recipient."""
    parts = {"pvno": b"\x02\x01\x02", "sender": SENDER, "recipient": SENDER, "more": b""} | fields
    return tlv(0x30, b"".join(parts.values()))


def quickly(octets: bytes, words: str) -> None:
    began = time.process_time()
    with pytest.raises(Malformed, match=words):
        decode(PKIMessage, octets)
    assert time.process_time() - began < 1


REFUSED = {
    "a length of four gigabytes": (b"\x30\x84\xff\xff\xff\xff" + HEADER, "longer than what holds it"),
    "a length of 126 octets": (b"\x30\xfe" + b"\xff" * 200, "absurd"),
    "an INTEGER of a megabyte": (tlv(0x30, header(pvno=tlv(0x02, b"\x7f" * 1_000_000)) + CONFIRM), "nothing needs"),
    "an OBJECT IDENTIFIER of a megabyte": (
        tlv(0x30, header(more=tlv(0xA1, tlv(0x30, tlv(0x06, b"\x81" * 1_000_000)))) + CONFIRM),
        "absurd length",
    ),
    "a million extraCerts": (
        tlv(0x30, HEADER + CONFIRM + tlv(0xA1, tlv(0x30, b"\x30\x00" * 1_000_000))),
        "more than 32",
    ),
    "a million texts": (
        tlv(0x30, header(more=tlv(0xA7, tlv(0x30, b"\x0c\x00" * 1_000_000))) + CONFIRM),
        "more than 32",
    ),
    "a million answers": (tlv(0x30, HEADER + tlv(0xBA, tlv(0x30, tlv(0x30, b"") * 1_000_000))), "lacks cert_req_id"),
    "a million pollReps": (
        tlv(0x30, HEADER + tlv(0xBA, tlv(0x30, bytes.fromhex("3006020100020101") * 100_000))),
        "more than 64",
    ),
    "flags without end": (
        tlv(0x30, HEADER + tlv(0xB7, tlv(0x30, tlv(0x30, b"\x02\x01\x02" + tlv(0x03, bytes(1_000_000)))))),
        "absurdly long",
    ),
    "100,000 tags inside each other": (nested(100_000), "PKIMessage lacks|PKIHeader lacks|does not belong"),
    "100,000 explicit tags inside each other": (tlv(0x30, HEADER + nested(100_000, 0xA0)), "unexpected ASN.1"),
    "a PrintableString for every tag": (tlv(0x30, b"\x13\x00" * 500_000), "PKIMessage lacks"),
}


@pytest.mark.parametrize(("octets", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_bombs(octets, words):
    quickly(octets, words)


def test_100_000_tags_where_anything_may_stand_are_octets_and_nothing_more():
    deep = nested(100_000)
    began = time.process_time()
    message = decode(PKIMessage, tlv(0x30, header(sender=deep) + CONFIRM))
    assert message.header.sender == deep
    assert time.process_time() - began < 1


def test_a_message_beyond_the_limit_is_not_read():
    large = tlv(0x30, HEADER + CONFIRM + tlv(0xA0, tlv(0x03, bytes(MAX_MESSAGE))))
    with pytest.raises(Malformed, match="too large"):
        read_message(large)
    within = tlv(0x30, HEADER + CONFIRM + tlv(0xA0, tlv(0x03, bytes(1000))))
    assert read_message(within).message.body.name == "pkiconf"
