"""Secrets that a KEM gives, by hand: what the lab's genp holds, and what it does not believe."""

from __future__ import annotations

import hmac

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mlkem
from support import requester as peer
from support.kemserver import kem_algorithm, mac_key, mlkem_public

from runner.asn1.cmp import PKI_BODY, InfoTypeAndValue, PKIHeader, PKIMessage
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.infotypes import INFO_TYPES, KemCiphertextInfo
from runner.asn1.structures import Chosen, decode, encode
from runner.lab.services import KEM
from runner.pki.names import directory_name, parse_name

ITEM = INFO_TYPES["KemCiphertextInfo"]
ML_KEM_768 = "2.16.840.1.101.3.4.4.2"


@pytest.fixture
def key():
    return mlkem.MLKEM768PrivateKey.generate()


@pytest.fixture
def certificate(lab, key):
    """A confirmed certificate of the lab's for a KEM key, as an RA has it made."""
    der, pem = lab.make_ra("desk")
    desk = peer.Requester(lab, peer.Signature(der, peer.serialization.load_pem_private_key(pem, None)))
    said = desk.enrol(key, peer.template(key, "CN=kem"), kind="cr", implicit=True, popo=Chosen("raVerified", None))
    assert said.status == "accepted", said.info
    return said.der


def bare(kind, content, *, tid, extra_certs=(), **more):
    header = PKIHeader(
        pvno=3,
        sender=directory_name(parse_name("CN=kem").der),
        recipient=directory_name(parse_name("CN=lab").der),
        transaction_id=tid,
        sender_nonce=peer.marks(b"nonce"),
        **more,
    )
    return PKIMessage(header=header, body=Chosen(kind, content), extra_certs=extra_certs)


def question(tid, certificate):
    item = InfoTypeAndValue(info_type=ITEM)
    return encode(bare("genm", (item,), tid=tid, extra_certs=(certificate,)))


def ciphertext(lab, tid, certificate):
    """The answer to the question, and the ciphertext in it."""
    answer = decode(PKIMessage, lab.respond(question(tid, certificate)))
    assert (answer.body.name, answer.protection, answer.header.protection_alg) == ("genp", None, None)
    return answer, decode(KemCiphertextInfo, answer.body.value[0].info_value)


def under(secret, message, tid):
    """The message with a MAC by `cryptography`'s HKDF and Python's HMAC."""
    header = peer.encode(message.header)
    part = tlv(0x30, header + PKI_BODY.encode(message.body))
    protection = hmac.digest(mac_key(secret, tid), part, "sha256")
    return encode(PKIMessage(header=message.header, body=message.body, protection=protection))


def asks_under(secret, tid, nonce):
    content = (peer.cert_req(peer.new_key()),)
    return under(secret, bare("cr", content, tid=tid, recip_nonce=nonce, protection_alg=kem_algorithm()), tid)


def test_the_ciphertext_opens_to_the_key_of_the_mac(lab, key, certificate):
    tid = peer.marks(b"tid")
    answer, told = ciphertext(lab, tid, certificate)
    assert told.kem.algorithm == ML_KEM_768
    said = peer.heard(lab, lab.respond(asks_under(key.decapsulate(told.ct), tid, answer.header.sender_nonce)), None)
    assert (said.kind, said.status) == ("cp", "accepted")


@pytest.mark.parametrize("spoiled", ["secret", "transaction", "nonce"])
def test_a_mac_by_something_else(lab, key, certificate, spoiled):
    tid = peer.marks(b"tid")
    answer, told = ciphertext(lab, tid, certificate)
    secret = bytes(32) if spoiled == "secret" else key.decapsulate(told.ct)
    nonce = bytes(16) if spoiled == "nonce" else answer.header.sender_nonce
    said = peer.heard(
        lab, lab.respond(asks_under(secret, peer.marks(b"tid") if spoiled == "transaction" else tid, nonce)), None
    )
    assert (said.kind, said.fail_info) == (
        "error",
        ["badRecipientNonce" if spoiled == "nonce" else "badMessageCheck"],
    )


def test_a_secret_opens_one_transaction(lab, key, certificate):
    tid = peer.marks(b"tid")
    answer, told = ciphertext(lab, tid, certificate)
    secret, nonce = key.decapsulate(told.ct), answer.header.sender_nonce
    lab.respond(asks_under(secret, tid, nonce))
    said = peer.heard(lab, lab.respond(asks_under(secret, tid, nonce)), None)
    assert said.fail_info == ["transactionIdInUse"]
    again = peer.heard(lab, lab.respond(question(tid, certificate)), None)
    assert again.fail_info == ["transactionIdInUse"]


def test_no_ciphertext_for_certificates_of_others_or_of_other_keys(lab, newcomer):
    signs = newcomer.holder().protection.certificate
    for wrong in (signs, lab.ca_certificate, b"\x30\x00"):
        said = peer.heard(lab, lab.respond(question(peer.marks(b"tid"), wrong)), None)
        assert said.fail_info == ["signerNotTrusted"]


def to_the_lab(lab, value):
    return {"general_info": (InfoTypeAndValue(info_type=ITEM, info_value=value),)}


def test_the_lab_answers_under_what_was_encapsulated_to_it(lab, newcomer):
    public = mlkem_public(lab._office.service(KEM).certificate.public_key_info)
    secret, ct = public.encapsulate()
    value = encode(KemCiphertextInfo(kem=peer.AlgorithmIdentifier(algorithm=ML_KEM_768), ct=ct))
    octets = newcomer.message("ir", (peer.cert_req(peer.new_key()),), **to_the_lab(lab, value))
    answer = lab.respond(octets)
    message = decode(PKIMessage, answer)
    part = tlv(0x30, b"".join(elements(answer, *open_sequence(answer), 4)[:2]))
    expected = hmac.digest(mac_key(secret, newcomer.transaction_id), part, "sha256")
    assert (message.body.name, message.protection) == ("ip", expected)


@pytest.mark.parametrize("value", [None, b"\x30\x00", "short", "another KEM"])
def test_a_ciphertext_that_cannot_be_opened(lab, newcomer, value):
    kem = ML_KEM_768 if value == "short" else "2.16.840.1.101.3.4.4.3"
    if isinstance(value, str):
        value = encode(KemCiphertextInfo(kem=peer.AlgorithmIdentifier(algorithm=kem), ct=bytes(100)))
    said = newcomer.ask("ir", (peer.cert_req(peer.new_key()),), **to_the_lab(lab, value))
    assert said.fail_info == ["badMessageCheck"]


def test_the_certificate_says_what_its_key_is_for(lab):
    certificate = x509.load_der_x509_certificate(lab._office.service(KEM).certificate.der)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert usage.key_encipherment
    assert [oid.dotted_string for oid in extended] == ["1.3.6.1.5.5.7.3.27"]
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(lab.ca_certificate))
