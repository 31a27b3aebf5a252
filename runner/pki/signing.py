"""Signatures by AlgorithmIdentifier: RSA PKCS#1 v1.5 and PSS, ECDSA, Ed25519, Ed448 (RFC 9481 §3; dossier §4.2).

A Signer makes them, wherever its key is kept; `verify_signature` judges them. MD5 and MD2 are refused by not being
in the tables; SHA-1 is verified only where the caller says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from runner.asn1.algorithms import (
    DER_NULL,
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    RSA_SIGNATURES,
    RSASSA_PSS,
    AlgorithmIdentifier,
    RSASSAPSSParams,
)
from runner.asn1.structures import decode
from runner.errors import Malformed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - read only, and only by those who ask
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.11", parameters=DER_NULL)
_ECDSA_BY_CURVE = {
    "secp384r1": (AlgorithmIdentifier(algorithm="1.2.840.10045.4.3.3"), hashes.SHA384()),
    "secp521r1": (AlgorithmIdentifier(algorithm="1.2.840.10045.4.3.4"), hashes.SHA512()),
}
_ECDSA_DEFAULT = (AlgorithmIdentifier(algorithm="1.2.840.10045.4.3.2"), hashes.SHA256())

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
"""Private keys that sign."""


@dataclass(frozen=True, slots=True)
class SignedBits:
    """A signature and the algorithm that made it."""

    algorithm: AlgorithmIdentifier
    bits: bytes


class Signer(Protocol):
    """A private key that signs, wherever it is kept (a file now, a token later)."""

    @property
    def public_key_info(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        ...

    @property
    def algorithm(self) -> AlgorithmIdentifier:
        """The algorithm that `sign` uses; it goes into headers before they are signed."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        ...


class PrivateKeySigner:
    """A Signer whose key is in memory. Its repr shows the kind of key and nothing else."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public_key_info = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.algorithm = _algorithm_for(key)

    def __repr__(self) -> str:
        return f"<PrivateKeySigner {self.algorithm.algorithm}>"

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: SHA-256, or the hash that matches the curve."""
        key = self._key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(_ECDSA_BY_CURVE.get(key.curve.name, _ECDSA_DEFAULT)[1]))
        return key.sign(data)


def _algorithm_for(key: PrivateKey) -> AlgorithmIdentifier:
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA_SHA256
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _ECDSA_BY_CURVE.get(key.curve.name, _ECDSA_DEFAULT)[0]
    return AlgorithmIdentifier(algorithm=ED25519 if isinstance(key, ed25519.Ed25519PrivateKey) else ED448)


def sign(signer: Signer, data: bytes) -> SignedBits:
    """`data` signed, with the algorithm beside the signature."""
    return SignedBits(signer.algorithm, signer.sign(data))


@lru_cache(maxsize=256)
def load_public_key(public_key_info: bytes) -> PublicKeyTypes:
    """The key in a SubjectPublicKeyInfo; Malformed where it is none, or of a kind that we do not know."""
    try:
        return serialization.load_der_public_key(public_key_info)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Malformed("a public key cannot be read", why=str(problem)) from problem


def verify_signature(
    public_key_info: bytes, algorithm: AlgorithmIdentifier, signature: bytes, data: bytes, *, allow_sha1: bool = False
) -> bool:
    """Whether `signature` over `data` was made by that key with that algorithm. Unknown algorithms are a plain no."""
    key, oid = load_public_key(public_key_info), algorithm.algorithm
    named = RSA_SIGNATURES.get(oid) or ECDSA_SIGNATURES.get(oid)
    if named == "sha1" and not allow_sha1:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey) and oid in RSA_SIGNATURES:
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[RSA_SIGNATURES[oid]])
        elif isinstance(key, rsa.RSAPublicKey) and oid == RSASSA_PSS:
            key.verify(signature, data, *_pss(algorithm, allow_sha1=allow_sha1))
        elif isinstance(key, ec.EllipticCurvePublicKey) and oid in ECDSA_SIGNATURES:
            key.verify(signature, data, ec.ECDSA(_HASHES[ECDSA_SIGNATURES[oid]]))
        elif (isinstance(key, ed25519.Ed25519PublicKey) and oid == ED25519) or (
            isinstance(key, ed448.Ed448PublicKey) and oid == ED448
        ):
            key.verify(signature, data)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _pss(algorithm: AlgorithmIdentifier, *, allow_sha1: bool) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    """Padding and hash of RSASSA-PSS parameters; MGF1 with the same hash, as everyone does (RFC 4055 §3.1)."""
    if algorithm.parameters is None:
        raise Malformed("RSASSA-PSS without parameters")
    parameters = decode(RSASSAPSSParams, algorithm.parameters)
    named = "sha1" if parameters.hash_algorithm is None else HASHES.get(parameters.hash_algorithm.algorithm)
    if named is None or (named == "sha1" and not allow_sha1):
        raise UnsupportedAlgorithm("RSASSA-PSS with a hash that is not accepted")
    digest = _HASHES[named]
    return padding.PSS(padding.MGF1(digest), parameters.salt_length), digest
