"""The ciphers under envelopes: AES-CBC and AES-GCM for content, AES Key Wrap for keys, Triple-DES to read old ones.

RFC 3565, RFC 5084, RFC 3394, RFC 3217, RFC 3211 §2.3 (PWRI-KEK). Pure octets in and out: every failure is the one
error of opening.py.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.parameters import GCMParameters
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import decode
from runner.errors import Unauthentic
from runner.pki.opening import cannot_open

if TYPE_CHECKING:
    from runner.ambient import Entropy

CIPHERS = {
    "aes128-cbc": "2.16.840.1.101.3.4.1.2",
    "aes192-cbc": "2.16.840.1.101.3.4.1.22",
    "aes256-cbc": "2.16.840.1.101.3.4.1.42",
    "3des-cbc": "1.2.840.113549.3.7",
}
"""Content ciphers by our names; all are read, and written where asked for."""
_CBC_KEYS = {CIPHERS["aes128-cbc"]: 16, CIPHERS["aes192-cbc"]: 24, CIPHERS["aes256-cbc"]: 32, CIPHERS["3des-cbc"]: 24}
_GCM_KEYS = {"2.16.840.1.101.3.4.1.6": 16, "2.16.840.1.101.3.4.1.26": 24, "2.16.840.1.101.3.4.1.46": 32}
WRAPS = {
    "2.16.840.1.101.3.4.1.5": 16,
    "2.16.840.1.101.3.4.1.25": 24,
    "2.16.840.1.101.3.4.1.45": 32,
}
"""AES Key Wrap → octets of the key-encryption key."""
TRIPLE_DES_WRAP = "1.2.840.113549.1.9.16.3.6"
PWRI_KEK = "1.2.840.113549.1.9.16.3.9"
_TRIPLE_DES_WRAP_VECTOR = bytes.fromhex("4adda22c79e82105")
_TRIPLE_DES_WRAPPED = 40
_TAG_OCTETS = (12, 16)


def key_octets(algorithm: AlgorithmIdentifier) -> int:
    """The octets of key that a content cipher takes. Unauthentic where we do not know it."""
    size = _CBC_KEYS.get(algorithm.algorithm) or _GCM_KEYS.get(algorithm.algorithm)
    if size is None:
        raise Unauthentic("the content is encrypted in a way that we do not know", why=algorithm.algorithm)
    return size


def wrap_octets(wrap: AlgorithmIdentifier) -> int:
    """The octets of the key-encryption key that a key wrap takes. Unauthentic where we do not know it."""
    size = 24 if wrap.algorithm == TRIPLE_DES_WRAP else WRAPS.get(wrap.algorithm)
    if size is None:
        raise Unauthentic("a key is wrapped in a way that we do not know", why=wrap.algorithm)
    return size


def encrypt(cipher: str, key: bytes, content: bytes, entropy: Entropy) -> tuple[AlgorithmIdentifier, bytes]:
    """`content` under a cipher of CIPHERS and a key of its size: (the algorithm with its fresh IV, ciphertext)."""
    block = _block(CIPHERS[cipher], key)
    vector = entropy.octets(block.block_size // 8)
    padder = PKCS7(block.block_size).padder()
    encryptor = Cipher(block, CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    return AlgorithmIdentifier(algorithm=CIPHERS[cipher], parameters=OCTET_STRING.encode(vector)), sealed


def decrypt(
    algorithm: AlgorithmIdentifier, key: bytes, ciphertext: bytes, tag: bytes | None = None, aad: bytes = b""
) -> bytes:
    """The content; ProtocolError where it does not open.

    `tag` and `aad` belong to AuthEnvelopedData; without a tag AES-GCM is taken to have it at the ciphertext's end, as
    some encoders of plain EnvelopedData do.
    """
    if algorithm.algorithm in _GCM_KEYS:
        return _decrypt_gcm(algorithm, key, ciphertext, tag, aad)
    if tag is not None:
        raise Unauthentic("an authenticated envelope with a cipher that authenticates nothing", why=algorithm.algorithm)
    padded = decrypt_raw(algorithm, key, ciphertext)
    unpadder = PKCS7(_block(algorithm.algorithm, key).block_size).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise cannot_open() from None


def decrypt_raw(algorithm: AlgorithmIdentifier, key: bytes, ciphertext: bytes) -> bytes:
    """The content with its padding, whatever that is: EncryptedValue has no rule for it. CBC only."""
    if algorithm.algorithm not in _CBC_KEYS or algorithm.parameters is None:
        raise Unauthentic("the content is encrypted in a way that we do not know", why=algorithm.algorithm)
    vector = OCTET_STRING.decode(algorithm.parameters)
    try:
        return _cbc(algorithm.algorithm, key, vector, ciphertext)
    except ValueError:
        raise cannot_open() from None


def _cbc(oid: str, key: bytes, vector: bytes, ciphertext: bytes) -> bytes:
    decryptor = Cipher(_block(oid, key), CBC(vector)).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()


def _block(oid: str, key: bytes) -> AES | TripleDES:
    return TripleDES(key) if oid == CIPHERS["3des-cbc"] else AES(key)


def _decrypt_gcm(algorithm: AlgorithmIdentifier, key: bytes, ciphertext: bytes, tag: bytes | None, aad: bytes) -> bytes:
    if algorithm.parameters is None:
        raise Unauthentic("AES-GCM without a nonce")
    parameters = decode(GCMParameters, algorithm.parameters)
    if tag is None:
        cut = max(len(ciphertext) - parameters.length, 0)
        ciphertext, tag = ciphertext[:cut], ciphertext[cut:]
    if not (_TAG_OCTETS[0] <= parameters.length <= _TAG_OCTETS[1] and len(tag) == parameters.length):
        raise cannot_open()
    try:
        decryptor = Cipher(AES(key), GCM(parameters.nonce, tag, min_tag_length=_TAG_OCTETS[0])).decryptor()
        decryptor.authenticate_additional_data(aad)
        return decryptor.update(ciphertext) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise cannot_open() from None


def wrap(algorithm: AlgorithmIdentifier, kek: bytes, key: bytes) -> bytes:
    """`key` wrapped by AES Key Wrap (RFC 3394)."""
    if len(kek) != WRAPS.get(algorithm.algorithm):
        raise ValueError("AES Key Wrap with a key-encryption key of another size")
    return aes_key_wrap(kek, key)


def unwrap(algorithm: AlgorithmIdentifier, kek: bytes, wrapped: bytes) -> bytes:
    """The key inside; ProtocolError where it does not open. `kek` has the size that `wrap_octets` says."""
    if algorithm.algorithm == TRIPLE_DES_WRAP:
        return _unwrap_triple_des(kek, wrapped)
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        raise cannot_open() from None


def _unwrap_triple_des(kek: bytes, wrapped: bytes) -> bytes:
    """RFC 3217 §3.2."""
    if len(wrapped) != _TRIPLE_DES_WRAPPED:
        raise cannot_open()
    oid = CIPHERS["3des-cbc"]
    inner = _cbc(oid, kek, _TRIPLE_DES_WRAP_VECTOR, wrapped)[::-1]
    key_and_check = _cbc(oid, kek, inner[:8], inner[8:])
    key, check = key_and_check[:24], key_and_check[24:]
    if not hmac.compare_digest(hashlib.sha1(key).digest()[:8], check):  # noqa: S324 - the standard's checksum
        raise cannot_open()
    return key


def unwrap_password(inner: AlgorithmIdentifier, kek: bytes, wrapped: bytes) -> bytes:
    """The key inside an id-alg-PWRI-KEK (RFC 3211 §2.3.2): CBC twice, over length, three check octets, key, padding."""
    if inner.parameters is None:
        raise Unauthentic("a key is wrapped by a password without an initialization vector")
    vector, size = OCTET_STRING.decode(inner.parameters), _block(inner.algorithm, kek).block_size // 8
    if len(wrapped) < 2 * size or len(wrapped) % size or len(vector) != size:
        raise cannot_open()
    last = _cbc(inner.algorithm, kek, wrapped[-2 * size : -size], wrapped[-size:])
    plain = _cbc(inner.algorithm, kek, vector, _cbc(inner.algorithm, kek, last, wrapped))
    length, check, rest = plain[0], plain[1:4], plain[4:]
    if not hmac.compare_digest(check, bytes(octet ^ 0xFF for octet in rest[:3])) or length > len(rest):
        raise cannot_open()
    return rest[:length]
