"""One RDN of a distinguished name, between text and DER: its attributes, their string types, how they are printed.

String types are those of RFC 5280 §4.1.2.4: UTF8String, except where the attribute demands another. Names, which are
made of RDNs, are in names.py.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from re import compile as regex

from runner.asn1.der import SEQUENCE_TAG, read_header, tlv
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.x509 import AttributeTypeAndValue
from runner.pki.attribute_types import ATTRIBUTES, IA5, PRINTABLE, SHORT_NAMES, STRING_TAGS, UTF8, attribute_oid
from runner.pki.name_text import bare, cut, escape, hex_element, unescape

_SET = 0x31
_PRINTABLE_TEXT = regex(r"[A-Za-z0-9 '()+,\-./:=?]*")
_ENCODINGS = {UTF8: "utf-8", PRINTABLE: "utf-8", IA5: "utf-8", 0x12: "utf-8", 0x1A: "utf-8"}
_ENCODINGS |= {0x14: "latin-1", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
"""Tags of character strings → how their octets are read; T61String is Latin-1 in practice."""


@lru_cache(maxsize=256)
def parse_rdn(text: str) -> tuple[bytes, str]:
    """The DER and the text of one RDN, which many names have; `+` joins its parts. ValueError says what is wrong."""
    attributes = [_attribute(part) for part in cut(text, "+")]
    if len(attributes) > 1:
        attributes.sort(key=itemgetter(0))  # X.690 §11.6
    octets, shown = zip(*attributes, strict=True)
    return tlv(_SET, b"".join(octets)), "+".join(shown)


def _attribute(text: str) -> tuple[bytes, str]:
    """The DER and the text of one AttributeTypeAndValue."""
    kind, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f'"{text.strip()}" is not TYPE=value; a comma inside a value is written \\,')
    oid, value = attribute_oid(kind.strip()), bare(value)
    if value.startswith("#"):
        element = hex_element(value)
        return _typed(oid, element), printed(AttributeTypeAndValue(type=oid, value=element))
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
    return _typed(oid, tlv(tag, content.encode())), f"{SHORT_NAMES.get(oid, oid)}={escape(content)}"


def _typed(oid: str, element: bytes) -> bytes:
    """The DER of an AttributeTypeAndValue: names are written by the thousand."""
    return tlv(SEQUENCE_TAG, _type_der(oid) + element)


_type_der = lru_cache(maxsize=256)(OBJECT_IDENTIFIER.encode)


@lru_cache(maxsize=256)
def printed(attribute: AttributeTypeAndValue) -> str:
    """`CN=web`: an attribute as manifests write it; `#` and hex where the value is no text."""
    text = string_value(attribute.value)
    shown = "#" + attribute.value.hex() if text is None else escape(text)
    return f"{SHORT_NAMES.get(attribute.type, attribute.type)}={shown}"


def string_value(element: bytes) -> str | None:
    """The text of an ASN.1 character string of any kind; None for anything else."""
    tag, start, stop = read_header(element, 0, len(element))
    try:
        return element[start:stop].decode(_ENCODINGS[tag])
    except (KeyError, UnicodeDecodeError):
        return None
