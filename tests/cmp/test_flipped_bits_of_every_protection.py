"""One flipped bit is refused whatever protects the message: PBMAC1, KEM-based and DH-based MACs, CMP 1999, nesting.

Beside test_flipped_bits.py, which goes through the bodies under a PasswordBasedMac and a signature. A challenge is
among them: a bit of it that is turned must not come back as a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import answering as a
from support.ambient import NOON, CountingEntropy
from support.recipients import key_of
from support.requester import HMAC_SHA256, SHA256, Secret

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.bodies import nested_content
from runner.asn1.cmp import PKIMessage
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL
from runner.asn1.parameters import DH_BASED_MAC, DHBMParameter
from runner.asn1.structures import decode, encode
from runner.cmp.inquiry import answer_to, inquire, inquire_together
from runner.errors import ProtocolError
from runner.pki.decryption_proofs import make_challenge
from runner.pki.kems import kem_mac_algorithm
from runner.pki.mac_parameters import MacParameters, mac_algorithm
from runner.pki.macs import AgreedSecret, KemSecret, SharedSecret, compute_mac
from runner.pki.names import directory_name
from runner.pki.opening import PrivateKeyDecrypter
from runner.values import replace


@dataclass
class Mac(Secret):
    """Protection by any MAC."""

    algorithm: object = None
    key: object = None

    @property
    def header(self):
        return {"protection_alg": self.algorithm, "sender_kid": self.reference}

    def protect(self, data):
        return compute_mac(self.key, self.algorithm, data)


SHARED = SharedSecret(a.SECRET)
KEM = KemSecret(b"encapsulated", b"transaction 1234")
AGREED = AgreedSecret(b"agreed on")
DHBM = DHBMParameter(owf=AlgorithmIdentifier(algorithm=SHA256), mac=AlgorithmIdentifier(algorithm=HMAC_SHA256))
MACS = {
    "PBMAC1": (SHARED, mac_algorithm(MacParameters(kind="pbmac1", iterations=100), b"salt of the test")),
    "KEM-based": (KEM, kem_mac_algorithm()),
    "DH-based": (AGREED, AlgorithmIdentifier(algorithm=DH_BASED_MAC, parameters=encode(DHBM))),
}


def parties(**more):
    ours = a.by_signature(a.CA, **more)
    return replace(ours, peer=replace(ours.peer, secret=SHARED, kem_secret=KEM, agreed=AGREED))


def under(name, kind, body, content):
    """A transaction of that kind, and its answer under that MAC."""
    key, algorithm = MACS[name]
    talk = a.Talk(order=a.order(kind), parties=parties())
    return talk.gets, a.say(body, content, request=talk.request, by=Mac(a.REFERENCE, a.SECRET, b"", (), algorithm, key))


def of_1999(by, kind, body, content):
    ours = a.by_secret(a.CA, pvno=1) if by == "secret" else a.by_signature(a.CA, pvno=1)
    talk = a.Talk(order=a.order(kind), parties=ours)
    return talk.gets, a.say(body, content, request=talk.request, by=by, extra_certs=())


def challenged(by, version):
    opener = PrivateKeyDecrypter(key_of("rsa" if version < 3 else "p256"))
    wanted = a.order(proof="challenge", public_key_info=opener.public_key_info)
    ours = (a.by_secret if by == "secret" else a.by_signature)(a.CA, pvno=version, opener=opener)
    talk = a.Talk(order=wanted, parties=ours, by=by)
    sender = directory_name(a.CA.ours.subject.der)
    challenge, _ = make_challenge(sender, opener.public_key_info, CountingEntropy(), enveloped=version > 2)
    content = POPO_DEC_KEY_CHALL.encode((challenge,))
    return talk.gets, a.say("popdecc", content, request=talk.request, by=by, extra_certs=())


def batch(by):
    """Two questions in one nested message, and two answers in one."""
    ours, entropy = (a.by_secret if by == "secret" else a.by_signature)(a.CA), CountingEntropy()
    asked = [inquire(ours, NOON, entropy) for _ in range(2)]
    outer = inquire_together(ours, asked, NOON, entropy)
    inner = [a.say("genp", (), request=decode(PKIMessage, each.request), by=by) for each in asked]
    content = nested_content(tuple(inner))
    octets = a.say("nested", content, request=decode(PKIMessage, outer.request), by=by, extra_certs=())
    return lambda heard: answer_to(outer, heard, ours, NOON, awaited="nested"), octets


CASES = {
    **{
        f"{name} {body}": (under, name, kind, body, content)
        for name in MACS
        for kind, body, content in (
            ("ir", "ip", a.granted(a.issued())),
            ("rr", "rp", a.revoked()),
            ("ir", "error", a.error()),
        )
    },
    **{
        f"1999 {body} {'mac' if by == 'secret' else 'signature'}": (of_1999, by, kind, body, content)
        for by in ("secret", a.CA)
        for kind, body, content in (
            ("ir", "ip", a.granted(a.issued())),
            ("rr", "rp", a.revoked()),
            ("cr", "error", a.error()),
        )
    },
    "popdecc 2 mac": (challenged, "secret", 2),
    "popdecc 3 mac": (challenged, "secret", 3),
    "popdecc 3 signature": (challenged, a.CA, 3),
    "nested mac": (batch, "secret"),
    "nested signature": (batch, a.CA),
}
each_case = pytest.mark.parametrize("name", CASES)


def prepared(name):
    make, *given_ = CASES[name]
    return make(*given_)


@each_case
def test_as_it_was_sent_it_is_taken(name):
    gets, octets = prepared(name)
    gets(octets)


@each_case
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_is_refused(name, data):
    gets, octets = prepared(name)
    at = data.draw(st.integers(0, 8 * len(octets) - 1))
    spoiled = bytearray(octets)
    spoiled[at // 8] ^= 1 << at % 8
    with pytest.raises(ProtocolError):
        gets(bytes(spoiled))
