"""Requests in every form, told apart by what they are; and whatever else strangers send."""

from __future__ import annotations

import base64
import subprocess
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from support.requester import cert_req, new_key

from runner.asn1.bodies import MAX_NESTING
from runner.asn1.cmp import PKI_BODY, PKIHeader, PKIMessage
from runner.asn1.crmf import CERT_REQ_MESSAGES
from runner.asn1.der import tlv
from runner.asn1.structures import Chosen, encode
from runner.asn1.x509 import NULL_DN
from runner.errors import Malformed
from runner.pki.names import directory_name
from runner.ra.amending import Amendment
from runner.ra.asked import asked_in
from runner.ra.cases import look
from runner.ra.reading import MAX_REQUEST, header_alone, read_pki_message, read_submission

NOBODY = directory_name(NULL_DN)


def pkcs10(name="web-1") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(new_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def message(body: Chosen) -> bytes:
    return encode(PKIMessage(header=PKIHeader(pvno=2, sender=NOBODY, recipient=NOBODY), body=body))


def pem(der: bytes, label: str) -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def nesting(depth: int) -> bytes:
    octets = message(Chosen("ir", (cert_req(new_key()),)))
    for _ in range(depth):
        octets = message(Chosen("nested", tlv(0x30, octets)))
    return octets


MESSAGES = CERT_REQ_MESSAGES.encode((cert_req(new_key()),))
FORMS = {
    "pkcs10": ("p10cr", pkcs10()),
    "crmf": ("cr", MESSAGES),
    "pkimessage": ("ir", message(Chosen("ir", (cert_req(new_key()),)))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", ["", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "CMP"])
def test_the_content_says_what_it_is(form, label):
    kind, der = FORMS[form]
    read = read_submission(pem(der, label) if label else der)
    assert (read.form, read.kind, read.octets) == (form, kind, der)
    assert PKI_BODY.decode(read.body_octets) == read.body


def test_openssl_writes_requests_that_are_read(openssl, tmp_path):
    file = tmp_path / "a.csr"
    subprocess.run(
        [openssl, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=web",
         "-addext", "subjectAltName=DNS:web.example", "-addext", "keyUsage=critical,digitalSignature",
         "-keyout", tmp_path / "k", "-out", file],
        check=True, capture_output=True,
    )  # fmt: skip
    asked = asked_in(read_submission(file.read_bytes()))
    assert str(asked.subject) == "CN=web"
    assert list(map(str, asked.alt_names)) == ["dns=web.example"]
    assert asked.key_usage == ("digitalSignature",)
    assert str(asked.key) == "ec:p256"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"0",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"hello",
        b"-----BEGIN X-----\nAAAA\n",
        pem(pkcs10(), "CERTIFICATE REQUEST") * 2,
        pem(b"", "CERTIFICATE REQUEST"),
        b"-----BEGIN A-----\n%%%%\n-----END A-----",
        b"-----BEGIN A-----" * 10_000,
        pkcs10() + b"\x00",
        b"\x30" * 100_000,
        b"\x30\x82\x00\x04" * 60_000,
        tlv(0x30, b"\x00" * MAX_REQUEST),
    ],
    ids=range(14),
)
def test_what_is_no_request_is_malformed(octets):
    with pytest.raises(Malformed):
        read_submission(octets)


def test_nested_messages_have_a_depth():
    deepest = read_pki_message(nesting(MAX_NESTING - 1))
    assert (deepest.kind, deepest.innermost.kind) == ("ir", "ir")
    for depth in (MAX_NESTING, 40):
        with pytest.raises(Malformed, match="too deep"):
            read_pki_message(nesting(depth))


def test_a_nested_message_holds_one():
    one = message(Chosen("ir", (cert_req(new_key()),)))
    for inside in (b"", one + one):
        with pytest.raises(Malformed, match="other than one"):
            read_pki_message(message(Chosen("nested", tlv(0x30, inside))))


def test_two_requests_in_one_message_are_malformed():
    both = message(Chosen("ir", (cert_req(new_key()), cert_req(new_key(), cert_req_id=1))))
    with pytest.raises(Malformed, match="one certificate"):
        asked_in(read_submission(both))


def unharmed(octets: bytes) -> None:
    """Reading either works or raises Malformed; anything else is a way to stop an RA."""
    header_alone(octets)
    with suppress(Malformed):
        look(read_submission(octets), Amendment())


@given(st.binary(max_size=300))
def test_any_octets(octets):
    unharmed(octets)


@given(form=st.sampled_from(sorted(FORMS)), data=st.data())
def test_damaged_requests(form, data):
    octets = bytearray(FORMS[form][1])
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    unharmed(bytes(octets))
    unharmed(bytes(octets[:cut]))


@given(depth=st.integers(0, 60), data=st.data())
def test_any_depth_of_anything(depth, data):
    octets = data.draw(st.binary(max_size=20))
    for _ in range(depth):
        octets = tlv(data.draw(st.sampled_from([0x30, 0x31, 0xA0, 0xB4, 0x24])), octets)
    unharmed(octets)
