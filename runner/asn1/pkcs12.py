"""The outermost type of PKCS#12 (RFC 7292 §4), by which such files are told from others. What is inside: keystores."""

from __future__ import annotations

from typing import Annotated

from runner.asn1.primitives import ANY, INTEGER, OBJECT_IDENTIFIER
from runner.asn1.structures import Explicit, sequence


@sequence
class ContentInfo:
    """ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY OPTIONAL }."""

    content_type: Annotated[str, OBJECT_IDENTIFIER]
    content: Annotated[bytes | None, Explicit(0, ANY)] = None


@sequence
class PFX:
    """PFX ::= SEQUENCE { version INTEGER {v3(3)}, authSafe ContentInfo, macData MacData OPTIONAL }."""

    version: Annotated[int, INTEGER]
    auth_safe: ContentInfo
    mac_data: Annotated[bytes | None, ANY] = None
