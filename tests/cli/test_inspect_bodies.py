"""`inspect` of messages that are rarely met: every body type says what it holds, and secrets never."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import codec
from support.ambient import NOON
from support.certificates import certificate_der

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.bodies import MAX_NESTING, RevAnnContent, nested_content
from runner.asn1.cmp import (
    PKI_BODY,
    CertifiedKeyPair,
    KeyRecRepContent,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
)
from runner.asn1.crmf import CertId
from runner.asn1.infotypes import (
    CA_KEY_UPD_CONTENT,
    POPO_DEC_KEY_CHALL,
    POPO_DEC_KEY_RESP,
    CAKeyUpdAnnContent,
    Challenge,
)
from runner.asn1.primitives import OPAQUE_SEQUENCE
from runner.asn1.structures import Chosen, SequenceOf, encode
from runner.asn1.x509 import NULL_DN
from runner.cli.describe.blocks import block_text
from runner.cli.describe.message import describe_message
from runner.errors import Malformed
from runner.pki.names import directory_name, parse_name

NOBODY = directory_name(NULL_DN)
CERTIFICATE = certificate_der()
SHA256 = "2.16.840.1.101.3.4.2.1"


def message(kind: str, value) -> bytes:
    return encode(PKIMessage(header=PKIHeader(pvno=2, sender=NOBODY, recipient=NOBODY), body=Chosen(kind, value)))


def told(kind: str, value) -> str:
    return block_text([describe_message(message(kind, value))])


@pytest.mark.parametrize("kind", PKI_BODY.by_name)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_body_type_is_described_or_malformed(kind, data):
    octets = data.draw(codec.messages(kind).map(encode))
    try:
        text = block_text([describe_message(octets)])
    except Malformed:
        return
    assert f"Type = {kind}\n" in text


def test_an_announced_certificate():
    assert "SerialNumber = 662316" in told("cann", CERTIFICATE)


def test_an_announced_key_update():
    update = CAKeyUpdAnnContent(old_with_new=CERTIFICATE, new_with_old=CERTIFICATE, new_with_new=CERTIFICATE)
    text = told("ckuann", CA_KEY_UPD_CONTENT.encode(Chosen("cAKeyUpdAnnV2", update)))
    assert text.index("OldWithNew =") < text.index("NewWithOld =") < text.index("NewWithNew =")


def test_an_announced_revocation():
    issuer = directory_name(parse_name("C=FI, CN=Plant CA").der)
    content = RevAnnContent(
        status=4,
        cert_id=CertId(issuer=issuer, serial_number=255),
        will_be_revoked_at=NOON,
        bad_since_date=NOON,
    )
    text = told("rann", encode(content))
    assert "Status = revocationWarning" in text
    assert "IssuerName = <C=FI, CN=Plant CA>" in text
    assert "SerialNumber = 255" in text


def test_an_announced_list_that_cannot_be_read_is_said_to_be_one():
    assert "Unreadable = 2 octets" in told("crlann", SequenceOf(OPAQUE_SEQUENCE).encode((b"\x30\x00",)))


def test_challenges_and_answers_are_counted_and_not_shown():
    challenge = Challenge(owf=AlgorithmIdentifier(algorithm=SHA256), witness=b"w" * 32, challenge=b"sealed")
    text = told("popdecc", POPO_DEC_KEY_CHALL.encode((challenge,)))
    assert "OneWayFunction = sha256" in text
    assert b"sealed".hex() not in text
    text = told("popdecr", POPO_DEC_KEY_RESP.encode((4711, 815)))
    assert "Answers = 2, not shown" in text
    assert "4711" not in text


def test_recovered_keys_are_not_opened():
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", CERTIFICATE), private_key=b"\x30\x03\x04\x01x")
    text = told(
        "krp", KeyRecRepContent(status=PKIStatusInfo(status=0), new_sig_cert=CERTIFICATE, key_pair_hist=(pair,))
    )
    assert "NewSigCert =" in text
    assert "PrivateKey = encrypted, not opened" in text


def nesting(depth: int) -> bytes:
    octets = message("pkiconf", None)
    for _ in range(depth - 1):
        octets = message("nested", nested_content((octets,)))
    return octets


def test_nested_messages_are_described_one_within_another():
    text = block_text([describe_message(nesting(MAX_NESTING))])
    assert text.count("Type = nested") == MAX_NESTING - 1
    assert "Type = pkiconf" in text


def test_nesting_has_an_end():
    text = block_text([describe_message(nesting(MAX_NESTING + 20))])
    assert "messages are nested too deep" in text
    assert "Type = pkiconf" not in text


def test_a_nested_message_of_rfc_2510():
    assert "Type = pkiconf" in told("nested", message("pkiconf", None))
