"""A Dialogue as text and back, for the journal: JSON with octets in base64. No secret is in it.

Fields that have their default are left out, so a default of Dialogue never changes.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import fields
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
_DEFAULTS = tuple((field.name, field.default) for field in fields(Dialogue) if field.name != _UNWRITTEN)
_WRITTEN = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def to_record(dialogue: Dialogue) -> str:
    """The dialogue as one line of JSON."""
    said = {}
    for name, default in _DEFAULTS:
        value = getattr(dialogue, name)
        if value is not default and value != default:  # most are the very default
            said[name] = _plain(value)
    return _WRITTEN(said)


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


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.value if isinstance(value, State) else value


def _rich(name: str, value: Any) -> Any:
    if name in _PLAIN:
        return value
    if name in ("state", "origin"):
        return State(value)
    return tuple(map(b64decode, value)) if isinstance(value, list) else b64decode(value)
