"""PKIMessages of every body type, drawn by hypothesis: what was encoded is decoded, and openssl can read it."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import codec

from runner.asn1.cmp import FAIL_INFO, PKI_BODY, PKI_STATUS, PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import decode, encode
from runner.errors import Malformed

_ORDER = """ir ip cr cp p10cr popdecc popdecr kur kup krr krp rr rp ccr ccp ckuann cann rann crlann pkiconf nested
genm genp error certConf pollReq pollRep"""
BODIES = {name: number for number, name in enumerate(_ORDER.split())}
"""PKIBody, RFC 9810 §5.1.2."""


def test_every_body_type_has_its_tag():
    assert {name: kind.tag for name, kind in PKI_BODY.by_name.items()} == {n: 0xA0 | t for n, t in BODIES.items()}
    assert codec.contents.keys() == BODIES.keys()


@pytest.mark.parametrize("kind", BODIES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_was_encoded_is_decoded(kind, data):
    message = data.draw(codec.messages(kind))
    octets = encode(message)
    assert decode(PKIMessage, octets) == message
    assert octets[2 + max(octets[1] - 0x80, 0) :][:1] == b"\x30"


@pytest.mark.parametrize("kind", BODIES)
def test_openssl_reads_the_octets(openssl, kind):
    found = []

    @settings(max_examples=1, phases=[Phase.generate], database=None, derandomize=True)
    @given(codec.messages(kind))
    def keep(message):
        found.append(encode(message))

    keep()
    told = subprocess.run([openssl, "asn1parse", "-inform", "DER"], input=found[0], capture_output=True, check=True)
    assert f"d=1  hl={_header(found[0], BODIES[kind])}".encode() in told.stdout
    assert f"cont [ {BODIES[kind]} ]".encode() in told.stdout


def _header(octets: bytes, number: int) -> int:
    """The octets of tag and length of the body."""
    body = PKI_BODY.encode(decode(PKIMessage, octets).body)
    assert body[0] == 0xA0 | number
    return 2 if body[1] < 0x80 else 2 + (body[1] & 0x7F)


@pytest.mark.parametrize("kind", ["ip", "cr", "rr", "error", "certConf"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_spoiled_message_is_malformed_or_another_message(kind, data):
    octets = data.draw(codec.messages(kind).map(encode).flatmap(codec.spoiled))
    try:
        message = decode(PKIMessage, octets)
    except Malformed:
        return
    assert decode(PKIMessage, encode(message)) == message


@settings(max_examples=200)
@given(st.binary(max_size=200) | codec.elements)
def test_any_octets_are_a_message_or_malformed(octets):
    with suppress(Malformed):
        assert decode(PKIMessage, octets).body.name in BODIES


def test_an_unknown_body_is_malformed():
    message = tlv(0x30, tlv(0x30, bytes.fromhex("020102a4023000a4023000")) + b"\xbb\x02\x05\x00")
    with pytest.raises(Malformed, match="PKIMessage lacks body"):
        decode(PKIMessage, message)


def test_the_standards_names_stand_at_their_numbers():
    """RFC 9810 §5.2.3: the numbers that people look up."""
    assert [PKI_STATUS[n] for n in (0, 1, 2, 3, 6)] == [
        "accepted",
        "grantedWithMods",
        "rejection",
        "waiting",
        "keyUpdateWarning",
    ]
    assert {FAIL_INFO[n]: n for n in (0, 1, 9, 10, 11, 16, 17, 21, 22, 25, 26)} == {
        "badAlg": 0,
        "badMessageCheck": 1,
        "badPOP": 9,
        "certRevoked": 10,
        "certConfirmed": 11,
        "unacceptedExtension": 16,
        "addInfoNotAvailable": 17,
        "transactionIdInUse": 21,
        "unsupportedVersion": 22,
        "systemFailure": 25,
        "duplicateCertReq": 26,
    }
