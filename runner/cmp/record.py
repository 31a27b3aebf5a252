"""A Dialogue as text and back, for the journal: JSON with octets in base64. No secret is in it.

Fields that have their default are left out, so a default of Dialogue never changes.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import b2a_base64
from dataclasses import fields
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from runner.cmp.dialogue import Dialogue, State
from runner.values import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

_UNWRITTEN = "symmetric_key"
"""What is never written: the key of `encrypted`, which our own key opens again."""
_WRITTEN = tuple(field for field in fields(Dialogue) if field.name != _UNWRITTEN)


def to_record(dialogue: Dialogue) -> str:
    """The dialogue as one line of JSON."""
    return f"{{{','.join(_writer()(dialogue))}}}"


def from_record(text: str) -> Dialogue:
    """The dialogue that `to_record` wrote, also an earlier version of it. ValueError where the text is not that."""
    try:
        values = json.loads(text)
        known = {each.name: _rich(each.type, values[each.name]) for each in fields(Dialogue) if each.name in values}
        return Dialogue(**known)
    except (AttributeError, KeyError, TypeError) as problem:
        raise ValueError("this is not the record of a dialogue") from problem


@lru_cache(maxsize=512)
def _base64(value: bytes) -> str:
    """Octets as JSON. From one transition to the next most of them are the same, the CA's from item to item, too."""
    return f'"{b2a_base64(value, newline=False).decode()}"'


_AS_JSON: dict[Any, Callable[[Any], str]] = {
    "bytes": _base64,  # in which nothing is to be escaped; a general encoder would look for it
    "tuple[bytes, ...]": lambda value: f"[{','.join(map(_base64, value))}]",
    "str": encode_basestring_ascii,
    "State": lambda value: f'"{value.value}"',
    "int": str,
    "bool": json.dumps,
}
"""A field's value as JSON, by the field's type."""


def _rich(kind: Any, value: Any) -> Any:
    """A value of that type, from JSON."""
    if kind == "State":
        return State(value)
    if kind == "tuple[bytes, ...]":
        return tuple(map(b64decode, value))
    return b64decode(value) if kind == "bytes" else value


@cache
def _writer() -> Callable[[Dialogue], list[str]]:
    """What gives the fields that do not have their default, as JSON: written out, as every transition asks for it."""
    known: dict[str, Any] = {}
    lines = ["said = []"]
    for number, each in enumerate(_WRITTEN):
        known |= {f"default{number}": each.default, f"json{number}": _AS_JSON[each.type]}
        lines += [
            f"value = dialogue.{each.name}",
            f"if value is not default{number} and value != default{number}:",  # most are the very default
            f"    said.append('\"{each.name}\":' + json{number}(value))",
        ]
    made: Callable[[Dialogue], list[str]] = compiled("said", ("dialogue",), [*lines, "return said"], known)
    return made
