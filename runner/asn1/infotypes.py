"""What general messages and headers carry: id-it items and their contents, RFC 9810 §5.1.1, §5.3.19.

EXPLICIT tags. Also the challenges of proof-of-possession (§5.2.8.3), since they are as rarely needed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cms import EnvelopedData
from runner.asn1.crmf import CertId, CertTemplate, Control
from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    TIME,
    UTF8_STRING,
)
from runner.asn1.structures import Choice, Chosen, Explicit, SequenceOf, sequence

_ID_IT = "1.3.6.1.5.5.7.4."
INFO_TYPES = {
    name: _ID_IT + str(number)
    for number, name in {
        1: "caProtEncCert",
        2: "signKeyPairTypes",
        3: "encKeyPairTypes",
        4: "preferredSymmAlg",
        5: "caKeyUpdateInfo",
        6: "currentCRL",
        7: "unsupportedOIDs",
        10: "keyPairParamReq",
        11: "keyPairParamRep",
        12: "revPassphrase",
        13: "implicitConfirm",
        14: "confirmWaitTime",
        15: "origPKIMessage",
        16: "suppLangTags",
        17: "caCerts",
        18: "rootCaKeyUpdate",
        19: "certReqTemplate",
        20: "rootCaCert",
        21: "certProfile",
        22: "crlStatusList",
        23: "crls",
        24: "KemCiphertextInfo",
    }.items()
}
"""The standard's name of an id-it item → its object identifier."""
INFO_TYPE_NAMES = {oid: name for name, oid in INFO_TYPES.items()}

ALGORITHMS = SequenceOf(AlgorithmIdentifier)
"""The value of signKeyPairTypes and encKeyPairTypes."""
OIDS = SequenceOf(OBJECT_IDENTIFIER)
"""The value of unsupportedOIDs."""
TEXTS = SequenceOf(UTF8_STRING, limit=32)
"""The value of suppLangTags and certProfile."""
CRLS = SequenceOf(OPAQUE_SEQUENCE, limit=32)
"""The value of crls, each as its octets; caCerts looks the same."""


@sequence
class Challenge:
    """Challenge (RFC 9810 §5.2.8.3).

    SEQUENCE { owf AlgorithmIdentifier OPTIONAL, witness OCTET STRING, challenge OCTET STRING,
               encryptedRand [0] EnvelopedData OPTIONAL }
    """

    owf: AlgorithmIdentifier | None = None
    witness: Annotated[bytes, OCTET_STRING]
    challenge: Annotated[bytes, OCTET_STRING]
    encrypted_rand: Annotated[EnvelopedData | None, Explicit(0, EnvelopedData)] = None


POPO_DEC_KEY_CHALL = SequenceOf(Challenge)
"""POPODecKeyChallContent, the body of popdecc."""
POPO_DEC_KEY_RESP = SequenceOf(INTEGER)
"""POPODecKeyRespContent, the body of popdecr."""


@sequence
class Rand:
    """Rand ::= SEQUENCE { int INTEGER, sender GeneralName } (RFC 9810 §5.2.8.3)."""

    integer: Annotated[int, INTEGER]
    sender: Annotated[bytes, ANY]


@sequence
class RootCaKeyUpdateContent:
    """RootCaKeyUpdateContent ::= SEQUENCE { newWithNew, newWithOld [0] OPTIONAL, oldWithNew [1] OPTIONAL }."""

    new_with_new: Annotated[bytes, OPAQUE_SEQUENCE]
    new_with_old: Annotated[bytes | None, Explicit(0, OPAQUE_SEQUENCE)] = None
    old_with_new: Annotated[bytes | None, Explicit(1, OPAQUE_SEQUENCE)] = None


@sequence
class CAKeyUpdAnnContent:
    """CAKeyUpdAnnContent ::= SEQUENCE { oldWithNew, newWithOld, newWithNew } (RFC 9810 §5.3.13)."""

    old_with_new: Annotated[bytes, OPAQUE_SEQUENCE]
    new_with_old: Annotated[bytes, OPAQUE_SEQUENCE]
    new_with_new: Annotated[bytes, OPAQUE_SEQUENCE]


CA_KEY_UPD_CONTENT = Choice(cAKeyUpdAnnV2=CAKeyUpdAnnContent, cAKeyUpdAnnV3=Explicit(0, RootCaKeyUpdateContent))
"""CAKeyUpdContent, the body of ckuann (RFC 9810 §5.3.13)."""


@sequence
class KemCiphertextInfo:
    """KemCiphertextInfo ::= SEQUENCE { kem AlgorithmIdentifier, ct OCTET STRING } (RFC 9810 §5.1.1.5)."""

    kem: AlgorithmIdentifier
    ct: Annotated[bytes, OCTET_STRING]


@sequence
class CertReqTemplateContent:
    """CertReqTemplateContent ::= SEQUENCE { certTemplate CertTemplate, keySpec Controls OPTIONAL } (§5.3.19.16)."""

    cert_template: CertTemplate
    key_spec: Annotated[tuple[Control, ...], SequenceOf(Control)] = ()


CRL_SOURCE = Choice(dpn=Explicit(0, ANY), issuer=Explicit(1, OPAQUE_SEQUENCE))
"""CRLSource ::= CHOICE { dpn [0] DistributionPointName, issuer [1] GeneralNames } (RFC 9810 §5.3.19.17)."""


@sequence
class CRLStatus:
    """CRLStatus ::= SEQUENCE { source CRLSource, thisUpdate Time OPTIONAL } (RFC 9810 §5.3.19.17)."""

    source: Annotated[Chosen, CRL_SOURCE]
    this_update: Annotated[datetime | None, TIME] = None


CRL_STATUS_LIST = SequenceOf(CRLStatus)


@sequence
class OOBCertHash:
    """OOBCertHash (RFC 9810 §5.2.5): a root certificate's hash, as it is told out of band.

    SEQUENCE { hashAlg [0] AlgorithmIdentifier OPTIONAL, certId [1] CertId OPTIONAL, hashVal BIT STRING }
    """

    hash_alg: Annotated[AlgorithmIdentifier | None, Explicit(0, AlgorithmIdentifier)] = None
    cert_id: Annotated[CertId | None, Explicit(1, CertId)] = None
    hash_val: Annotated[bytes, BIT_STRING]
