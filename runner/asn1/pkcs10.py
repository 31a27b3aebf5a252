"""PKCS #10 certification requests, RFC 2986: the body of a p10cr. IMPLICIT tags."""

from __future__ import annotations

from typing import Annotated

from runner.asn1.primitives import ANY, INTEGER, OBJECT_IDENTIFIER, OPAQUE_SEQUENCE
from runner.asn1.structures import Implicit, SequenceOf, sequence

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
"""The attribute whose value is Extensions (RFC 2985 §5.4.2)."""


@sequence
class RequestAttribute:
    """Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }."""

    type: Annotated[str, OBJECT_IDENTIFIER]
    values: Annotated[tuple[bytes, ...], SequenceOf(ANY, limit=16, tag=0x31)]


REQUEST_ATTRIBUTES = SequenceOf(RequestAttribute, limit=32, tag=0x31)


@sequence
class CertificationRequestInfo:
    """What the key of a request signs. `attributes` is None where they are left out, which only some tolerate.

    SEQUENCE { version INTEGER, subject Name, subjectPKInfo SubjectPublicKeyInfo, attributes [0] SET OF Attribute }
    """

    version: Annotated[int, INTEGER]
    subject: Annotated[bytes, OPAQUE_SEQUENCE]
    subject_pk_info: Annotated[bytes, OPAQUE_SEQUENCE]
    attributes: Annotated[tuple[RequestAttribute, ...] | None, Implicit(0, REQUEST_ATTRIBUTES)] = None
