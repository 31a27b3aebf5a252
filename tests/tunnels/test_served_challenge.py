"""Challenges that pass through a served tunnel: what the CA encrypts to a key, its holder alone opens."""

from __future__ import annotations

import pytest
from support.recipients import key_of
from support.requester import Requester, Signature, cert_req, newcomer_to, spki

from runner.asn1.cmp import PKIMessage
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP
from runner.asn1.structures import decode
from runner.pki.decryption_proofs import answer_challenge, prove_by_decryption
from runner.pki.opening import PrivateKeyDecrypter


def challenged(served, device, key):
    popo = prove_by_decryption(spki(key), by_challenge=True)
    octets = device.message("ir", (cert_req(key, popo=popo),), pvno=3)
    said = decode(PKIMessage, served.post(octets))
    assert said.body.name == "popdecc", said.body
    return said


@pytest.mark.parametrize(("right", "status"), [(True, 0), (False, 2)])
def test_a_challenge_passes_there_and_its_answer_back(served, right, status):
    served.start()
    device, key = served.device(), key_of("rsa", 1)
    said = challenged(served, device, key)
    (challenge,) = POPO_DEC_KEY_CHALL.decode(said.body.value)
    number = answer_challenge(challenge, PrivateKeyDecrypter(key), said.header.sender, challenge.owf)
    content = POPO_DEC_KEY_RESP.encode((number if right else number ^ 1,))
    octets = device.message("popdecr", content, pvno=3, recip_nonce=said.header.sender_nonce)
    answer = decode(PKIMessage, served.post(octets))
    assert (answer.body.name, answer.body.value.response[0].status.status) == ("ip", status)
    assert [decode(PKIMessage, each).body.name for each in served.peer.requests] == ["ir", "popdecr"]
    assert served.post(octets) == served.post(octets)


def test_who_signs_gets_the_challenge_from_the_ca_itself(served):
    """It names the CA, as an answer that the RA signs could not."""
    served.start()
    holder = newcomer_to(served.peer.lab).holder("CN=holder")
    device = Requester(served.peer.lab, Signature(holder.protection.certificate, holder.protection.key))
    key = key_of("rsa", 1)
    said = challenged(served, device, key)
    (challenge,) = POPO_DEC_KEY_CHALL.decode(said.body.value)
    number = answer_challenge(challenge, PrivateKeyDecrypter(key), said.header.sender, challenge.owf)
    content = POPO_DEC_KEY_RESP.encode((number,))
    octets = device.message("popdecr", content, pvno=3, recip_nonce=said.header.sender_nonce)
    answer = decode(PKIMessage, served.post(octets))
    assert (answer.body.name, answer.body.value.response[0].status.status) == ("ip", 0)
    assert [decode(PKIMessage, each).body.name for each in served.peer.requests] == ["nested", "nested"]
