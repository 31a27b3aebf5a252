"""Reads `renewal`: when a certificate is due, the windows that renewals begin in, and how far items are spread."""

from __future__ import annotations

import re
from datetime import UTC, time, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from runner.manifest.calendar import AT_ONCE, MIDNIGHT, Renewal, Window
from runner.manifest.durations import parse_duration, parse_renew_before

if TYPE_CHECKING:
    from runner.manifest.placing import RenewBefore
    from runner.manifest.reader import Reader

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_LAST = "24:00"


def read_renewal(reader: Reader) -> tuple[RenewBefore | None, Renewal]:
    """`renew_before` and `renewal` of an entry; what does not go together is noted."""
    before, part = reader.once("renew_before", _renew_before), reader.part.part("renewal")
    if part is None:
        return before, AT_ONCE
    own = reader.elsewhere(part)
    if "before" in part.values and "renew_before" in reader.part.values:
        step = "keep one of them"
        reader.ledger.error("renew_before and renewal: before say the same", part.place_of("before"), next_step=step)
    before = own.parsed("before", parse_renew_before) or before
    windows = read_windows(own)
    seconds = own.parsed("jitter", parse_duration) or 0.0
    if before is None and "before" not in part.values and "renew_before" not in reader.part.values:
        step = "add before: 30d, or 33%"
        reader.ledger.error("renewal does not say when a certificate is due", part.place, next_step=step)
    return before, Renewal(windows, timedelta(seconds=seconds))


def _renew_before(reader: Reader) -> RenewBefore | None:
    return reader.parsed("renew_before", parse_renew_before)


def read_windows(reader: Reader) -> tuple[Window, ...]:
    """The windows of the week that a part lists under `windows`."""
    return tuple(_window(reader.elsewhere(each)) for each in reader.part.entries("windows"))


def _window(reader: Reader) -> Window:
    days = reader.parsed_all("days", parse_days)
    zone = reader.parsed("time_zone", parse_zone)
    start, end = reader.parsed("from", parse_time), reader.parsed("to", parse_time)
    every = frozenset(range(7))
    return Window(zone or UTC, frozenset().union(*days) if days else every, start or MIDNIGHT, end or MIDNIGHT)


def parse_days(text: str) -> frozenset[int]:
    """`mon`, or a range such as `mon-fri` (and `sat-mon`, round the weekend). ValueError says how it is written."""
    first, _, last = text.strip().lower().partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise ValueError(f"{text!r} are no days: write {', '.join(_DAYS)}, or a range such as mon-fri")
    start, stop = _DAYS.index(first), _DAYS.index(last or first)
    return frozenset((start + step) % 7 for step in range((stop - start) % 7 + 1))


def parse_time(text: str) -> time:
    """`22:00`; `24:00` is midnight. ValueError says how it is written."""
    found = _TIME.fullmatch("0:00" if text.strip() == _LAST else text.strip())
    if not found:
        raise ValueError(f'{text!r} is no time of day: write hours and minutes, for example "22:00"')
    return time(int(found[1]), int(found[2]))


@lru_cache(maxsize=64)
def parse_zone(text: str) -> tzinfo:
    """A name of the IANA time zone database. ValueError where it is not known on this machine."""
    if text == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few manifests name another zone

    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        words = f"the time zone {text!r} is not known here: for example Europe/Helsinki"
        raise ValueError(f"{words}; where none is known, install the system's tzdata") from None
