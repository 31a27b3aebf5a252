"""Encrypted values, keys to be archived, and the older proofs of possession: RFC 4211 §2.1, §4 and §6 (IMPLICIT tags).

Both generations stand side by side: EncryptedValue (CMP v1 and v2) and EnvelopedData (v3).
"""

from __future__ import annotations

from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cms import EnvelopedData
from runner.asn1.crmf import PKMACValue
from runner.asn1.primitives import ANY, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING
from runner.asn1.structures import Choice, Explicit, Implicit, SequenceOf, sequence

ENCR_CERT, CHALLENGE_RESP = 0, 1
"""SubsequentMessage (RFC 4211 §4.3)."""
DONT_PUBLISH, PLEASE_PUBLISH = 0, 1
"""The action of PKIPublicationInfo."""
PUBLICATION_METHODS = ("dontCare", "x500", "web", "ldap")
"""The pubMethod of SinglePubInfo, by number."""


@sequence
class EncryptedValue:
    """EncryptedValue (RFC 4211 §2.1, deprecated by RFC 9480).

    SEQUENCE { intendedAlg [0], symmAlg [1], encSymmKey [2] BIT STRING, keyAlg [3], valueHint [4] OCTET STRING,
               encValue BIT STRING }, all but the last OPTIONAL
    """

    intended_alg: Annotated[AlgorithmIdentifier | None, Implicit(0, AlgorithmIdentifier)] = None
    symm_alg: Annotated[AlgorithmIdentifier | None, Implicit(1, AlgorithmIdentifier)] = None
    enc_symm_key: Annotated[bytes | None, Implicit(2, BIT_STRING)] = None
    key_alg: Annotated[AlgorithmIdentifier | None, Implicit(3, AlgorithmIdentifier)] = None
    value_hint: Annotated[bytes | None, Implicit(4, OCTET_STRING)] = None
    enc_value: Annotated[bytes, BIT_STRING]


ENCRYPTED_KEY = Choice(encryptedValue=EncryptedValue, envelopedData=Implicit(0, EnvelopedData))
"""EncryptedKey (RFC 4211 §2.1)."""

PKI_ARCHIVE_OPTIONS = Choice(
    encryptedPrivKey=Explicit(0, ENCRYPTED_KEY),
    keyGenParameters=Implicit(1, OCTET_STRING),
    archiveRemGenPrivKey=Implicit(2, BOOLEAN),
)
"""PKIArchiveOptions (RFC 4211 §6.4)."""


POPO_PRIV_KEY = Choice(
    thisMessage=Implicit(0, BIT_STRING),
    subsequentMessage=Implicit(1, INTEGER),
    dhMAC=Implicit(2, BIT_STRING),
    agreeMAC=Implicit(3, PKMACValue),
    encryptedKey=Implicit(4, EnvelopedData),
)
"""POPOPrivKey (RFC 4211 §4.2 to §4.4), the value of keyEncipherment and keyAgreement."""


@sequence
class SinglePubInfo:
    """SinglePubInfo ::= SEQUENCE { pubMethod INTEGER, pubLocation GeneralName OPTIONAL } (RFC 4211 §6.3)."""

    pub_method: Annotated[int, INTEGER]
    pub_location: Annotated[bytes | None, ANY] = None


@sequence
class PKIPublicationInfo:
    """PKIPublicationInfo ::= SEQUENCE { action INTEGER, pubInfos SEQUENCE OF SinglePubInfo OPTIONAL }."""

    action: Annotated[int, INTEGER]
    pub_infos: Annotated[tuple[SinglePubInfo, ...], SequenceOf(SinglePubInfo)] = ()
