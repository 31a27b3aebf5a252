"""Certificate Request Message Format, RFC 4211: IMPLICIT tags, except around untagged CHOICEs.

Encrypted keys, archive options and the older proofs stay octets here until something opens them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OPAQUE_SEQUENCE,
    TIME,
    UTF8_STRING,
)
from runner.asn1.recurring import signed_first
from runner.asn1.structures import Choice, Chosen, Explicit, Implicit, SequenceOf, sequence
from runner.asn1.x509 import EXTENSIONS, Extension

REG_TOKEN = "1.3.6.1.5.5.7.5.1.1"  # noqa: S105 - an object identifier
AUTHENTICATOR = "1.3.6.1.5.5.7.5.1.2"
PUBLICATION_INFO = "1.3.6.1.5.5.7.5.1.3"
OLD_CERT_ID = "1.3.6.1.5.5.7.5.1.5"


@sequence
class OptionalValidity:
    """OptionalValidity: SEQUENCE { notBefore [0] Time OPTIONAL, notAfter [1] Time OPTIONAL }."""

    not_before: Annotated[datetime | None, Explicit(0, TIME)] = None
    not_after: Annotated[datetime | None, Explicit(1, TIME)] = None


@sequence
class CertTemplate:
    """CertTemplate (RFC 4211 §5): what the certificate should say. Everything is optional.

    SEQUENCE { version [0], serialNumber [1], signingAlg [2], issuer [3] Name, validity [4], subject [5] Name,
               publicKey [6] SubjectPublicKeyInfo, issuerUID [7], subjectUID [8], extensions [9] }
    """

    version: Annotated[int | None, Implicit(0, INTEGER)] = None
    serial_number: Annotated[int | None, Implicit(1, INTEGER)] = None
    signing_alg: Annotated[AlgorithmIdentifier | None, Implicit(2, AlgorithmIdentifier)] = None
    issuer: Annotated[bytes | None, Explicit(3, OPAQUE_SEQUENCE)] = None
    validity: Annotated[bytes | None, Implicit(4, OPAQUE_SEQUENCE)] = None
    subject: Annotated[bytes | None, Explicit(5, OPAQUE_SEQUENCE)] = None
    public_key: Annotated[bytes | None, Implicit(6, OPAQUE_SEQUENCE)] = None
    issuer_uid: Annotated[bytes | None, Implicit(7, BIT_STRING)] = None
    subject_uid: Annotated[bytes | None, Implicit(8, BIT_STRING)] = None
    extensions: Annotated[tuple[Extension, ...], Implicit(9, EXTENSIONS)] = ()


@sequence
class Control:
    """AttributeTypeAndValue of RFC 4211 §6: SEQUENCE { type OBJECT IDENTIFIER, value ANY DEFINED BY type }."""

    type: Annotated[str, OBJECT_IDENTIFIER]
    value: Annotated[bytes, ANY]


@sequence
class CertId:
    """CertId ::= SEQUENCE { issuer GeneralName, serialNumber INTEGER }."""

    issuer: Annotated[bytes, ANY]
    serial_number: Annotated[int, INTEGER]


@signed_first
@sequence
class CertRequest:
    """CertRequest ::= SEQUENCE { certReqId INTEGER, certTemplate CertTemplate, controls Controls OPTIONAL }."""

    cert_req_id: Annotated[int, INTEGER]
    cert_template: CertTemplate
    controls: Annotated[tuple[Control, ...], SequenceOf(Control)] = ()


@sequence
class PKMACValue:
    """PKMACValue ::= SEQUENCE { algId AlgorithmIdentifier, value BIT STRING } (RFC 4211 §4.1)."""

    alg_id: AlgorithmIdentifier
    value: Annotated[bytes, BIT_STRING]


@sequence
class POPOSigningKeyInput:
    """POPOSigningKeyInput: SEQUENCE { authInfo CHOICE { sender [0], publicKeyMAC }, publicKey }."""

    auth_info: Annotated[bytes, ANY]
    public_key: Annotated[bytes, OPAQUE_SEQUENCE]


@sequence
class POPOSigningKey:
    """POPOSigningKey ::= SEQUENCE { poposkInput [0] OPTIONAL, algorithmIdentifier, signature BIT STRING }."""

    poposk_input: Annotated[POPOSigningKeyInput | None, Implicit(0, POPOSigningKeyInput)] = None
    algorithm: AlgorithmIdentifier
    signature: Annotated[bytes, BIT_STRING]


PROOF_OF_POSSESSION = Choice(
    raVerified=Implicit(0, NULL),
    signature=Implicit(1, POPOSigningKey),
    keyEncipherment=Explicit(2, ANY),
    keyAgreement=Explicit(3, ANY),
)
"""ProofOfPossession (RFC 4211 §4); the value of raVerified is None, of signature a POPOSigningKey, else octets."""


@sequence
class RegInfo:
    """One AttributeTypeAndValue of regInfo (RFC 4211 §7)."""

    type: Annotated[str, OBJECT_IDENTIFIER]
    value: Annotated[bytes, ANY]


@sequence
class CertReqMsg:
    """CertReqMsg: SEQUENCE { certReq CertRequest, popo OPTIONAL, regInfo SEQUENCE OF OPTIONAL }."""

    cert_req: CertRequest
    popo: Annotated[Chosen | None, PROOF_OF_POSSESSION] = None
    reg_info: Annotated[tuple[RegInfo, ...], SequenceOf(RegInfo)] = ()


UTF8_PAIRS = "1.3.6.1.5.5.7.5.2.1"
"""regInfo: name?value%name?value% as one UTF8String (RFC 4211 §7.1)."""
TEXT = UTF8_STRING
"""The value of regToken, authenticator and utf8Pairs."""

CERT_REQ_MESSAGES = SequenceOf(CertReqMsg)
