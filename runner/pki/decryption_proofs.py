"""Proof by opening what was encrypted to the key: an encrypted certificate, or a challenge (RFC 4211 §4.2 and §4.3).

RFC 9810 §5.2.8. Both ends are here. What is decrypted leaves this module only as a certificate of our own key, or as
the number of a challenge that names its sender: we are nobody's decryption oracle. Proofs by signature: proofs.py.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import mlkem, rsa

from runner.asn1.algorithms import DER_NULL, HASHES, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.archive import CHALLENGE_RESP, ENCR_CERT, ENCRYPTED_KEY, POPO_PRIV_KEY
from runner.asn1.cms import DATA
from runner.asn1.infotypes import Challenge, Rand
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import RDN_SEQUENCE
from runner.errors import Malformed, ProtocolError
from runner.pki.certificates import parse_certificate
from runner.pki.encrypted_values import first_object, open_encrypted_value
from runner.pki.envelopes import open_envelope, recipient_of_request, seal_envelope
from runner.pki.names import name_in_general_name
from runner.pki.opening import Decrypter, OpenedValue, cannot_open, rsa_padding
from runner.pki.signing import load_public_key

if TYPE_CHECKING:
    from runner.ambient import Entropy

_SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1")
_RSA = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
_NUMBER_OCTETS = 8
_COMMON_NAME = "2.5.4.3"


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
