"""Private keys that decrypt, as a Protocol, and the one thing that is said when nothing opens (RFC 9810 §8.1).

Whatever goes wrong with a secret key in hand looks the same from outside: same error, same words, no cause. PKCS#1
v1.5 never fails at all (implicit rejection): a wrong padding gives random octets, and what they open is rubbish.
"""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15

from runner.asn1.algorithms import RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.parameters import P_SPECIFIED, RSAES_OAEP, RSAESOAEPParams
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import decode
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.pki.derivation import hash_name, hash_object
from runner.pki.signing import load_public_key, public_info
from runner.values import frozen

DecryptionKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
    | mlkem.MLKEM768PrivateKey
    | mlkem.MLKEM1024PrivateKey
)
"""Private keys that open what was encrypted for them."""


def cannot_open() -> ProtocolError:
    """The error for everything that goes wrong once a key is in play; raise it `from None`."""
    return ProtocolError(
        "what was encrypted for us cannot be opened",
        why="it is for another key or under another secret, or it was changed on its way",
    )


@frozen
class OpenedValue:
    """What was inside, one DER SEQUENCE; of an EncryptedValue its symmetric key, too, for the MAC of CMP v1's conf."""

    content: bytes = field(repr=False)
    key: bytes = field(repr=False)


class Decrypter(Protocol):
    """A private key that decrypts, wherever it is kept (a file now, a token later)."""

    @property
    def public_key_info(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        ...

    def decrypt(self, algorithm: AlgorithmIdentifier, ciphertext: bytes) -> bytes:
        """RSA: rsaEncryption or RSAES-OAEP. With the former a wrong padding gives random octets, never an error."""
        ...

    def agree(self, public_key_info: bytes) -> bytes:
        """EC, X25519, X448: the secret shared with the owner of a public key (SubjectPublicKeyInfo, DER)."""
        ...

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """ML-KEM: the shared secret of a ciphertext."""
        ...


class PrivateKeyDecrypter:
    """A Decrypter whose key is in memory. Its repr shows the kind of key and nothing else."""

    def __init__(self, key: DecryptionKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<PrivateKeyDecrypter {type(self._key).__name__}>"

    @cached_property
    def public_key_info(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        return public_info(self._key)

    def decrypt(self, algorithm: AlgorithmIdentifier, ciphertext: bytes) -> bytes:
        """As in Decrypter; ProtocolError where it cannot be opened."""
        padding = rsa_padding(algorithm)
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise cannot_open()
        try:
            return self._key.decrypt(ciphertext, padding)
        except ValueError:
            raise cannot_open() from None

    def agree(self, public_key_info: bytes) -> bytes:
        """As in Decrypter; ProtocolError where the keys are not of one kind, or the other one is degenerate."""
        try:
            return _agreed(self._key, public_key_info)
        except (ValueError, Malformed):
            raise cannot_open() from None

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """As in Decrypter; ProtocolError where the ciphertext has another length than our key's."""
        if not isinstance(self._key, mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey):
            raise cannot_open()
        try:
            return self._key.decapsulate(ciphertext)
        except ValueError:
            raise cannot_open() from None


def _agreed(key: DecryptionKey, public_key_info: bytes) -> bytes:
    peer = load_public_key(public_key_info)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(peer, ec.EllipticCurvePublicKey):
        return key.exchange(ec.ECDH(), peer)
    if isinstance(key, x25519.X25519PrivateKey) and isinstance(peer, x25519.X25519PublicKey):
        return key.exchange(peer)
    if isinstance(key, x448.X448PrivateKey) and isinstance(peer, x448.X448PublicKey):
        return key.exchange(peer)
    raise cannot_open()


def rsa_padding(algorithm: AlgorithmIdentifier) -> AsymmetricPadding:
    """The padding of rsaEncryption or RSAES-OAEP. Unauthentic for anything else; no secret is in play here."""
    if algorithm.algorithm == RSA_ENCRYPTION:
        return PKCS1v15()
    if algorithm.algorithm != RSAES_OAEP:
        raise Unauthentic("a key is transported in a way that we do not know", why=algorithm.algorithm)
    parameters = RSAESOAEPParams() if algorithm.parameters is None else decode(RSAESOAEPParams, algorithm.parameters)
    digest = "sha1" if parameters.hash_func is None else hash_name(parameters.hash_func)
    mask = "sha1" if parameters.mask_gen_func is None else _mask_hash(parameters.mask_gen_func)
    return OAEP(MGF1(hash_object(mask)), hash_object(digest), _label(parameters))


def _mask_hash(algorithm: AlgorithmIdentifier) -> str:
    return "sha1" if algorithm.parameters is None else hash_name(decode(AlgorithmIdentifier, algorithm.parameters))


def _label(parameters: RSAESOAEPParams) -> bytes | None:
    source = parameters.p_source_func
    if source is None or source.algorithm != P_SPECIFIED or source.parameters is None:
        return None
    return OCTET_STRING.decode(source.parameters) or None
