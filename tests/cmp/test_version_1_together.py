"""Several certificates in one message of CMP 1999: one conf for all, keyed by what opened those that came encrypted.

RFC 2510 §3.3.17 (conf has no content) and §2.3.2.2 (the MAC's key is the symmetric keys, in the order of the
certificates). No manifest asks for this, since `batching` needs certConf; the machine is right all the same.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.ambient import NOON, CountingEntropy
from support.answering import CA, SECRET, by_secret, issued, order, say

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import CertifiedKeyPair, CertRepMessage, CertResponse, PKIMessage, PKIStatusInfo
from runner.asn1.structures import Chosen, decode
from runner.cmp.dialogue import Offered, Tell
from runner.cmp.message import read_message
from runner.cmp.request import Request
from runner.cmp.transaction import Fellow, confirm, receive_together, start_together
from runner.pki.encrypted_values import open_encrypted_value, seal_encrypted_value
from runner.pki.macs import SharedSecret, verify_mac
from runner.pki.opening import PrivateKeyDecrypter

OPENERS = [PrivateKeyDecrypter(rsa.generate_private_key(65537, 2048)) for _ in range(3)]


def answered(numbers, entropy):
    """Three requests; those of `numbers` get their certificate encrypted. (dialogues, parties, symmetric keys)."""
    wanted = [order(public_key_info=each.public_key_info, proof="encryption") for each in OPENERS]
    ours = [by_secret(CA, pvno=1, opener=each) for each in OPENERS]
    requests = [Request(each, None, mine) for each, mine in zip(wanted, ours, strict=True)]
    dialogues = start_together(requests, ours[0], NOON, entropy)
    keys, responses = [], []
    for number, opener in enumerate(OPENERS):
        certificate = issued(subject_public_key_info=opener.public_key_info)
        chosen = Chosen("certificate", certificate)
        if number in numbers:
            value = seal_encrypted_value(certificate, opener.public_key_info, entropy)
            keys.append(open_encrypted_value(value, opener).key)
            chosen = Chosen("encryptedCert", ENCRYPTED_KEY.encode(Chosen("encryptedValue", value)))
        pair, granted = CertifiedKeyPair(cert_or_enc_cert=chosen), PKIStatusInfo(status=0)
        responses.append(CertResponse(cert_req_id=number, status=granted, certified_key_pair=pair))
    heard = say("ip", CertRepMessage(response=tuple(responses)), request=decode(PKIMessage, dialogues[0].request))
    fellows = [Fellow(*each) for each in zip(dialogues, wanted, ours, strict=True)]
    found = receive_together(fellows, heard, NOON)
    assert all(isinstance(action, Offered) and action.problem is None for _, action in found)
    return [dialogue for dialogue, _ in found], ours[0], keys


@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 2), (1,), ()])
def test_one_conf_under_the_keys_one_behind_the_other(numbers):
    entropy = CountingEntropy()
    dialogues, parties, keys = answered(numbers, entropy)
    told = confirm([(dialogue, None) for dialogue in dialogues], parties, NOON, entropy)
    assert all(isinstance(action, Tell) for _, action in told)
    (conf,) = {dialogue.request for dialogue, _ in told}
    assert all(dialogue.symmetric_key == b"" for dialogue, _ in told)
    unverified = read_message(conf)
    header, bits = unverified.message.header, unverified.message.protection
    assert unverified.message.body == Chosen("pkiconf", None)

    def is_under(secret):
        return verify_mac(SharedSecret(secret), header.protection_alg, bits, unverified.protected)

    assert is_under(b"".join(keys) or SECRET)
    assert not keys or not is_under(SECRET)
    assert len(keys) < 2 or not is_under(b"".join(reversed(keys)))


def test_keys_are_forgotten_with_the_conf():
    entropy = CountingEntropy()
    dialogues, parties, _ = answered((0,), entropy)
    assert dialogues[0].symmetric_key
    ((told, _), *_) = confirm([(dialogue, None) for dialogue in dialogues], parties, NOON, entropy)
    assert replace(told, request=b"").symmetric_key == b""
