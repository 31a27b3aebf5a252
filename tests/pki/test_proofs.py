"""Proofs of possession at both ends: by signature, by decryption, by challenge; and no decryption for strangers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.ambient import CountingEntropy
from support.recipients import KINDS, certificate_for, key_of, pkcs8_der

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cms import DATA
from runner.asn1.crmf import PROOF_OF_POSSESSION, CertRequest, CertTemplate
from runner.asn1.der import tlv
from runner.asn1.infotypes import Challenge, Rand
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import ProtocolError, Unauthentic
from runner.pki.certificate_hashes import digest_of
from runner.pki.decryption_proofs import (
    answer_challenge,
    make_challenge,
    open_encrypted_certificate,
    prove_by_decryption,
)
from runner.pki.encrypted_values import seal_encrypted_value
from runner.pki.envelopes import recipient_of_request, seal_envelope
from runner.pki.macs import SharedSecret, password_based_mac
from runner.pki.names import directory_name, parse_name
from runner.pki.opening import PrivateKeyDecrypter, cannot_open
from runner.pki.proofs import check_signature_proof, input_with_mac, input_with_sender, prove_by_signature
from runner.pki.signers import PrivateKeySigner

SIGNER = PrivateKeySigner(ec.derive_private_key(0x2001, ec.SECP256R1()))
OTHER = PrivateKeySigner(ec.derive_private_key(0x2002, ec.SECP256R1()))
SENDER = directory_name(parse_name("C=FI, O=Example, CN=plant-7").der)
SECRET = SharedSecret(b"SiemensIT")
MAC = password_based_mac(b"salt of 16 octet", 100)
SUBJECT = parse_name("CN=web").der
REQUEST = CertRequest(cert_req_id=0, cert_template=CertTemplate(subject=SUBJECT, public_key=SIGNER.public_key_info))
BARE = CertRequest(cert_req_id=0, cert_template=CertTemplate(subject=SUBJECT))


def decrypter(kind, number=0):
    return PrivateKeyDecrypter(key_of(kind, number))


def check(chosen, request=REQUEST, *, key=SIGNER.public_key_info, sender=SENDER, secret=SECRET):
    """Through its octets and back, as the other end has it."""
    proof = PROOF_OF_POSSESSION.decode(PROOF_OF_POSSESSION.encode(chosen)).value
    check_signature_proof(proof, encode(request), key, sender=sender, secret=secret)


class TestSignature:
    def test_over_the_request(self):
        check(prove_by_signature(REQUEST, SIGNER))
        with pytest.raises(Unauthentic, match="private key"):
            check(prove_by_signature(REQUEST, OTHER))
        with pytest.raises(Unauthentic, match="private key"):
            check(prove_by_signature(REQUEST, SIGNER), BARE)

    def test_over_an_input_with_the_sender(self):
        chosen = prove_by_signature(BARE, SIGNER, input_with_sender(SENDER, SIGNER.public_key_info))
        check(chosen, BARE)
        with pytest.raises(Unauthentic, match="sender"):
            check(chosen, BARE, sender=directory_name(parse_name("CN=mallory").der))

    def test_over_an_input_with_a_mac(self):
        chosen = prove_by_signature(BARE, SIGNER, input_with_mac(SECRET, MAC, SIGNER.public_key_info))
        check(chosen, BARE)
        with pytest.raises(Unauthentic, match="MAC"):
            check(chosen, BARE, secret=SharedSecret(b"another"))
        with pytest.raises(Unauthentic, match="no shared secret"):
            check(chosen, BARE, secret=None)

    def test_the_tag_of_rfc_2511_s_text_is_read_too(self):
        about = input_with_mac(SECRET, MAC, SIGNER.public_key_info)
        inner = about.auth_info[(about.auth_info[1] & 0x80 and 2 + (about.auth_info[1] & 0x7F)) or 2 :]
        tagged = replace(about, auth_info=tlv(0xA1, inner))
        check(prove_by_signature(BARE, SIGNER, tagged), BARE)

    def test_an_input_about_another_key(self):
        chosen = prove_by_signature(BARE, SIGNER, input_with_sender(SENDER, OTHER.public_key_info))
        with pytest.raises(Unauthentic, match="another public key"):
            check(chosen, BARE)

    def test_an_input_is_signed_as_a_sequence(self):
        """RFC 4211 §4.1: universal SEQUENCE, not the implicit tag it travels under."""
        about = input_with_sender(SENDER, SIGNER.public_key_info)
        chosen = prove_by_signature(BARE, SIGNER, about)
        assert encode(about)[0] == 0x30
        assert encode(about) not in PROOF_OF_POSSESSION.encode(chosen)
        assert encode(about)[1:] in PROOF_OF_POSSESSION.encode(chosen)


class TestDecryption:
    @pytest.mark.parametrize(
        ("kind", "octets"),
        [("rsa", "a203810100"), ("ml-kem-768", "a203810100"), ("x25519", "a303810100"), ("p256", "a303810100")],
    )
    def test_keys_that_do_not_sign_prove_themselves_later(self, kind, octets):
        assert PROOF_OF_POSSESSION.encode(prove_by_decryption(decrypter(kind).public_key_info)).hex() == octets

    def test_or_by_a_challenge(self):
        chosen = prove_by_decryption(decrypter("rsa").public_key_info, by_challenge=True)
        assert PROOF_OF_POSSESSION.encode(chosen).hex() == "a203810101"


def enveloped(content, kind):
    public = decrypter(kind).public_key_info
    envelope = seal_envelope(DATA, content, recipient_of_request(public, 0), CountingEntropy())
    return Chosen("encryptedCert", ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope)))


def valued(content):
    value = seal_encrypted_value(content, decrypter("rsa").public_key_info, CountingEntropy())
    return Chosen("encryptedCert", ENCRYPTED_KEY.encode(Chosen("encryptedValue", value)))


def fails_alike(opening):
    with pytest.raises(ProtocolError) as caught:
        opening()
    assert (caught.value.what, caught.value.why) == (cannot_open().what, cannot_open().why)


class TestEncryptedCertificate:
    @pytest.mark.parametrize("kind", KINDS)
    def test_ours_opens(self, kind):
        der = certificate_for(key_of(kind).public_key()).der
        assert open_encrypted_certificate(enveloped(der, kind), decrypter(kind)).content == der

    def test_ours_opens_in_version_2(self):
        der = certificate_for(key_of("rsa").public_key()).der
        assert open_encrypted_certificate(valued(der), decrypter("rsa")).content == der

    def test_one_in_the_clear_is_itself(self):
        assert open_encrypted_certificate(Chosen("certificate", b"\x30\x00"), decrypter("rsa")).content == b"\x30\x00"

    @pytest.mark.parametrize("kind", ["rsa", "p256", "x448", "ml-kem-1024"])
    def test_anything_else_inside_never_comes_out(self, kind):
        """We decrypt certificates for our key, and nothing else that a server would like decrypted."""
        strangers = certificate_for(key_of(kind, 1).public_key()).der
        for content in (strangers, b"a letter to somebody", b"", pkcs8_der(key_of("p256"))):
            fails_alike(lambda content=content: open_encrypted_certificate(enveloped(content, kind), decrypter(kind)))

    def test_nor_in_version_2(self):
        for content in (certificate_for(key_of("rsa", 1).public_key()).der, pkcs8_der(key_of("p256"))):
            fails_alike(lambda content=content: open_encrypted_certificate(valued(content), decrypter("rsa")))


class TestChallenge:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_holder_answers(self, kind):
        challenge, number = make_challenge(SENDER, decrypter(kind).public_key_info, CountingEntropy())
        challenge = decode(Challenge, encode(challenge))
        assert answer_challenge(challenge, decrypter(kind), SENDER) == number
        fails_alike(lambda: answer_challenge(challenge, decrypter(kind, 1), SENDER))

    def test_the_holder_answers_in_version_2(self):
        challenge, number = make_challenge(SENDER, decrypter("rsa").public_key_info, CountingEntropy(), enveloped=False)
        assert challenge.encrypted_rand is None
        assert answer_challenge(challenge, decrypter("rsa"), SENDER) == number
        fails_alike(lambda: answer_challenge(challenge, decrypter("rsa", 1), SENDER))

    def test_version_2_is_for_rsa(self):
        with pytest.raises(ProtocolError, match="RSA"):
            make_challenge(SENDER, decrypter("p256").public_key_info, CountingEntropy(), enveloped=False)

    def test_another_sender_gets_no_answer(self):
        challenge, _ = make_challenge(SENDER, decrypter("p256").public_key_info, CountingEntropy())
        mallory = directory_name(parse_name("CN=mallory").der)
        fails_alike(lambda: answer_challenge(challenge, decrypter("p256"), mallory))

    def test_another_witness_gets_no_answer(self):
        challenge, _ = make_challenge(SENDER, decrypter("p256").public_key_info, CountingEntropy())
        fails_alike(lambda: answer_challenge(replace(challenge, witness=bytes(32)), decrypter("p256"), SENDER))

    def test_what_is_no_rand_gets_no_answer(self):
        public = decrypter("p256").public_key_info
        for content in (
            b"a letter",
            b"\x30\x00",
            INTEGER.encode(5),
            encode(Rand(integer=5, sender=SENDER)) + b"x" * 20,
        ):
            sealed = seal_envelope(DATA, content, recipient_of_request(public, 0), CountingEntropy())
            challenge, _ = make_challenge(SENDER, public, CountingEntropy())
            changed = replace(challenge, encrypted_rand=sealed)
            fails_alike(lambda changed=changed: answer_challenge(changed, decrypter("p256"), SENDER))

    def test_the_one_way_function_is_inherited(self):
        challenge, number = make_challenge(SENDER, decrypter("p256").public_key_info, CountingEntropy())
        later = replace(challenge, owf=None)
        assert answer_challenge(later, decrypter("p256"), SENDER, challenge.owf) == number
        with pytest.raises(ProtocolError, match="one-way function"):
            answer_challenge(later, decrypter("p256"), SENDER)
        with pytest.raises(ProtocolError, match="one-way function"):
            answer_challenge(replace(challenge, owf=AlgorithmIdentifier(algorithm="1.2.3")), decrypter("p256"), SENDER)

    @pytest.mark.parametrize(
        ("name", "answered"),
        [("CN=plant-7", True), ("O=Example, CN=plant-7", True), ("O=Example", False), ("CN=plant-8", False)],
    )
    def test_long_names_may_be_cut_in_version_2(self, name, answered):
        """RFC 4210 §5.2.8.3: as long as the common name is there."""
        short = directory_name(parse_name(name).der)
        challenge, number = make_challenge(short, decrypter("rsa").public_key_info, CountingEntropy(), enveloped=False)
        if answered:
            assert answer_challenge(challenge, decrypter("rsa"), SENDER) == number
        else:
            fails_alike(lambda: answer_challenge(challenge, decrypter("rsa"), SENDER))

    @pytest.mark.parametrize("reading", [INTEGER.encode, INTEGER.body, lambda n: n.to_bytes(1, "big")])
    def test_witnesses_of_every_reading(self, reading):
        entropy = CountingEntropy()
        challenge, number = make_challenge(SENDER, decrypter("p256").public_key_info, entropy)
        witness = digest_of("sha256", reading(number))
        assert answer_challenge(replace(challenge, witness=witness), decrypter("p256"), SENDER) == number
