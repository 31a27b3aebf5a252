"""Windows and spreads: judged by a clock that walks through a week minute by minute, and by what must always hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ambient import NOON
from support.planning import certificate
from support.samples import full_plan

from runner.manifest.calendar import Renewal, Window
from runner.manifest.placing import RenewBefore
from runner.manifest.renewing import parse_days, parse_time
from runner.pki.certificates import parse_certificate
from runner.plan.seasons import due_at, held_back_until, opening, planned, spread

HELSINKI = ZoneInfo("Europe/Helsinki")
ITEM = full_plan().steps[0].item
minutes = st.integers(0, 24 * 60 - 1)
windows = st.builds(
    lambda days, start, end: Window(HELSINKI, frozenset(days), time(*divmod(start, 60)), time(*divmod(end, 60))),
    st.sets(st.integers(0, 6), min_size=1),
    minutes,
    minutes,
)
moments = st.integers(0, 400 * 24 * 60).map(lambda n: NOON + timedelta(minutes=n))


def is_open(window, moment):
    """The same by another way: what the wall clock says now."""
    here = moment.astimezone(window.zone)
    now, yesterday = here.time().replace(tzinfo=None), (here.weekday() - 1) % 7
    if window.end > window.start:
        return here.weekday() in window.days and window.start <= now < window.end
    return (here.weekday() in window.days and now >= window.start) or (yesterday in window.days and now < window.end)


def near_a_change_of_clocks(moment):
    return any(
        (moment + timedelta(days=a)).astimezone(HELSINKI).utcoffset()
        != (moment + timedelta(days=b)).astimezone(HELSINKI).utcoffset()
        for a, b in ((-2, 0), (0, 9))
    )


@given(st.lists(windows, min_size=1, max_size=3), moments)
@settings(max_examples=60)
def test_a_window_opens_when_the_clock_on_the_wall_says_so(several, moment):
    found = opening(several, moment)
    if near_a_change_of_clocks(moment):
        assert moment <= found <= moment + timedelta(days=9)
        return
    walk = (moment + timedelta(minutes=n) for n in range(8 * 24 * 60))
    assert found == next(each for each in walk if any(is_open(window, each) for window in several))


def test_no_windows_hold_nothing_back():
    assert opening((), NOON) is None


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
def test_when_the_clocks_change_the_window_is_still_there(day):
    """03:00 to 04:00 does not exist on one of these nights, and exists twice on the other."""
    window = Window(HELSINKI, frozenset(range(7)), time(2), time(5))
    start = opening([window], day)
    assert day <= start < day + timedelta(hours=3)


def test_hours_that_the_clock_skips_are_no_window():
    """On the night of the change there is no 03:30: the window opens on the next one."""
    window = Window(HELSINKI, frozenset(range(7)), time(3, 30), time(4))
    assert opening([window], datetime(2026, 3, 29, tzinfo=UTC)) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


due_items = st.builds(
    lambda name, before, jitter, several: replace(
        ITEM,
        name=name,
        renew_before=RenewBefore(before=timedelta(days=before)),
        renewal=Renewal(tuple(several), timedelta(hours=jitter)),
    ),
    st.text("abc123", min_size=1),
    st.integers(1, 400),
    st.integers(0, 500),
    st.lists(windows, max_size=2),
)


@given(due_items, st.integers(1, 400))
@settings(max_examples=150)
def test_whatever_is_asked_for_it_is_renewed_in_its_life_and_not_when_it_is_new(item, days):
    present = parse_certificate(certificate(until=f"{days}d"))
    life = present.not_after - present.not_before
    first = planned(present, item)
    assert present.not_before + life * 0.099 <= due_at(present, item) <= first < present.not_after
    assert held_back_until(present, item, present.not_after - timedelta(seconds=1)) is None


@given(st.text(min_size=1), st.integers(1, 10**7))
def test_a_spread_is_less_than_the_jitter_and_always_the_same(name, seconds):
    item = replace(ITEM, name=name, renewal=Renewal(jitter=timedelta(seconds=seconds)))
    assert timedelta() <= spread(item) < timedelta(seconds=seconds)
    assert spread(item) == spread(replace(item, place=None))


def test_a_spread_spreads():
    days = [
        spread(replace(ITEM, name=f"web-{n}", renewal=Renewal(jitter=timedelta(days=10)))).days for n in range(1000)
    ]
    assert all(70 < days.count(day) < 130 for day in range(10))


@pytest.mark.parametrize(
    ("text", "days"), [("mon", {0}), ("mon-fri", {0, 1, 2, 3, 4}), ("SAT-mon", {5, 6, 0}), ("sun-sun", {6})]
)
def test_days_are_read(text, days):
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "-fri", "monday", "mon-fri-sat"])
def test_what_are_no_days_is_refused(text):
    with pytest.raises(ValueError, match="are no days"):
        parse_days(text)


def test_times_of_day_are_read():
    assert (parse_time("22:00"), parse_time("4:05"), parse_time("24:00")) == (time(22), time(4, 5), time(0))
    with pytest.raises(ValueError, match="no time of day"):
        parse_time("24:01")
