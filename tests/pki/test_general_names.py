"""GeneralNames between text and DER, judged by `cryptography` (RFC 5280 §4.2.1.6)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from support import codec

from runner.asn1.der import tlv
from runner.errors import Malformed
from runner.pki.extensions import SUBJECT_ALT_NAME, Extension, alt_names_in, subject_alt_name
from runner.pki.names import (
    comparable,
    directory_name,
    general_name_from_der,
    name_in_general_name,
    parse_general_name,
    parse_name,
)

WRITTEN = {
    "dns=web-1.example.com": x509.DNSName("web-1.example.com"),
    "DNS = *.example.com ": x509.DNSName("*.example.com"),
    "dns=_srv.example": x509.DNSName("_srv.example"),
    "ip=10.0.0.1": x509.IPAddress(ip_address("10.0.0.1")),
    "ip=2001:db8::1": x509.IPAddress(ip_address("2001:db8::1")),
    "email=a@b.example": x509.RFC822Name("a@b.example"),
    "uri=https://a.example/x?y=z": x509.UniformResourceIdentifier("https://a.example/x?y=z"),
    "uri=urn:uuid:0": x509.UniformResourceIdentifier("urn:uuid:0"),
    "rid=1.2.3.4": x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
}


@pytest.mark.parametrize(("text", "judge"), WRITTEN.items())
def test_cryptography_reads_what_was_written(text, judge):
    name = parse_general_name(text)
    extension = subject_alt_name([name], critical=False)
    made = x509.SubjectAlternativeName([judge]).public_bytes()
    assert extension.extn_value == made
    assert alt_names_in([extension]) == (name,)
    assert parse_general_name(str(name)) == name


def test_a_directory_name():
    name = parse_general_name("dn=C=FI, CN=web")
    assert str(name) == "dn=C=FI, CN=web"
    assert name.der == directory_name(parse_name("C=FI, CN=web").der)
    assert name_in_general_name(name.der) == parse_name("C=FI, CN=web").der
    assert name_in_general_name(parse_general_name("dns=a").der) is None
    judge = x509.DirectoryName(x509.Name.from_rfc4514_string("CN=web,C=FI"))
    assert x509.SubjectAlternativeName([judge]).public_bytes()[4:] == name.der[2:]


REFUSED = {
    "web-1.example": "is not KIND=value",
    "host=a": "is not KIND=value",
    "dns=": "has no value",
    "dns=a b": "is not a DNS name",
    "dns=-a": "is not a DNS name",
    "dns=a..b": "is not a DNS name",
    "dns=a.": "is not a DNS name",
    "dns=a.*.b": "is not a DNS name",
    "dns=wörld": "A-labels",
    "dns=a\x00b": "A-labels",
    "email=a": "not an e-mail address",
    "email=a@": "not an e-mail address",
    "email=a b@c": "not an e-mail address",
    "email=ä@b": "A-labels",
    "ip=10.0.0": "does not appear to be",
    "ip=10.0.0.0/8": "does not appear to be",
    "ip=fe80::1%eth0": "zone",
    "uri=no scheme": "not a URI",
    "uri=//a.example": "not a URI",
    "uri=a\nb:c": "A-labels",
    "rid=CN": "not an OBJECT IDENTIFIER",
    "rid=1": "not an OBJECT IDENTIFIER",
    "dn=web": "is not TYPE=value",
    "other=a": "is not KIND=value",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_general_name(text)


@given(
    st.text(max_size=30)
    | st.builds("{}={}".format, st.sampled_from(["dns", "ip", "email", "uri", "dn", "rid"]), st.text(max_size=20))
)
def test_any_text_is_a_general_name_or_a_valueerror(text):
    try:
        name = parse_general_name(text)
    except ValueError:
        return
    assert general_name_from_der(name.der) == name
    assert parse_general_name(str(name)) == name


@given(
    st.binary(max_size=30) | st.builds(tlv, st.integers(0x80, 0x88) | st.integers(0xA0, 0xA8), st.binary(max_size=20))
)
def test_any_octets_are_a_general_name_or_malformed(octets):
    try:
        assert general_name_from_der(octets).der == octets
    except Malformed:
        return


@pytest.mark.parametrize("der", [tlv(0x87, b"\x0a\x00\x00"), tlv(0xA0, b"\x06\x01\x2a"), tlv(0xA3, b"")])
def test_what_manifests_cannot_write_is_shown_in_hex(der):
    name = general_name_from_der(der)
    assert (name.kind, name.text) == ("other", der.hex())


SAME = [
    ("dns=Web.Example", "dns=web.example"),
    ("dn=CN=a", "dn=CN=A"),
    ("email=a@B.example", "email=a@b.EXAMPLE"),
    ("uri=http://a/B", "uri=http://a/B"),
]
DIFFERENT = [
    ("dns=a.example", "dns=b.example"),
    ("email=A@b.example", "email=a@b.example"),
    ("uri=http://a/B", "uri=http://a/b"),
    ("dns=a.example", "uri=a:example"),
    ("ip=10.0.0.1", "dns=10.0.0.1"),
    ("rid=1.2.3", "rid=1.2.4"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_names_that_are_one_name(left, right):
    assert comparable(parse_general_name(left)) == comparable(parse_general_name(right))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_names_that_differ(left, right):
    assert comparable(parse_general_name(left)) != comparable(parse_general_name(right))


def test_alternative_names_that_are_no_sequence():
    with pytest.raises(Malformed):
        alt_names_in([Extension(extn_id=SUBJECT_ALT_NAME, extn_value=b"\x82\x01a")])


@given(st.lists(codec.elements, max_size=5))
def test_any_alternative_names_are_read_or_malformed(names):
    extension = Extension(extn_id=SUBJECT_ALT_NAME, extn_value=tlv(0x30, b"".join(names)))
    try:
        found = alt_names_in([extension])
    except Malformed:
        return
    assert [name.der for name in found] == names
