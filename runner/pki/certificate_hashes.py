"""The certHash of certConf for every signature algorithm (RFC 9810 §5.3.18, RFC 9481 §2).

Where the certificate's signature algorithm names a hash, both sides know it. Where it names none (ML-DSA, SLH-DSA,
composites), we choose, and say which in hashAlg: that needs CMP version 3.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from runner.asn1.algorithms import (
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    RSA_SIGNATURES,
    RSASSA_PSS,
    RSASSAPSSParams,
)
from runner.asn1.structures import decode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import Malformed

if TYPE_CHECKING:
    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.pki.certificates import Certificate

_SHAKES = {"shake_128": 32, "shake_256": 64}
"""Octets of output (RFC 8692 §3)."""
_SHA256 = "2.16.840.1.101.3.4.2.1"
_SHA512 = "2.16.840.1.101.3.4.2.3"
_SHAKE256 = "2.16.840.1.101.3.4.2.12"
_SIGS = "2.16.840.1.101.3.4.3."
_PKIX_ALGORITHMS = "1.3.6.1.5.5.7.6."
_NAMED = {
    **RSA_SIGNATURES,
    **ECDSA_SIGNATURES,
    "1.2.840.113549.1.1.4": "md5",
    "1.2.840.10040.4.3": "sha1",
    _SIGS + "1": "sha224",
    _SIGS + "2": "sha256",
    ED25519: "sha512",
    ED448: "shake_256",
    _PKIX_ALGORITHMS + "30": "shake_128",
    _PKIX_ALGORITHMS + "31": "shake_256",
    _PKIX_ALGORITHMS + "32": "shake_128",
    _PKIX_ALGORITHMS + "33": "shake_256",
    **{_SIGS + str(number): "sha512" for number in (32, 33, 34, 37, 38, 39, 40)},
    **{_SIGS + str(number): "sha256" for number in (35, 36)},
    **{_SIGS + str(number): "shake_128" for number in (41, 42)},
    **{_SIGS + str(number): "shake_256" for number in (43, 44, 45, 46)},
}
"""Signature algorithms that imply a hash: also DSA, EdDSA (RFC 9481 §3.3), SHAKE, and pre-hashed ML-DSA and SLH-DSA."""
_LEVELS_3_AND_5 = {_SIGS + str(number) for number in (18, 19, 22, 23, 24, 25, 28, 29, 30, 31)}
"""ML-DSA-65 and -87, SLH-DSA-192 and -256."""
_COMPOSITES = {
    **{_PKIX_ALGORITHMS + str(number): _SHA512 for number in range(37, 55)},
    **{_PKIX_ALGORITHMS + str(number): _SHA256 for number in (37, 38, 40)},
    _PKIX_ALGORITHMS + "51": _SHAKE256,
}
"""Composite ML-DSA → its pre-hash (draft-ietf-lamps-pq-composite-sigs).

It is sent along all the same, since these identifiers are young.
"""
_WITHOUT_HASH = {_SIGS + str(number) for number in range(17, 32)} | set(_COMPOSITES)
"""Keys whose signatures imply no hash, by the identifier that key and signature share: ML-DSA, SLH-DSA, composites."""
_BY_OID = {**HASHES, _SHAKE256: "shake_256", "2.16.840.1.101.3.4.2.11": "shake_128"}


def confirmation_hash(certificate: Certificate) -> tuple[bytes, str | None]:
    """(certHash, object identifier for hashAlg); the latter is None where the certificate's signature implies it."""
    named = implied_hash(certificate.signature_algorithm)
    if named is not None:
        return digest_of(named, certificate.der), None
    chosen = _chosen(certificate.signature_algorithm.algorithm)
    return digest_of(_BY_OID[chosen], certificate.der), chosen


@lru_cache(maxsize=64)
def signs_without_hash(public_key_info: bytes) -> bool:
    """Whether the signatures of a key (SubjectPublicKeyInfo) imply no hash: then hashAlg has to say one."""
    try:
        return decode(SubjectPublicKeyInfo, public_key_info).algorithm.algorithm in _WITHOUT_HASH
    except Malformed:
        return False


def implied_hash(signature_algorithm: AlgorithmIdentifier) -> str | None:
    """Hashlib's name of the hash that a signature algorithm implies; None where it implies none."""
    if signature_algorithm.algorithm != RSASSA_PSS:
        return _NAMED.get(signature_algorithm.algorithm)
    if signature_algorithm.parameters is None:
        return "sha1"
    try:
        inner = decode(RSASSAPSSParams, signature_algorithm.parameters).hash_algorithm
    except Malformed:  # such a certificate is to be rejected, and that takes a certHash, too
        return None
    return "sha1" if inner is None else _BY_OID.get(inner.algorithm)


def digest_of(name: str, octets: bytes) -> bytes:
    """The digest by hashlib's name; a SHAKE gives the octets that signatures take from it."""
    if name in _SHAKES:
        return hashlib.new(name, octets).digest(_SHAKES[name])  # type: ignore[call-arg]  # an XOF takes a length
    return hashlib.new(name, octets).digest()


def _chosen(signature_oid: str) -> str:
    """SHA-512 for security levels 3 and 5, SHA-256 else; composites keep their pre-hash."""
    return _COMPOSITES.get(signature_oid) or (_SHA512 if signature_oid in _LEVELS_3_AND_5 else _SHA256)
