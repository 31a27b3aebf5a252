"""Reads what a request says beside the fields of a template: extensions, validity, controls, generalInfo.

Every field that cannot be read is a finding at its place and is left out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from runner.asn1.der import read_header
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.x509 import Extension
from runner.errors import Malformed
from runner.manifest.durations import parse_duration
from runner.manifest.inserting import into_general_name
from runner.manifest.secrets import literal_token, read_secret
from runner.manifest.wishes import ANY_TIME, NO_WISHES, Asking, Publication, ValidityWish
from runner.pki.extensions import (
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    SUBJECT_ALT_NAME,
    basic_constraints,
    certificate_policies,
)
from runner.pki.names import parse_general_name

if TYPE_CHECKING:
    from runner.asn1.cmp import InfoTypeAndValue
    from runner.manifest.reader import Reader

EXTENSION_FIELDS = ("certificate_policies", "basic_constraints", "extensions")
VALIDITY_FIELDS = ("not_before", "not_after", "valid_for")
_BY_THEIR_KEYS = {
    SUBJECT_ALT_NAME: "alt_names",
    KEY_USAGE: "key_usage",
    EXTENDED_KEY_USAGE: "extended_key_usage",
    CERTIFICATE_POLICIES: "certificate_policies",
    BASIC_CONSTRAINTS: "basic_constraints",
}
"""Extensions that have keys of their own."""
_DECIMAL = re.compile(r"[0-9]{1,78}")
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]{1,64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){1,63}")


def parse_oid(text: str) -> str:
    """A dotted object identifier as it is; ValueError where it is none."""
    try:
        OBJECT_IDENTIFIER.body(text)
    except Malformed as problem:
        raise ValueError(f"{text!r} is no object identifier") from problem
    return text


def parse_der(text: str) -> bytes:
    """Hexadecimal digits (blanks and colons between them) → the octets of one DER element."""
    try:
        octets = bytes.fromhex(text.replace(":", " "))
        whole = read_header(octets, 0, len(octets))[2] == len(octets)
    except (ValueError, Malformed):
        whole = False
    if not whole:
        raise ValueError("this is not the hexadecimal DER of one ASN.1 element")
    return octets


def parse_moment(text: str) -> datetime:
    """`2026-03-01T12:00:00Z`, or a day, which begins at midnight UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment: for example 2026-03-01T12:00:00Z or 2026-03-01") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def parse_serial(text: str) -> int:
    """A serial number: decimal digits, or hexadecimal ones behind 0x or with colons between the octets."""
    number = 0
    if _DECIMAL.fullmatch(text):
        number = int(text)
    elif _HEXADECIMAL.fullmatch(text):
        number = int(text.replace(":", ""), 16)
    if not number:
        raise ValueError(f"{text!r} is no serial number: write decimal digits, or hexadecimal ones behind 0x")
    return number


def read_policies(reader: Reader) -> tuple[Extension, ...]:
    """CertificatePolicies."""
    oids = tuple(dict.fromkeys(reader.parsed_all("certificate_policies", parse_oid)))
    return (certificate_policies(oids),) if oids else ()


def read_constraints(reader: Reader) -> tuple[Extension, ...]:
    """BasicConstraints."""
    part = reader.part.part("basic_constraints")
    if part is None:
        return ()
    length = int(part.number("path_length", -1))
    ca = part.flag("ca")
    if length >= 0 and not ca:
        reader.ledger.error("path_length is for CAs", part.place_of("path_length"), next_step="add ca: true beside it")
    return (basic_constraints(ca=ca, path_length=length if length >= 0 else None),)


def read_extensions(reader: Reader) -> tuple[Extension, ...]:
    """Extensions by their object identifiers."""
    part = reader.part.part("extensions")
    if part is None:
        return ()
    inside = reader.elsewhere(part)
    found = [_extension(oid, inside) for oid in part.values]
    return tuple(extension for extension in found if extension is not None)


