"""AlgorithmIdentifier, the object identifiers of algorithms, and their parameters (RFC 5280, 4210, 9481)."""

from __future__ import annotations

from typing import Annotated

from runner.asn1.primitives import ANY, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING
from runner.asn1.recurring import recurring
from runner.asn1.structures import Explicit, sequence

DER_NULL = b"\x05\x00"

PASSWORD_BASED_MAC = "1.2.840.113533.7.66.13"  # noqa: S105 - an object identifier
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
MGF1 = "1.2.840.113549.1.1.8"
ED25519 = "1.3.101.112"
ED448 = "1.3.101.113"

HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""Hash functions, by the name that hashlib knows."""
HMACS = {
    "1.3.6.1.5.5.8.1.2": "sha1",
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
"""HMAC by its hash; HMAC-SHA1 has two identifiers (RFC 2510 and PKCS #5)."""
RSA_SIGNATURES = {
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
"""RSASSA-PKCS1-v1_5 with each hash."""
ECDSA_SIGNATURES = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
"""ECDSA with each hash."""
DSA_SIGNATURES = {
    "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
}
"""DSA with each hash (RFC 3279 §2.2.2, RFC 5758 §3.1)."""


@recurring
@sequence
class AlgorithmIdentifier:
    """AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }."""

    algorithm: Annotated[str, OBJECT_IDENTIFIER]
    parameters: Annotated[bytes | None, ANY] = None


@sequence
class PBMParameter:
    """PasswordBasedMac's parameters (RFC 4211 §4.4).

    PBMParameter ::= SEQUENCE { salt OCTET STRING, owf AlgorithmIdentifier, iterationCount INTEGER,
                                mac AlgorithmIdentifier }
    """

    salt: Annotated[bytes, OCTET_STRING]
    owf: AlgorithmIdentifier
    iteration_count: Annotated[int, INTEGER]
    mac: AlgorithmIdentifier


@sequence
class RSASSAPSSParams:
    """RSASSA-PSS-params (RFC 4055 §3.1), every field with its DEFAULT left as None.

    SEQUENCE { hashAlgorithm [0] DEFAULT sha1, maskGenAlgorithm [1] DEFAULT mgf1SHA1, saltLength [2] INTEGER DEFAULT 20,
               trailerField [3] INTEGER DEFAULT 1 }
    """

    hash_algorithm: Annotated[AlgorithmIdentifier | None, Explicit(0, AlgorithmIdentifier)] = None
    mask_gen_algorithm: Annotated[AlgorithmIdentifier | None, Explicit(1, AlgorithmIdentifier)] = None
    salt_length: Annotated[int, Explicit(2, INTEGER)] = 20
    trailer_field: Annotated[int, Explicit(3, INTEGER)] = 1
