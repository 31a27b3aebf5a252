"""What a genp tells, read and verified before anybody uses it (RFC 9810 §5.3.19, RFC 9483 §4.3).

The message itself was verified before. Here its content is: certificates that can be read, a new root that the old one
vouches for, CRLs that their issuer signed. Nothing here makes anything an anchor.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, AlgorithmIdentifier
from runner.asn1.infotypes import (
    ALGORITHMS,
    CRLS,
    INFO_TYPE_NAMES,
    INFO_TYPES,
    OIDS,
    TEXTS,
    CAKeyUpdAnnContent,
    CertReqTemplateContent,
    RootCaKeyUpdateContent,
)
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import decode
from runner.asn1.x509 import Signed, TBSCertList
from runner.cmp.questions import QUESTIONS
from runner.cmp.roots import signed_by, unfit_root
from runner.errors import Malformed, Mismatch, ProtocolError, Unauthentic
from runner.pki.certificates import Certificate, parse_certificate
from runner.pki.extensions import basic_constraints_in, key_usages_in
from runner.pki.names import name_from_der, same_name
from runner.pki.paths import find_path
from runner.pki.signing import verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from runner.asn1.cmp import InfoTypeAndValue

CERTIFICATE_LIST = CRLS
"""SEQUENCE OF CMPCertificate looks like SEQUENCE OF CertificateList."""


@frozen
class Circumstances:
    """What the content is judged by: our anchors, other certificates of the exchange, the moment, what we have."""

    anchors: tuple[Certificate, ...]
    along: tuple[Certificate, ...]
    now: datetime
    root: Certificate | None = None
    """The root whose successor was asked for."""
    this_update: datetime | None = None
    """When the CRL was made that we have."""


@frozen
class Tidings:
    """What was told: certificates and CRLs to keep, a template, and lines for people. `root` may become an anchor."""

    certificates: tuple[Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    template: CertReqTemplateContent | None = None
    root: Certificate | None = None
    lines: tuple[str, ...] = field(default=())


def tidings_in(what: str, items: Iterable[InfoTypeAndValue], given: Circumstances) -> Tidings:
    """The answer to a question. Mismatch where it is not answered, Unauthentic where the content does not hold."""
    items, wanted = tuple(items), QUESTIONS[what].answered_by
    if not wanted:
        return Tidings(lines=tuple(_any_line(item) for item in items) or ("the CA told nothing",))
    answers = [item for item in items if item.info_type == INFO_TYPES[wanted]]
    if not answers:
        told = ", ".join(INFO_TYPE_NAMES.get(item.info_type, item.info_type) for item in items) or "nothing"
        raise Mismatch(f"the CA was asked for {what} and does not tell it", why=f"it told {told}")
    value = answers[0].info_value
    if value is None:
        return Tidings(lines=(f"the CA has no {wanted} to tell",))
    return _READERS[wanted](value, given)


def described(certificate: Certificate) -> str:
    """A certificate so that a person can compare it with what was told out of band."""
    return f'"{certificate.subject}" (SHA-256 {certificate.fingerprint})'


def _ca_certs(value: bytes, given: Circumstances) -> Tidings:
    found = tuple(parse_certificate(der) for der in CERTIFICATE_LIST.decode(value))
    strangers = [certificate for certificate in found if not basic_constraints_in(certificate.extensions).ca]
    if strangers:
        raise Unauthentic(f'"{strangers[0].subject}" among the CA certificates is no CA')
    return Tidings(found, lines=tuple(f"{described(each)}{_standing(each, found, given)}" for each in found))


def _standing(certificate: Certificate, found: tuple[Certificate, ...], given: Circumstances) -> str:
    """Whether it leads to an anchor of ours."""
    try:
        find_path(certificate, (*found, *given.along), given.anchors, given.now)
    except ProtocolError:
        return ", which leads to no anchor of ours" if given.anchors else ""
    return ""


def _encryption_certificate(value: bytes, given: Circumstances) -> Tidings:
    """CaProtEncCert: to whom secrets may be sent, so that it must lead to an anchor."""
    certificate = parse_certificate(value)
    usages = key_usages_in(certificate.extensions)
    if usages is not None and not usages & {"keyEncipherment", "dataEncipherment", "keyAgreement"}:
        raise Unauthentic(f'nothing may be encrypted to "{certificate.subject}"', why="its keyUsage is for signatures")
    if given.anchors:
        find_path(certificate, given.along, given.anchors, given.now)
    return Tidings((certificate,), lines=(described(certificate),))


def _root_update(value: bytes, given: Circumstances) -> Tidings:
    content = decode(RootCaKeyUpdateContent, value)
    return _new_root(content.new_with_new, content.new_with_old, content.old_with_new, given)


def _key_update(value: bytes, given: Circumstances) -> Tidings:
    content = decode(CAKeyUpdAnnContent, value)
    return _new_root(content.new_with_new, content.new_with_old, content.old_with_new, given)


def _new_root(new: bytes, link: bytes | None, back: bytes | None, given: Circumstances) -> Tidings:
    """A root that one of ours vouches for by newWithOld (RFC 9810 §4.4.2)."""
    root = parse_certificate(new)
    _is_root(root, given.now)
    if link is None:
        raise Unauthentic(
            f"the new root {described(root)} comes without newWithOld",
            why="nothing links it to the root that we trust",
            next_step="have its fingerprint confirmed, and add it to trust: by hand",
        )
    linked = parse_certificate(link)
    old = _voucher(linked, given)
    if linked.public_key_info != root.public_key_info or not same_name(linked.subject.der, root.subject.der):
        raise Unauthentic("newWithOld is not for the key and the name of the new root", why=described(root))
    certificates = [root, linked]
    if back is not None:
        certificates.append(_backward(parse_certificate(back), old, root))
    line = f"new root {described(root)}, vouched for by {described(old)}"
    return Tidings(tuple(certificates), root=root, lines=(line,))


def _is_root(root: Certificate, now: datetime) -> None:
    if why := unfit_root(root, now):
        raise Unauthentic(f"newWithNew is no root certificate to trust: {why}", why=described(root))


def _voucher(linked: Certificate, given: Circumstances) -> Certificate:
    """Which of our anchors signed newWithOld: the root that was asked about, where one was."""
    candidates = (given.root,) if given.root is not None else given.anchors
    for old in candidates:
        if same_name(linked.issuer.der, old.subject.der) and signed_by(linked, old):
            return old
    raise Unauthentic("no root of ours signed newWithOld", why=f"its issuer is {linked.issuer}")


def _backward(back: Certificate, old: Certificate, root: Certificate) -> Certificate:
    if back.public_key_info != old.public_key_info or not signed_by(back, root):
        raise Unauthentic("oldWithNew is not the old root's key under the new root", why=described(back))
    return back


def _crls(value: bytes, given: Circumstances) -> Tidings:
    return _lists(CRLS.decode(value), given)


def _crl(value: bytes, given: Circumstances) -> Tidings:
    return _lists((value,), given)


def _lists(crls: tuple[bytes, ...], given: Circumstances) -> Tidings:
    return Tidings(crls=crls, lines=tuple(_checked_list(crl, given) for crl in crls))


def _checked_list(crl: bytes, given: Circumstances) -> str:
    """A CRL that its issuer signed, that is in force, and not older than the one that we have (RFC 5280 §6.3.3)."""
    signed = decode(Signed, crl)
    tbs = decode(TBSCertList, signed.tbs)
    name = name_from_der(tbs.issuer)
    issuers = [each for each in (*given.anchors, *given.along) if same_name(each.subject.der, tbs.issuer)]
    if not any(_signs_lists(each, signed, given) for each in issuers):
        raise Unauthentic(f'the CRL of "{name}" is not signed by an issuer that we trust')
    if tbs.next_update is not None and tbs.next_update < given.now:
        raise Unauthentic(f'the CRL of "{name}" is over', why=f"its nextUpdate is {tbs.next_update:%F %T} UTC")
    if given.this_update is not None and tbs.this_update < given.this_update:
        raise Unauthentic(f'the CRL of "{name}" is older than the one that we have')
    return f'CRL of "{name}" of {tbs.this_update:%F %T} UTC, {len(tbs.revoked_certificates)} entries'


def _signs_lists(issuer: Certificate, signed: Signed, given: Circumstances) -> bool:
    usages = key_usages_in(issuer.extensions)
    if usages is not None and "cRLSign" not in usages:
        return False
    if not verify_signature(issuer.public_key_info, signed.signature_algorithm, signed.signature, signed.tbs):
        return False
    try:
        find_path(issuer, given.along, given.anchors, given.now)
    except ProtocolError:
        return False
    return True


def _template(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    content = decode(CertReqTemplateContent, value)
    template = content.cert_template
    if template.public_key is not None or template.serial_number is not None:
        raise Malformed("the CA's template has a public key or a serial number, which is not for it to say")
    return Tidings(template=content, lines=("the CA's template for requests",))


def _algorithms(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    return Tidings(lines=tuple(algorithm.algorithm for algorithm in ALGORITHMS.decode(value)))


def _algorithm(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    return Tidings(lines=(decode(AlgorithmIdentifier, value).algorithm,))


def _parameters(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    """What keys of the algorithm that was asked for are to be like: for a curve, its name (RFC 9810 §5.3.19.8)."""
    told = decode(AlgorithmIdentifier, value)
    if told.parameters in (None, DER_NULL):
        return Tidings(lines=(f"{told.algorithm}, without parameters",))
    try:
        return Tidings(lines=(f"{told.algorithm}, {OBJECT_IDENTIFIER.decode(told.parameters)}",))
    except Malformed:
        return Tidings(lines=(f"{told.algorithm}, {told.parameters.hex()}",))


def _languages(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    return Tidings(lines=TEXTS.decode(value))


def _identifiers(value: bytes, given: Circumstances) -> Tidings:  # noqa: ARG001 - a reader's shape
    return Tidings(lines=tuple(OIDS.decode(value)))


_READERS: dict[str, Callable[[bytes, Circumstances], Tidings]] = {
    "caCerts": _ca_certs,
    "rootCaKeyUpdate": _root_update,
    "caKeyUpdateInfo": _key_update,
    "certReqTemplate": _template,
    "crls": _crls,
    "currentCRL": _crl,
    "signKeyPairTypes": _algorithms,
    "encKeyPairTypes": _algorithms,
    "preferredSymmAlg": _algorithm,
    "caProtEncCert": _encryption_certificate,
    "unsupportedOIDs": _identifiers,
    "keyPairParamRep": _parameters,
    "suppLangTags": _languages,
}
"""The name of an answering item → who reads it."""


def _any_line(item: InfoTypeAndValue) -> str:
    """One item of an answer to a general question."""
    name = INFO_TYPE_NAMES.get(item.info_type, item.info_type)
    return f"{name}: {'no value' if item.info_value is None else f'{len(item.info_value)} octets'}"
