"""Private keys under a passphrase: EncryptedPrivateKeyInfo (RFC 5958 §3) with PBES2 (RFC 8018 §6.2).

PBKDF2 with HMAC-SHA-256 and AES-256-CBC, which every OpenSSL since 1.0 opens, or scrypt (RFC 7914). We write it
ourselves because `cryptography` (50) leaves PBKDF2 at OpenSSL's 2048 iterations and has no way to ask for more.
Opening such files, and those of others, is left to runner.keystores.pkcs8.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Annotated

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from runner.asn1.algorithms import DER_NULL, AlgorithmIdentifier
from runner.asn1.parameters import PBKDF2, PBKDF2Params
from runner.asn1.primitives import INTEGER, OCTET_STRING
from runner.asn1.structures import encode, sequence
from runner.pki.keyurls import Sealing

if TYPE_CHECKING:
    from runner.ambient import Entropy

ITERATIONS = 600_000
"""What OWASP's Password Storage Cheat Sheet asks of PBKDF2-HMAC-SHA-256: about 0.1 s for us, and for each guess."""
SCRYPT_COST = 16384
"""Of scrypt with blocks of 8: the most that OpenSSL's tools open in the 32 MiB they allow themselves."""
_SCRYPT_BLOCK = 8
_SALT_OCTETS = 16
_KEY_OCTETS = 32
_BLOCK_OCTETS = 16
PBES2 = "1.2.840.113549.1.5.13"
SCRYPT = "1.3.6.1.4.1.11591.4.11"
_HMAC_WITH_SHA256 = "1.2.840.113549.2.9"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"


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


@sequence
class ScryptParams:
    """scrypt-params (RFC 7914 §7): SEQUENCE { salt, costParameter, blockSize, parallelizationParameter, keyLength }."""

    salt: Annotated[bytes, OCTET_STRING]
    cost: Annotated[int, INTEGER]
    block_size: Annotated[int, INTEGER]
    parallelization: Annotated[int, INTEGER]
    key_length: Annotated[int | None, INTEGER] = None


class Seal:
    """A passphrase, ready to seal any number of keys; deriving it takes a moment, each key then takes none.

    PKCS#8 files share a salt, each has its own initialization vector. Sharing costs nothing: they share the
    passphrase too, and whoever guesses it for one file has opened all. Other formats derive in their own way, from
    `passphrase`.
    """

    __slots__ = ("_derived", "_lock", "entropy", "passphrase", "sealing")

    def __init__(self, passphrase: bytes, entropy: Entropy, sealing: Sealing = Sealing()) -> None:  # noqa: B008 - frozen
        self.passphrase = passphrase
        self.entropy = entropy
        self.sealing = sealing
        self._derived: tuple[AlgorithmIdentifier, bytes] | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return "Seal(***)"

    def close(self, private_key_info: bytes) -> bytes:
        """PrivateKeyInfo → EncryptedPrivateKeyInfo, both DER."""
        derivation, key = self._derivation()
        vector = self.entropy.octets(_BLOCK_OCTETS)
        scheme = AlgorithmIdentifier(algorithm=_AES256_CBC, parameters=OCTET_STRING.encode(vector))
        parameters = encode(PBES2Params(key_derivation_func=derivation, encryption_scheme=scheme))
        algorithm = AlgorithmIdentifier(algorithm=PBES2, parameters=parameters)
        sealed = _encrypted(key, private_key_info, vector)
        return encode(EncryptedPrivateKeyInfo(encryption_algorithm=algorithm, encrypted_data=sealed))

    def _derivation(self) -> tuple[AlgorithmIdentifier, bytes]:
        """How the key is derived, and the key; threads that come meanwhile wait for it."""
        with self._lock:
            if self._derived is None:
                derive = _scrypt if self.sealing.kdf == "scrypt" else _pbkdf2
                self._derived = derive(self.passphrase, self.entropy.octets(_SALT_OCTETS), self.sealing.rounds)
            return self._derived


def _pbkdf2(passphrase: bytes, salt: bytes, rounds: int) -> tuple[AlgorithmIdentifier, bytes]:
    rounds = rounds or ITERATIONS
    prf = AlgorithmIdentifier(algorithm=_HMAC_WITH_SHA256, parameters=DER_NULL)
    parameters = encode(PBKDF2Params(salt=salt, iteration_count=rounds, prf=prf))
    key = PBKDF2HMAC(SHA256(), _KEY_OCTETS, salt, rounds).derive(passphrase)
    return AlgorithmIdentifier(algorithm=PBKDF2, parameters=parameters), key


def _scrypt(passphrase: bytes, salt: bytes, rounds: int) -> tuple[AlgorithmIdentifier, bytes]:
    cost = rounds or SCRYPT_COST
    parameters = encode(ScryptParams(salt=salt, cost=cost, block_size=_SCRYPT_BLOCK, parallelization=1))
    key = Scrypt(salt, _KEY_OCTETS, cost, _SCRYPT_BLOCK, 1).derive(passphrase)
    return AlgorithmIdentifier(algorithm=SCRYPT, parameters=parameters), key


def _encrypted(key: bytes, octets: bytes, vector: bytes) -> bytes:
    padder = PKCS7(8 * _BLOCK_OCTETS).padder()
    encryptor = Cipher(AES256(key), CBC(vector)).encryptor()
    return encryptor.update(padder.update(octets) + padder.finalize()) + encryptor.finalize()
