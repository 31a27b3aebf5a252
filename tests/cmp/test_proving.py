"""Proofs by signature over a poposkInput, and those that are no signature: judged by hand and by `cryptography`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from support.answering import DEVICE, KEY, PROOF, SECRET, by_secret, by_signature, order
from support.requester import pbm

from runner.asn1.crmf import PROOF_OF_POSSESSION, PKMACValue
from runner.asn1.der import read_header
from runner.asn1.structures import Chosen, decode, encode
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.request import Request, request_body
from runner.pki.mac_parameters import MacParameters
from runner.pki.names import directory_name, parse_name
from runner.pki.profile import Profile

NOBODY = Profile(parse_name(""))


def asked(proof, parties, wanted=NOBODY):
    """The one CertReqMsg."""
    (message,) = request_body([Request(order(wanted=wanted, proof=proof), PROOF, parties)]).value
    return message


def signed(message):
    """What the signature is over, if it is the key's: the input as a universal SEQUENCE (RFC 4211 §4.1)."""
    popo = message.popo.value
    KEY.public_key().verify(popo.signature, encode(popo.poposk_input))
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(popo.signature, encode(message.cert_req))
    return popo.poposk_input


def test_the_input_names_the_sender_where_the_request_is_signed():
    message = asked("signature-with-input", by_signature())
    about = signed(message)
    sender = directory_name(DEVICE.ours.subject.der)
    tag, start, stop = read_header(about.auth_info, 0, len(about.auth_info))
    assert (tag, about.auth_info[start:stop]) == (0xA0, sender)
    assert about.public_key == message.cert_req.cert_template.public_key
    assert message.cert_req.cert_template.subject is None


def test_the_input_has_a_mac_over_the_key_where_there_is_a_secret():
    message = asked("signature-with-input", by_secret())
    about = signed(message)
    mac = decode(PKMACValue, about.auth_info)
    assert mac.alg_id.algorithm == "1.2.840.113533.7.66.13"
    assert mac.value == pbm(SECRET, mac.alg_id.parameters, PROOF.public_key_info)


def test_a_nonce_of_gmac_never_serves_the_proof_too():
    """The message's MAC has the derived key and a nonce of its own; publicKeyMAC is HMAC (RFC 4211 §4.1)."""
    parties = by_secret()
    ours = parties.protection
    gmac = MacProtection(ours.reference, ours.secret, ours.salt, MacParameters(mac="aes256-gmac", iterations=500))
    about = signed(asked("signature-with-input", replace(parties, protection=gmac, peer=Peer(ours.secret))))
    mac = decode(PKMACValue, about.auth_info)
    assert mac.value == pbm(SECRET, mac.alg_id.parameters, PROOF.public_key_info)


def test_a_request_with_a_subject_has_no_input():
    (message,) = request_body([Request(order(proof="signature"), PROOF, by_secret())]).value
    assert message.popo.value.poposk_input is None
    KEY.public_key().verify(message.popo.value.signature, encode(message.cert_req))


def test_an_ra_vouches_by_a_word():
    message = asked("ra-verified", by_signature())
    assert message.popo == Chosen("raVerified", None)
    assert PROOF_OF_POSSESSION.encode(message.popo) == bytes.fromhex("8000")


def test_a_challenge_is_asked_for():
    assert asked("challenge", by_secret()).popo == Chosen("keyAgreement", b"\x81\x01\x01")


def test_no_signature_of_a_key_that_makes_none():
    with pytest.raises(ValueError, match="makes none"):
        request_body([Request(order(proof="signature"), None, by_secret())])
