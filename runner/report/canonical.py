"""Our one way of writing JSON: sorted keys, ASCII only, no NaN, a newline at the end.

Equal data give equal octets, so that reports and plans can be compared, hashed and kept in git.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def canonical_json(data: Mapping[str, object]) -> str:
    """`data` as JSON text. Nothing in it can steer a terminal. ValueError on NaN and infinities, which JSON lacks."""
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f") + "\n"  # DEL: the one control character that is ASCII and that json lets by


def compact_json(data: object) -> str:
    """The same on one line: ten times quicker to make, for what is hashed or kept and not looked at."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f")


def rfc3339(moment: datetime) -> str:
    """An aware datetime as RFC 3339 text in UTC: 2026-01-31T12:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
