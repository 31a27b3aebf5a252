"""A Dialogue as text and back, for the journal: JSON with octets in base64. No secret is in it.

Fields that have their default are left out, so a default of Dialogue never changes.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import b2a_base64
from dataclasses import fields
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any

from runner.cmp.dialogue import Dialogue, State

_PLAIN = frozenset(
    {
        "kind",
        "granted",
        "of",
        "cert_req_id",
        "confirmed",
        "refused",
        "confirm_by",
        "sealed",
        "polls",
        "waits_since",
        "about",
        "whole",
        "vouched",
        "left_out",
        "key_is_signed_for",
    }
)
"""Fields that are text, numbers or truth values already."""
_UNWRITTEN = "symmetric_key"
"""What is never written: the key of `encrypted`, which our own key opens again."""
_WRITTEN = tuple(field for field in fields(Dialogue) if field.name != _UNWRITTEN)
_NAMES, _DEFAULTS = [field.name for field in _WRITTEN], [field.default for field in _WRITTEN]
_VALUES = attrgetter(*_NAMES)


def to_record(dialogue: Dialogue) -> str:
    """The dialogue as one line of JSON."""
    said = [
        f'"{name}":{_json(value)}'
        for name, value, default in zip(_NAMES, _VALUES(dialogue), _DEFAULTS, strict=True)
        if value is not default and value != default  # most are the very default
    ]
    return f"{{{','.join(said)}}}"


def from_record(text: str) -> Dialogue:
    """The dialogue that `to_record` wrote, also an earlier version of it. ValueError where the text is not that."""
    try:
        values = json.loads(text)
        known = {
            field.name: _rich(field.name, values[field.name]) for field in fields(Dialogue) if field.name in values
        }
        return Dialogue(**known)
    except (AttributeError, KeyError, TypeError) as problem:
        raise ValueError("this is not the record of a dialogue") from problem


def _json(value: Any) -> str:
    """A value as JSON. Most of it is base64, in which nothing is to be escaped; a general encoder would look for it."""
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, tuple):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return json.dumps(value.value if isinstance(value, State) else value)


@lru_cache(maxsize=512)
def _base64(value: bytes) -> str:
    """Octets as JSON. From one transition to the next most of them are the same, the CA's from item to item, too."""
    return f'"{b2a_base64(value, newline=False).decode()}"'


def _rich(name: str, value: Any) -> Any:
    if name in _PLAIN:
        return value
    if name in ("state", "origin"):
        return State(value)
    return tuple(map(b64decode, value)) if isinstance(value, list) else b64decode(value)
