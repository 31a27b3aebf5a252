"""Distinguished names and GeneralNames, between the text of manifests and DER (RFC 5280 §4.1.2.4, §4.2.1.6; RFC 4514).

Text is written most general first, as `ssh-cmpclient-g3` did ("C=FI, O=Example, CN=web"), and goes out in exactly
that order. String types are those of RFC 5280 §4.1.2.4: UTF8String, except PrintableString and IA5String where the
attribute demands them.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from re import compile as regex
from re import split
from unicodedata import normalize

from runner.asn1.der import SEQUENCE_TAG, read_header, tlv
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.x509 import RDN_SEQUENCE, AttributeTypeAndValue
from runner.errors import Malformed
from runner.pki.attribute_types import ATTRIBUTES, IA5, PRINTABLE, SHORT_NAMES, STRING_TAGS, UTF8, attribute_oid
from runner.pki.name_text import bare, cut, escape, hex_element, unescape
from runner.values import frozen

_SET = 0x31
_PRINTABLE_TEXT = regex(r"[A-Za-z0-9 '()+,\-./:=?]*")
_ENCODINGS = {UTF8: "utf-8", PRINTABLE: "utf-8", IA5: "utf-8", 0x12: "utf-8", 0x1A: "utf-8"}
_ENCODINGS |= {0x14: "latin-1", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
"""Tags of character strings → how their octets are read; T61String is Latin-1 in practice."""
MAX_NAME = 16_384
"""Octets of a name; more is refused, because names are remembered and printed."""


@frozen
class Name:
    """A distinguished name: its exact DER, and text for people."""

    der: bytes
    text: str

    def __str__(self) -> str:
        return self.text


@frozen
class GeneralName:
    """A GeneralName: `kind` is dns, ip, email, uri, dn, rid or (read only) other."""

    kind: str
    text: str
    der: bytes

    def __str__(self) -> str:
        return f"{self.kind}={self.text}"


def parse_name(text: str) -> Name:
    """Text → Name; `+` joins the parts of one RDN, a backslash escapes. ValueError says what is wrong."""
    rdns = [_rdn(rdn) for rdn in cut(text, ",")] if text.strip() else []
    der = tlv(SEQUENCE_TAG, b"".join(rdn.der for rdn in rdns))
    if len(der) > MAX_NAME:
        raise Malformed("a name that is absurdly long", why=f"{len(der)} octets")
    return Name(der, ", ".join(rdn.text for rdn in rdns))


@lru_cache(maxsize=256)
def _rdn(text: str) -> Name:
    """One RDN by itself, its DER without the sequence around: names share their upper ends."""
    attributes = [_attribute(part) for part in cut(text, "+")]
    if len(attributes) == 1:
        return Name(tlv(_SET, attributes[0].der), attributes[0].text)
    attributes.sort(key=_der_order)  # X.690 §11.6
    return Name(tlv(_SET, b"".join(map(_der_order, attributes))), "+".join(each.text for each in attributes))


def _der_order(attribute: Name) -> bytes:
    return attribute.der


def _attribute(text: str) -> Name:
    """One attribute by itself: the DER of its AttributeTypeAndValue."""
    kind, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f'"{text.strip()}" is not TYPE=value; a comma inside a value is written \\,')
    oid, value = attribute_oid(kind.strip()), bare(value)
    if value.startswith("#"):
        element = hex_element(value)
        return Name(_typed(oid, element), _printed(AttributeTypeAndValue(type=oid, value=element)))
    content = unescape(value)
    if not content:
        raise ValueError(f'"{text.strip()}" has no value')
    tag = STRING_TAGS.get(oid, UTF8)
    if tag == PRINTABLE and not _PRINTABLE_TEXT.fullmatch(content):
        raise ValueError(f'"{content}" has characters that {kind.strip()} may not have (PrintableString)')
    if tag == IA5 and not content.isascii():
        raise ValueError(f'"{content}" has characters that {kind.strip()} may not have (IA5String)')
    if oid == ATTRIBUTES["C"] and len(content) != 2:  # noqa: PLR2004 - ISO 3166
        raise ValueError(f'C is a country code of two letters, not "{content}"')
    return Name(_typed(oid, tlv(tag, content.encode())), f"{SHORT_NAMES.get(oid, oid)}={escape(content)}")


def _typed(oid: str, element: bytes) -> bytes:
    """The DER of an AttributeTypeAndValue: names are written by the thousand."""
    return tlv(SEQUENCE_TAG, _type_der(oid) + element)


_type_der = lru_cache(maxsize=256)(OBJECT_IDENTIFIER.encode)


def common_name(text: str) -> Name:
    """The Name of one attribute, CN, whatever the text."""
    return name_from_der(
        RDN_SEQUENCE.encode(((AttributeTypeAndValue(type=ATTRIBUTES["CN"], value=tlv(UTF8, text.encode())),),))
    )


@lru_cache(maxsize=1024)
def name_from_der(der: bytes) -> Name:
    """The Name whose DER this is; Malformed where it is not a Name."""
    return Name(der, ", ".join("+".join(_printed(attribute) for attribute in rdn) for rdn in _rdns(der)))


def _rdns(der: bytes) -> tuple[tuple[AttributeTypeAndValue, ...], ...]:
    if len(der) > MAX_NAME:
        raise Malformed("a name that is absurdly long", why=f"{len(der)} octets")
    return RDN_SEQUENCE.decode(der)


def _printed(attribute: AttributeTypeAndValue) -> str:
    text = _string_value(attribute.value)
    shown = "#" + attribute.value.hex() if text is None else escape(text)
    return f"{SHORT_NAMES.get(attribute.type, attribute.type)}={shown}"


def _string_value(element: bytes) -> str | None:
    """The text of an ASN.1 character string of any kind; None for anything else."""
    tag, start, stop = read_header(element, 0, len(element))
    try:
        return element[start:stop].decode(_ENCODINGS[tag])
    except (KeyError, UnicodeDecodeError):
        return None


def attributes_in(name_der: bytes) -> tuple[tuple[tuple[str, str], ...], ...]:
    """The attributes of a Name, RDN by RDN: type (dotted) and text; `#` and hex where the value is no text."""
    return tuple(
        tuple((a.type, "#" + a.value.hex() if (text := _string_value(a.value)) is None else text) for a in rdn)
        for rdn in _rdns(name_der)
    )


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two Names (DER) are equal: by octets, else by type and prepared string (RFC 5280 §7.1)."""
    return one == other or _prepared(one) == _prepared(other)


