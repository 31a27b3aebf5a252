"""Questions: genm, one handler per id-it item (RFC 9810 §5.3.19, RFC 9483 §4.3).

Who names nothing is told everything that goes without saying. What is not known here comes back in unsupportedOIDs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.cmp import CERT_PROFILE, CERTIFICATES, InfoTypeAndValue
from runner.asn1.crmf import CertTemplate, Control
from runner.asn1.infotypes import (
    ALGORITHMS,
    CRL_STATUS_LIST,
    CRLS,
    INFO_TYPES,
    OIDS,
    TEXTS,
    CAKeyUpdAnnContent,
    CertReqTemplateContent,
    RootCaKeyUpdateContent,
)
from runner.asn1.primitives import INTEGER, OBJECT_IDENTIFIER
from runner.asn1.structures import encode
from runner.asn1.x509 import NULL_DN
from runner.errors import Malformed
from runner.lab.answers import Answer
from runner.lab.rules import Rejection
from runner.lab.services import ENCRYPTION
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage, key_usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from runner.asn1.x509 import Extension
    from runner.lab.office import Office
    from runner.lab.received import Request

    Teller = Callable[[Office, Request, bytes | None], InfoTypeAndValue]

_EC = "1.2.840.10045.2.1"
_P256, _P384 = (OBJECT_IDENTIFIER.encode(oid) for oid in ("1.2.840.10045.3.1.7", "1.3.132.0.34"))
_RSA = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
_CURVES = (
    AlgorithmIdentifier(algorithm=_EC, parameters=_P256),
    AlgorithmIdentifier(algorithm=_EC, parameters=_P384),
)
_EDWARDS = ("1.3.101.112", "1.3.101.113")
_ML_DSA = tuple(f"2.16.840.1.101.3.4.3.{n}" for n in (17, 18, 19))
_MONTGOMERY = ("1.3.101.110", "1.3.101.111")
_ML_KEM = tuple(f"2.16.840.1.101.3.4.4.{n}" for n in (2, 3))
_AES256_CBC = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.1.42")
_ALGORITHM_ID, _RSA_KEY_LEN = "1.3.6.1.5.5.7.5.1.11", "1.3.6.1.5.5.7.5.1.12"
_RSA_BITS = 2048


def inform(office: Office, request: Request) -> Answer:
    """A genm: genp with what is asked."""
    asked = request.content or tuple(InfoTypeAndValue(info_type=INFO_TYPES[name]) for name in _UNASKED)
    try:
        found = [_TELLERS[i.info_type](office, request, i.info_value) for i in asked if i.info_type in _TELLERS]
    except Malformed as problem:
        raise Rejection("badDataFormat", f"a question cannot be read: {problem.what}") from problem
    unknown = tuple(item.info_type for item in asked if item.info_type not in _TELLERS)
    return Answer("genp", (*found, _item("unsupportedOIDs", OIDS.encode(unknown))) if unknown else tuple(found))


def _item(name: str, value: bytes | None = None) -> InfoTypeAndValue:
    return InfoTypeAndValue(info_type=INFO_TYPES[name], info_value=value)


def _always(name: str, value: bytes) -> Teller:
    """Tells the same to everybody."""
    return lambda office, request, asked: _item(name, value)  # noqa: ARG005 - the shape of a teller


def _algorithms(*plain: str) -> bytes:
    return ALGORITHMS.encode((_RSA, *_CURVES, *(AlgorithmIdentifier(algorithm=oid) for oid in plain)))


def _encryption_certificate(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    return _item("caProtEncCert", office.service(ENCRYPTION).certificate.der)


def _crl(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001 - of a teller's shape
    return _item("currentCRL", office.current_crl()[0])


def _parameters(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    """What keyPairParamReq names: keyPairParamRep has it with parameters, where there are any."""
    oid = OBJECT_IDENTIFIER.decode(value or b"")
    known = next((algorithm for algorithm in (_RSA, *_CURVES) if algorithm.algorithm == oid), None)
    return _item("keyPairParamRep", None if known is None else encode(known))


def _ca_certificates(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    return _item("caCerts", CERTIFICATES.encode(office.chain))


def _key_update(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    """The roll-over as CMP 2000 tells of it."""
    update = office.root_update
    if update is None:
        return _item("caKeyUpdateInfo")
    content = CAKeyUpdAnnContent(
        old_with_new=update.old_with_new, new_with_old=update.new_with_old, new_with_new=office.issuer.certificate.der
    )
    return _item("caKeyUpdateInfo", encode(content))


def _root_update(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    """What leads on from the root in rootCaCert: rootCaKeyUpdate, where it is the one before the present."""
    update = office.root_update
    if update is None or value not in (None, update.old):
        return _item("rootCaKeyUpdate")
    content = RootCaKeyUpdateContent(
        new_with_new=office.issuer.certificate.der, new_with_old=update.new_with_old, old_with_new=update.old_with_new
    )
    return _item("rootCaKeyUpdate", encode(content))


_PROFILES: dict[str, tuple[Extension, ...]] = {
    "": (key_usage(("digitalSignature",)),),
    "tls-server": (
        key_usage(("digitalSignature", "keyEncipherment")),
        extended_key_usage((EXTENDED_KEY_USAGES["serverAuth"],)),
    ),
    "tls-client": (key_usage(("digitalSignature",)), extended_key_usage((EXTENDED_KEY_USAGES["clientAuth"],))),
}
"""Certificate profiles, by the name in certProfile; the empty one is that of who names none."""


def _template(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    """What to fill in for a certProfile; nothing for one that is not known."""
    named = next((i.info_value for i in request.header.general_info if i.info_type == CERT_PROFILE), None)
    names = ("",) if named is None else TEXTS.decode(named)
    extensions = _PROFILES.get(names[0] if names else "")
    if extensions is None:
        return _item("certReqTemplate")
    content = CertReqTemplateContent(
        cert_template=CertTemplate(subject=NULL_DN, extensions=extensions),
        key_spec=(
            Control(type=_ALGORITHM_ID, value=encode(_CURVES[0])),
            Control(type=_RSA_KEY_LEN, value=INTEGER.encode(_RSA_BITS)),
        ),
    )
    return _item("certReqTemplate", encode(content))


def _crls(office: Office, request: Request, value: bytes | None) -> InfoTypeAndValue:  # noqa: ARG001
    """Our CRL, where the list does not say that the requester has it."""
    statuses = CRL_STATUS_LIST.decode(value or b"")
    der, this_update = office.current_crl()
    asked = [status for status in statuses if _is_about_us(office, status.source.value)]
    newer = [status for status in asked if _is_older(status.this_update, this_update)]
    return _item("crls", CRLS.encode((der,)) if newer else None)


def _is_about_us(office: Office, source: bytes) -> bool:
    """The lab has one CRL: GeneralNames or a DistributionPointName that hold its name are about it."""
    return office.issuer.name in source


def _is_older(theirs: datetime | None, ours: datetime) -> bool:
    return theirs is None or theirs < ours


_UNASKED = ("caProtEncCert", "signKeyPairTypes", "encKeyPairTypes", "preferredSymmAlg", "currentCRL", "caCerts")
"""What a genm without any item is answered with."""
_TELLERS: dict[str, Teller] = {
    INFO_TYPES[name]: teller
    for name, teller in {
        "caProtEncCert": _encryption_certificate,
        "signKeyPairTypes": _always("signKeyPairTypes", _algorithms(*_EDWARDS, *_ML_DSA)),
        "encKeyPairTypes": _always("encKeyPairTypes", _algorithms(*_MONTGOMERY, *_ML_KEM)),
        "preferredSymmAlg": _always("preferredSymmAlg", encode(_AES256_CBC)),
        "caKeyUpdateInfo": _key_update,
        "currentCRL": _crl,
        "keyPairParamReq": _parameters,
        "suppLangTags": _always("suppLangTags", TEXTS.encode(("en",))),
        "caCerts": _ca_certificates,
        "rootCaCert": _root_update,
        "certReqTemplate": _template,
        "crlStatusList": _crls,
    }.items()
}
