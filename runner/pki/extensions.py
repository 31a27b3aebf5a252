"""Certificate extensions that requests ask for and answers are judged by (RFC 5280 §4.2), and CRLReason.

Names of the standard to DER and back. Whether an extension is welcome is decided elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.der import elements, open_sequence
from runner.asn1.primitives import (
    ENUMERATED,
    GENERALIZED_TIME,
    NAMED_BITS,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
)
from runner.asn1.structures import SequenceOf, decode, encode
from runner.asn1.x509 import AuthorityKeyIdentifier, BasicConstraints, Extension, PolicyInformation
from runner.errors import Malformed
from runner.pki.names import GeneralName, general_name_from_der
from runner.pki.remembering import remembered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
SUBJECT_ALT_NAME = "2.5.29.17"
BASIC_CONSTRAINTS = "2.5.29.19"
CRL_NUMBER = "2.5.29.20"
REASON_CODE = "2.5.29.21"
INVALIDITY_DATE = "2.5.29.24"
NAME_CONSTRAINTS = "2.5.29.30"
CERTIFICATE_POLICIES = "2.5.29.32"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
EXTENDED_KEY_USAGE = "2.5.29.37"

KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
"""The bits of KeyUsage, by number (RFC 5280 §4.2.1.3)."""
EXTENDED_KEY_USAGES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "ipsecIKE": "1.3.6.1.5.5.7.3.17",
    "cmcCA": "1.3.6.1.5.5.7.3.27",
    "cmcRA": "1.3.6.1.5.5.7.3.28",
    "cmKGA": "1.3.6.1.5.5.7.3.32",
    "ikeIntermediate": "1.3.6.1.5.5.8.2.2",
    "smartCardLogon": "1.3.6.1.4.1.311.20.2.2",
    "anyExtendedKeyUsage": "2.5.29.37.0",
}
CRL_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
"""CRLReason (RFC 5280 §5.3.1)."""
_OIDS = SequenceOf(OBJECT_IDENTIFIER)
_POLICIES = SequenceOf(PolicyInformation)


def parse_key_usage(text: str) -> str:
    """The standard's spelling of a key usage, whatever the case; ValueError names those that exist."""
    return _spelled(text, KEY_USAGES, "key usage")


def parse_extended_key_usage(text: str) -> str:
    """A name or a dotted object identifier → the dotted one; ValueError names those that exist."""
    try:
        OBJECT_IDENTIFIER.body(text)
    except Malformed:
        return EXTENDED_KEY_USAGES[_spelled(text, EXTENDED_KEY_USAGES, "extended key usage")]
    return text


def extended_key_usage_name(oid: str) -> str:
    """The name of an extended key usage where it has one, else its dotted object identifier."""
    return next((name for name, dotted in EXTENDED_KEY_USAGES.items() if dotted == oid), oid)


def _spelled(text: str, known: Iterable[str], what: str) -> str:
    names = {name.lower(): name for name in known}
    if text.lower() not in names:
        raise ValueError(f"unknown {what} {text!r}: one of {', '.join(names.values())}")
    return names[text.lower()]


def key_usage(names: Iterable[str]) -> Extension:
    """KeyUsage, critical."""
    bits = frozenset(KEY_USAGES.index(name) for name in names)
    return Extension(extn_id=KEY_USAGE, critical=True, extn_value=NAMED_BITS.encode(bits))


def extended_key_usage(oids: Iterable[str]) -> Extension:
    """ExtKeyUsage, not critical."""
    return Extension(extn_id=EXTENDED_KEY_USAGE, extn_value=_OIDS.encode(tuple(oids)))


def subject_alt_name(names: Iterable[GeneralName], *, critical: bool) -> Extension:
    """SubjectAltName; critical where the subject is empty (RFC 5280 §4.2.1.6)."""
    value = SequenceOf(OPAQUE_SEQUENCE).encode(tuple(name.der for name in names))
    return Extension(extn_id=SUBJECT_ALT_NAME, critical=critical, extn_value=value)


def certificate_policies(oids: Iterable[str]) -> Extension:
    """CertificatePolicies without qualifiers, not critical (RFC 5280 §4.2.1.4)."""
    value = _POLICIES.encode(tuple(PolicyInformation(policy_identifier=oid) for oid in oids))
    return Extension(extn_id=CERTIFICATE_POLICIES, extn_value=value)


