"""What a request asks for, judged and made complete: subject, key, extensions and validity of the certificate to be.

From a CertTemplate (ir, cr, kur: RFC 4211 §5, RFC 9810 §5.3) or a PKCS#10 request (p10cr: RFC 2986). Octets are
copied as they came. The lab's policy, in short: subject or subjectAltName; extensions of
_KEPT are granted as asked, others left out with grantedWithMods; never a CA certificate, nor one for an RA or a key
generation authority; an update keeps the subject, and what it does not mention is as in the certificate that is
updated. Where there is no public key, the lab makes the pair.
"""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.asn1.crmf import OLD_CERT_ID, CertId, CertReqMsg, CertTemplate, OptionalValidity
from runner.asn1.pkcs10 import EXTENSION_REQUEST, CertificationRequestInfo
from runner.asn1.structures import decode
from runner.asn1.x509 import EXTENSIONS, NULL_DN, Extension, Signed, Validity
from runner.errors import Malformed
from runner.lab.issuing import Asked, key_identifier
from runner.lab.keeping import entrusted, is_wish, make_key, reachable
from runner.lab.manners import has_name
from runner.lab.proof import acceptable_key, proven
from runner.lab.records import State
from runner.lab.rules import Rejection
from runner.lab.senders import CertificateSender
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    EXTENDED_KEY_USAGES,
    KEY_USAGE,
    SUBJECT_ALT_NAME,
    SUBJECT_KEY_IDENTIFIER,
    alt_names_in,
    basic_constraints_in,
    extended_key_usages_in,
    key_usages_in,
    subject_key_identifier_in,
)
from runner.pki.names import name_from_der, name_in_general_name, same_name
from runner.pki.signing import verify_signature
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.lab.office import Office
    from runner.lab.received import Request
    from runner.pki.certificates import Certificate

P10_CERT_REQ_ID = -1
"""certReqId in the answer to a p10cr, which has none (RFC 9483 §4.1.4)."""
_KEPT = (SUBJECT_ALT_NAME, KEY_USAGE, EXTENDED_KEY_USAGE, CERTIFICATE_POLICIES)
_OWN = (BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER)
"""Extensions that the CA sets itself."""
_POWERS = frozenset(EXTENDED_KEY_USAGES[name] for name in ("cmcRA", "cmcCA", "cmKGA"))
_SKEW = timedelta(days=1)
"""How far a requester's clock may be behind."""


def cert_req_ids(office: Office, request: Request) -> tuple[int, ...]:
    """The certReqIds of the certificates that are asked for. Raises Rejection where they cannot be told apart."""
    if request.kind == "p10cr":
        return (P10_CERT_REQ_ID,)
    found = tuple(int(message.cert_req.cert_req_id) for message in request.content)
    if not found or len(set(found)) != len(found):
        raise Rejection("badRequest", "no certificate is asked for, or two of them under one certReqId")
    if len(found) > 1 and not office.rules.batches:
        raise Rejection("badRequest", f"{len(found)} certificates in one request; one is taken")
    return found


def asked_in(office: Office, request: Request, number: int) -> Asked:
    """What the request with this number in a message asks for. Raises Rejection where the lab does not grant it."""
    try:
        asked = _BY_KIND[request.kind](office, request, number)
        _welcome(office, asked)
    except Malformed as problem:
        raise Rejection("badCertTemplate", f"{problem.what} {problem.why}".strip()) from problem
    return asked


def _welcome(office: Office, asked: Asked) -> None:
    if has_name(name_from_der(asked.subject).text, office.rules.reject_names):
        raise Rejection(office.rules.reject_with, "this subject gets no certificate here")
    if asked.subject == NULL_DN and not alt_names_in(asked.extensions):
        raise Rejection("badCertTemplate", "there is neither a subject nor a subjectAltName")


