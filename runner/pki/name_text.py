"""The text of distinguished names: cut into its parts, unescaped, escaped (RFC 4514 §2.4, §3; quotes as RFC 1779).

Which attributes there are, and their DER, is in names.py. ValueError says what is wrong.
"""

from __future__ import annotations

from re import compile as regex
from typing import TYPE_CHECKING

from runner.asn1.primitives import ANY
from runner.errors import Malformed

if TYPE_CHECKING:
    import re

_SPECIAL = ',+"\\<>;'
_ESCAPED = _SPECIAL + "#= "
_BLANKS = " \t\r\n"
_HEX_PAIR = regex(r"[0-9A-Fa-f]{2}")
_MARKS = regex(r'["\\]')
"""What begins an escape or a quotation; most texts have neither."""
_TO_ESCAPE = regex(r'[,+"\\<>;\x00-\x1f\x7f]')


def cut(text: str, separator: str) -> list[str]:
    """The pieces of `text` between separators that are neither escaped nor quoted."""
    if not _MARKS.search(text):
        return text.split(separator)
    pieces, start, quoted, at = [], 0, False, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == separator and not quoted:
            pieces.append(text[start:at])
            start = at + 1
        at += 1
    if quoted:
        raise ValueError(f'a quotation mark is never closed in "{text}"')
    return [*pieces, text[start:]]


def bare(value: str) -> str:
    """A value without the blanks around it; a last blank that a backslash escapes stays."""
    if "\\" not in value:
        return value.strip(_BLANKS)
    value = value.lstrip(_BLANKS)
    short = value.rstrip(_BLANKS)
    escapes = len(short) - len(short.rstrip("\\"))
    return value[: len(short) + 1] if escapes % 2 else short


def hex_element(value: str) -> bytes:
    """`#` and the hex of one ASN.1 element (RFC 4514 §2.4)."""
    try:
        return ANY.decode(bytes.fromhex(value[1:]))
    except (ValueError, Malformed) as problem:
        raise ValueError(f'"{value}" is not # and hexadecimal ASN.1; a value may begin with \\#') from problem


def unescape(value: str) -> str:
    """What a bare value means: quotation marks around it are off, escapes are resolved."""
    if not _MARKS.search(value):
        return value
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    octets, at = bytearray(), 0
    while at < len(value):
        octet, width = _unescaped_at(value, at)
        octets += octet
        at += width
    try:
        return octets.decode()
    except UnicodeDecodeError as problem:
        raise ValueError("the escaped octets of a value are not UTF-8") from problem


def _unescaped_at(value: str, at: int) -> tuple[bytes, int]:
    """What the character at `at` means, and how many characters say so."""
    if value[at] == '"':
        raise ValueError(f'a quotation mark inside a value is written \\", in "{value}"')
    if value[at] != "\\":
        return value[at].encode(), 1
    if _HEX_PAIR.match(value, at + 1):
        return bytes.fromhex(value[at + 1 : at + 3]), 3
    if value[at + 1 : at + 2] not in tuple(_ESCAPED):
        raise ValueError(f'a backslash stands before {" ".join(_ESCAPED)}or two hex digits, in "{value}"')
    return value[at + 1].encode(), 2


def escape(text: str) -> str:
    """A value as it is written in a name; `unescape` gives it back."""
    escaped = _TO_ESCAPE.sub(_escaped, text)
    if escaped[:1] in ("#", " "):
        escaped = "\\" + escaped
    return escaped[:-1] + "\\ " if escaped.endswith(" ") and len(text) > 1 else escaped


def literal(text: str) -> str:
    """A text as it is written as a part of a value, wherever in it; blanks at its ends stay what they are there."""
    escaped = _TO_ESCAPE.sub(_escaped, text)
    return "\\" + escaped if escaped.startswith("#") else escaped


def is_inside_value(text: str) -> bool:
    """Whether what follows this beginning of a name belongs to an attribute's value: after an equals sign, say."""
    inside, quoted, at = False, False, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == "=":
            inside = True
        elif text[at] in ",+" and not quoted:
            inside = False
        at += 1
    return inside


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return "\\" + char if char in _SPECIAL else f"\\{ord(char):02X}"


def common_names(name: str) -> tuple[str, ...]:
    """The values of CN in a name."""
    parts = (part.strip() for rdn in cut(name, ",") for part in cut(rdn, "+"))
    return tuple(part[3:] for part in parts if part[:3].upper() == "CN=")
