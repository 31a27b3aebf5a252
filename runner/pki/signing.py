"""Signatures by AlgorithmIdentifier: RSA PKCS#1 v1.5 and PSS, ECDSA, EdDSA, DSA, ML-DSA (RFC 9481 §3, RFC 9881).

A Signer makes them, wherever its key is kept; `verify_signature` judges them. MD5 and MD2 are refused by not being
in the tables; SHA-1 is verified only where the caller says so. ECDSA with SHAKE is verified, RSASSA-PSS with SHAKE is
not: `cryptography` has no mask generation by SHAKE.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from runner.asn1.algorithms import (
    DSA_SIGNATURES,
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
from runner.values import frozen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

SIGNATURE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - read only, and only by those who ask
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
ECDSA_HASHES = {name: ec.ECDSA(digest) for name, digest in SIGNATURE_HASHES.items()}
_LONGEST_SALT = 2048
"""Octets of an RSA modulus; a salt is shorter."""
_ECDSA_SHAKES: dict[str, tuple[str, int, hashes.HashAlgorithm]] = {
    "1.3.6.1.5.5.7.6.32": ("shake_128", 32, hashes.SHA256()),
    "1.3.6.1.5.5.7.6.33": ("shake_256", 64, hashes.SHA512()),
}
"""ECDSA with SHAKE (RFC 8692 §3): the function, its octets, and a hash of that length to pass them off as."""

_MlDsaPrivate = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
_MlDsaPublic = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
ML_DSA: dict[str, tuple[type[_MlDsaPrivate], type[_MlDsaPublic]]] = {
    "2.16.840.1.101.3.4.3.17": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "2.16.840.1.101.3.4.3.18": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "2.16.840.1.101.3.4.3.19": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}
"""Pure ML-DSA with an empty context (RFC 9881 §2)."""

_RSA_BITS = (1024, 16_384)
"""Moduli that signatures are verified with: shorter ones are broken, longer ones only cost time."""
_LONGEST_KEY = 16_384
"""Octets of a SubjectPublicKeyInfo; keys are remembered."""


@frozen
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


def sign(signer: Signer, data: bytes) -> SignedBits:
    """`data` signed, with the algorithm beside the signature."""
    return SignedBits(signer.algorithm, signer.sign(data))


_PLAIN: dict[str, type[ed25519.Ed25519PublicKey | ed448.Ed448PublicKey | _MlDsaPublic]] = {
    ED25519: ed25519.Ed25519PublicKey,
    ED448: ed448.Ed448PublicKey,
    **{oid: public for oid, (_, public) in ML_DSA.items()},
}
"""Algorithms that take the data as it is → their public keys."""
SIGNATURE_ALGORITHMS = frozenset(
    (*RSA_SIGNATURES, *ECDSA_SIGNATURES, *_ECDSA_SHAKES, *DSA_SIGNATURES, RSASSA_PSS, *_PLAIN)
)
"""Every signature algorithm that `verify_signature` knows."""


@lru_cache(maxsize=256)
def load_public_key(public_key_info: bytes) -> PublicKeyTypes:
    """The key in a SubjectPublicKeyInfo; Malformed where it is none, or of a kind that we do not know."""
    if len(public_key_info) > _LONGEST_KEY:
        raise Malformed("a public key is absurdly long", why=f"{len(public_key_info)} octets")
    try:
        return serialization.load_der_public_key(public_key_info)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Malformed("a public key cannot be read", why=str(problem)) from problem


def public_info(key: PrivateKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a private key."""
    return info_of(key.public_key())


def info_of(key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a public key."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def verify_signature(
    public_key_info: bytes, algorithm: AlgorithmIdentifier, signature: bytes, data: bytes, *, allow_sha1: bool = False
) -> bool:
    """Whether `signature` over `data` was made by that key with that algorithm. What is unknown or weak is a no."""
    oid = algorithm.algorithm
    named = RSA_SIGNATURES.get(oid) or ECDSA_SIGNATURES.get(oid) or DSA_SIGNATURES.get(oid)
    if named == "sha1" and not allow_sha1:
        return False
    try:
        _verify(load_public_key(public_key_info), algorithm, signature, data, allow_sha1=allow_sha1)
    except (InvalidSignature, UnsupportedAlgorithm, Malformed, KeyError, ValueError):
        return False  # KeyError: an algorithm of other keys; ValueError: a hash too long for the key
    return True


def _verify(
    key: PublicKeyTypes, algorithm: AlgorithmIdentifier, signature: bytes, data: bytes, *, allow_sha1: bool
) -> None:
    """Return where the signature is good; raise one of many things where it is not."""
    oid = algorithm.algorithm
    if isinstance(key, ec.EllipticCurvePublicKey):
        _verify_ecdsa(key, oid, signature, data)
    elif isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        key.verify(signature, data, *_rsa_padding(algorithm, allow_sha1=allow_sha1))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, data, SIGNATURE_HASHES[DSA_SIGNATURES[oid]])
    elif oid in _PLAIN and isinstance(key, _PLAIN[oid]):
        key.verify(signature, data)
    else:
        raise UnsupportedAlgorithm("no signature of this kind of key")


def _rsa_padding(
    algorithm: AlgorithmIdentifier, *, allow_sha1: bool
) -> tuple[padding.PSS | padding.PKCS1v15, hashes.HashAlgorithm]:
    if algorithm.algorithm == RSASSA_PSS:
        return _pss(algorithm, allow_sha1=allow_sha1)
    return padding.PKCS1v15(), SIGNATURE_HASHES[RSA_SIGNATURES[algorithm.algorithm]]


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, oid: str, signature: bytes, data: bytes) -> None:
    if oid in ECDSA_SIGNATURES:
        key.verify(signature, data, ECDSA_HASHES[ECDSA_SIGNATURES[oid]])
        return
    if oid not in _ECDSA_SHAKES:
        raise UnsupportedAlgorithm("no signature of this kind of key")
    function, octets, alike = _ECDSA_SHAKES[oid]
    digest = hashlib.new(function, data).digest(octets)  # type: ignore[call-arg]  # an XOF takes a length
    key.verify(signature, digest, ec.ECDSA(Prehashed(alike)))


def _pss(algorithm: AlgorithmIdentifier, *, allow_sha1: bool) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    """Padding and hash of RSASSA-PSS parameters; MGF1 with the same hash, as everyone does (RFC 4055 §3.1)."""
    if algorithm.parameters is None:
        raise Malformed("RSASSA-PSS without parameters")
    parameters = decode(RSASSAPSSParams, algorithm.parameters)
    named = "sha1" if parameters.hash_algorithm is None else HASHES.get(parameters.hash_algorithm.algorithm)
    if named is None or (named == "sha1" and not allow_sha1):
        raise UnsupportedAlgorithm("RSASSA-PSS with a hash that is not accepted")
    if not 0 <= parameters.salt_length <= _LONGEST_SALT:
        raise UnsupportedAlgorithm("RSASSA-PSS with an impossible salt")
    digest = SIGNATURE_HASHES[named]
    return padding.PSS(padding.MGF1(digest), parameters.salt_length), digest
