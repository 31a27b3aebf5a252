"""What a genm can ask for, by the names that manifests use (RFC 9810 §5.3.19, RFC 9483 §4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import InfoTypeAndValue
from runner.asn1.der import tlv
from runner.asn1.infotypes import CRL_STATUS_LIST, INFO_TYPES, TEXTS, CRLStatus
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import Chosen
from runner.pki.names import directory_name
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.names import Name

_SEQUENCE = 0x30


@frozen
class Question:
    """The id-it item that is sent and the one that answers it, by their names; both empty: a genm without any item."""

    asks: str = ""
    answered_by: str = ""


QUESTIONS = {
    "caCerts": Question("caCerts", "caCerts"),
    "rootCaCert": Question("rootCaCert", "rootCaKeyUpdate"),
    "rootCaKeyUpdate": Question("rootCaCert", "rootCaKeyUpdate"),
    "certReqTemplate": Question("certReqTemplate", "certReqTemplate"),
    "crls": Question("crlStatusList", "crls"),
    "crlStatusList": Question("crlStatusList", "crls"),
    "currentCrl": Question("currentCRL", "currentCRL"),
    "signKeyPairTypes": Question("signKeyPairTypes", "signKeyPairTypes"),
    "encKeyPairTypes": Question("encKeyPairTypes", "encKeyPairTypes"),
    "preferredSymmAlg": Question("preferredSymmAlg", "preferredSymmAlg"),
    "caProtEncCert": Question("caProtEncCert", "caProtEncCert"),
    "caKeyUpdateInfo": Question("caKeyUpdateInfo", "caKeyUpdateInfo"),
    "unsupportedOIDs": Question("unsupportedOIDs", "unsupportedOIDs"),
    "keyPairParamReq": Question("keyPairParamReq", "keyPairParamRep"),
    "suppLangTags": Question("suppLangTags", "suppLangTags"),
    "general": Question(),
}
"""Name in manifests → Question."""


@frozen
class Known:
    """What the question tells of what we have: the root, the CA's name, and when our CRL was made.

    `about` is what the manifest says it is about: a key's algorithm (dotted), or language tags, the best first.
    """

    root: Certificate | None = None
    issuer: Name | None = None
    this_update: datetime | None = None
    about: tuple[str, ...] = ()


def items_of(what: str, known: Known) -> tuple[InfoTypeAndValue, ...]:
    """The items of the genm. ValueError where something has to be known for it."""
    question = QUESTIONS[what]
    if not question.asks:
        return ()
    value = None
    if what == "rootCaKeyUpdate":
        if known.root is None:
            raise ValueError("rootCaKeyUpdate asks for the successor of a root certificate, and there is none")
        value = known.root.der
    elif question.asks == "crlStatusList":
        value = _status_list(known, with_time=what == "crls")
    elif question.asks == "keyPairParamReq":
        value = OBJECT_IDENTIFIER.encode(known.about[0])
    elif question.asks == "suppLangTags":
        value = TEXTS.encode(known.about)
    return (InfoTypeAndValue(info_type=INFO_TYPES[question.asks], info_value=value),)


def _status_list(known: Known, *, with_time: bool) -> bytes:
    """Whose CRL, and how old the one is that we have: the CA sends a newer one or none (RFC 9810 §5.3.19.17)."""
    if known.issuer is None:
        raise ValueError("CRLs are asked for by the name of their issuer, and it is not known")
    names = tlv(_SEQUENCE, directory_name(known.issuer.der))
    status = CRLStatus(source=Chosen("issuer", names), this_update=known.this_update if with_time else None)
    return CRL_STATUS_LIST.encode((status,))
