"""A Run for people: the summary, a table with what needs attention first, and one explanation for each cause.

Everything foreign is cleaned here. The words: lower case, no full stop, a next step wherever there is one.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING

from runner.packing import Packed
from runner.report.record import causes, rank
from runner.report.rows import Rows
from runner.report.sanitise import clean
from runner.report.tables import TIED, Layout, Row, rendered_lines, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.report.record import ItemRecord, RunRecord

_STYLES = {"failed": "red", "unknown": "magenta", "pending": "yellow", "skipped": "yellow"}
_HEADERS = ("outcome", "item", "operation", "valid until", "certificate")
_NAMED = 5
"""How many items are named where one cause befell many."""


def results_table(run: RunRecord, layout: Layout) -> Iterator[str]:
    """The whole account of a run as text, ready to print, line by line. Items are gone through once, and let go of."""
    ranks: list[int] = []
    telling: list[ItemRecord] = []

    def rows() -> Iterator[Row]:
        for item in run.items:
            if not (layout.verbose or _is_news(item)):
                continue
            ranks.append(rank(item.outcome))
            yield Row(_cells(item), _STYLES.get(item.outcome, ""))
            if item.error is not None or item.fail_info or item.warnings:
                telling.append(item)

    found = Packed(rows())
    in_order = [at for each in sorted({*ranks}) for at, place in enumerate(ranks) if place == each]
    shown = Rows(in_order, found.__getitem__)
    telling.sort(key=lambda item: rank(item.outcome))
    yield _summary(run, layout)
    if shown:
        yield "\n"
        yield from rendered_lines(_HEADERS, shown, layout)
    parts = [folded_note(len(run.items) - len(shown)), *(_cause(each, layout) for each in causes(telling))]
    yield from (f"\n{part}" for part in (*parts, _warnings(telling, layout)) if part)


def _is_news(result: ItemRecord) -> bool:
    """Whether it is shown without being asked for: a file that was written again is news, too."""
    return result.outcome != "unchanged" or bool(result.warnings)


def folded_note(count: int) -> str:
    """The line that stands for `count` unchanged items; empty where there are none."""
    return f"{count} unchanged (--verbose lists them)\n" if count else ""


def _summary(run: RunRecord, layout: Layout) -> str:
    counted = ", ".join(f"{count}{TIED}{outcome}" for outcome, count in run.counts.items() if count)
    state = "was interrupted" if run.interrupted else "is done"
    text = f"run {clean(run.id)} of {clean(run.manifest)} {state} after {run.seconds:.1f} s: {counted or 'no items'}"
    return wrapped(text, layout, first="", rest="  ") + "\n"


def _cells(result: ItemRecord) -> tuple[str, ...]:
    until = intern(f"{result.certificate.not_after:%Y-%m-%d}") if result.certificate else ""  # one text for many rows
    path = clean((result.certificate.path if result.certificate else None) or "")
    return (clean(result.outcome), clean(result.name), clean(result.operation), until, path)


def _cause(befallen: list[ItemRecord], layout: Layout) -> str:
    """One block for a cause, with the items that it befell (a thousand of them need no thousand blocks)."""
    first = befallen[0]
    names = ", ".join(clean(result.name) for result in befallen[:_NAMED])
    more = f" and {len(befallen) - _NAMED} more" if len(befallen) > _NAMED else ""
    lines = [("", f"{first.outcome}: {names}{more}")]
    if first.error is not None:
        lines.append(("  ", clean(first.error.what)))
        lines += [("  ", clean(first.error.why))] if first.error.why else []
    lines += [("  ", f"{first.judge} said: {clean(first.said)}")] if first.said else []
    if first.error is not None and first.error.next_step:
        lines.append(("  ", f"next: {clean(first.error.next_step)}"))
    return "".join(wrapped(text, layout, first=indent, rest=indent + "  ") + "\n" for indent, text in lines)


def _warnings(results: Iterable[ItemRecord], layout: Layout) -> str:
    lines = [f"warning: {clean(result.name)}: {clean(text)}" for result in results for text in result.warnings]
    return "".join(wrapped(line, layout, first="", rest="  ") + "\n" for line in lines)
