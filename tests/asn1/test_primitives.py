"""The primitive types, judged by openssl's own encoder, by `cryptography` and by their rules (X.690 §8, §10, §11)."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from hypothesis import example, given
from hypothesis import strategies as st
from support import codec

from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    BOOLEAN,
    ENUMERATED,
    GENERALIZED_TIME,
    IA5_STRING,
    INTEGER,
    MAX_INTEGER_OCTETS,
    NAMED_BITS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    TIME,
    UTF8_STRING,
    Codec,
)
from runner.errors import Malformed

JUDGED = [
    ("BOOL:TRUE", BOOLEAN, True),
    ("BOOL:FALSE", BOOLEAN, False),
    *[(f"INTEGER:{n}", INTEGER, n) for n in (0, 1, 127, 128, 255, 256, -1, -127, -128, -129, -32768, -32769, 2**159)],
    ("ENUM:4", ENUMERATED, 4),
    ("NULL", NULL, None),
    *[
        (f"OID:{dotted}", OBJECT_IDENTIFIER, dotted)
        for dotted in (
            "0.9.2342.19200300.100.1.25",
            "1.2.840.113549.1.1.11",
            "1.39",
            "2.5.29.15",
            "2.999.1",
            "2.40.127",
        )
    ],
    ("FORMAT:HEX,OCT:00ff", OCTET_STRING, b"\x00\xff"),
    ("FORMAT:HEX,BITSTR:00ff", BIT_STRING, b"\x00\xff"),
    ("FORMAT:BITLIST,BITSTR:0,5", NAMED_BITS, frozenset({0, 5})),
    ("FORMAT:BITLIST,BITSTR:26", NAMED_BITS, frozenset({26})),
    ("FORMAT:BITLIST,BITSTR:7", NAMED_BITS, frozenset({7})),
    ("FORMAT:UTF8,UTF8:Jyväskylä", UTF8_STRING, "Jyväskylä"),
    ("IA5:a@b.example", IA5_STRING, "a@b.example"),
    ("GENTIME:20260301120000Z", GENERALIZED_TIME, datetime(2026, 3, 1, 12, tzinfo=UTC)),
    ("UTCTIME:491231235959Z", TIME, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ("UTCTIME:500101000000Z", TIME, datetime(1950, 1, 1, tzinfo=UTC)),
    ("GENTIME:20500101000000Z", TIME, datetime(2050, 1, 1, tzinfo=UTC)),
    ("GENTIME:19491231235959Z", TIME, datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC)),
]


@pytest.mark.parametrize(("told", "kind", "value"), JUDGED, ids=[told for told, _, _ in JUDGED])
def test_openssl_encodes_the_same_octets(openssl, tmp_path, told, kind, value):
    made = tmp_path / "made.der"
    subprocess.run([openssl, "asn1parse", "-genstr", told, "-noout", "-out", made], check=True, capture_output=True)
    assert kind.encode(value) == made.read_bytes()
    assert kind.decode(made.read_bytes()) == value


CODECS = {
    "INTEGER": (INTEGER, codec.integers),
    "ENUMERATED": (ENUMERATED, codec.integers),
    "OBJECT IDENTIFIER": (OBJECT_IDENTIFIER, codec.oids),
    "flags": (NAMED_BITS, codec.flags),
    "BIT STRING": (BIT_STRING, codec.octets),
    "OCTET STRING": (OCTET_STRING, codec.octets),
    "UTF8String": (UTF8_STRING, codec.texts),
    "GeneralizedTime": (GENERALIZED_TIME, codec.times),
    "Time": (TIME, codec.times),
    "BOOLEAN": (BOOLEAN, st.booleans()),
    "ANY": (ANY, codec.elements),
    "SEQUENCE": (OPAQUE_SEQUENCE, codec.sequences),
}


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_what_was_encoded_is_decoded(name, data):
    kind, values = CODECS[name]
    value = data.draw(values)
    octets = kind.encode(value)
    assert kind.decode(octets) == value
    assert kind.encode(kind.decode(octets)) == octets


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_any_octets_are_a_value_or_malformed(name, data):
    kind, values = CODECS[name]
    octets = data.draw(st.binary(max_size=40) | values.map(kind.encode).flatmap(codec.spoiled))
    try:
        value = kind.decode(octets)
    except Malformed:
        return
    assert kind.decode(kind.encode(value)) == value


@given(codec.integers)
def test_an_integer_has_no_octet_too_many(number):
    body = INTEGER.body(number)
    assert len(body) == 1 or body[0] not in (0x00, 0xFF) or (body[0] ^ body[1]) & 0x80


@given(codec.flags)
def test_flags_have_no_zeros_at_their_end(bits):
    body = NAMED_BITS.body(bits)
    assert (body == b"\x00") == (not bits)
    if bits:
        assert body[-1] >> body[0] & 1


@given(st.frozensets(st.integers(0, 31), max_size=8), st.integers(0, 5))
def test_flags_with_zeros_at_their_end_are_read_as_servers_send_them(bits, more):
    octets = bytearray(4 + more)
    for bit in bits:
        octets[bit // 8] |= 0x80 >> bit % 8
    assert NAMED_BITS.decode(b"\x03" + bytes((5 + more, 0)) + octets) == bits


def test_key_usage_is_encoded_as_cryptography_does():
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    for bits in (frozenset({0}), frozenset({0, 4, 8}), frozenset({5, 6}), frozenset(range(9))):
        usage = x509.KeyUsage(**{name: bit in bits for bit, name in enumerate(names)})
        assert NAMED_BITS.encode(bits) == usage.public_bytes()


@given(st.one_of(codec.oids, st.text("0123456789.", max_size=12)))
def test_object_identifiers_that_cryptography_takes_are_ours(text):
    try:
        dotted = x509.ObjectIdentifier(text).dotted_string
    except ValueError:
        return
    assert OBJECT_IDENTIFIER.decode(OBJECT_IDENTIFIER.encode(text)) == dotted


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "1..2", "a.b", "1.2.-3", "3.1", "0.40", "1.40.2", "1.2.x"])
def test_text_that_is_no_object_identifier(text):
    with pytest.raises(Malformed, match="not an OBJECT IDENTIFIER"):
        OBJECT_IDENTIFIER.encode(text)


@pytest.mark.parametrize("octets", ["0600", "060180", "06022a86", "0681810180" + "80" * 128])
def test_octets_that_are_no_object_identifier(octets):
    with pytest.raises(Malformed):
        OBJECT_IDENTIFIER.decode(bytes.fromhex(octets))


def test_the_largest_integer_can_be_printed():
    """Numbers of messages are told to people, and Python refuses to print huge ones (int.max_str_digits)."""
    for octets in (b"\x7f" + b"\xff" * (MAX_INTEGER_OCTETS - 1), b"\x80" + bytes(MAX_INTEGER_OCTETS - 1)):
        number = INTEGER.parse(octets, 0, len(octets))
        assert len(str(number)) > 2 * MAX_INTEGER_OCTETS


def test_an_integer_beyond_all_need_is_refused():
    with pytest.raises(Malformed, match="that nothing needs"):
        INTEGER.parse(bytes(MAX_INTEGER_OCTETS + 1), 0, MAX_INTEGER_OCTETS + 1)


TIMES = {
    "20260301120000Z": "2026-03-01T12:00:00+00:00",
    "20260301120000.5Z": "2026-03-01T12:00:00.500000+00:00",
    "20260301120000,123456789Z": "2026-03-01T12:00:00.123456+00:00",
    "20260301140000+0200": "2026-03-01T12:00:00+00:00",
    "20260301000000-1200": "2026-03-01T12:00:00+00:00",
    "20240229000000Z": "2024-02-29T00:00:00+00:00",
    "99991231235959Z": "9999-12-31T23:59:59+00:00",
    "00010101000000Z": "0001-01-01T00:00:00+00:00",
}


@pytest.mark.parametrize(("told", "meant"), TIMES.items())
def test_times_as_servers_write_them(told, meant):
    moment = GENERALIZED_TIME.decode(b"\x18" + bytes((len(told),)) + told.encode())
    assert moment.isoformat() == meant
    assert moment.tzinfo is UTC


NO_TIMES = [
    "",
    "Z",
    "20260301Z",
    "202603011200Z",
    "20260301120000",
    "20260301120000z",
    "20260301120060Z",
    "20260301240000Z",
    "20261301000000Z",
    "20260230000000Z",
    "00000101000000Z",
    "20260301120000.Z",
    "20260301120000+9900",
    "20260301120000+02",
    "99991231235959-0100",
    "00010101000000+0100",
    "2026030112000٣Z",
    "20260301120000." + "0" * 40 + "Z",
]


@pytest.mark.parametrize("told", NO_TIMES)
def test_times_that_are_none(told):
    octets = told.encode()
    with pytest.raises(Malformed, match="a GeneralizedTime"):
        GENERALIZED_TIME.decode(b"\x18" + bytes((len(octets),)) + octets)


@example(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC))
@example(datetime(2050, 1, 1, tzinfo=UTC))
@example(datetime(2050, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))))
@given(codec.times)
def test_utc_time_ends_with_2049(moment):
    year = moment.astimezone(UTC).year
    assert TIME.encode(moment)[0] == (0x17 if 1950 <= year < 2050 else 0x18)
    assert TIME.decode(TIME.encode(moment)) == moment


@pytest.mark.parametrize("octets", [b"", b"2", b"26", b"2603011200Z", b"260230120000Z", b"xx0301120000Z"])
def test_utc_times_that_are_none(octets):
    with pytest.raises(Malformed):
        TIME.decode(b"\x17" + bytes((len(octets),)) + octets)


@pytest.mark.parametrize("tag", [0x0C, 0x13, 0x14, 0x16, 0x1A])
def test_other_strings_are_read_in_the_place_of_utf8(tag):
    assert UTF8_STRING.decode(bytes((tag, 4)) + b"text") == "text"


def test_octets_that_are_no_text_do_not_stop_a_message():
    assert UTF8_STRING.decode(b"\x0c\x03a\xffb") == "a\ufffdb"


MALFORMED = {
    "a BOOLEAN of nothing": (BOOLEAN, "0100"),
    "a BOOLEAN of two octets": (BOOLEAN, "0102ffff"),
    "an empty INTEGER": (INTEGER, "0200"),
    "a NULL with something in it": (NULL, "050100"),
    "a BIT STRING without its count": (BIT_STRING, "0300"),
    "a BIT STRING with a broken octet": (BIT_STRING, "030204f0"),
    "flags without their count": (NAMED_BITS, "0300"),
    "flags with eight unused bits": (NAMED_BITS, "03020800"),
    "flags with unused bits of nothing": (NAMED_BITS, "030107"),
    "flags beyond measure": (NAMED_BITS, "0341" + "00" * 65),
    "another tag": (OCTET_STRING, "050161"),
    "something behind it": (OCTET_STRING, "04016100"),
    "a SEQUENCE that is a SET": (OPAQUE_SEQUENCE, "3100"),
}


@pytest.mark.parametrize(("kind", "octets"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(kind, octets):
    with pytest.raises(Malformed):
        kind.decode(bytes.fromhex(octets))


def test_true_is_any_octet_but_zero():
    assert BOOLEAN.decode(b"\x01\x01\x01") is True


def test_a_bare_codec_knows_no_octets():
    bare = Codec(0x04)
    with pytest.raises(NotImplementedError):
        bare.encode(b"")
    with pytest.raises(NotImplementedError):
        bare.decode(b"\x04\x00")
