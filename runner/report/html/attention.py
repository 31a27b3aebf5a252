"""What needs attention, first: each cause once, with its next step and the items that it befell; then warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.html.text import text
from runner.report.record import causes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.report.record import ItemRecord, RunRecord

_NAMED = 12
"""Items that are named at once; the others are behind a disclosure."""


def attention(run: RunRecord) -> Iterator[str]:
    """The section; one reassuring line where there is nothing."""
    yield '<section aria-labelledby="attention">'
    yield '<h2 id="attention">Needs attention</h2>'
    found = causes(run.sorted())
    if not found:
        yield "<p>Nothing: every item is as the manifest wants it.</p>"
    for befallen in found:
        yield from _cause(befallen)
    yield from _warnings(run)
    yield "</section>"


def _cause(befallen: list[ItemRecord]) -> Iterator[str]:
    first = befallen[0]
    what = first.error.what if first.error else first.verdict or first.outcome
    yield f'<article class="cause {text(first.outcome)}">'
    yield f'<h3><span class="mark {text(first.outcome)}">{text(first.outcome)}</span> {text(what)}</h3>'
    if first.error is not None and first.error.why:
        yield f"<p>{text(first.error.why)}</p>"
    if first.said:
        yield f"<p>{first.judge[0].upper()}{first.judge[1:]} said: <q>{text(first.said)}</q></p>"
    if first.error is not None and first.error.next_step:
        yield f'<p class="next"><b>Next:</b> {text(first.error.next_step)}</p>'
    yield from _names(befallen)
    yield "</article>"


def _names(befallen: list[ItemRecord]) -> Iterator[str]:
    named = [f"<code>{text(item.name)}</code>" for item in befallen]
    yield f'<p class="names">{", ".join(named[:_NAMED])}</p>'
    if len(named) > _NAMED:
        rest = ", ".join(named[_NAMED:])
        yield f'<details><summary>and {len(named) - _NAMED} more</summary><p class="names">{rest}</p></details>'


def _warnings(run: RunRecord) -> Iterator[str]:
    told = [(item.name, words) for item in run.items for words in item.warnings]
    if told:
        yield f"<details><summary>{len(told)} {'warning' if len(told) == 1 else 'warnings'}</summary><ul>"
        yield from (f"<li><code>{text(name)}</code>: {text(words)}</li>" for name, words in told)
        yield "</ul></details>"
