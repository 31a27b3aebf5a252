"""Cryptographic Message Syntax as CMP uses it: enveloped data and its recipients, RFC 5652 §6, RFC 5083, RFC 9629.

IMPLICIT tags. Names, public keys and certificates stay octets. Signed data and private keys are in signed.py; what
opens and seals envelopes is in runner.pki.envelopes.
"""

from __future__ import annotations

from typing import Annotated, Any

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.der import read_header
from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    Codec,
)
from runner.asn1.structures import Choice, Chosen, Explicit, Implicit, SequenceOf, sequence
from runner.errors import Malformed

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"
ENC_KEY_WITH_ID = "1.2.840.113549.1.9.16.1.21"
"""id-ct-encKeyWithID (RFC 4211 §4.2)."""
ORI_KEM = "1.2.840.113549.1.9.16.13.3"
"""id-ori-kem (RFC 9629 §3)."""
_SET_TAG = 0x31


class SetOf(SequenceOf):
    """SET OF as a tuple; written in the order that DER asks for (X.690 §11.6), read in any."""

    def __init__(self, element: Any, *, limit: int = 64) -> None:
        super().__init__(element, limit=limit, tag=_SET_TAG)

    def body(self, value: tuple[Any, ...]) -> bytes:
        """The elements, sorted by their octets."""
        return b"".join(sorted(map(self.element.encode, value)))


class ImplicitOctets(Codec[bytes]):
    """[number] IMPLICIT OCTET STRING, read also where it was cut into segments (X.690 §8.7.3)."""

    def __init__(self, number: int) -> None:
        super().__init__(0x80 | number, 0xA0 | number)

    def body(self, value: bytes) -> bytes:
        """The octets themselves."""
        return value

    def read(self, octets: bytes, at: int, end: int) -> tuple[bytes, int]:
        """The octets, joined where they came in segments."""
        tag, start, stop = read_header(octets, at, end)
        if tag not in (self.tags or ()):
            raise Malformed("an unexpected ASN.1 element", why=f"tag {tag:02x} at octet {at}")
        return (_joined(octets, start, stop) if tag & 0x20 else octets[start:stop]), stop


def _joined(octets: bytes, start: int, stop: int) -> bytes:
    segments = []
    while start < stop:
        segment, start = OCTET_STRING.read(octets, start, stop)
        segments.append(segment)
    return b"".join(segments)


@sequence
class Attribute:
    """Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue } (RFC 5652 §5.3)."""

    attr_type: Annotated[str, OBJECT_IDENTIFIER]
    attr_values: Annotated[tuple[bytes, ...], SetOf(ANY)]


ATTRIBUTES = SetOf(Attribute)


@sequence
class ContentInfo:
    """ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY } (RFC 5652 §3)."""

    content_type: Annotated[str, OBJECT_IDENTIFIER]
    content: Annotated[bytes, Explicit(0, ANY)]


@sequence
class IssuerAndSerialNumber:
    """IssuerAndSerialNumber ::= SEQUENCE { issuer Name, serialNumber INTEGER } (RFC 5652 §10.2.4)."""

    issuer: Annotated[bytes, OPAQUE_SEQUENCE]
    serial_number: Annotated[int, INTEGER]


RECIPIENT_IDENTIFIER = Choice(
    issuerAndSerialNumber=IssuerAndSerialNumber, subjectKeyIdentifier=Implicit(0, OCTET_STRING)
)
"""RecipientIdentifier (RFC 5652 §6.2.1); SignerIdentifier (§5.3) looks the same."""


@sequence
class KeyTransRecipientInfo:
    """KeyTransRecipientInfo (RFC 5652 §6.2.1).

    SEQUENCE { version, rid RecipientIdentifier, keyEncryptionAlgorithm, encryptedKey OCTET STRING }
    """

    version: Annotated[int, INTEGER]
    rid: Annotated[Chosen, RECIPIENT_IDENTIFIER]
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: Annotated[bytes, OCTET_STRING]


@sequence
class OriginatorPublicKey:
    """OriginatorPublicKey ::= SEQUENCE { algorithm AlgorithmIdentifier, publicKey BIT STRING } (RFC 5652 §6.2.2)."""

    algorithm: AlgorithmIdentifier
    public_key: Annotated[bytes, BIT_STRING]


ORIGINATOR = Choice(
    issuerAndSerialNumber=IssuerAndSerialNumber,
    subjectKeyIdentifier=Implicit(0, OCTET_STRING),
    originatorKey=Implicit(1, OriginatorPublicKey),
)
"""OriginatorIdentifierOrKey (RFC 5652 §6.2.2)."""


@sequence
class RecipientKeyIdentifier:
    """RecipientKeyIdentifier: SEQUENCE { subjectKeyIdentifier, date OPTIONAL, other OPTIONAL } (RFC 5652 §6.2.2)."""

    subject_key_identifier: Annotated[bytes, OCTET_STRING]
    date: Annotated[Any, GENERALIZED_TIME] = None
    other: Annotated[bytes | None, OPAQUE_SEQUENCE] = None


@sequence
class RecipientEncryptedKey:
    """RecipientEncryptedKey ::= SEQUENCE { rid KeyAgreeRecipientIdentifier, encryptedKey } (RFC 5652 §6.2.2)."""

    rid: Annotated[
        Chosen, Choice(issuerAndSerialNumber=IssuerAndSerialNumber, rKeyId=Implicit(0, RecipientKeyIdentifier))
    ]
    encrypted_key: Annotated[bytes, OCTET_STRING]


