"""A Run for people: the summary, a table with what needs attention first, and one explanation for each cause.

Everything foreign is cleaned here. The words: lower case, no full stop, a next step wherever there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.execute.results import Outcome
from runner.report.sanitise import clean
from runner.report.tables import TIED, Layout, Row, render, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.execute.results import Result, Run

_ORDER = (
    Outcome.FAILED,
    Outcome.UNKNOWN,
    Outcome.PENDING,
    Outcome.SKIPPED,
    Outcome.ISSUED,
    Outcome.UPDATED,
    Outcome.REVOKED,
    Outcome.RECOVERED,
    Outcome.FORWARDED,
    Outcome.UNCHANGED,
)
"""What a person wants to see first."""
_STYLES = {Outcome.FAILED: "red", Outcome.UNKNOWN: "magenta", Outcome.PENDING: "yellow", Outcome.SKIPPED: "yellow"}
_HEADERS = ("outcome", "item", "operation", "valid until", "certificate")
_NAMED = 5
"""How many items are named where one cause befell many."""


def results_table(run: Run, layout: Layout) -> str:
    """The whole account of a run as text, ready to print."""
    shown = [result for result in run.results if layout.verbose or _is_news(result)]
    shown.sort(key=lambda result: _ORDER.index(result.outcome))
    rows = [Row(_cells(result), _STYLES.get(result.outcome, "")) for result in shown]
    parts = (
        _summary(run, layout),
        render(_HEADERS, rows, layout),
        folded_note(len(run.results) - len(shown)),
        *_causes(shown, layout),
        _warnings(shown, layout),
    )
    return "\n".join(part for part in parts if part)


def _is_news(result: Result) -> bool:
    """Whether it is shown without being asked for: a file that was written again is news, too."""
    return result.outcome is not Outcome.UNCHANGED or bool(result.warnings)


def folded_note(count: int) -> str:
    """The line that stands for `count` unchanged items; empty where there are none."""
    return f"{count} unchanged (--verbose lists them)\n" if count else ""


def _summary(run: Run, layout: Layout) -> str:
    counts = run.counts()
    counted = ", ".join(f"{counts[outcome.value]}{TIED}{outcome.value}" for outcome in _ORDER if counts[outcome.value])
    seconds = (run.finished - run.started).total_seconds()
    state = "was interrupted" if run.interrupted else "is done"
    text = f"run {clean(run.id)} of {clean(run.manifest)} {state} after {seconds:.1f} s: {counted or 'no items'}"
    return wrapped(text, layout, first="", rest="  ") + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    until = f"{result.certificate.not_after:%Y-%m-%d}" if result.certificate else ""
    path = clean(result.certificate_path or "")
    return (result.outcome.value, clean(result.name), clean(result.operation), until, path)


def _causes(results: Iterable[Result], layout: Layout) -> list[str]:
    """One block for each cause, with the items that it befell (a thousand of them need no thousand blocks)."""
    causes: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        if result.failure is not None or result.fail_info:
            verdict = (result.pki_status, result.fail_info, result.status_text)
            causes.setdefault((result.outcome, result.failure, verdict), []).append(result)
    return [_cause(befallen, layout) for befallen in causes.values()]


def _cause(befallen: list[Result], layout: Layout) -> str:
    first = befallen[0]
    names = ", ".join(clean(result.name) for result in befallen[:_NAMED])
    more = f" and {len(befallen) - _NAMED} more" if len(befallen) > _NAMED else ""
    lines = [("", f"{first.outcome.value}: {names}{more}")]
    if first.failure is not None:
        lines.append(("  ", clean(first.failure.what)))
        lines += [("  ", clean(first.failure.why))] if first.failure.why else []
    lines += [("  ", verdict)] if (verdict := _verdict(first)) else []
    if first.failure is not None and first.failure.next_step:
        lines.append(("  ", f"next: {clean(first.failure.next_step)}"))
    return "".join(wrapped(text, layout, first=indent, rest=indent + "  ") + "\n" for indent, text in lines)


def _verdict(result: Result) -> str:
    """What the CA said, in the standard's own words."""
    if not (result.pki_status and (result.fail_info or result.status_text)):
        return ""
    words = [clean(result.pki_status), *map(clean, result.fail_info)]
    said = f' "{clean(result.status_text)}"' if result.status_text else ""
    return f"the CA said: {' '.join(words)}{said}"


def _warnings(results: Iterable[Result], layout: Layout) -> str:
    lines = [f"warning: {clean(result.name)}: {clean(text)}" for result in results for text in result.warnings]
    return "".join(wrapped(line, layout, first="", rest="  ") + "\n" for line in lines)
