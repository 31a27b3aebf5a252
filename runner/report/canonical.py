"""Our one way of writing JSON: sorted keys, ASCII only, no NaN, a newline at the end.

Equal data give equal octets, so that reports and plans can be compared, hashed and kept in git.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from runner.report.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


def canonical_json(data: Mapping[str, object]) -> str:
    """`data` as JSON text. Nothing in it can steer a terminal. ValueError on NaN and infinities, which JSON lacks."""
    return "".join(canonical_pieces(data))


def canonical_pieces(data: Mapping[str, object]) -> Iterator[str]:
    """The same text piece by piece: the members of Rows are made, and written, one after the other."""
    yield from _pieces(data, "\n")
    yield "\n"


def _pieces(value: object, margin: str) -> Iterator[str]:
    """`margin` is what a line begins with here, the end of the line before it included."""
    inner = f"{margin}  "
    if isinstance(value, Mapping) and value:
        for number, (key, member) in enumerate(sorted(value.items())):
            yield f"{',' if number else '{'}{inner}{_string(key)}: "
            yield from _pieces(member, inner)
        yield f"{margin}}}"
    elif isinstance(value, Rows) and value:
        for number, member in enumerate(value):
            yield f"{',' if number else '['}{inner}{_text(member, inner)}"
        yield f"{margin}]"
    else:
        yield _text([] if isinstance(value, Rows) else value, margin)


def _text(value: object, margin: str) -> str:
    """What `json.dumps(indent=2)` gives, without leaving circles of garbage behind."""
    if isinstance(value, str):
        return _string(value)
    inner = f"{margin}  "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{_string(key)}: {_text(member, inner)}" for key, member in sorted(value.items())]
        return f"{{{','.join(lines)}{margin}}}"
    if isinstance(value, list | tuple) and value:
        return f"[{','.join([f'{inner}{_text(member, inner)}' for member in value])}{margin}]"
    return "null" if value is None else compact_json(value)


def _string(text: str) -> str:
    return encode_basestring_ascii(text).replace("\x7f", _DEL)


def compact_json(data: object) -> str:
    """The same on one line: in a third of the time, for what is hashed or kept and not looked at."""
    text = _ENCODED(data)
    return text.replace("\x7f", _DEL)


_DEL = "\\u007f"
"""The one control character that is ASCII and that json lets by."""
_ENCODED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def rfc3339(moment: datetime) -> str:
    """An aware datetime as RFC 3339 text in UTC: 2026-01-31T12:00:00Z."""
    return _utc_text(moment.astimezone(UTC))


@lru_cache(maxsize=64)
def _utc_text(moment: datetime) -> str:
    """Certificates of one run have moments alike."""
    return moment.isoformat().replace("+00:00", "Z")
