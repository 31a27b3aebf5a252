"""What a request asks for, as data that people can read and rules can judge: a certificate, or a revocation.

From a CertTemplate (RFC 4211 §5), a PKCS #10 request (RFC 2986) or RevDetails (RFC 9810 §5.3.9). Nothing is judged
here beyond being readable.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.pkcs10 import EXTENSION_REQUEST, CertificationRequestInfo
from runner.asn1.primitives import ENUMERATED
from runner.asn1.structures import decode
from runner.asn1.x509 import EXTENSIONS, NULL_DN, Extension, Signed, SubjectPublicKeyInfo
from runner.errors import Malformed
from runner.pki.extensions import (
    CRL_REASONS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    KEY_USAGES,
    REASON_CODE,
    SUBJECT_ALT_NAME,
    alt_names_in,
    basic_constraints_in,
    check_readable,
    extended_key_usages_in,
    find_extension,
    key_usages_in,
)
from runner.pki.keyspecs import KeySpec, key_spec_of
from runner.pki.names import GeneralName, Name, name_from_der
from runner.values import frozen

if TYPE_CHECKING:
    from runner.asn1.crmf import CertReqMsg
    from runner.ra.reading import Submission

_OF_FIELDS = (SUBJECT_ALT_NAME, KEY_USAGE, EXTENDED_KEY_USAGE)


@frozen
class Asked:
    """The certificate that is asked for. `key` is None where the CA is to make the key."""

    subject: Name
    public_key_info: bytes = field(repr=False)
    key: KeySpec | None
    alt_names: tuple[GeneralName, ...] = ()
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    """Dotted object identifiers."""
    ca: bool = False
    further: tuple[Extension, ...] = field(default=(), repr=False)
    """The other extensions that it names, as they came."""


@frozen
class AskedRevocation:
    """The certificate that is to be revoked."""

    issuer: Name
    serial: int
    reason: str


def asked_in(submission: Submission) -> Asked | AskedRevocation:
    """What an opening message, a PKCS #10 request or CertReqMessages ask for. Malformed where it cannot be read."""
    body = submission.innermost.body
    if body.name == "rr":
        return _revocation(body.value)
    if body.name == "p10cr":
        return _in_pkcs10(body.value)
    return _in_template(only_request(submission))


def only_request(submission: Submission) -> CertReqMsg:
    """The one CertReqMsg in an ir, cr or kur (RFC 9483 §4.1)."""
    messages: tuple[CertReqMsg, ...] = submission.innermost.body.value
    if len(messages) != 1:
        raise Malformed("one certificate is asked for at a time", why=f"{len(messages)} requests stand in one message")
    return messages[0]


def _in_template(message: CertReqMsg) -> Asked:
    template = message.cert_req.cert_template
    subject = NULL_DN if template.subject is None else template.subject
    return _asked(subject, template.public_key or b"", template.extensions)


def _in_pkcs10(der: bytes) -> Asked:
    info = decode(CertificationRequestInfo, decode(Signed, der).tbs)
    values = [value for a in info.attributes or () if a.type == EXTENSION_REQUEST for value in a.values]
    extensions = tuple(extension for value in values for extension in EXTENSIONS.decode(value))
    return _asked(info.subject, info.subject_pk_info, extensions)


def _asked(subject: bytes, public_key: bytes, extensions: tuple[Extension, ...]) -> Asked:
    check_readable(extensions)
    oids = [extension.extn_id for extension in extensions]
    if len(set(oids)) != len(oids):
        raise Malformed("an extension is asked for twice")
    usages = key_usages_in(extensions) or frozenset()
    return Asked(
        subject=name_from_der(subject),
        public_key_info=public_key,
        key=None if made_by_ca(public_key) else key_spec_of(public_key),
        alt_names=alt_names_in(extensions),
        key_usage=tuple(usage for usage in KEY_USAGES if usage in usages),
        extended_key_usage=tuple(sorted(extended_key_usages_in(extensions) or ())),
        ca=basic_constraints_in(extensions).ca,
        further=tuple(extension for extension in extensions if extension.extn_id not in _OF_FIELDS),
    )


def made_by_ca(public_key: bytes) -> bool:
    """Whether the CA is to make the key: it is absent, or an algorithm with no bits (RFC 9483 §4.1.6)."""
    return not public_key or not decode(SubjectPublicKeyInfo, public_key).subject_public_key


def _revocation(details: tuple[object, ...]) -> AskedRevocation:
    if len(details) != 1:
        raise Malformed("one certificate is revoked at a time", why=f"{len(details)} stand in one message")
    first = details[0]
    template = first.cert_details  # type: ignore[attr-defined]
    if template.issuer is None or template.serial_number is None:
        raise Malformed("the certificate to revoke is not named by issuer and serial number")
    code = find_extension(first.crl_entry_details, REASON_CODE)  # type: ignore[attr-defined]
    number = 0 if code is None else ENUMERATED.decode(code)
    names = {value: name for name, value in CRL_REASONS.items()}
    return AskedRevocation(name_from_der(template.issuer), template.serial_number, names.get(number, str(number)))
