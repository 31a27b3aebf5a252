"""Which kind of key the CA is asked to make: a SubjectPublicKeyInfo without a key (RFC 9483 §4.1.6, RFC 4211 §5).

The algorithm as it stands in certificates, and an empty BIT STRING behind it. The length of an RSA key cannot be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.parameters import ML_KEMS
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import encode
from runner.asn1.x509 import SubjectPublicKeyInfo

if TYPE_CHECKING:
    from runner.pki.keyspecs import KeySpec

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
CURVES = {
    "p256": "1.2.840.10045.3.1.7",
    "p384": "1.3.132.0.34",
    "p521": "1.3.132.0.35",
    "brainpoolp256r1": "1.3.36.3.3.2.8.1.1.7",
    "brainpoolp384r1": "1.3.36.3.3.2.8.1.1.11",
    "brainpoolp512r1": "1.3.36.3.3.2.8.1.1.13",
    "secp256k1": "1.3.132.0.10",
}
"""The curves of keys `ec:NAME`, by their names in key URLs (RFC 5480 §2.1.1.1, RFC 5639 §4.1)."""
_BARE = {
    "dsa": "1.2.840.10040.4.1",
    "x25519": "1.3.101.110",
    "x448": "1.3.101.111",
    "ed25519": "1.3.101.112",
    "ed448": "1.3.101.113",
    "ml-dsa-44": "2.16.840.1.101.3.4.3.17",
    "ml-dsa-65": "2.16.840.1.101.3.4.3.18",
    "ml-dsa-87": "2.16.840.1.101.3.4.3.19",
    **{name.lower(): oid for oid, name in ML_KEMS.items()},
}


def key_wish(spec: KeySpec) -> bytes:
    """The SubjectPublicKeyInfo (DER) that asks for a key of this kind."""
    if spec.kind == "rsa":
        algorithm = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
    elif spec.kind == "ec":
        curve = OBJECT_IDENTIFIER.encode(CURVES[spec.detail])
        algorithm = AlgorithmIdentifier(algorithm=_EC_PUBLIC_KEY, parameters=curve)
    else:
        algorithm = AlgorithmIdentifier(algorithm=_BARE[spec.kind])
    return encode(SubjectPublicKeyInfo(algorithm=algorithm, subject_public_key=b""))