def _in_template(office: Office, request: Request, number: int) -> Asked:
    """The bodies ir and cr."""
    message: CertReqMsg = request.content[number]
    template = _usual(office, message)
    key = _key(office, request, number)
    asked = _granted(office, template.subject or NULL_DN, key.public, template.extensions, template.validity)
    return replace(asked, generated=key.generated, archived=key.archived)


def _in_update(office: Office, request: Request, number: int) -> Asked:
    """The body kur: a CertTemplate, beside the certificate that signed the message."""
    message: CertReqMsg = request.content[number]
    old = _updated(office, request, message)
    template = _usual(office, message)
    if template.subject is not None and template.subject != old.subject.der:
        raise Rejection("badCertTemplate", "an update keeps the subject")
    key = _key(office, request, number)
    extensions = template.extensions or tuple(e for e in old.extensions if e.extn_id in _KEPT)
    asked = _granted(office, old.subject.der, key.public, extensions, template.validity)
    return replace(asked, generated=key.generated, archived=key.archived, replaces=old.serial)


def _updated(office: Office, request: Request, message: CertReqMsg) -> Certificate:
    """The certificate that is updated: the one that signed, also by oldCertId; who may do more names any other."""
    own = request.sender.certificate if isinstance(request.sender, CertificateSender) else None
    trusted = office.is_ra(request.sender) or (own is None and office.rules.kur_by_secret)
    if own is None and not trusted:
        raise Rejection("wrongIntegrity", "a kur is signed with the certificate that it updates")
    value = next((control.value for control in message.cert_req.controls if control.type == OLD_CERT_ID), None)
    if value is None and own is not None:
        return own
    serial = _named_by(office, value)
    if own is not None and serial == own.serial:
        return own
    known = office.ledger.certificate(serial)
    if known is None or known.state is not State.CONFIRMED or not trusted:
        raise Rejection("badCertId", "oldCertId is not the certificate that signed the kur")
    return parse_certificate(office.storage.certificate(serial))


def _named_by(office: Office, old_cert_id: bytes | None) -> int:
    """The serial number in oldCertId, which is of this CA."""
    if old_cert_id is None:
        raise Rejection("badCertId", "oldCertId is needed to tell which certificate is updated")
    named = decode(CertId, old_cert_id)
    issuer = name_in_general_name(named.issuer)
    if issuer is None or not same_name(issuer, office.issuer.name):
        raise Rejection("badCertId", "oldCertId is not a certificate of this CA")
    return named.serial_number


def _in_pkcs10(office: Office, request: Request, number: int) -> Asked:  # noqa: ARG001 - there is one
    """The body p10cr."""
    signed = decode(Signed, request.content)
    info = decode(CertificationRequestInfo, signed.tbs)
    acceptable_key(info.subject_pk_info)
    if not verify_signature(info.subject_pk_info, signed.signature_algorithm, signed.signature, signed.tbs):
        raise Rejection("badPOP", "the PKCS#10 request is not signed by the private key of its public key")
    values = [value for a in info.attributes or () if a.type == EXTENSION_REQUEST for value in a.values]
    extensions = tuple(extension for value in values for extension in EXTENSIONS.decode(value))
    return _granted(office, info.subject, info.subject_pk_info, extensions, None)


_BY_KIND = {"ir": _in_template, "cr": _in_template, "krr": _in_template, "kur": _in_update, "p10cr": _in_pkcs10}


def _usual(office: Office, message: CertReqMsg) -> CertTemplate:
    """The template, if it leaves alone what is the CA's to choose, and asks for nothing that the lab cannot do."""
    template = message.cert_req.cert_template
    own = (template.serial_number, template.signing_alg, template.issuer_uid, template.subject_uid)
    if any(value is not None for value in own):
        raise Rejection("badCertTemplate", "serialNumber, signingAlg and unique identifiers are the CA's to choose")
    if template.issuer not in (None, NULL_DN) and not same_name(template.issuer, office.issuer.name):
        raise Rejection("wrongAuthority", "the template names another issuer")
    return template


