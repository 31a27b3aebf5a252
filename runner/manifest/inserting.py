"""How a variable's value gets into a text that has a structure: as what the text says there, and as no structure.

A variable that is all of a text may hold whatever the text may (`subject: ${subject}`), and one that begins a URL or a
path, or stands where an attribute may, brings what it likes. Otherwise it says no more than its author left open:
a cell `a, O=Evil` in `CN=${name}` is a common name with a comma, and no second attribute. In names its special
characters are escaped (RFC 4514 §2.4); in URLs and paths, where an escaped character is another one to some reader,
they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from runner.pki.name_text import is_inside_value, literal

Insert = Callable[[str, str], str]
"""From what is written before a variable, and its value, to what stands there instead. ValueError: it cannot."""

_NAMES_SPECIAL = re.compile(r'[,+"\\<>;#=\x00-\x1f\x7f]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_inside = lru_cache(maxsize=256)(is_inside_value)


def into_name(before: str, value: str) -> str:
    """Into a distinguished name: literally in the value of an attribute, as it is where an attribute may stand."""
    if not _NAMES_SPECIAL.search(value) or not _inside(before):
        return value
    if _CONTROL.search(value):
        raise ValueError("a line break or another control character cannot be in a name")
    return literal(value)


def into_general_name(before: str, value: str) -> str:
    """Into an alternative name: by its kind."""
    kind, equals, rest = before.partition("=")
    kind = kind.strip().lower()
    if not equals:
        return value
    if kind == "dn":
        return into_name(rest, value)
    return into_url(rest, value) if kind == "uri" and rest.strip() else value


def into_url(before: str, value: str) -> str:
    """Into a URL: what stands for the host, or before it, ends neither there."""
    _, slashes, rest = before.partition("://")
    if before and (not slashes or not re.search(r"[/?#]", rest)):
        _refuse(value, "/?#@\\", "would lead to another host")
    return value


def into_path(before: str, value: str) -> str:
    """Into a path: it does not climb out of the folder that is written before it."""
    if before and ".." in value and ".." in re.split(r"[/\\]", value):
        raise ValueError("it would lead out of the folder that is written before it")
    return value


def into_key_url(before: str, value: str) -> str:
    """Into a key URL: it is one part of it, no passphrase's reference, and not decoded to something else."""
    if not before:
        return value
    _refuse(value, "%", "would be decoded")
    if "${" in value:
        raise ValueError("it would be a reference to a secret")
    if "pkcs11" in before:
        _refuse(value, ";?&", "would begin another attribute of the token's URI")
    scheme, slashes, rest = before.partition("://")
    if scheme == "generate" and slashes and "/" not in rest:
        _refuse(value, "/@" if "@" in rest else "/:@", "would end what is written there")  # a key is ec:p256
    return into_path(before, value)


def _refuse(value: str, marks: str, why: str) -> None:
    for mark in marks:
        if mark in value:
            raise ValueError(f"{mark} {why}")
