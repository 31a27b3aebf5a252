"""Signed data and private keys in CMS: what central key generation delivers, RFC 5652 §5, RFC 5958, RFC 4211 §4.2.

IMPLICIT tags. Checking a signature and a key is left to runner.pki.key_packages.
"""

from __future__ import annotations

from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cms import ATTRIBUTES, RECIPIENT_IDENTIFIER, Attribute, SetOf
from runner.asn1.primitives import ANY, BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, OPAQUE_SET
from runner.asn1.structures import Chosen, Explicit, Implicit, SequenceOf, sequence

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
ASYMMETRIC_KEY_PACKAGE = "2.16.840.1.101.2.1.2.78.5"
"""id-ct-KP-aKeyPackage (RFC 5958 §2)."""


@sequence
class EncapsulatedContentInfo:
    """EncapsulatedContentInfo ::= SEQUENCE { eContentType, eContent [0] EXPLICIT OCTET STRING OPTIONAL }."""

    e_content_type: Annotated[str, OBJECT_IDENTIFIER]
    e_content: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None


@sequence
class SignerInfo:
    """SignerInfo (RFC 5652 §5.3). `signed_attrs` is the SET OF Attribute whole, as it is signed: with the tag 0x31.

    SEQUENCE { version, sid SignerIdentifier, digestAlgorithm, signedAttrs [0] SET OF Attribute OPTIONAL,
               signatureAlgorithm, signature OCTET STRING, unsignedAttrs [1] SET OF Attribute OPTIONAL }
    """

    version: Annotated[int, INTEGER]
    sid: Annotated[Chosen, RECIPIENT_IDENTIFIER]
    digest_algorithm: AlgorithmIdentifier
    signed_attrs: Annotated[bytes | None, Implicit(0, OPAQUE_SET)] = None
    signature_algorithm: AlgorithmIdentifier
    signature: Annotated[bytes, OCTET_STRING]
    unsigned_attrs: Annotated[tuple[Attribute, ...], Implicit(1, ATTRIBUTES)] = ()


@sequence
class SignedData:
    """SignedData (RFC 5652 §5.1).

    SEQUENCE { version, digestAlgorithms SET OF AlgorithmIdentifier, encapContentInfo,
               certificates [0] SET OF CertificateChoices OPTIONAL, crls [1] OPTIONAL, signerInfos SET OF SignerInfo }
    """

    version: Annotated[int, INTEGER]
    digest_algorithms: Annotated[tuple[AlgorithmIdentifier, ...], SetOf(AlgorithmIdentifier, limit=8)]
    encap_content_info: EncapsulatedContentInfo
    certificates: Annotated[tuple[bytes, ...], Implicit(0, SequenceOf(ANY, limit=32, tag=0x31))] = ()
    crls: Annotated[bytes | None, Implicit(1, OPAQUE_SET)] = None
    signer_infos: Annotated[tuple[SignerInfo, ...], SetOf(SignerInfo, limit=8)]


@sequence
class OneAsymmetricKey:
    """OneAsymmetricKey (RFC 5958 §2); with version 0 and no public key it is the PrivateKeyInfo of PKCS #8.

    SEQUENCE { version, privateKeyAlgorithm, privateKey OCTET STRING, attributes [0] SET OF OPTIONAL,
               publicKey [1] BIT STRING OPTIONAL }
    """

    version: Annotated[int, INTEGER]
    private_key_algorithm: AlgorithmIdentifier
    private_key: Annotated[bytes, OCTET_STRING]
    attributes: Annotated[tuple[Attribute, ...], Implicit(0, ATTRIBUTES)] = ()
    public_key: Annotated[bytes | None, Implicit(1, BIT_STRING)] = None

    def __repr__(self) -> str:
        return f"<OneAsymmetricKey {self.private_key_algorithm.algorithm}>"


ASYMMETRIC_KEYS = SequenceOf(OneAsymmetricKey, limit=8)
"""AsymmetricKeyPackage ::= SEQUENCE SIZE (1..MAX) OF OneAsymmetricKey (RFC 5958 §2)."""


@sequence
class EncKeyWithID:
    """EncKeyWithID (RFC 4211 §4.2): a private key for a backup, and whose it is.

    SEQUENCE { privateKey PrivateKeyInfo, identifier CHOICE { string UTF8String, generalName GeneralName } OPTIONAL }
    """

    private_key: OneAsymmetricKey
    identifier: Annotated[bytes | None, ANY] = None