def basic_constraints(*, ca: bool, path_length: int | None = None) -> Extension:
    """BasicConstraints, critical (RFC 5280 §4.2.1.9)."""
    value = encode(BasicConstraints(ca=ca, path_len_constraint=path_length))
    return Extension(extn_id=BASIC_CONSTRAINTS, critical=True, extn_value=value)


def reason_code(reason: str) -> Extension:
    """The CRL entry extension reasonCode."""
    return Extension(extn_id=REASON_CODE, extn_value=ENUMERATED.encode(CRL_REASONS[reason]))


def invalidity_date(moment: datetime) -> Extension:
    """The CRL entry extension invalidityDate (RFC 5280 §5.3.2)."""
    return Extension(extn_id=INVALIDITY_DATE, extn_value=GENERALIZED_TIME.encode(moment))


def find_extension(extensions: Iterable[Extension], oid: str) -> bytes | None:
    """The value of the extension `oid`; None where there is none."""
    for extension in extensions:
        if extension.extn_id == oid:
            return extension.extn_value
    return None


def key_usages_in(extensions: Iterable[Extension]) -> frozenset[str] | None:
    """The names of the KeyUsage bits that are set; None where the extension is absent."""
    value = find_extension(extensions, KEY_USAGE)
    return None if value is None else _key_usages(value)


@remembered()
def _key_usages(value: bytes) -> frozenset[str]:
    return frozenset(KEY_USAGES[bit] for bit in NAMED_BITS.decode(value) if bit < len(KEY_USAGES))


def extended_key_usages_in(extensions: Iterable[Extension]) -> frozenset[str] | None:
    """The dotted object identifiers in ExtKeyUsage; None where the extension is absent."""
    value = find_extension(extensions, EXTENDED_KEY_USAGE)
    return None if value is None else frozenset(_OIDS.decode(value))


def alt_names_in(extensions: Iterable[Extension]) -> tuple[GeneralName, ...]:
    """The names in SubjectAltName."""
    value = find_extension(extensions, SUBJECT_ALT_NAME)
    return () if value is None else _general_names(value)


@remembered()
def _general_names(value: bytes) -> tuple[GeneralName, ...]:
    start, stop = open_sequence(value)
    return tuple(general_name_from_der(element) for element in elements(value, start, stop, 256))


def subject_key_identifier_in(extensions: Iterable[Extension]) -> bytes | None:
    """The SubjectKeyIdentifier."""
    value = find_extension(extensions, SUBJECT_KEY_IDENTIFIER)
    return None if value is None else OCTET_STRING.decode(value)


def authority_key_identifier_in(extensions: Iterable[Extension]) -> bytes | None:
    """The keyIdentifier in AuthorityKeyIdentifier."""
    value = find_extension(extensions, AUTHORITY_KEY_IDENTIFIER)
    return None if value is None else _authority_key_identifier(value)


@remembered()
def _authority_key_identifier(value: bytes) -> bytes | None:
    return decode(AuthorityKeyIdentifier, value).key_identifier


def basic_constraints_in(extensions: Iterable[Extension]) -> BasicConstraints:
    """BasicConstraints; the default (no CA) where the extension is absent."""
    value = find_extension(extensions, BASIC_CONSTRAINTS)
    return BasicConstraints() if value is None else _basic_constraints(value)


@remembered()
def _basic_constraints(value: bytes) -> BasicConstraints:
    return decode(BasicConstraints, value)


def policies_in(extensions: Iterable[Extension]) -> frozenset[str]:
    """The dotted object identifiers in CertificatePolicies."""
    value = find_extension(extensions, CERTIFICATE_POLICIES)
    return frozenset() if value is None else frozenset(each.policy_identifier for each in _POLICIES.decode(value))


def check_readable(extensions: Iterable[Extension]) -> None:
    """Malformed where one of the extensions that are read here cannot be read."""
    for read in (
        key_usages_in,
        extended_key_usages_in,
        alt_names_in,
        subject_key_identifier_in,
        authority_key_identifier_in,
        basic_constraints_in,
    ):
        read(extensions)
