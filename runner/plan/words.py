"""Times and spans of time as people say them, for reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_TWO_OF_A_KIND = 2


def spell_span(span: timedelta) -> str:
    """`6 d`, `23 h`, `5 min`: the largest unit of which there are at least two, rounded down."""
    seconds = int(span.total_seconds())
    size, unit = next((u for u in _UNITS if seconds >= _TWO_OF_A_KIND * u[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"


def spell_time(moment: datetime) -> str:
    """`2026-11-23 10:00 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
