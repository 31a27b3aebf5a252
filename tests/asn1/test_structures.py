"""SEQUENCE, SEQUENCE OF, CHOICE and tags: what is left out, what must be there, what may not be there."""

from __future__ import annotations

from typing import Annotated

import pytest

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import CERT_OR_ENC_CERT
from runner.asn1.crmf import PROOF_OF_POSSESSION, CertTemplate, POPOSigningKey
from runner.asn1.primitives import ANY, INTEGER, NULL, OCTET_STRING, OPAQUE_SEQUENCE, UTF8_STRING
from runner.asn1.structures import (
    Choice,
    Chosen,
    Explicit,
    Implicit,
    SequenceOf,
    codec_of,
    decode,
    encode,
    explicit_element,
    sequence,
)
from runner.asn1.x509 import BasicConstraints, Extension
from runner.errors import Malformed


@sequence
class Sample:
    number: Annotated[int, INTEGER]
    text: Annotated[str | None, UTF8_STRING] = None
    tagged: Annotated[bytes | None, Implicit(0, OCTET_STRING)] = None
    wrapped: Annotated[int, Explicit(1, INTEGER)] = 7
    many: Annotated[tuple[int, ...], SequenceOf(INTEGER, limit=3)] = ()


def test_what_equals_its_default_is_left_out():
    assert encode(Sample(number=1)) == bytes.fromhex("3003020101")
    assert encode(Sample(number=1, wrapped=7)) == bytes.fromhex("3003020101")


def test_every_field_in_its_place():
    full = Sample(number=1, text="a", tagged=b"b", wrapped=9, many=(1, 2))
    octets = bytes.fromhex("3016 020101 0c0161 800162 a103020109 3006020101020102".replace(" ", ""))
    assert encode(full) == octets
    assert decode(Sample, octets) == full


@pytest.mark.parametrize("default", ["a103020107", "3000"])
def test_a_default_that_was_written_is_read_all_the_same(default):
    """DER forbids it, servers do it: implicitConfirm's empty generalInfo, for one."""
    octets = bytes.fromhex("020101" + default)
    assert decode(Sample, b"\x30" + bytes((len(octets),)) + octets) == Sample(number=1)


REFUSED = {
    "a SET": ("3103020101", "unexpected ASN.1 element"),
    "what is mandatory is missing": ("3000", "Sample lacks number"),
    "out of order": ("3006 0c0161 020101", "Sample lacks number"),
    "one field twice": ("3006 020101 020101", "does not belong there"),
    "a strange element": ("3005 020101 0500", "does not belong there"),
    "a strange tag": ("3006 020101 a20105", "does not belong there"),
    "octets behind it": ("3003 020101 00", "octets stand behind the end"),
    "an explicit tag around two": ("300b 020101 a106020109020109", "more than one element"),
    "an explicit tag around nothing": ("3005 020101 a100", "cut short"),
    "an explicit tag around something else": ("3008 020101 a103040109", "unexpected ASN.1 element"),
    "a field that reaches beyond": ("3005 020101 0c01", "longer than what holds it"),
    "too many elements": ("3011 020101 300c 020101020102020103020104", "more than 3 elements"),
}


@pytest.mark.parametrize(("octets", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(octets, words):
    with pytest.raises(Malformed, match=words):
        decode(Sample, bytes.fromhex(octets.replace(" ", "")))


def test_an_implicit_tag_takes_the_place_of_the_inner_one():
    template = CertTemplate(version=2, serial_number=256, subject=b"\x30\x00", public_key=b"\x30\x02\x05\x00")
    octets = bytes.fromhex("300f 800102 81020100 a5023000 a6020500".replace(" ", ""))
    assert encode(template) == octets
    assert decode(CertTemplate, octets) == template


def test_an_opaque_sequence_keeps_its_octets_even_where_they_are_not_der():
    octets = bytes.fromhex("3007 a505 3081020500".replace(" ", ""))
    assert decode(CertTemplate, octets).subject == bytes.fromhex("3081020500")


@pytest.mark.parametrize(
    ("proof", "octets"),
    [
        (Chosen("raVerified", None), "8000"),
        (Chosen("keyEncipherment", bytes.fromhex("810101")), "a203810101"),
        (
            Chosen("signature", POPOSigningKey(algorithm=AlgorithmIdentifier(algorithm="1.3.101.112"), signature=b"s")),
            "a10b 300506032b6570 03020073",
        ),
    ],
)
def test_a_choice_is_told_by_its_tag(proof, octets):
    octets = bytes.fromhex(octets.replace(" ", ""))
    assert PROOF_OF_POSSESSION.encode(proof) == octets
    assert PROOF_OF_POSSESSION.decode(octets) == proof


def test_none_of_the_choices():
    with pytest.raises(Malformed, match="none of the choices"):
        CERT_OR_ENC_CERT.decode(b"\xa2\x02\x30\x00")


def test_choices_inside_choices():
    inner = Choice(number=INTEGER, octets=OCTET_STRING)
    outer = Choice(inner=inner, nothing=NULL)
    assert outer.decode(b"\x04\x01a") == Chosen("inner", Chosen("octets", b"a"))
    assert outer.decode(b"\x05\x00") == Chosen("nothing", None)
    with pytest.raises(Malformed, match="none of the choices"):
        outer.decode(b"\x0c\x00")


def test_a_set_of_has_its_own_tag():
    assert SequenceOf(INTEGER, tag=0x31).encode((1,)) == b"\x31\x03\x02\x01\x01"


def test_a_codec_is_its_own_codec():
    assert codec_of(ANY) is ANY
    assert codec_of(Extension).decode(bytes.fromhex("3009 0603551d0f 04020500".replace(" ", ""))) == Extension(
        extn_id="2.5.29.15", extn_value=b"\x05\x00"
    )


def test_an_element_inside_an_explicit_tag():
    assert explicit_element(4, b"\x30\x00") == b"\xa4\x02\x30\x00"


def test_any_takes_whatever_stands_there():
    assert ANY.decode(b"\x9e\x01a") == b"\x9e\x01a"
    assert Implicit(3, OPAQUE_SEQUENCE).decode(b"\xa3\x02\x05\x00") == b"\x30\x02\x05\x00"


def test_structures_are_frozen_and_told_apart_by_value():
    one = BasicConstraints(ca=True, path_len_constraint=0)
    assert one == BasicConstraints(ca=True, path_len_constraint=0) != BasicConstraints(ca=True)
    with pytest.raises(AttributeError):
        one.ca = False