def starts_with(name: bytes, other: bytes) -> bool:
    """Whether a Name (DER) begins with all of another, RDN by RDN: it stands below it in the directory."""
    wanted = _prepared(other)
    return _prepared(name)[: len(wanted)] == wanted


@lru_cache(maxsize=1024)
def _prepared(der: bytes) -> tuple[frozenset[tuple[str, str | bytes]], ...]:
    return tuple(frozenset((a.type, _comparable_value(a.value)) for a in rdn) for rdn in _rdns(der))


def _comparable_value(element: bytes) -> str | bytes:
    text = _string_value(element)
    return element if text is None else _fold(text)


def _fold(text: str) -> str:
    return " ".join(split(r"\s+", normalize("NFKC", text).strip().casefold()))


_GENERAL_TAGS = {"email": 0x81, "dns": 0x82, "dn": 0xA4, "uri": 0x86, "ip": 0x87, "rid": 0x88}
_GENERAL_KINDS = {tag: kind for kind, tag in _GENERAL_TAGS.items()}


def parse_general_name(text: str) -> GeneralName:
    """`dns=web.example` → GeneralName; ValueError says what is wrong."""
    kind, equals, value = text.partition("=")
    kind = kind.strip().lower()
    value = value if kind == "dn" else value.strip()
    if not equals or kind not in _GENERAL_TAGS:
        raise ValueError(f'"{text}" is not KIND=value with KIND one of {", ".join(_GENERAL_TAGS)}')
    if not value.strip():
        raise ValueError(f'"{text}" has no value')
    tag = _GENERAL_TAGS[kind]
    if kind == "ip":
        address = _address(value)
        return GeneralName(kind, str(address), tlv(tag, address.packed))
    if kind in ("dn", "rid"):
        return general_name_from_der(tlv(tag, parse_name(value).der if kind == "dn" else _oid_body(value)))
    return GeneralName(kind, value, tlv(tag, _characters(kind, value)))


