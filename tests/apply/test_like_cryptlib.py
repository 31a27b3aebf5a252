"""A server that behaves as cryptlib's does to its own kind: user IDs in octets, no names, no nonces, its MAC said once.

It stands in front of the lab, and checks and makes every MAC anew with hashlib, by the octets that the user ID and
the password stand for.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.requester import pbm
from support.site import FRESH

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import PKI_BODY, PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import NULL_DN
from runner.pki.names import directory_name

USER, USER_OCTETS = "C6JUE-N4ELX-VHRCE", bytes.fromhex("112233445566778880")
PASSWORD, PASSWORD_OCTETS = "CZ37P-QN6R7-TELLA-M75J5", bytes.fromhex("f3d6b99c7f6245280beed1b0")
"""As its own encoder wrote them (tests/pki/test_user_values.py)."""
NOBODY = directory_name(NULL_DN)
CRYPTLIB = "psk: {{psk: {{file: psk}}, encoding: cryptlib{more}}}"


def part(message):
    return tlv(0x30, encode(message.header) + PKI_BODY.encode(message.body))


class LikeCryptlib:
    """The server: what it says to the lab in our place, and to us in the lab's."""

    def __init__(self):
        self.nonce = None

    def __call__(self, lab, octets, number):
        heard = self.asks(lab, octets)
        self.nonce = heard.header.sender_nonce
        return silenced(heard, decode(PKIMessage, octets).header.protection_alg.parameters)

    def asks(self, lab, octets):
        """The lab's answer. It wants its nonce again, which we have never seen."""
        asked = decode(PKIMessage, octets)
        header, parameters = asked.header, asked.header.protection_alg.parameters
        assert (header.sender_kid, header.sender, header.recip_nonce) == (USER_OCTETS, NOBODY, None)
        assert pbm(PASSWORD_OCTETS, parameters, part(asked)) == asked.protection
        reference, _, secret = lab.psk.encode().partition(b":")
        return decode(PKIMessage, lab.respond(encode(under(asked, secret, reference, self.nonce))))


def under(message, secret, reference, nonce):
    """The message under a MAC of that secret, with that recipNonce."""
    header = replace(message.header, sender_kid=reference, recip_nonce=nonce)
    message = replace(message, header=header)
    return replace(message, protection=pbm(secret, header.protection_alg.parameters, part(message)))


def silenced(heard, parameters):
    """The answer with all left out that cryptlib leaves out, under a MAC with the parameters of our message."""
    silent = replace(heard.header.protection_alg, parameters=DER_NULL)
    header = replace(heard.header, sender=NOBODY, recipient=NOBODY, sender_kid=None, protection_alg=silent)
    told = replace(heard, header=replace(header, sender_nonce=None, recip_nonce=None), extra_certs=())
    return encode(replace(told, protection=pbm(PASSWORD_OCTETS, parameters, part(told))))


@pytest.fixture
def at_cryptlib(at_peer):
    at_peer.peer.behave = LikeCryptlib()
    at_peer.file("psk").write_text(f"{USER}:{PASSWORD}\n")
    return at_peer


def test_an_enrolment_from_first_to_last(at_cryptlib):
    done = at_cryptlib.ask(FRESH, credentials=CRYPTLIB.format(more=""), more="profile: cryptlib").apply()
    assert done.outcomes == {"web": "issued"}
    kinds = [decode(PKIMessage, octets).body.name for octets in at_cryptlib.peer.requests]
    assert kinds == ["ir", "certConf"]
    assert PASSWORD not in done.out + done.err


def test_the_user_id_may_stand_apart(at_cryptlib):
    at_cryptlib.file("psk").write_text(PASSWORD.lower())
    credential = CRYPTLIB.format(more=f", reference: {USER}")
    done = at_cryptlib.ask(FRESH, credentials=credential, more="profile: cryptlib").apply()
    assert done.outcomes == {"web": "issued"}


def test_without_its_tolerance_such_an_answer_is_refused(at_cryptlib):
    lenient = "tolerate: [missing-recip-nonce, weak-sender-nonce]"
    credential = CRYPTLIB.format(more=", sender: none, mac: {owf: sha1, hmac: hmac-sha1, iterations: 500}")
    done = at_cryptlib.ask(FRESH, credentials=credential, more=lenient).apply()
    assert done.outcomes == {"web": "unknown"}
    assert "says nothing of its parameters" in done.out


def test_a_mistyped_password_is_told_before_anything_is_sent(at_cryptlib):
    at_cryptlib.file("psk").write_text(f"{USER}:{PASSWORD[:-1]}6")
    done = at_cryptlib.ask(FRESH, credentials=CRYPTLIB.format(more="")).apply()
    assert (done.status, at_cryptlib.peer.requests) == (1, [])
    assert "checksum" in done.err
    assert PASSWORD[:10] not in done.out + done.err