@frozen
class _Key:
    """The public key that is certified, and what becomes of the private one."""

    public: bytes
    generated: bytes = field(default=b"", repr=False)
    archived: bytes = field(default=b"", repr=False)


def _key(office: Office, request: Request, number: int) -> _Key:
    """The key of a request, proved to be the requester's; or one that the lab makes for it."""
    message: CertReqMsg = request.content[number]
    public, generated = message.cert_req.cert_template.public_key, b""
    if public is None or is_wish(public):
        public, generated = _made(office, request, message)
    else:
        acceptable_key(public)
        proven(office, request, number, public)
    return _Key(public, generated, entrusted(office, message, public, generated))


def _made(office: Office, request: Request, message: CertReqMsg) -> tuple[bytes, bytes]:
    """A key pair of the lab's making: public, private."""
    if not office.rules.key_generation:
        raise Rejection("badCertTemplate", "there is no public key, and the lab makes none")
    if message.popo is not None:
        raise Rejection("badPOP", "there is no public key, and yet a proof of possession")
    reachable(office, request, message)
    private, public = make_key(message.cert_req.cert_template.public_key)
    return public, private


def _granted(
    office: Office, subject: bytes, public_key: bytes, extensions: Sequence[Extension], validity: bytes | None
) -> Asked:
    kept, dropped = _sorted_out(extensions, public_key)
    if office.rules.grant_mods:
        kept = tuple(extension for extension in kept if extension.extn_id != EXTENDED_KEY_USAGE)
        dropped = (*dropped, "extendedKeyUsage is left to the CA")
    life, shortened = _life(office, validity)
    return Asked(subject, public_key, kept, life, (*dropped, *shortened))


def _sorted_out(extensions: Sequence[Extension], public_key: bytes) -> tuple[tuple[Extension, ...], tuple[str, ...]]:
    """The extensions that are granted as asked, and words about the others."""
    oids = [extension.extn_id for extension in extensions]
    if len(set(oids)) != len(oids):
        raise Rejection("badCertTemplate", "an extension is asked for twice")
    usages = key_usages_in(extensions) or frozenset()
    if basic_constraints_in(extensions).ca or "keyCertSign" in usages:
        raise Rejection("unacceptedExtension", "the lab issues no CA certificates")
    alt_names_in(extensions)
    if (extended_key_usages_in(extensions) or frozenset()) & _POWERS:
        raise Rejection("unacceptedExtension", "the lab makes nobody an RA, a CA or a key generation authority")
    kept = tuple(extension for extension in extensions if extension.extn_id in _KEPT)
    dropped = [oid for oid in oids if oid not in _KEPT and oid not in _OWN]
    if subject_key_identifier_in(extensions) not in (None, key_identifier(public_key)):
        dropped.append(SUBJECT_KEY_IDENTIFIER)
    return kept, tuple(f"extension {oid} is not as asked" for oid in dropped)


def _life(office: Office, validity: bytes | None) -> tuple[Validity, tuple[str, ...]]:
    """The validity that is granted, within the CA's own, and words about what was asked otherwise."""
    asked = OptionalValidity() if validity is None else decode(OptionalValidity, validity)
    now, last = office.now() - timedelta(seconds=office.rules.backdate), office.issuer.certificate.not_after
    if office.rules.lifetime:
        end = min(now + timedelta(seconds=office.rules.lifetime), last)
        return Validity(not_before=now, not_after=end), ("the validity is the CA's to choose",) if validity else ()
    start = now if asked.not_before is None or asked.not_before < now - _SKEW else asked.not_before
    end = last
    if start < last:
        end = min(asked.not_after or start + timedelta(days=office.rules.validity_days), last)
    if end <= start:
        raise Rejection("badCertTemplate", "the validity that is asked for ends before it begins, or after the CA's")
    modified = asked.not_before not in (None, start) or asked.not_after not in (None, end)
    return Validity(not_before=start, not_after=end), ("the validity is not as asked",) if modified else ()
