"""EncryptedValue opened and sealed: how CMP v1 and v2 encrypt certificates and private keys (RFC 4211 §2.1).

A symmetric key under an RSA key, the content under it in CBC mode. No rule says how the content is padded, and nothing
authenticates it: the message's own protection must have been verified before anything here is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from runner.asn1.algorithms import DER_NULL, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.archive import EncryptedValue
from runner.asn1.der import SEQUENCE_TAG, read_header
from runner.errors import Malformed, ProtocolError
from runner.pki.ciphers import CIPHERS, decrypt_raw, encrypt, key_octets
from runner.pki.envelopes import key_transport
from runner.pki.opening import Decrypter, OpenedValue, cannot_open, rsa_padding
from runner.pki.recipients import transported_key
from runner.pki.signing import load_public_key

if TYPE_CHECKING:
    from runner.ambient import Entropy

_LARGEST_BLOCK = 16
_RSA = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)


def open_encrypted_value(value: EncryptedValue, opener: Decrypter) -> OpenedValue:
    """The content of a value for our RSA key.

    ProtocolError or Unauthentic with a reason for what is missing or unknown; one and the same ProtocolError for
    everything that fails once the key is in play.
    """
    if value.symm_alg is None or value.enc_symm_key is None:
        raise ProtocolError(
            "an encrypted value does not say how it is encrypted", why="symmAlg or encSymmKey is absent"
        )
    algorithm = value.key_alg or _RSA
    rsa_padding(algorithm)
    key = transported_key(opener, algorithm, value.enc_symm_key, key_octets(value.symm_alg))
    if len(key) != key_octets(value.symm_alg):
        raise cannot_open()  # OAEP tells
    return OpenedValue(first_object(decrypt_raw(value.symm_alg, key, value.enc_value)), key)


def first_object(padded: bytes) -> bytes:
    """The one DER SEQUENCE that decrypted octets begin with; behind it at most a block of padding of any kind."""
    try:
        tag, _, stop = read_header(padded, 0, len(padded))
    except Malformed:
        raise cannot_open() from None
    if tag != SEQUENCE_TAG or len(padded) - stop > _LARGEST_BLOCK:
        raise cannot_open()
    return padded[:stop]


def fresh_key(entropy: Entropy, cipher: str = "aes256-cbc") -> bytes:
    """A symmetric key for a cipher."""
    return entropy.octets(key_octets(AlgorithmIdentifier(algorithm=CIPHERS[cipher])))


def seal_encrypted_value(
    content: bytes,
    public_key_info: bytes,
    entropy: Entropy,
    *,
    cipher: str = "aes256-cbc",
    intended: AlgorithmIdentifier | None = None,
    key: bytes | None = None,
) -> EncryptedValue:
    """`content` (a certificate or PrivateKeyInfo, DER) for an RSA key, its symmetric key by PKCS#1 v1.5.

    `intended` is the algorithm that a private key inside is for, `key` a symmetric key that was chosen before, of the
    cipher's length. ProtocolError where the key is not RSA.
    """
    public = load_public_key(public_key_info)
    if not isinstance(public, rsa.RSAPublicKey):
        raise ProtocolError("an EncryptedValue needs an RSA key to encrypt to", next_step="use CMP version 3")
    key = key or fresh_key(entropy, cipher)
    symmetric, encrypted = encrypt(cipher, key, content, entropy)
    transport, wrapped = key_transport(public, key, "pkcs1")
    return EncryptedValue(
        intended_alg=intended, symm_alg=symmetric, enc_symm_key=wrapped, key_alg=transport, enc_value=encrypted
    )
