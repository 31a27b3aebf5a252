"""When a renewal may happen, as data: windows of the week in their own time zone, and how far items are spread.

Read by runner.manifest.renewing; what follows from it is for runner.plan.seasons to say.
"""

from __future__ import annotations

from datetime import time, timedelta, tzinfo

from runner.values import frozen

MIDNIGHT = time(0)


@frozen
class Window:
    """From `start` to `end` on each of `days` (0 is Monday), by the clocks of `zone`.

    An end that is not after its start is on the following day.
    """

    zone: tzinfo
    days: frozenset[int] = frozenset(range(7))
    start: time = MIDNIGHT
    end: time = MIDNIGHT


@frozen
class Renewal:
    """`windows`: when renewals may begin; none: always. `jitter`: how much earlier than due an item may be taken."""

    windows: tuple[Window, ...] = ()
    jitter: timedelta = timedelta()


AT_ONCE = Renewal()
"""As soon as it is due."""
