"""Proofs that are no signatures: challenges, private keys that come encrypted, and an RA's word."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support import requester as peer
from support.recipients import key_of, pkcs8_der

from runner.asn1.archive import POPO_PRIV_KEY
from runner.asn1.cms import ENC_KEY_WITH_ID
from runner.asn1.crmf import OLD_CERT_ID, CertId, Control
from runner.asn1.infotypes import INFO_TYPES, POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP
from runner.asn1.signed import EncKeyWithID, OneAsymmetricKey
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import BadInput
from runner.lab.authority import open_lab
from runner.pki.certificates import parse_certificate
from runner.pki.decryption_proofs import answer_challenge, prove_by_decryption
from runner.pki.envelopes import recipient_of, seal_envelope
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage
from runner.pki.names import directory_name
from runner.pki.opening import PrivateKeyDecrypter

BY_RA = Chosen("raVerified", None)


def challenged(newcomer, *keys, pvno=3):
    """An ir for each of these keys, to be proved by answering challenges."""
    requests = tuple(
        peer.cert_req(
            key, cert_req_id=n, popo=prove_by_decryption(peer.spki(key), by_challenge=True) if key else "signature"
        )
        for n, key in enumerate(keys)
    )
    return newcomer.begin().ask("ir", requests, pvno=pvno)


def answers(said, *keys):
    challenges = POPO_DEC_KEY_CHALL.decode(said.content)
    pairs = zip(challenges, keys, strict=True)
    return [
        answer_challenge(each, PrivateKeyDecrypter(key), said.header.sender, challenges[0].owf) for each, key in pairs
    ]


def answered(newcomer, numbers, pvno=3):
    return newcomer.ask("popdecr", POPO_DEC_KEY_RESP.encode(tuple(numbers)), pvno=pvno)


@pytest.mark.parametrize(("kind", "pvno"), [("rsa", 2), ("rsa", 3), ("p256", 3), ("x25519", 3), ("ml-kem-768", 3)])
def test_a_challenge_is_answered(newcomer, kind, pvno):
    key = key_of(kind, 1)
    said = challenged(newcomer, key, pvno=pvno)
    assert said.kind == "popdecc"
    again = newcomer.send(newcomer.sent)
    assert again.content == said.content
    said = answered(newcomer, answers(again, key), pvno)
    assert said.refusal == ("ip", "accepted", [])
    assert said.certificate.public_key() == key.public_key()
    assert newcomer.send(newcomer.sent).der == said.der
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_wrong_answer_is_rejected_for_good(lab, newcomer):
    key = key_of("rsa", 1)
    said = challenged(newcomer, key)
    (number,) = answers(said, key)
    assert answered(newcomer, [number + 1]).refusal == ("ip", "rejection", ["badPOP"])
    assert answered(newcomer, [number]).refusal == ("error", "rejection", ["badRequest"])
    assert not list(lab._office.ledger.certificates())


def test_each_of_several_answers_for_itself(newcomer):
    keys = key_of("rsa", 1), key_of("x25519", 2)
    said = challenged(newcomer, *keys)
    right, other = answers(said, *keys)
    for numbers in ((), (right,), (right, other, 1)):
        assert answered(newcomer, numbers).fail_info == ["badRequest"]
    said = answered(newcomer, (right, other ^ 1))
    assert [response.status.status for response in said.content.response] == [0, 2]


def test_a_challenge_survives_a_restart(kept):
    newcomer, key = peer.newcomer_to(kept()), key_of("rsa", 1)
    said = challenged(newcomer, key)
    newcomer.lab = kept()
    assert answered(newcomer, answers(said, key)).status == "accepted"


def test_who_answered_may_have_to_wait(ruled):
    newcomer, key = ruled(waiting_polls=1, check_after=0), key_of("rsa", 1)
    said = challenged(newcomer, key)
    assert newcomer.poll().fail_info == ["badRequest"]
    newcomer.last = said
    assert answered(newcomer, answers(said, key)).status == "waiting"
    assert newcomer.poll().kind == "pollRep"
    assert newcomer.poll().status == "accepted"


def test_a_key_that_cannot_be_challenged_is_rejected(newcomer):
    assert challenged(newcomer, key_of("p256", 1), pvno=2).refusal == ("ip", "rejection", ["badPOP"])
    key = Ed25519PrivateKey.generate()
    request = peer.cert_req(key, popo=prove_by_decryption(peer.spki(key), by_challenge=True))
    assert newcomer.begin().ask("ir", (request,), pvno=3).refusal == ("ip", "rejection", ["badPOP"])


def test_popdecr_out_of_the_blue(newcomer):
    newcomer.enrol(peer.new_key())
    assert answered(newcomer, [1]).fail_info == ["badRequest"]
    assert newcomer.ask("popdecr", b"\x04\x00").fail_info == ["badDataFormat"]


def sent_key(lab, newcomer, key, sent):
    """An ir whose proof is the private key `sent`, encrypted to the lab."""
    der = ask_encryption_certificate(newcomer)
    inner = EncKeyWithID(private_key=decode(OneAsymmetricKey, pkcs8_der(sent)))
    sealed = seal_envelope(ENC_KEY_WITH_ID, encode(inner), recipient_of(parse_certificate(der)), lab._office.entropy)
    proof = Chosen("keyEncipherment", POPO_PRIV_KEY.encode(Chosen("encryptedKey", sealed)))
    return newcomer.begin().ask("ir", (peer.cert_req(key, popo=proof),), pvno=3)


def ask_encryption_certificate(newcomer):
    question = peer.InfoTypeAndValue(info_type=INFO_TYPES["caProtEncCert"])
    return newcomer.begin().ask("genm", (question,)).content[0].info_value


def test_a_private_key_that_came_encrypted_proves_itself(lab, newcomer):
    key = key_of("rsa", 1)
    assert sent_key(lab, newcomer, key, key).status == "accepted"
    assert sent_key(lab, newcomer, key, key_of("rsa", 2)).refusal == ("ip", "rejection", ["badPOP"])


def ra_of(lab):
    der, pem = lab.make_ra("desk")
    return peer.Requester(lab, peer.Signature(der, load_pem_private_key(pem, None)))


def test_an_ras_word_is_believed_and_nobody_elses(lab, newcomer):
    key = peer.new_key()
    for who in (newcomer, newcomer.holder()):
        assert who.enrol(key, popo=BY_RA).refusal == ("ip", "rejection", ["badPOP"])
    said = ra_of(lab).enrol(key, popo=BY_RA)
    assert said.refusal == ("ip", "accepted", [])


def test_an_ra_is_trusted_after_a_restart_until_it_is_revoked(kept):
    ra = ra_of(kept())
    ra.lab = kept()
    assert ra.enrol(peer.new_key(), popo=BY_RA, kind="cr").status == "accepted"
    peer.newcomer_to(ra.lab).revoke(ra.serial)
    assert ra.enrol(peer.new_key(), popo=BY_RA, kind="cr").fail_info == ["certRevoked"]


def test_an_ra_revokes_and_updates_for_others(lab, newcomer):
    ra, holder = ra_of(lab), newcomer.holder("CN=plc")
    value = encode(CertId(issuer=directory_name(lab.ca_name.der), serial_number=holder.serial))
    key = peer.new_key()
    wanted = peer.template(key, None)
    said = ra.enrol(key, wanted, kind="kur", controls=(Control(type=OLD_CERT_ID, value=value),))
    assert said.refusal == ("kup", "accepted", [])
    assert said.certificate.subject.rfc4514_string() == "CN=plc"
    assert ra.revoke(holder.serial).status == "accepted"


def test_a_holder_becomes_an_ra_by_the_operators_word(lab, newcomer):
    holder = newcomer.holder()
    lab.trust_ra(holder.protection.certificate)
    assert holder.enrol(peer.new_key(), popo=BY_RA, kind="cr").status == "accepted"


def test_strangers_are_not_trusted(lab, clock, entropy):
    with pytest.raises(BadInput):
        lab.trust_ra(peer.newcomer_to(open_lab(None, clock, entropy)).holder().protection.certificate)
    with pytest.raises(BadInput):
        lab.trust_ra(b"no certificate")


@pytest.mark.parametrize("power", ["cmcRA", "cmcCA", "cmKGA"])
def test_no_request_makes_an_ra(newcomer, power):
    key = peer.new_key()
    wanted = peer.template(key, extensions=(extended_key_usage((EXTENDED_KEY_USAGES[power],)),))
    assert newcomer.enrol(key, wanted).refusal == ("ip", "rejection", ["unacceptedExtension"])
