"""A Status for people: the summary, what needs attention first, and a chart of the renewals of the coming year.

The chart has a line for each month and a bar for each day; on a terminal bars are blocks, elsewhere letters of ASCII.
Items that are as they should be are folded into a count, unless all are asked for.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from runner.plan.status import Condition
from runner.plan.words import spell_span
from runner.report.results_text import folded_note
from runner.report.sanitise import clean
from runner.report.tables import TIED, Layout, Row, render, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from runner.plan import status as plan_status
    from runner.plan.status import Status

_QUIET = (Condition.GOOD, Condition.DONE)
_ORDER = (
    Condition.EXPIRED,
    Condition.MISSING,
    Condition.BLOCKED,
    Condition.UNKNOWN,
    Condition.PENDING,
    Condition.OPEN,
    Condition.DUE,
    Condition.DRIFT,
    Condition.TO_DO,
    Condition.ORPHAN,
    Condition.GOOD,
    Condition.DONE,
)
"""What a person wants to see first."""
_STYLES = {
    Condition.EXPIRED: "bold red",
    Condition.MISSING: "red",
    Condition.BLOCKED: "bold red",
    Condition.UNKNOWN: "magenta",
    Condition.PENDING: "yellow",
    Condition.DUE: "yellow",
    Condition.DRIFT: "yellow",
    Condition.ORPHAN: "cyan",
}
_HEADERS = ("item", "stands", "valid until", "renewal", "why")
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LETTERS = " .:-=+*%@#"
"""Bars by height; nothing planned is a space."""


def status_text(status: Status, layout: Layout) -> str:
    """The whole inventory as text, ready to print."""
    shown = [row for row in status.rows if layout.verbose or row.condition not in _QUIET]
    shown.sort(key=lambda row: _ORDER.index(row.condition))
    rows = [Row(_cells(row, status), _STYLES.get(row.condition, "")) for row in shown]
    parts = (
        wrapped(f"inventory of {clean(status.name)}: {_summary(status)}", layout, first="", rest="  ") + "\n",
        render(_HEADERS, rows, layout),
        folded_note(len(status.rows) - len(shown)),
        chart(status.forecast, layout),
    )
    return "\n".join(part for part in parts if part)


def _summary(status: Status) -> str:
    counts = status.counts()
    counted = [f"{counts[each.value]}{TIED}{each.value.replace(' ', TIED)}" for each in _ORDER if counts[each.value]]
    ends = (row.certificate.not_after for row in status.rows if row.certificate)
    soonest = min((end for end in ends if end > status.at), default=None)
    words = f"; the next one ends in {spell_span(soonest - status.at).replace(' ', TIED)}" if soonest else ""
    return (", ".join(counted) or "no items") + words


def _cells(row: plan_status.Row, status: Status) -> tuple[str, ...]:
    until = f"{row.certificate.not_after:%Y-%m-%d}" if row.certificate else ""
    renewal = "" if row.renewal is None else "now" if row.renewal <= status.at else f"{row.renewal:%Y-%m-%d}"
    why = "; ".join(reason.text for reason in row.reasons)
    return (clean(row.item), row.condition.value, until, renewal, clean(why))


def chart(forecast: Sequence[tuple[date, int]], layout: Layout) -> str:
    """Renewals by day, a line for each month; empty where none is planned."""
    most = max((count for _, count in forecast), default=0)
    if not most:
        return ""
    bars = _BLOCKS if layout.terminal else _LETTERS
    lines = [f"renewals to come, day by day (a full bar is {most})"]
    for month, days in groupby(forecast, key=lambda each: f"{each[0]:%Y-%m}"):
        counts = dict(days)
        total, first = sum(counts.values()), min(counts).day
        drawn = " " * (first - 1) + "".join(_bar(count, most, bars) for count in counts.values())
        lines.append(f"{month} |{drawn:<31}| {total or ''}".rstrip())
    return "".join(f"{line}\n" for line in lines)


def _bar(count: int, most: int, bars: str) -> str:
    return bars[-(-count * (len(bars) - 1) // most)]
