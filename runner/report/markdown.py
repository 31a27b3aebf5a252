"""A run as Markdown, made to be a comment on a pull request or a job summary: short first, whole where it fits.

Forges cut comments at 65,536 characters. The summary and the causes come first and the tables are cut from the
bottom, with a line that says how much is missing. A marker in the first line lets a bot find its comment again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.record import OPEN, TROUBLE, causes
from runner.report.sanitise import clean, markdown_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.report.record import ItemRecord, RunRecord

LIMIT = 65_536
"""Characters that a comment may have."""
MARKER = "<!-- cmp-batch report -->"
_RESERVE = 400
"""Characters kept for what closes the comment."""
_NAMED = 5
_LONGEST = 500
"""Characters of one foreign text: a cause is read, not studied, in a comment."""


def markdown_report(run: RunRecord) -> str:
    """The whole comment, at most LIMIT characters."""
    run = run.in_hand()
    lines = [MARKER, f"### Run {_code(run.id)} of {_code(run.manifest)}", "", f"**{summary(run)}**", ""]
    room = LIMIT - _RESERVE - sum(len(line) + 1 for line in lines)
    body = list(_causes(run))
    body += _table(
        "What changed", [item for item in run.sorted() if item.outcome not in (*TROUBLE, *OPEN, "unchanged")]
    )
    body += _warnings(run)
    kept = _fitting(body, room)
    left = len(body) - len(kept)
    if left:
        kept += ["", f"_{left} more lines did not fit; the report file has them all._"]
    return "\n".join([*lines, *kept]) + "\n"


def summary(run: RunRecord) -> str:
    """How many items ended how, what needs attention first."""
    counted = [f"{count} {outcome}" for outcome, count in run.counts.items() if count]
    state = "was interrupted" if run.interrupted else "is done"
    return f"{state} after {run.seconds:.1f} s: {', '.join(counted) or 'no items'}"


def _causes(run: RunRecord) -> Iterator[str]:
    """Each cause once, with the items that it befell."""
    for befallen in causes(run.sorted()):
        yield from _cause(befallen)


def _cause(befallen: list[ItemRecord]) -> Iterator[str]:
    first = befallen[0]
    names = ", ".join(_code(item.name) for item in befallen[:_NAMED])
    more = f" and {len(befallen) - _NAMED} more" if len(befallen) > _NAMED else ""
    yield f"- **{clean(first.outcome)}**: {names}{more}"
    if first.error is not None:
        yield from (f"  - {_code(text)}" for text in (first.error.what, first.error.why) if text)
    if first.said:
        yield f"  - {first.judge} said {_code(first.said)}"
    if first.error is not None and first.error.next_step:
        yield f"  - next: {_code(first.error.next_step)}"


def _table(title: str, items: list[ItemRecord]) -> Iterator[str]:
    if not items:
        return
    yield from ("", f"#### {title}", "", "| outcome | item | operation | valid until |", "|---|---|---|---|")
    for item in items:
        until = f"{item.certificate.not_after:%Y-%m-%d}" if item.certificate else ""
        yield f"| {item.outcome} | {_code(item.name)} | {item.operation} | {until} |"


def _warnings(run: RunRecord) -> Iterator[str]:
    told = [(item.name, text) for item in run.items for text in item.warnings]
    if told:
        yield from ("", "#### Warnings", "")
        yield from (f"- {_code(name)}: {_code(text)}" for name, text in told)


def _fitting(lines: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _code(text: str) -> str:
    shown = clean(text)
    return markdown_code(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…")
