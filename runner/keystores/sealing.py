"""Private keys under a passphrase: EncryptedPrivateKeyInfo (RFC 5958 §3) with PBES2 (RFC 8018 §6.2).

PBKDF2 with HMAC-SHA-256 and AES-256-CBC, which every OpenSSL since 1.0 opens. We write it ourselves because
`cryptography` (50) leaves PBKDF2 at OpenSSL's 2048 iterations and has no way to ask for more. Opening such
files, and those of others, is left to runner.keystores.formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from runner.asn1.algorithms import DER_NULL, AlgorithmIdentifier
from runner.asn1.primitives import INTEGER, OCTET_STRING
from runner.asn1.structures import encode, sequence

if TYPE_CHECKING:
    from runner.ambient import Entropy

ITERATIONS = 600_000
"""What OWASP's Password Storage Cheat Sheet asks of PBKDF2-HMAC-SHA-256: about 0.1 s for us, and for each guess."""
_SALT_OCTETS = 16
_KEY_OCTETS = 32
_BLOCK_OCTETS = 16
_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_HMAC_WITH_SHA256 = "1.2.840.113549.2.9"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"


@sequence
class PBKDF2Params:
    """PBKDF2-params (RFC 8018 §A.2), as we write it.

    SEQUENCE { salt CHOICE { specified OCTET STRING, … }, iterationCount INTEGER, keyLength INTEGER OPTIONAL,
               prf AlgorithmIdentifier DEFAULT algid-hmacWithSHA1 }
    """

    salt: Annotated[bytes, OCTET_STRING]
    iteration_count: Annotated[int, INTEGER]
    prf: AlgorithmIdentifier


@sequence
class PBES2Params:
    """PBES2-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier, encryptionScheme AlgorithmIdentifier }."""

    key_derivation_func: AlgorithmIdentifier
    encryption_scheme: AlgorithmIdentifier


@sequence
class EncryptedPrivateKeyInfo:
    """SEQUENCE { encryptionAlgorithm AlgorithmIdentifier, encryptedData OCTET STRING } (RFC 5958 §3)."""

    encryption_algorithm: AlgorithmIdentifier
    encrypted_data: Annotated[bytes, OCTET_STRING]


class Seal:
    """A passphrase, ready to seal any number of keys; deriving it takes a moment, each key then takes none.

    The files share a salt, each has its own initialization vector. Sharing costs nothing: they share the passphrase
    too, and whoever guesses it for one file has opened all.
    """

    __slots__ = ("_derivation", "_entropy", "_key")

    def __init__(self, passphrase: bytes, entropy: Entropy) -> None:
        salt = entropy.octets(_SALT_OCTETS)
        self._entropy = entropy
        self._key = PBKDF2HMAC(SHA256(), _KEY_OCTETS, salt, ITERATIONS).derive(passphrase)
        prf = AlgorithmIdentifier(algorithm=_HMAC_WITH_SHA256, parameters=DER_NULL)
        parameters = encode(PBKDF2Params(salt=salt, iteration_count=ITERATIONS, prf=prf))
        self._derivation = AlgorithmIdentifier(algorithm=_PBKDF2, parameters=parameters)

    def close(self, private_key_info: bytes) -> bytes:
        """PrivateKeyInfo → EncryptedPrivateKeyInfo, both DER."""
        vector = self._entropy.octets(_BLOCK_OCTETS)
        scheme = AlgorithmIdentifier(algorithm=_AES256_CBC, parameters=OCTET_STRING.encode(vector))
        parameters = encode(PBES2Params(key_derivation_func=self._derivation, encryption_scheme=scheme))
        algorithm = AlgorithmIdentifier(algorithm=_PBES2, parameters=parameters)
        sealed = self._encrypted(private_key_info, vector)
        return encode(EncryptedPrivateKeyInfo(encryption_algorithm=algorithm, encrypted_data=sealed))

    def _encrypted(self, octets: bytes, vector: bytes) -> bytes:
        padder = PKCS7(8 * _BLOCK_OCTETS).padder()
        encryptor = Cipher(AES256(self._key), CBC(vector)).encryptor()
        return encryptor.update(padder.update(octets) + padder.finalize()) + encryptor.finalize()
