"""Values that come again: read or written once, and never mistaken for others."""

from __future__ import annotations

import pytest

from runner.asn1.crmf import CertReqMsg, CertRequest, CertTemplate
from runner.asn1.primitives import OBJECT_IDENTIFIER, OCTET_STRING
from runner.asn1.recurring import Recurring, SignedFirst
from runner.asn1.structures import SequenceOf, codec_of, decode, encode
from runner.errors import Malformed


def test_what_recurs_is_read_once_and_shared():
    recurring = Recurring(SequenceOf(OBJECT_IDENTIFIER))
    octets = recurring.encode(("1.3.101.112",))
    assert recurring.decode(octets) is recurring.decode(bytes(bytearray(octets)))
    assert recurring.decode(octets) == ("1.3.101.112",)


def test_what_recurs_and_is_long_is_not_remembered():
    recurring = Recurring(SequenceOf(OCTET_STRING))
    octets = recurring.encode((bytes(300),))
    assert recurring.decode(octets) == (bytes(300),)
    assert recurring.recent.cache_info().currsize == 0


def test_what_recurs_is_refused_each_time():
    recurring = Recurring(SequenceOf(OBJECT_IDENTIFIER))
    for _ in range(2):
        with pytest.raises(Malformed, match="unexpected"):
            recurring.decode(b"\x30\x02\x05\x00")


def test_what_is_signed_first_is_written_once():
    written = []

    class Counting(SequenceOf):
        def body(self, value):
            written.append(value)
            return super().body(value)

    codec, one, other = SignedFirst(Counting(OCTET_STRING)), (b"one",), (b"other",)
    assert [codec.encode(value) for value in (one, one, other, one)] == [
        bytes.fromhex("300504036f6e65"),
        bytes.fromhex("300504036f6e65"),
        bytes.fromhex("300704056f74686572"),
        bytes.fromhex("300504036f6e65"),
    ]
    assert written == [one, other, one]
    assert codec.decode(codec.encode(other)) == other


def test_a_request_is_in_its_message_as_it_was_signed():
    request = CertRequest(cert_req_id=0, cert_template=CertTemplate(subject=b"\x30\x00"))
    signed = encode(request)
    message = encode(CertReqMsg(cert_req=request))
    assert message == b"\x30" + bytes((len(signed),)) + signed
    assert decode(CertReqMsg, message).cert_req == request
    assert isinstance(codec_of(CertRequest), SignedFirst)
