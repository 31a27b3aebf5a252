"""Patterns of names that may be asked for: `CN=*, O=Plant`, `dns=*.plant.example`, `ip=10.0.0.0/8`.

A star stands for any characters within one part of a name and never for more parts: a label of a DNS name, the part
of an address before or behind its @, a segment of a URI, the value of one attribute of a DN.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from re import IGNORECASE, escape
from re import compile as regex
from typing import TYPE_CHECKING

from runner.pki.name_text import bare, cut, unescape
from runner.pki.names import GeneralName, Name, attributes_in, name_in_general_name, parse_name
from runner.values import frozen

if TYPE_CHECKING:
    from re import Pattern

_SEPARATORS = {"dns": ".", "email": "@", "uri": "/", "rid": "."}
_KINDS = (*_SEPARATORS, "ip")
Attributes = tuple[tuple[tuple[str, str], ...], ...]


@frozen
class NamePattern:
    """One pattern. `kind` is that of a GeneralName, or `dn`."""

    kind: str
    text: str

    def fits(self, name: Name | GeneralName) -> bool:
        """Whether the name is one of those that are meant."""
        if isinstance(name, Name):
            return self.kind == "dn" and _fits_dn(self.text, name.der)
        if name.kind != self.kind or not (name.text.isascii() and name.text.isprintable()):
            return False
        if name.kind == "dn":
            return _fits_dn(self.text, name_in_general_name(name.der) or b"")
        return _fits_address(self.text, name.text) if name.kind == "ip" else _fits_text(self, name.text)


def parse_pattern(text: str) -> NamePattern:
    """`dns=*.plant.example` → NamePattern; ValueError says what is wrong."""
    kind, equals, value = text.partition("=")
    kind = kind.strip().lower()
    if kind not in _KINDS:
        _attributes(text)
        return NamePattern("dn", text)
    if not equals or not value.strip():
        raise ValueError(f'"{text}" has no value')
    if kind == "ip":
        ip_network(value.strip(), strict=True)
    return NamePattern(kind, value.strip())


def _fits_address(network: str, address: str) -> bool:
    found, meant = ip_address(address), ip_network(network)
    return found.version == meant.version and found in meant


def _fits_text(pattern: NamePattern, text: str) -> bool:
    flags = 0 if pattern.kind == "uri" else IGNORECASE
    return _expression(pattern.text, _SEPARATORS[pattern.kind], flags).fullmatch(text) is not None


def _expression(pattern: str, separator: str, flags: int) -> Pattern[str]:
    inside = f"[^{escape(separator)}]*" if separator else ".*"
    stars = regex(r"\*+").split(pattern)
    return regex(inside.join(escape(part) for part in stars), flags)


def _fits_dn(pattern: str, der: bytes) -> bool:
    meant, found = _attributes(pattern), attributes_in(der)
    return len(meant) == len(found) and all(_fits_rdn(*pair) for pair in zip(meant, found, strict=True))


@lru_cache(maxsize=256)
def _attributes(pattern: str) -> Attributes:
    """The attributes of a pattern: type and text, RDN by RDN. A star may stand where a value could not have one."""
    return tuple(tuple(_attribute(each) for each in cut(rdn, "+")) for rdn in cut(pattern, ","))


def _attribute(text: str) -> tuple[str, str]:
    kind, equals, value = text.partition("=")
    ((oid, _),) = attributes_in(parse_name(f"{kind}=XX").der)[0]
    content = unescape(bare(value))
    if not equals or not content:
        raise ValueError(f'"{text.strip()}" is not TYPE=value')
    return oid, content


def _fits_rdn(meant: tuple[tuple[str, str], ...], found: tuple[tuple[str, str], ...]) -> bool:
    pairs = list(zip(sorted(meant), sorted(found), strict=False))
    return len(meant) == len(found) and all(
        one[0] == other[0] and _expression(one[1], "", IGNORECASE).fullmatch(other[1]) is not None
        for one, other in pairs
    )
