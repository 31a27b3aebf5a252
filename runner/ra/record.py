"""A Relayed as text and back, for the journal: JSON with octets in base64. No secret is in it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import fields
from typing import Any

from runner.ra.relayed import Relayed

_OCTETS = frozenset({"transaction_id", "request", "upstream", "answer"})


def to_record(relayed: Relayed) -> str:
    """The transaction as one line of JSON."""
    values = {field.name: _plain(getattr(relayed, field.name)) for field in fields(relayed)}
    return json.dumps(values, separators=(",", ":"))


def from_record(text: str) -> Relayed:
    """The transaction that `to_record` wrote. ValueError where the text is not that."""
    try:
        values = json.loads(text)
        known = {field.name: values[field.name] for field in fields(Relayed) if field.name in values}
        return Relayed(**{name: _rich(name, value) for name, value in known.items()})
    except (AttributeError, KeyError, TypeError) as problem:
        raise ValueError("this is not the record of a relayed transaction") from problem


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _rich(name: str, value: Any) -> Any:
    if name in _OCTETS:
        return b64decode(value)
    return tuple(map(b64decode, value)) if name == "nonces" else value
