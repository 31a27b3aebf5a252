"""Extensions that we write are read by `cryptography`, and the other way round (RFC 5280 §4.2, §5.3.1)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from support import codec

from runner.asn1.x509 import Extension
from runner.errors import Malformed
from runner.pki.extensions import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CRL_REASONS,
    EXTENDED_KEY_USAGE,
    EXTENDED_KEY_USAGES,
    KEY_USAGE,
    KEY_USAGES,
    SUBJECT_ALT_NAME,
    SUBJECT_KEY_IDENTIFIER,
    alt_names_in,
    authority_key_identifier_in,
    basic_constraints_in,
    check_readable,
    extended_key_usage,
    extended_key_usage_name,
    extended_key_usages_in,
    find_extension,
    key_usage,
    key_usages_in,
    parse_extended_key_usage,
    parse_key_usage,
    reason_code,
    subject_alt_name,
    subject_key_identifier_in,
)
from runner.pki.names import parse_general_name

USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
usages = st.frozensets(st.sampled_from(KEY_USAGES), min_size=1).map(
    lambda names: names | {"keyAgreement"} if names & {"encipherOnly", "decipherOnly"} else names
)


@given(usages)
def test_key_usage(names):
    made = key_usage(names)
    judge = x509.KeyUsage(**{theirs: ours in names for ours, theirs in USAGES.items()})
    assert made == Extension(extn_id=KEY_USAGE, critical=True, extn_value=judge.public_bytes())
    assert key_usages_in([made]) == names


def test_a_key_usage_of_bits_that_nobody_knows():
    assert key_usages_in([Extension(extn_id=KEY_USAGE, extn_value=b"\x03\x03\x05\x80\x60")]) == {"digitalSignature"}


def test_key_usage_that_is_absent_is_not_an_empty_one():
    assert key_usages_in([]) is None
    assert key_usages_in([Extension(extn_id=KEY_USAGE, extn_value=b"\x03\x01\x00")]) == frozenset()


@given(st.lists(codec.oids, min_size=1, max_size=5, unique=True))
def test_extended_key_usage(oids):
    made = extended_key_usage(oids)
    judge = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids])
    assert made == Extension(extn_id=EXTENDED_KEY_USAGE, extn_value=judge.public_bytes())
    assert extended_key_usages_in([made]) == frozenset(oids)


def test_extended_key_usages_have_the_standards_names():
    known = {name: oid.dotted_string for name, oid in vars(x509.oid.ExtendedKeyUsageOID).items() if name.isupper()}
    ours = {
        "serverAuth": "SERVER_AUTH",
        "clientAuth": "CLIENT_AUTH",
        "codeSigning": "CODE_SIGNING",
        "emailProtection": "EMAIL_PROTECTION",
        "timeStamping": "TIME_STAMPING",
        "OCSPSigning": "OCSP_SIGNING",
        "ipsecIKE": "IPSEC_IKE",
        "smartCardLogon": "SMARTCARD_LOGON",
        "anyExtendedKeyUsage": "ANY_EXTENDED_KEY_USAGE",
    }
    assert {name: EXTENDED_KEY_USAGES[name] for name in ours} == {name: known[theirs] for name, theirs in ours.items()}
    assert extended_key_usages_in([]) is None


@pytest.mark.parametrize("reason", [reason for reason in CRL_REASONS if reason != "unspecified"])
def test_reason_codes(reason):
    flag = x509.ReasonFlags({"cACompromise": "cACompromise", "aACompromise": "aACompromise"}.get(reason, reason))
    assert reason_code(reason).extn_value == x509.CRLReason(flag).public_bytes()


def test_reasons_have_the_standards_numbers():
    assert CRL_REASONS["unspecified"] == 0
    assert reason_code("unspecified").extn_value == b"\x0a\x01\x00"
    assert 7 not in CRL_REASONS.values()


@pytest.mark.parametrize("critical", [True, False])
def test_alternative_names_of_every_kind(critical):
    names = [parse_general_name(n) for n in ("dns=a.example", "ip=::1", "email=a@b", "uri=a:b", "rid=1.2", "dn=CN=a")]
    made = subject_alt_name(names, critical=critical)
    judge = x509.SubjectAlternativeName(
        [
            x509.DNSName("a.example"),
            x509.IPAddress(__import__("ipaddress").ip_address("::1")),
            x509.RFC822Name("a@b"),
            x509.UniformResourceIdentifier("a:b"),
            x509.RegisteredID(x509.ObjectIdentifier("1.2")),
            x509.DirectoryName(x509.Name.from_rfc4514_string("CN=a")),
        ]
    )
    assert made == Extension(extn_id=SUBJECT_ALT_NAME, critical=critical, extn_value=judge.public_bytes())
    assert alt_names_in([made]) == tuple(names)
    assert alt_names_in([]) == ()


@pytest.mark.parametrize(("ca", "length"), [(False, None), (True, None), (True, 0), (True, 3)])
def test_basic_constraints(ca, length):
    value = x509.BasicConstraints(ca=ca, path_length=length).public_bytes()
    found = basic_constraints_in([Extension(extn_id=BASIC_CONSTRAINTS, critical=True, extn_value=value)])
    assert (found.ca, found.path_len_constraint) == (ca, length)
    assert basic_constraints_in([]).ca is False


def test_key_identifiers():
    subject = x509.SubjectKeyIdentifier(b"identifier").public_bytes()
    name = x509.DirectoryName(x509.Name.from_rfc4514_string("CN=a"))
    authority = x509.AuthorityKeyIdentifier(b"identifier", [name], 7).public_bytes()
    assert subject_key_identifier_in([Extension(extn_id=SUBJECT_KEY_IDENTIFIER, extn_value=subject)]) == b"identifier"
    found = authority_key_identifier_in([Extension(extn_id=AUTHORITY_KEY_IDENTIFIER, extn_value=authority)])
    assert found == b"identifier"
    by_name = x509.AuthorityKeyIdentifier(None, [name], 7).public_bytes()
    assert authority_key_identifier_in([Extension(extn_id=AUTHORITY_KEY_IDENTIFIER, extn_value=by_name)]) is None
    assert subject_key_identifier_in([]) is authority_key_identifier_in([]) is None


def test_the_first_of_its_kind_is_found():
    extensions = [Extension(extn_id="1.2.3", extn_value=b"a"), Extension(extn_id="1.2.4", extn_value=b"b")]
    assert find_extension(extensions, "1.2.4") == b"b"
    assert find_extension(extensions, "1.2.5") is None


@pytest.mark.parametrize("written", ["digitalSignature", "DIGITALSIGNATURE", "digitalsignature"])
def test_key_usage_names_in_any_case(written):
    assert parse_key_usage(written) == "digitalSignature"


def test_key_usages_that_there_are_none_of():
    with pytest.raises(ValueError, match="unknown key usage 'signing': one of digitalSignature, nonRepudiation"):
        parse_key_usage("signing")


@pytest.mark.parametrize(
    ("written", "oid"),
    [
        ("serverAuth", "1.3.6.1.5.5.7.3.1"),
        ("SERVERAUTH", "1.3.6.1.5.5.7.3.1"),
        ("1.2.3.4", "1.2.3.4"),
        ("2.999", "2.999"),
    ],
)
def test_extended_key_usages_by_name_and_number(written, oid):
    assert parse_extended_key_usage(written) == oid


@pytest.mark.parametrize(
    "written", ["serverauthentication", "1", "1.2.", "3.4.5", "1.40", "0.99.1", "1.2.\u0663", "1.02", "-1.2"]
)
def test_extended_key_usages_that_there_are_none_of(written):
    with pytest.raises(ValueError, match="unknown extended key usage"):
        parse_extended_key_usage(written)


@given(codec.oids)
def test_any_object_identifier_is_an_extended_key_usage_that_can_be_sent(oid):
    assert extended_key_usages_in([extended_key_usage([parse_extended_key_usage(oid)])]) == {oid}


def test_extended_key_usages_are_shown_by_name():
    assert extended_key_usage_name("1.3.6.1.5.5.7.3.28") == "cmcRA"
    assert extended_key_usage_name("1.2.3") == "1.2.3"


READERS = [
    (KEY_USAGE, key_usages_in),
    (EXTENDED_KEY_USAGE, extended_key_usages_in),
    (SUBJECT_ALT_NAME, alt_names_in),
    (BASIC_CONSTRAINTS, basic_constraints_in),
    (SUBJECT_KEY_IDENTIFIER, subject_key_identifier_in),
    (AUTHORITY_KEY_IDENTIFIER, authority_key_identifier_in),
]


@pytest.mark.parametrize(("oid", "read"), READERS)
@given(octets=st.binary(max_size=20) | codec.elements)
def test_any_octets_in_an_extension_are_read_or_malformed(oid, read, octets):
    extension = Extension(extn_id=oid, extn_value=octets)
    with suppress(Malformed):
        read([extension])
        check_readable([extension])