def _extension(oid: str, reader: Reader) -> Extension | None:
    if not is_oid(oid, reader):
        return None
    if oid in _BY_THEIR_KEYS:
        step = f"say it by {_BY_THEIR_KEYS[oid]}:"
        reader.ledger.error(f"extension {oid} has a key of its own", reader.part.place_of_key(oid), next_step=step)
        return None
    inner = reader.part.part(oid)
    value = reader.parsed(oid, parse_der) if inner is None else reader.elsewhere(inner).parsed("der", parse_der)
    critical = inner is not None and inner.flag("critical")
    return None if value is None else Extension(extn_id=oid, critical=critical, extn_value=value)


def is_oid(text: str, reader: Reader) -> bool:
    """Whether a key is a dotted object identifier; told where it is none."""
    try:
        parse_oid(text)
    except ValueError as problem:
        reader.ledger.error(str(problem), reader.part.place_of_key(text))
        return False
    return True


_VALIDITY = frozenset(VALIDITY_FIELDS)


def read_validity(reader: Reader) -> ValidityWish:
    """The validity that is asked for."""
    if _VALIDITY.isdisjoint(reader.part.values):
        return ANY_TIME
    wish = ValidityWish(
        reader.parsed("not_before", parse_moment), reader.parsed("not_after", parse_moment), _span(reader)
    )
    if wish.not_after is not None and wish.valid_for is not None:
        place, step = reader.part.place_of("valid_for"), "keep one of them"
        reader.ledger.error("valid_for does not go together with not_after", place, next_step=step)
    if wish.not_before and wish.not_after and wish.not_after <= wish.not_before:
        reader.ledger.error("not_after is not after not_before", reader.part.place_of("not_after"))
    return wish


def _span(reader: Reader) -> timedelta | None:
    seconds = reader.parsed("valid_for", parse_duration)
    return None if seconds is None else timedelta(seconds=seconds)


_ASKING = frozenset({"cert_profile", "reg_token", "authenticator", "publication"})
_ASKING |= {"reg_info", "general_info", "old_cert_id"}


def read_asking(reader: Reader) -> Asking:
    """What an entry (or an authority) says beside the template."""
    part = reader.part
    if _ASKING.isdisjoint(part.values):
        return NO_WISHES
    return Asking(
        cert_profile=reader.text("cert_profile") or "",
        reg_token=read_secret(reader, "reg_token", literal_token),
        authenticator=read_secret(reader, "authenticator", literal_token),
        publication=_publication(reader),
        reg_info=_pairs(reader),
        general_info=_general_info(reader),
        old_cert_id=part.flag("old_cert_id") if isinstance(part.values.get("old_cert_id"), bool) else None,
    )


def _publication(reader: Reader) -> Publication | None:
    text, part = reader.part.text("publication"), reader.part.part("publication")
    if text is not None:
        return Publication(text.value)
    if part is None:
        return None
    inside = reader.elsewhere(part)
    action = part.text("action")
    method, location = part.text("method"), inside.parsed("location", parse_general_name, insert=into_general_name)
    if action is not None and action.value == "dont" and len(part.values) > 1:
        step = "write publication: dont"
        reader.ledger.error("who does not want to be published names no place", part.place, next_step=step)
    return Publication(action.value if action else "please", method.value if method else "", location)


def _pairs(reader: Reader) -> tuple[tuple[str, str], ...]:
    part = reader.part.part("reg_info")
    if part is None:
        return ()
    inside = reader.elsewhere(part)
    found = ((name, inside.text(name)) for name in part.values)
    return tuple((name, value) for name, value in found if value is not None)


def _general_info(reader: Reader) -> tuple[InfoTypeAndValue, ...]:
    if "general_info" not in reader.part.values:
        return ()
    from runner.manifest.generalinfo import read_general_info  # noqa: PLC0415 - it knows all of CMP's structures

    return read_general_info(reader)
