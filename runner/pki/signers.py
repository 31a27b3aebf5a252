"""Private keys that sign: with which algorithm, and how (RFC 9481 §3, RFC 4055 §3.1, RFC 9881).

What a signature is, and how one is judged, is in signing.py.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from runner.asn1.algorithms import (
    DER_NULL,
    DSA_SIGNATURES,
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    MGF1,
    RSA_SIGNATURES,
    RSASSA_PSS,
    AlgorithmIdentifier,
    RSASSAPSSParams,
)
from runner.asn1.structures import encode
from runner.pki.signing import ECDSA_HASHES, ML_DSA, SIGNATURE_HASHES, public_info
from runner.values import frozen

_Hashing = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey
PrivateKey = (
    _Hashing
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
"""Private keys that sign."""
_CURVE_HASHES = {
    "secp384r1": "sha384",
    "secp521r1": "sha512",
    "brainpoolP384r1": "sha384",
    "brainpoolP512r1": "sha512",
}
_DEFAULT_HASH = "sha256"


@frozen
class SignatureChoice:
    """How a signer signs: `digest` is a hash's name, empty for the one that suits the key; `pss` is for RSA keys."""

    digest: str = ""
    pss: bool = False


class PrivateKeySigner:
    """A Signer whose key is in memory. Its repr shows the kind of key and nothing else.

    ValueError where the choice does not go with the key.
    """

    def __init__(self, key: PrivateKey, choice: SignatureChoice = SignatureChoice()) -> None:
        self._key: Any = key
        curve = key.curve.name if hasattr(key, "curve") else ""
        self.algorithm, self._measures = _way(type(key), curve, choice)

    def __repr__(self) -> str:
        return f"<PrivateKeySigner {self.algorithm.algorithm}>"

    @cached_property
    def public_key_info(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        return public_info(self._key)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        made: bytes = self._key.sign(data, *self._measures)
        return made


@lru_cache(maxsize=64)
def _way(kind: type[PrivateKey], curve: str, choice: SignatureChoice) -> tuple[AlgorithmIdentifier, tuple[Any, ...]]:
    """How keys of a kind, and on a curve, sign where that is chosen: the algorithm, and what `sign` takes besides."""
    digest = _digest_for(kind, curve, choice)
    return _algorithm_for(kind, digest, pss=choice.pss), _measures_for(kind, digest, pss=choice.pss)


def _measures_for(kind: type[PrivateKey], digest: str, *, pss: bool) -> tuple[Any, ...]:
    if issubclass(kind, ec.EllipticCurvePrivateKey):
        return (ECDSA_HASHES[digest],)
    if issubclass(kind, rsa.RSAPrivateKey):
        hashed = SIGNATURE_HASHES[digest]
        return (padding.PSS(padding.MGF1(hashed), hashed.digest_size) if pss else padding.PKCS1v15(), hashed)
    return (SIGNATURE_HASHES[digest],) if issubclass(kind, dsa.DSAPrivateKey) else ()


def _digest_for(kind: type[PrivateKey], curve: str, choice: SignatureChoice) -> str:
    """The hash to sign with: the one asked for, else that of the curve, else SHA-256; none for EdDSA and ML-DSA."""
    if choice.pss and not issubclass(kind, rsa.RSAPrivateKey):
        raise ValueError("RSASSA-PSS needs an RSA key")
    if not issubclass(kind, _Hashing):
        if choice.digest:
            raise ValueError("this kind of key signs without a hash of our choice")
        return ""
    if choice.digest and choice.digest not in _digests(kind):
        raise ValueError(f"this kind of key does not sign with {choice.digest}: one of {', '.join(_digests(kind))}")
    return choice.digest or _CURVE_HASHES.get(curve, _DEFAULT_HASH)


def _digests(kind: type[PrivateKey]) -> tuple[str, ...]:
    """The hashes that a kind of key can sign with; SHA-1 only if asked for by name (CMP v1)."""
    if issubclass(kind, rsa.RSAPrivateKey):
        return tuple(RSA_SIGNATURES.values())
    return tuple((DSA_SIGNATURES if issubclass(kind, dsa.DSAPrivateKey) else ECDSA_SIGNATURES).values())


def _algorithm_for(kind: type[PrivateKey], digest: str, *, pss: bool) -> AlgorithmIdentifier:
    if issubclass(kind, ec.EllipticCurvePrivateKey):
        return AlgorithmIdentifier(algorithm=_oid(ECDSA_SIGNATURES, digest))
    if issubclass(kind, rsa.RSAPrivateKey):
        return _pss_algorithm(digest) if pss else _rsa_algorithm(digest)
    if issubclass(kind, dsa.DSAPrivateKey):
        return AlgorithmIdentifier(algorithm=_oid(DSA_SIGNATURES, digest))
    if issubclass(kind, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return AlgorithmIdentifier(algorithm=ED25519 if issubclass(kind, ed25519.Ed25519PrivateKey) else ED448)
    oid = next(oid for oid, (private, _) in ML_DSA.items() if issubclass(kind, private))
    return AlgorithmIdentifier(algorithm=oid)


def _rsa_algorithm(digest: str) -> AlgorithmIdentifier:
    return AlgorithmIdentifier(algorithm=_oid(RSA_SIGNATURES, digest), parameters=DER_NULL)


def _oid(names: dict[str, str], name: str) -> str:
    return next(oid for oid, known in names.items() if known == name)


def _pss_algorithm(digest: str) -> AlgorithmIdentifier:
    """RSASSA-PSS with one hash for everything and a salt of its length (RFC 4055 §3.1)."""
    inner = AlgorithmIdentifier(algorithm=_oid(HASHES, digest), parameters=DER_NULL)
    parameters = RSASSAPSSParams(
        hash_algorithm=inner,
        mask_gen_algorithm=AlgorithmIdentifier(algorithm=MGF1, parameters=encode(inner)),
        salt_length=SIGNATURE_HASHES[digest].digest_size,
    )
    return AlgorithmIdentifier(algorithm=RSASSA_PSS, parameters=encode(parameters))
