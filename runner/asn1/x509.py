"""The parts of a certificate (RFC 5280 §4.1) and of a CRL (§5.1) that CMP messages and the lab build from.

Names, public keys and whole certificates stay octets: they are copied and hashed exactly as they came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    TIME,
)
from runner.asn1.recurring import Recurring, recurring
from runner.asn1.structures import Explicit, Implicit, SequenceOf, sequence

NULL_DN = b"\x30\x00"
"""The empty Name."""
X509_V3 = 2
"""Version v3 of a certificate (RFC 5280 §4.1.2.1)."""


@sequence
class AttributeTypeAndValue:
    """AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY DEFINED BY type }."""

    type: Annotated[str, OBJECT_IDENTIFIER]
    value: Annotated[bytes, ANY]


RDN_SEQUENCE = SequenceOf(Recurring(SequenceOf(AttributeTypeAndValue, limit=16, tag=0x31)))
"""RDNSequence ::= SEQUENCE OF SET OF AttributeTypeAndValue."""


@sequence
class Extension:
    """Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }."""

    extn_id: Annotated[str, OBJECT_IDENTIFIER]
    critical: Annotated[bool, BOOLEAN] = False
    extn_value: Annotated[bytes, OCTET_STRING]


EXTENSIONS = SequenceOf(Extension)
"""Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension."""


@sequence
class SubjectPublicKeyInfo:
    """SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }."""

    algorithm: AlgorithmIdentifier
    subject_public_key: Annotated[bytes, BIT_STRING]


@sequence
class Signed:
    """What Certificate and CertificateList have in common: SEQUENCE { tbs, signatureAlgorithm, signatureValue }."""

    tbs: Annotated[bytes, OPAQUE_SEQUENCE]
    signature_algorithm: AlgorithmIdentifier
    signature: Annotated[bytes, BIT_STRING]


@recurring  # certificates are issued many in a second
@sequence
class Validity:
    """Validity ::= SEQUENCE { notBefore Time, notAfter Time }."""

    not_before: Annotated[datetime, TIME]
    not_after: Annotated[datetime, TIME]


@sequence
class TBSCertificate:
    """TBSCertificate (RFC 5280 §4.1)."""

    version: Annotated[int, Explicit(0, INTEGER)] = 0
    serial_number: Annotated[int, INTEGER]
    signature: AlgorithmIdentifier
    issuer: Annotated[bytes, OPAQUE_SEQUENCE]
    validity: Validity
    subject: Annotated[bytes, OPAQUE_SEQUENCE]
    subject_public_key_info: Annotated[bytes, OPAQUE_SEQUENCE]
    issuer_unique_id: Annotated[bytes | None, Implicit(1, BIT_STRING)] = None
    subject_unique_id: Annotated[bytes | None, Implicit(2, BIT_STRING)] = None
    extensions: Annotated[tuple[Extension, ...], Explicit(3, EXTENSIONS)] = ()


@sequence
class RevokedCertificate:
    """An element of revokedCertificates (RFC 5280 §5.1): SEQUENCE { userCertificate, revocationDate, extensions }."""

    user_certificate: Annotated[int, INTEGER]
    revocation_date: Annotated[datetime, TIME]
    crl_entry_extensions: Annotated[tuple[Extension, ...], EXTENSIONS] = ()


@sequence
class TBSCertList:
    """TBSCertList (RFC 5280 §5.1)."""

    version: Annotated[int, INTEGER] = 0
    signature: AlgorithmIdentifier
    issuer: Annotated[bytes, OPAQUE_SEQUENCE]
    this_update: Annotated[datetime, TIME]
    next_update: Annotated[datetime | None, TIME] = None
    revoked_certificates: Annotated[
        tuple[RevokedCertificate, ...], SequenceOf(RevokedCertificate, limit=1_000_000)
    ] = ()
    crl_extensions: Annotated[tuple[Extension, ...], Explicit(0, EXTENSIONS)] = ()


@sequence
class BasicConstraints:
    """BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }."""

    ca: Annotated[bool, BOOLEAN] = False
    path_len_constraint: Annotated[int | None, INTEGER] = None


@sequence
class PolicyInformation:
    """PolicyInformation ::= SEQUENCE { policyIdentifier OBJECT IDENTIFIER, policyQualifiers SEQUENCE OF OPTIONAL }."""

    policy_identifier: Annotated[str, OBJECT_IDENTIFIER]
    policy_qualifiers: Annotated[bytes | None, OPAQUE_SEQUENCE] = None


@sequence
class AuthorityKeyIdentifier:
    """AuthorityKeyIdentifier (RFC 5280 §4.2.1.1), with the keyIdentifier alone of interest."""

    key_identifier: Annotated[bytes | None, Implicit(0, OCTET_STRING)] = None
    authority_cert_issuer: Annotated[bytes | None, Implicit(1, OPAQUE_SEQUENCE)] = None
    authority_cert_serial_number: Annotated[int | None, Implicit(2, INTEGER)] = None
