"""DHBasedMac on receive (RFC 9810 §5.1.3.2): a server whose answers bear a MAC from two static keys."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from support.recipients import certificate_for, key_of
from support.site import CREDENTIALS, entries, entry

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import PKI_BODY, PKIMessage
from runner.asn1.der import tlv
from runner.asn1.parameters import DHBMParameter
from runner.asn1.structures import decode, encode
from runner.pki.certificates import parse_certificate, to_pem

SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1")
HMAC = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9")
DH_BASED_MAC = AlgorithmIdentifier(
    algorithm="1.2.840.113533.7.66.30", parameters=encode(DHBMParameter(owf=SHA256, mac=HMAC))
)


class DhServer:
    """The lab's answers under DHBasedMac: BASEKEY = OWF(DH secret), by `cryptography` and hashlib."""

    def __init__(self, key, spoils=False):
        self.key, self.spoils = key, spoils

    def __call__(self, lab, request, number):
        answer = decode(PKIMessage, lab.respond(request))
        theirs = parse_certificate(decode(PKIMessage, request).extra_certs[0]).public_key_info
        base = hashlib.sha256(self.key.exchange(ec.ECDH(), load_der_public_key(theirs))).digest()
        header = replace(answer.header, protection_alg=DH_BASED_MAC)
        part = tlv(0x30, encode(header) + PKI_BODY.encode(answer.body))
        bits = hmac.digest(base, part + (b"!" if self.spoils else b""), "sha256")
        return encode(PKIMessage(header=header, body=answer.body, protection=bits))


def as_operator(at_peer, more, **faults):
    """An operator with an EC certificate, who then asks a server that has a static EC key."""
    made = at_peer.ask(entries(entry("generate://pkcs8@ec:p256/op", name="op", output="op"))).apply()
    assert made.outcomes == {"op": "issued"}
    key = key_of("p256", 40)
    at_peer.file("dh.pem").write_bytes(to_pem(certificate_for(key.public_key()).der))
    at_peer.peer.behave = DhServer(key, **faults)
    credentials = f"{CREDENTIALS}\n  op: {{certificate: op-0.crt, key: 'file:op.prv'}}"
    return at_peer.ask(entries(entry(more=", credential: op")), credentials=credentials, more=more)


def test_an_answer_under_the_secret_of_two_static_keys(at_peer):
    done = as_operator(at_peer, "dh_certificate: dh.pem").apply()
    assert done.outcomes == {"web": "issued"}, done.items


@pytest.mark.parametrize(
    ("more", "spoils", "words"),
    [
        ("", False, "this exchange has none"),
        ("dh_certificate: dh.pem", True, "the message's MAC is wrong"),
    ],
)
def test_it_counts_only_where_it_is_configured_and_right(at_peer, more, spoils, words):
    done = as_operator(at_peer, more, spoils=spoils).apply()
    assert done.outcomes == {"web": "unknown"}
    assert words in done.error("web")


def test_keys_that_agree_on_nothing(at_peer):
    site = as_operator(at_peer, "dh_certificate: other.pem")
    at_peer.file("other.pem").write_bytes(to_pem(certificate_for(key_of("p384").public_key()).der))
    done = site.apply()
    assert "agree on nothing" in done.error("web")