@sequence
class KeyAgreeRecipientInfo:
    """KeyAgreeRecipientInfo (RFC 5652 §6.2.2).

    SEQUENCE { version, originator [0] EXPLICIT OriginatorIdentifierOrKey, ukm [1] EXPLICIT OCTET STRING OPTIONAL,
               keyEncryptionAlgorithm, recipientEncryptedKeys SEQUENCE OF RecipientEncryptedKey }
    """

    version: Annotated[int, INTEGER]
    originator: Annotated[Chosen, Explicit(0, ORIGINATOR)]
    ukm: Annotated[bytes | None, Explicit(1, OCTET_STRING)] = None
    key_encryption_algorithm: AlgorithmIdentifier
    recipient_encrypted_keys: Annotated[tuple[RecipientEncryptedKey, ...], SequenceOf(RecipientEncryptedKey, limit=8)]


@sequence
class PasswordRecipientInfo:
    """PasswordRecipientInfo (RFC 5652 §6.2.4).

    SEQUENCE { version, keyDerivationAlgorithm [0] OPTIONAL, keyEncryptionAlgorithm, encryptedKey OCTET STRING }
    """

    version: Annotated[int, INTEGER]
    key_derivation_algorithm: Annotated[AlgorithmIdentifier | None, Implicit(0, AlgorithmIdentifier)] = None
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: Annotated[bytes, OCTET_STRING]


@sequence
class OtherRecipientInfo:
    """OtherRecipientInfo ::= SEQUENCE { oriType OBJECT IDENTIFIER, oriValue ANY } (RFC 5652 §6.2.5)."""

    ori_type: Annotated[str, OBJECT_IDENTIFIER]
    ori_value: Annotated[bytes, ANY]


@sequence
class KEMRecipientInfo:
    """KEMRecipientInfo (RFC 9629 §3), the oriValue of id-ori-kem.

    SEQUENCE { version, rid RecipientIdentifier, kem, kemct OCTET STRING, kdf, kekLength INTEGER (1..65535),
               ukm [0] EXPLICIT OCTET STRING OPTIONAL, wrap, encryptedKey OCTET STRING }
    """

    version: Annotated[int, INTEGER]
    rid: Annotated[Chosen, RECIPIENT_IDENTIFIER]
    kem: AlgorithmIdentifier
    kemct: Annotated[bytes, OCTET_STRING]
    kdf: AlgorithmIdentifier
    kek_length: Annotated[int, INTEGER]
    ukm: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None
    wrap: AlgorithmIdentifier
    encrypted_key: Annotated[bytes, OCTET_STRING]


@sequence
class CMSORIforKEMOtherInfo:
    """CMSORIforKEMOtherInfo (RFC 9629 §5): SEQUENCE { wrap, kekLength, ukm [0] EXPLICIT OCTET STRING OPTIONAL }."""

    wrap: AlgorithmIdentifier
    kek_length: Annotated[int, INTEGER]
    ukm: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None


RECIPIENT_INFO = Choice(
    ktri=KeyTransRecipientInfo,
    kari=Implicit(1, KeyAgreeRecipientInfo),
    kekri=Implicit(2, OPAQUE_SEQUENCE),
    pwri=Implicit(3, PasswordRecipientInfo),
    ori=Implicit(4, OtherRecipientInfo),
)
"""RecipientInfo (RFC 5652 §6.2); a kekri stays octets, since nobody has a key-encryption key in common with a CA."""


@sequence
class EncryptedContentInfo:
    """EncryptedContentInfo (RFC 5652 §6.1).

    SEQUENCE { contentType, contentEncryptionAlgorithm, encryptedContent [0] IMPLICIT OCTET STRING OPTIONAL }
    """

    content_type: Annotated[str, OBJECT_IDENTIFIER]
    content_encryption_algorithm: AlgorithmIdentifier
    encrypted_content: Annotated[bytes | None, ImplicitOctets(0)] = None


@sequence
class EnvelopedData:
    """EnvelopedData (RFC 5652 §6.1).

    SEQUENCE { version, originatorInfo [0] OPTIONAL, recipientInfos SET OF RecipientInfo, encryptedContentInfo,
               unprotectedAttrs [1] SET OF Attribute OPTIONAL }
    """

    version: Annotated[int, INTEGER]
    originator_info: Annotated[bytes | None, Implicit(0, OPAQUE_SEQUENCE)] = None
    recipient_infos: Annotated[tuple[Chosen, ...], SetOf(RECIPIENT_INFO, limit=8)]
    encrypted_content_info: EncryptedContentInfo
    unprotected_attrs: Annotated[tuple[Attribute, ...], Implicit(1, ATTRIBUTES)] = ()


@sequence
class AuthEnvelopedData:
    """AuthEnvelopedData (RFC 5083 §2.1).

    SEQUENCE { version, originatorInfo [0] OPTIONAL, recipientInfos SET OF, authEncryptedContentInfo,
               authAttrs [1] SET OF OPTIONAL, mac OCTET STRING, unauthAttrs [2] SET OF OPTIONAL }
    """

    version: Annotated[int, INTEGER]
    originator_info: Annotated[bytes | None, Implicit(0, OPAQUE_SEQUENCE)] = None
    recipient_infos: Annotated[tuple[Chosen, ...], SetOf(RECIPIENT_INFO, limit=8)]
    auth_encrypted_content_info: EncryptedContentInfo
    auth_attrs: Annotated[tuple[Attribute, ...], Implicit(1, ATTRIBUTES)] = ()
    mac: Annotated[bytes, OCTET_STRING]
    unauth_attrs: Annotated[tuple[Attribute, ...], Implicit(2, ATTRIBUTES)] = ()
