"""Proof that a requester holds the private key: by signature, by decryption later on, by challenge and response.

RFC 4211 §4, RFC 9810 §5.2.8. Both ends are here. What is decrypted leaves this module only as a
certificate of our own key, or as the number of a challenge that names its sender: we are nobody's decryption oracle.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import mlkem, rsa

from runner.asn1.algorithms import DER_NULL, HASHES, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.archive import CHALLENGE_RESP, ENCR_CERT, ENCRYPTED_KEY, POPO_PRIV_KEY, PKMACValue
from runner.asn1.cms import DATA
from runner.asn1.crmf import CertRequest, POPOSigningKey, POPOSigningKeyInput
from runner.asn1.der import read_header, tlv
from runner.asn1.infotypes import Challenge, Rand
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import Chosen, decode, encode, explicit_element
from runner.asn1.x509 import RDN_SEQUENCE
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.pki.certificates import parse_certificate
from runner.pki.encrypted_values import OpenedValue, first_object, open_encrypted_value
from runner.pki.envelopes import open_envelope, recipient_of_request, seal_envelope
from runner.pki.macs import SharedSecret, compute_mac, verify_mac
from runner.pki.names import name_in_general_name
from runner.pki.opening import Decrypter, cannot_open, rsa_padding
from runner.pki.signing import load_public_key, verify_signature

if TYPE_CHECKING:
    from runner.ambient import Entropy
    from runner.pki.signing import Signer

_SENDER_TAG, _TAGGED_MAC_TAG, _SEQUENCE_TAG = 0xA0, 0xA1, 0x30
_SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1")
_RSA = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
_NUMBER_OCTETS = 8
_COMMON_NAME = "2.5.4.3"


def input_with_sender(sender: bytes, public_key_info: bytes) -> POPOSigningKeyInput:
    """What is signed where the requester is known by name: `sender` (GeneralName, DER) and the key."""
    return POPOSigningKeyInput(auth_info=explicit_element(0, sender), public_key=public_key_info)


def input_with_mac(secret: SharedSecret, algorithm: AlgorithmIdentifier, public_key_info: bytes) -> POPOSigningKeyInput:
    """What is signed where the requester has a shared secret only: a PasswordBasedMac over the key, and the key."""
    value = PKMACValue(alg_id=algorithm, value=compute_mac(secret, algorithm, public_key_info))
    return POPOSigningKeyInput(auth_info=encode(value), public_key=public_key_info)


def prove_by_signature(request: CertRequest, signer: Signer, about: POPOSigningKeyInput | None = None) -> Chosen:
    """The ProofOfPossession `signature` over the request, or over `about` where that is given."""
    data = encode(request) if about is None else encode(about)
    return Chosen(
        "signature",
        POPOSigningKey(poposk_input=about, algorithm=signer.algorithm, signature=signer.sign(data)),
    )


def check_signature_proof(
    proof: POPOSigningKey, request: bytes, public_key_info: bytes, *, sender: bytes, secret: SharedSecret | None
) -> None:
    """Unauthentic where a POPOSigningKey does not prove possession of the key.

    `request` is the CertRequest as it came, `sender` the message's (GeneralName, DER), `secret` what its publicKeyMAC
    is judged by.
    """
    data = request
    if proof.poposk_input is not None:
        _check_input(proof.poposk_input, public_key_info, sender, secret)
        data = encode(proof.poposk_input)
    if not verify_signature(public_key_info, proof.algorithm, proof.signature, data):
        raise Unauthentic("the proof of possession is not by the private key of the public key")


def _check_input(
    about: POPOSigningKeyInput, public_key_info: bytes, sender: bytes, secret: SharedSecret | None
) -> None:
    if about.public_key != public_key_info:
        raise Unauthentic("the proof of possession is about another public key")
    tag, start, stop = read_header(about.auth_info, 0, len(about.auth_info))
    if tag == _SENDER_TAG:
        if about.auth_info[start:stop] != sender:
            raise Unauthentic("the sender in the proof of possession is not that of the message")
        return
    if secret is None:
        raise Unauthentic("the proof of possession has a MAC, and there is no shared secret to judge it by")
    value = about.auth_info
    if tag == _TAGGED_MAC_TAG:  # as the text of RFC 2511 has it, against its module
        value = tlv(_SEQUENCE_TAG, value[start:stop])
    mac = decode(PKMACValue, value)
    if not verify_mac(secret, mac.alg_id, mac.value, public_key_info):
        raise Unauthentic("the MAC in the proof of possession is wrong")


def prove_by_decryption(public_key_info: bytes, *, by_challenge: bool = False) -> Chosen:
    """The ProofOfPossession of a key that decrypts: an encrypted certificate, or a challenge (RFC 4211 §4.2, §4.3).

    RSA and ML-KEM keys encipher keys, all others agree on them.
    """
    key = load_public_key(public_key_info)
    enciphers = isinstance(key, rsa.RSAPublicKey | mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey)
    message = CHALLENGE_RESP if by_challenge else ENCR_CERT
    inner = POPO_PRIV_KEY.encode(Chosen("subsequentMessage", message))
    return Chosen("keyEncipherment" if enciphers else "keyAgreement", inner)


def open_encrypted_certificate(cert_or_enc_cert: Chosen, opener: Decrypter) -> OpenedValue:
    """The certificate (DER) of a CertOrEncCert, decrypted where need be; and the symmetric key of an EncryptedValue.

    A decrypted one that is not a certificate of the opener's own key is the ProtocolError of everything that fails to
    open: nothing else that a server had encrypted leaves this function.
    """
    if cert_or_enc_cert.name == "certificate":
        return OpenedValue(bytes(cert_or_enc_cert.value), b"")
    encrypted = ENCRYPTED_KEY.decode(cert_or_enc_cert.value)
    if encrypted.name == "encryptedValue":
        opened = open_encrypted_value(encrypted.value, opener)
    else:
        opened = OpenedValue(open_envelope(encrypted.value, opener), b"")
    if not _is_certificate_for(opened.content, opener.public_key_info):
        raise cannot_open()
    return opened


def _is_certificate_for(content: bytes, public_key_info: bytes) -> bool:
    try:
        found = load_public_key(parse_certificate(content).public_key_info)
    except Malformed:
        return False
    return found == load_public_key(public_key_info)


def answer_challenge(
    challenge: Challenge, opener: Decrypter, sender: bytes, owf: AlgorithmIdentifier | None = None
) -> int:
    """The number that answers a challenge (an element of popdecr).

    `sender` is that of the message with the challenge (GeneralName, DER); `owf` that of the first challenge, which the
    others inherit. Whatever does not fit (Rand, witness, sender) is the one ProtocolError of what fails to open.
    """
    function = challenge.owf or owf
    name = None if function is None else HASHES.get(function.algorithm)
    if name is None:
        raise ProtocolError("a challenge has a one-way function that we do not know")
    if challenge.encrypted_rand is not None:
        rand = _rand(open_envelope(challenge.encrypted_rand, opener))
        fits = rand.sender == sender
    else:
        rand = _rand(opener.decrypt(_RSA, challenge.challenge))
        fits = rand.sender == sender or _abbreviates(rand.sender, sender)
    if not fits or not _witnessed(name, rand.integer, challenge.witness):
        raise cannot_open()
    return rand.integer


def _rand(octets: bytes) -> Rand:
    try:
        return decode(Rand, first_object(octets))
    except Malformed:
        raise cannot_open() from None


def _witnessed(owf: str, number: int, witness: bytes) -> bool:
    """Whether `witness` is the hash of the number: of its DER, or of its octets alone, as servers differ in it."""
    readings = (INTEGER.encode(number), INTEGER.body(number), INTEGER.body(number).lstrip(b"\x00"))
    return any(hmac.compare_digest(hashlib.new(owf, reading).digest(), witness) for reading in readings)


def _abbreviates(short: bytes, sender: bytes) -> bool:
    """Whether a directory name is part of another and has its common name: long ones may be cut (RFC 4210 §5.2.8.3)."""
    one, other = name_in_general_name(short), name_in_general_name(sender)
    if one is None or other is None:
        return False
    try:
        part, whole = RDN_SEQUENCE.decode(one), RDN_SEQUENCE.decode(other)
    except Malformed:
        return False
    named = any(attribute.type == _COMMON_NAME for rdn in part for attribute in rdn)
    return named and all(rdn in whole for rdn in part)


def make_challenge(
    sender: bytes, public_key_info: bytes, entropy: Entropy, *, cert_req_id: int = 0, enveloped: bool = True
) -> tuple[Challenge, int]:
    """A challenge for the holder of a key, and the number that answers it.

    `enveloped` is CMP v3's way, for every key that decrypts; otherwise RSA encrypts Rand itself (v2). ProtocolError
    where the key cannot do that.
    """
    number = int.from_bytes(entropy.octets(_NUMBER_OCTETS), "big")
    rand = encode(Rand(integer=number, sender=sender))
    witness = hashlib.sha256(INTEGER.encode(number)).digest()
    if enveloped:
        sealed = seal_envelope(DATA, rand, recipient_of_request(public_key_info, cert_req_id), entropy)
        return Challenge(owf=_SHA256, witness=witness, challenge=b"", encrypted_rand=sealed), number
    key = load_public_key(public_key_info)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ProtocolError("a challenge of CMP v2 needs an RSA key", next_step="use CMP version 3")
    return Challenge(owf=_SHA256, witness=witness, challenge=key.encrypt(rand, rsa_padding(_RSA))), number
