"""Distinguished names and GeneralNames, between the text of manifests and DER (RFC 5280 §4.1.2.4, §4.2.1.6; RFC 4514).

Text is written most general first, as `ssh-cmpclient-g3` did ("C=FI, O=Example, CN=web"), and goes out in exactly
that order.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from re import compile as regex
from re import split
from unicodedata import normalize

from runner.asn1.der import SEQUENCE_TAG, read_header, tlv
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import SequenceOf
from runner.asn1.x509 import RDN_SEQUENCE, AttributeTypeAndValue
from runner.errors import Malformed
from runner.pki.attribute_types import ATTRIBUTES, UTF8
from runner.pki.name_text import cut
from runner.pki.rdns import parse_rdn, printed, string_value
from runner.values import frozen

MAX_NAME = 16_384
"""Octets of a name; more is refused, because names are remembered and printed."""
_OF_ANY_SIZE = SequenceOf(SequenceOf(AttributeTypeAndValue, limit=MAX_NAME, tag=0x31), limit=MAX_NAME)
"""Names that we write may have more RDNs than those that we read."""


@frozen
class Name:
    """A distinguished name: its exact DER. Its text is made when it is asked for: plans hold names by the thousand."""

    der: bytes

    @property
    def text(self) -> str:
        """For people, as manifests write it."""
        found = _texts.get(self.der)
        return _remembered(self.der, _text_of(_OF_ANY_SIZE.decode(self.der))) if found is None else found

    def __str__(self) -> str:
        return self.text


_texts: dict[bytes, str] = {}
"""The texts of the names that were read last."""
_MOST_TEXTS = 1024


def _remembered(der: bytes, text: str) -> str:
    if len(_texts) >= _MOST_TEXTS:
        _texts.clear()
    _texts[der] = text
    return text


def parse_name(text: str) -> Name:
    """Text → Name; `+` joins the parts of one RDN, a backslash escapes. ValueError says what is wrong."""
    rdns = [parse_rdn(rdn) for rdn in cut(text, ",")] if text.strip() else []
    der = tlv(SEQUENCE_TAG, b"".join([octets for octets, _ in rdns]))
    if len(der) > MAX_NAME:
        raise Malformed("a name that is absurdly long", why=f"{len(der)} octets")
    _remembered(der, ", ".join([shown for _, shown in rdns]))
    return Name(der)


def common_name(text: str) -> Name:
    """The Name of one attribute, CN, whatever the text."""
    return name_from_der(
        RDN_SEQUENCE.encode(((AttributeTypeAndValue(type=ATTRIBUTES["CN"], value=tlv(UTF8, text.encode())),),))
    )


@lru_cache(maxsize=1024)
def name_from_der(der: bytes) -> Name:
    """The Name whose DER this is; Malformed where it is not a Name."""
    _remembered(der, _text_of(_rdns(der)))
    return Name(der)


def _text_of(rdns: tuple[tuple[AttributeTypeAndValue, ...], ...]) -> str:
    return ", ".join("+".join(printed(attribute) for attribute in rdn) for rdn in rdns)


def _rdns(der: bytes) -> tuple[tuple[AttributeTypeAndValue, ...], ...]:
    if len(der) > MAX_NAME:
        raise Malformed("a name that is absurdly long", why=f"{len(der)} octets")
    return RDN_SEQUENCE.decode(der)


def attributes_in(name_der: bytes) -> tuple[tuple[tuple[str, str], ...], ...]:
    """The attributes of a Name, RDN by RDN: type (dotted) and text; `#` and hex where the value is no text."""
    return tuple(
        tuple((a.type, "#" + a.value.hex() if (text := string_value(a.value)) is None else text) for a in rdn)
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
    text = string_value(element)
    return element if text is None else _fold(text)


def _fold(text: str) -> str:
    return " ".join(split(r"\s+", normalize("NFKC", text).strip().casefold()))


@frozen
class GeneralName:
    """A GeneralName: its DER."""

    der: bytes

    @property
    def kind(self) -> str:
        """Of dns, ip, email, uri, dn, rid; or other, which manifests cannot write."""
        kind = _GENERAL_KINDS.get(self.der[0], "other")
        return "other" if kind == "ip" and len(_body(self.der)) not in _ADDRESS_SIZES else kind

    @property
    def text(self) -> str:
        """For people, as manifests write it; of other kinds, the hex of its DER."""
        return _general_text(self.kind, self.der)

    def __str__(self) -> str:
        kind = self.kind
        return f"{kind}={_general_text(kind, self.der)}"


_ADDRESS_SIZES = (4, 16)
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
    der = tlv(_GENERAL_TAGS[kind], _general_body(kind, value))
    return general_name_from_der(der) if kind in ("dn", "rid") else GeneralName(der)


def _general_body(kind: str, value: str) -> bytes:
    if kind == "dn":
        return parse_name(value).der
    if kind == "ip":
        return _address(value)
    if kind == "rid":
        return _oid_body(value)
    if not value.isascii() or not value.isprintable():
        raise ValueError(f'{kind}="{value}" has characters beyond ASCII; write international names as A-labels (xn--)')
    if kind == "dns" and not _DNS.fullmatch(value):
        raise ValueError(f'"{value}" is not a DNS name')
    if kind == "email" and not _EMAIL.fullmatch(value):
        raise ValueError(f'"{value}" is not an e-mail address')
    if kind == "uri" and not _URI.fullmatch(value):
        raise ValueError(f'"{value}" is not a URI: it begins with a scheme and a colon')
    return value.encode()


def _address(value: str) -> bytes:
    if "%" in value:
        raise ValueError(f'"{value}" names a zone, which no certificate can hold')
    return ip_address(value).packed


def _oid_body(value: str) -> bytes:
    try:
        return OBJECT_IDENTIFIER.body(value)
    except Malformed as problem:
        raise ValueError(str(problem)) from problem


_DNS = regex(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_EMAIL = regex(r"[^@\s]+@[^@\s]+")
_URI = regex(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def general_name_from_der(der: bytes) -> GeneralName:
    """The GeneralName whose DER this is. Malformed where it is none, or its text cannot be made."""
    _body(der)
    name = GeneralName(der)
    if name.kind in ("dn", "rid"):
        _general_text(name.kind, der)
    return name


def _body(der: bytes) -> bytes:
    _, start, stop = read_header(der, 0, len(der))
    return der[start:stop]


def _general_text(kind: str, der: bytes) -> str:
    if kind == "other":
        return der.hex()
    body = _body(der)
    if kind == "dn":
        return name_from_der(body).text
    if kind == "ip":
        return str(ip_address(body))
    return OBJECT_IDENTIFIER.parse(body, 0, len(body)) if kind == "rid" else body.decode("ascii", "replace")


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
    texts = ((string_value(value) or "").encode("ascii", "replace") for value in values)
    return tuple(general_name_from_der(tlv(_GENERAL_TAGS["email"], text)) for text in texts)
