"""Moments that look the same and are not: an hour that a clock goes through twice is told as it was."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from runner.asn1.primitives import GENERALIZED_TIME
from runner.report.canonical import rfc3339
from runner.state.tables import moment_text

FIRST = datetime(2026, 10, 25, 3, 30, tzinfo=ZoneInfo("Europe/Helsinki"))
AGAIN = FIRST.replace(fold=1)


@pytest.mark.parametrize(
    ("told", "first", "again"),
    [
        (rfc3339, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        (moment_text, "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"),
        (GENERALIZED_TIME.body, b"20261025003000Z", b"20261025013000Z"),
    ],
)
def test_the_hour_that_comes_twice(told, first, again):
    assert FIRST == AGAIN
    assert [told(FIRST), told(AGAIN), told(FIRST)] == [first, again, first]
