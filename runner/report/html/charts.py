"""Three charts as inline SVG: when certificates end, how long items took, how many were done over time.

Drawn from counts in buckets; a description in words goes with each, for who hears the page. Colours are classes of
the style sheet, so that they follow light and dark.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from runner.report.html.text import text
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from runner.report.record import RunRecord

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 480, 180, 44, 28, 12
_WEEKS = 53
_SPANS = 40
"""Buckets of the throughput chart."""
_LATENCIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
"""Upper bounds of the latency buckets, in seconds."""


@frozen
class Bars:
    """A bar chart: a title, what it says in words, and (label, count) for each bar; some labels are empty."""

    name: str
    title: str
    words: str
    bars: tuple[tuple[str, int], ...]


def expiry_chart(run: RunRecord) -> Iterator[str]:
    """How many certificates end in each week of the coming year."""
    ends = [item.certificate.not_after for item in run.items if item.certificate and item.outcome != "revoked"]
    if not ends:
        return
    counts, later = [0] * _WEEKS, 0
    for end in ends:
        week = (end - run.finished) // timedelta(weeks=1)
        if week >= _WEEKS:
            later += 1
        else:
            counts[max(week, 0)] += 1
    starts = [run.finished + timedelta(weeks=week) for week in range(_WEEKS)]
    bars = [(_month(starts, week), count) for week, count in enumerate(counts)]
    yield from _drawn(Bars("expiry", "Certificates that end, by week", _ends(starts, counts, later), tuple(bars)))


def _ends(starts: Sequence[datetime], counts: Sequence[int], later: int) -> str:
    """What the chart says, in words."""
    soon, most = sum(counts), max(counts)
    beyond = f", {later} later" if later else ""
    if not soon:
        return f"none ends within a year{beyond}"
    week = f"the busiest week begins on {starts[counts.index(most)]:%Y-%m-%d} and has {most}"
    return f"{soon} {'certificate ends' if soon == 1 else 'certificates end'} within a year{beyond}; {week}"


def _month(starts: Sequence[datetime], week: int) -> str:
    """The month's name over the first week of every second month."""
    now, before = starts[week], starts[week - 1] if week else None
    new = before is not None and f"{now:%m}" != f"{before:%m}"
    return f"{now:%b}" if new and int(f"{now:%m}") % 2 else ""


def latency_chart(run: RunRecord) -> Iterator[str]:
    """How many items took how long."""
    times = sorted(item.duration for item in run.items if item.attempts)
    if not times:
        return
    counts = [0] * (len(_LATENCIES) + 1)
    for seconds in times:
        counts[sum(seconds > bound for bound in _LATENCIES)] += 1
    used = [place for place, count in enumerate(counts) if count]
    shown = range(used[0], used[-1] + 1)
    bars = tuple((_bound(place), counts[place]) for place in shown)
    middle, slow = times[len(times) // 2], times[int((len(times) - 1) * 0.95)]
    words = f"half of the items took at most {middle:.2f} s, 95 of 100 at most {slow:.2f} s"
    yield from _drawn(Bars("latency", "Time for an item", words, bars))


def _bound(place: int) -> str:
    return f"≤ {_LATENCIES[place]:g} s" if place < len(_LATENCIES) else "longer"


def throughput_chart(run: RunRecord) -> Iterator[str]:
    """How many items ended in each part of the run."""
    ends = [(item.ended - run.started).total_seconds() for item in run.items if item.ended and item.attempts]
    if not ends or run.seconds <= 0:
        return
    span, counts = run.seconds / _SPANS, [0] * _SPANS
    for seconds in ends:
        counts[min(max(int(seconds / span), 0), _SPANS - 1)] += 1
    labels = {0: "0 s", _SPANS // 2: f"{run.seconds / 2:.1f} s", _SPANS - 1: f"{run.seconds:.1f} s"}
    bars = tuple((labels.get(place, ""), count) for place, count in enumerate(counts))
    words = f"{len(ends) / run.seconds:.1f} items a second over the whole run; at best {max(counts) / span:.1f}"
    yield from _drawn(Bars("throughput", "Items done over time", words, bars))


def _drawn(chart: Bars) -> Iterator[str]:
    most = max(1, *(count for _, count in chart.bars))
    step = (_WIDTH - _LEFT) / len(chart.bars)
    room = _HEIGHT - _BOTTOM - _TOP
    yield "<figure>"
    yield f"<figcaption><b>{text(chart.title)}</b><br>{text(chart.words)}</figcaption>"
    yield f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text(f"{chart.title}: {chart.words}")}">'
    yield f'<line class="axis" x1="{_LEFT}" y1="{_TOP + room}" x2="{_WIDTH}" y2="{_TOP + room}"/>'
    yield f'<text class="count" x="{_LEFT - 6}" y="{_TOP + 8}">{most}</text>'
    yield f'<text class="count" x="{_LEFT - 6}" y="{_TOP + room}">0</text>'
    for place, (label, count) in enumerate(chart.bars):
        left, tall = _LEFT + place * step, room * count / most
        if count:
            corner = f'x="{left + step * 0.08:.1f}" y="{_TOP + room - tall:.1f}"'
            told = f"<title>{text(f'{label} {count}'.strip())}</title>"
            yield f'<rect class="bar" {corner} width="{step * 0.84:.1f}" height="{tall:.1f}">{told}</rect>'
        if label:
            last = place and place == len(chart.bars) - 1
            where = f'class="label last" x="{_WIDTH}"' if last else f'class="label" x="{left + step / 2:.1f}"'
            yield f'<text {where} y="{_HEIGHT - 10}">{text(label)}</text>'
    yield "</svg></figure>"
