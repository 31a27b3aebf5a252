"""The types of a table's columns: each a check of one cell, which says what is wrong, or nothing.

`TYPE?` lets a cell be empty. A `secret` is checked by nobody: only apply reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address

from runner.manifest.durations import parse_duration
from runner.pki.names import parse_name

Check = Callable[[str], str]
"""From a cell to what is wrong with it; empty where nothing is."""
SECRET = "secret"  # noqa: S105 - a column's type

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DNS = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?")
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_LONGEST_DNS = 253


def _fits(pattern: re.Pattern[str], what: str) -> Check:
    def check(cell: str) -> str:
        return "" if pattern.fullmatch(cell) else f"{cell[:60]!r} is not {what}"

    return check


def _parses(parse: Callable[[str], object], what: str) -> Check:
    def check(cell: str) -> str:
        try:
            parse(cell)
        except ValueError:
            return f"{cell[:60]!r} is not {what}"
        return ""

    return check


def _dns(cell: str) -> str:
    return "" if len(cell) <= _LONGEST_DNS and _DNS.fullmatch(cell) else f"{cell[:60]!r} is not a DNS name"


def _host(cell: str) -> str:
    return "" if len(cell) <= _LONGEST_DNS and _HOST.fullmatch(cell) else f"{cell[:60]!r} is not a host's name"


def _text(_cell: str) -> str:
    return ""


TYPES: dict[str, Check] = {
    "text": _text,
    "name": _fits(_NAME, "a name of letters, digits and . _ @ + -"),
    "integer": _fits(_INTEGER, "a whole number"),
    "number": _fits(_NUMBER, "a number"),
    "boolean": _fits(re.compile("true|false"), "true or false"),
    "ip": _parses(ip_address, "an IP address"),
    "dns": _dns,
    "host": _host,
    "email": _fits(_EMAIL, "an email address"),
    "uri": _fits(_URI, "a URI"),
    "dn": _parses(parse_name, "a distinguished name"),
    "duration": _parses(parse_duration, "a duration"),
}


def is_type(kind: object) -> bool:
    """Whether it is one of the types, `TYPE?` and `secret` included."""
    return isinstance(kind, str) and (kind == SECRET or kind.removesuffix("?") in TYPES)


@cache
def check_of(kind: str) -> Check:
    """The check of a type, `TYPE` or `TYPE?`."""
    check = TYPES[kind.removesuffix("?")]
    if kind.endswith("?") or check is _text:
        return lambda cell: check(cell) if cell else ""
    return lambda cell: check(cell) if cell else "this cell is empty"
