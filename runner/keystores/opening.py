"""Opening an EncryptedPrivateKeyInfo by hand (RFC 8018 §6.2.2), for keys inside that `cryptography` does not read.

PBES2 alone, with PBKDF2 or scrypt and AES-CBC: what seals post-quantum keys is of our days.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from runner.asn1.algorithms import HMACS, AlgorithmIdentifier
from runner.asn1.parameters import PBKDF2, PBKDF2Params
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import decode
from runner.keystores.sealing import (
    PBES2,
    SCRYPT,
    EncryptedPrivateKeyInfo,
    PBES2Params,
    ScryptParams,
)

_KEY_OCTETS = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
"""AES-CBC with each length of key."""
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_MOST_ROUNDS = 10_000_000
_MOST_MEMORY = 1 << 30


def opened(der: bytes, passphrase: bytes) -> bytes:
    """The octets inside. ValueError, or Malformed: the passphrase is wrong, or it is sealed in another way."""
    sealed = decode(EncryptedPrivateKeyInfo, der)
    algorithm = sealed.encryption_algorithm
    if algorithm.algorithm != PBES2 or algorithm.parameters is None:
        raise ValueError
    parameters = decode(PBES2Params, algorithm.parameters)
    scheme = parameters.encryption_scheme
    if scheme.algorithm not in _KEY_OCTETS or scheme.parameters is None:
        raise ValueError
    key = _derived(parameters.key_derivation_func, passphrase, _KEY_OCTETS[scheme.algorithm])
    decryptor = Cipher(AES(key), CBC(OCTET_STRING.decode(scheme.parameters))).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(sealed.encrypted_data) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def _derived(derivation: AlgorithmIdentifier, passphrase: bytes, length: int) -> bytes:
    if derivation.algorithm == PBKDF2 and derivation.parameters is not None:
        return _pbkdf2(decode(PBKDF2Params, derivation.parameters), passphrase, length)
    if derivation.algorithm == SCRYPT and derivation.parameters is not None:
        return _scrypt(decode(ScryptParams, derivation.parameters), passphrase, length)
    raise ValueError


def _pbkdf2(said: PBKDF2Params, passphrase: bytes, length: int) -> bytes:
    name = HMACS.get(said.prf.algorithm, "")
    if name not in _HASHES or said.iteration_count > _MOST_ROUNDS:
        raise ValueError
    return PBKDF2HMAC(_HASHES[name], length, said.salt, said.iteration_count).derive(passphrase)


def _scrypt(said: ScryptParams, passphrase: bytes, length: int) -> bytes:
    if said.cost * said.block_size * said.parallelization * 128 > _MOST_MEMORY:
        raise ValueError
    return Scrypt(said.salt, length, said.cost, said.block_size, said.parallelization).derive(passphrase)
