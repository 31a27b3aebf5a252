"""When a certificate is to be renewed: due, spread over the items, and held back until a window opens.

A window that would open too late holds nothing back: a renewal outside of its hours is better than a certificate that
is over. The spread is the item's own, by its name, so that it is the same in every plan. Pure; time zones are data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.pki.certificates import renewal_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.manifest.calendar import Window
    from runner.manifest.model import Enrollment
    from runner.manifest.placing import RenewBefore
    from runner.pki.certificates import Certificate

FALLBACK_SHARE = 1 / 3
"""The share of its life that is left when a certificate is due whose `renew_before` is about as long as that life."""
FRESH_SHARE = 1 / 10
"""A window that opens before so much of a life was lived would renew what was just issued, for ever."""
_WEEK = 8
"""Days in which every weekly window opens once, and one more for what began before midnight."""


def due_at(certificate: Certificate, item: Enrollment) -> datetime:
    """When it is due, the item's own spread included; its end where nothing says when."""
    if item.renew_before is None:
        return certificate.not_after
    return max(_due(certificate, item.renew_before) - spread(item), _not_fresh(certificate))


def _due(certificate: Certificate, window: RenewBefore) -> datetime:
    if is_too_long(certificate, window):
        return renewal_time(certificate, None, FALLBACK_SHARE)
    return renewal_time(certificate, window.before, window.share)


def is_too_long(certificate: Certificate, window: RenewBefore) -> bool:
    """Whether the window is (nearly) as long as the certificate lives; a CA may date it back a little, too."""
    return renewal_time(certificate, window.before, window.share) <= _not_fresh(certificate)


def _not_fresh(certificate: Certificate) -> datetime:
    return certificate.not_before + (certificate.not_after - certificate.not_before) * FRESH_SHARE


def spread(item: Enrollment) -> timedelta:
    """How much earlier than due this item is taken: a share of the jitter that its name decides."""
    number = int.from_bytes(sha256(item.name.encode()).digest()[:8], "big")
    seconds = int(item.renewal.jitter.total_seconds())
    return timedelta(seconds=number * seconds >> 64)


def held_back_until(certificate: Certificate, item: Enrollment, moment: datetime) -> datetime | None:
    """When the next window opens for what is due at `moment`; None: nothing holds it back."""
    opens = opening(item.renewal.windows, moment)
    return opens if opens is not None and moment < opens < certificate.not_after else None


def planned(certificate: Certificate, item: Enrollment) -> datetime:
    """The first moment at which it is to be renewed, if an apply runs then."""
    due = due_at(certificate, item)
    return held_back_until(certificate, item, due) or due


def opening(windows: Sequence[Window], moment: datetime) -> datetime | None:
    """The first moment from `moment` on that lies in a window; None where there are no windows."""
    spans = (span for window in windows for span in _spans(window, moment))
    return min((max(start, moment) for start, end in spans if end > moment), default=None)


def _spans(window: Window, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The window's spans of a week, in UTC, from the one on that may have begun yesterday."""
    first = moment.astimezone(window.zone).date() - timedelta(days=1)
    for day in (first + timedelta(days=n) for n in range(_WEEK + 1)):
        if day.weekday() in window.days:
            last = day if window.end > window.start else day + timedelta(days=1)
            start = datetime.combine(day, window.start, window.zone)
            opens, closes = (each.astimezone(UTC) for each in (start, datetime.combine(last, window.end, window.zone)))
            if opens < closes:  # hours that a clock skips in spring are no window
                yield opens, closes
