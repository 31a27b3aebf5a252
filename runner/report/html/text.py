"""Foreign text and moments as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from runner.report.canonical import rfc3339
from runner.report.sanitise import clean

if TYPE_CHECKING:
    from datetime import datetime


def text(foreign: str) -> str:
    """`foreign` cleaned and escaped: fit for element content and for attributes in double quotes."""
    return escape(clean(foreign))


def moment(when: datetime) -> str:
    """A `time` element, in UTC."""
    return f'<time datetime="{rfc3339(when)}">{when:%Y-%m-%d %H:%M:%S} UTC</time>'