def _characters(kind: str, value: str) -> bytes:
    if not value.isascii() or not value.isprintable():
        raise ValueError(f'{kind}="{value}" has characters beyond ASCII; write international names as A-labels (xn--)')
    if kind == "dns" and not _DNS.fullmatch(value):
        raise ValueError(f'"{value}" is not a DNS name')
    if kind == "email" and not _EMAIL.fullmatch(value):
        raise ValueError(f'"{value}" is not an e-mail address')
    if kind == "uri" and not _URI.fullmatch(value):
        raise ValueError(f'"{value}" is not a URI: it begins with a scheme and a colon')
    return value.encode()


def _address(value: str) -> IPv4Address | IPv6Address:
    if "%" in value:
        raise ValueError(f'"{value}" names a zone, which no certificate can hold')
    return ip_address(value)


def _oid_body(value: str) -> bytes:
    try:
        return OBJECT_IDENTIFIER.body(value)
    except Malformed as problem:
        raise ValueError(str(problem)) from problem


_DNS = regex(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_EMAIL = regex(r"[^@\s]+@[^@\s]+")
_URI = regex(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def general_name_from_der(der: bytes) -> GeneralName:
    """The GeneralName whose DER this is; kinds that manifests cannot write come out as `other` in hex."""
    tag, start, stop = read_header(der, 0, len(der))
    kind, body = _GENERAL_KINDS.get(tag, "other"), der[start:stop]
    if kind == "dn":
        return GeneralName(kind, name_from_der(body).text, der)
    if kind == "ip" and len(body) in (4, 16):
        return GeneralName(kind, str(ip_address(body)), der)
    if kind == "rid":
        return GeneralName(kind, OBJECT_IDENTIFIER.parse(body, 0, len(body)), der)
    if kind in ("other", "ip"):
        return GeneralName("other", der.hex(), der)
    return GeneralName(kind, body.decode("ascii", "replace"), der)


def directory_name(name_der: bytes) -> bytes:
    """The GeneralName (DER) of a directoryName: [4] EXPLICIT Name."""
    return tlv(_GENERAL_TAGS["dn"], name_der)


def name_in_general_name(der: bytes) -> bytes | None:
    """The Name (DER) inside a directoryName; None where the GeneralName is of another kind."""
    tag, start, stop = read_header(der, 0, len(der))
    return der[start:stop] if tag == _GENERAL_TAGS["dn"] else None


def comparable(name: GeneralName) -> tuple[str, object]:
    """What two GeneralNames have in common if they are one name (RFC 5280 §7): hosts and names in any case."""
    if name.kind == "dns":
        return name.kind, name.text.lower()
    if name.kind == "email":
        mailbox, _, host = name.text.rpartition("@")
        return name.kind, (mailbox, host.lower())
    if name.kind == "dn":
        return name.kind, _prepared(name_in_general_name(name.der) or b"")
    return name.kind, name.der


def emails_in(name_der: bytes) -> tuple[GeneralName, ...]:
    """The emailAddress attributes of a Name, which count as rfc822Names to name constraints (RFC 5280 §4.2.1.10)."""
    values = (a.value for rdn in _rdns(name_der) for a in rdn if a.type == ATTRIBUTES["EMAIL"])
    texts = ((_string_value(value) or "").encode("ascii", "replace") for value in values)
    return tuple(general_name_from_der(tlv(_GENERAL_TAGS["email"], text)) for text in texts)
