"""The page put together: head with its policy, summary, what needs attention, charts, the table of all items.

Everything foreign passes `text`, which cleans and escapes it. The Content-Security-Policy forbids whatever is not this
page's own style sheet and script, which it names by their hashes; inline styles and handlers do not exist.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from runner.report.html.attention import attention
from runner.report.html.charts import expiry_chart, latency_chart, throughput_chart
from runner.report.html.text import moment, text
from runner.report.record import rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.report.record import ItemRecord, RunRecord

_HERE = Path(__file__).resolve().parent
_COLUMNS = ("item", "outcome", "operation", "valid until", "subject", "serial number", "seconds", "note")
_AT_ONCE = 500
"""Rows that are laid out when the page opens; the others when they are asked for, found by a filter, or printed."""
_MARK = 'document.documentElement.classList.add("js");'
"""Run before the body: without a script nothing is kept back."""
_NUMBERS = ("valid until", "seconds")
"""Columns that are sorted by `data-v`, not by what they show."""


def html_report(run: RunRecord) -> str:
    """The whole document."""
    run = run.in_hand()
    style, script = (_HERE / name for name in ("page.css", "page.js"))
    css, js = style.read_text(encoding="utf-8"), script.read_text(encoding="utf-8")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            *_head(run, css, js),
            "<body>",
            *_header(run),
            "<main>",
            *attention(run),
            *_charts(run),
            *_table(run),
            "</main>",
            f"<footer>Made by cmp-batch {text(run.version)}. The page asks no server for anything.</footer>",
            f"<script>{js}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def _head(run: RunRecord, css: str, js: str) -> Iterator[str]:
    scripts = f"script-src '{_hash(_MARK)}' '{_hash(js)}'"
    policy = f"default-src 'none'; style-src '{_hash(css)}'; {scripts}; base-uri 'none'; form-action 'none'"
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{text(run.manifest)}: run {text(run.id)}</title>"
    yield f"<style>{css}</style>"
    yield f"<script>{_MARK}</script>"
    yield "</head>"


def _hash(octets: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(octets.encode()).digest()).decode()}"


def _header(run: RunRecord) -> Iterator[str]:
    state = "was interrupted" if run.interrupted else "finished"
    yield "<header>"
    yield f"<h1>{text(run.manifest)}</h1>"
    yield f"<p>Run <code>{text(run.id)}</code> began {moment(run.started)} and {state} after {run.seconds:.1f} s.</p>"
    yield '<ul class="tiles" aria-label="Items by outcome">'
    for outcome, count in run.counts.items():
        if count:
            yield f'<li class="tile {text(outcome)}"><b>{count}</b> {text(outcome)}</li>'
    yield "</ul>"
    yield "</header>"


def _charts(run: RunRecord) -> Iterator[str]:
    drawn = [*expiry_chart(run), *latency_chart(run), *throughput_chart(run)]
    if drawn:
        yield '<section aria-labelledby="charts">'
        yield '<h2 id="charts">At a glance</h2>'
        yield '<div class="charts">'
        yield from drawn
        yield "</div></section>"


def _table(run: RunRecord) -> Iterator[str]:
    yield '<section aria-labelledby="all">'
    yield f'<h2 id="all">All items ({len(run.items)})</h2>'
    yield '<div class="tools" id="tools" hidden>'
    yield '<label>Find <input type="search" id="find" autocomplete="off"></label>'
    yield '<label>Outcome <select id="outcome"><option value="">all</option>'
    for outcome in sorted({item.outcome for item in run.items}, key=rank):
        yield f"<option>{text(outcome)}</option>"
    yield '</select></label> <button type="button" id="more"></button>'
    yield '<output id="shown" aria-live="polite"></output></div>'
    yield '<div class="scroll" role="region" aria-labelledby="all" tabindex="0">'
    yield '<table id="items"><thead><tr>'
    for name in _COLUMNS:
        kind = ' data-n="1"' if name in _NUMBERS else ""
        kind += ' class="time"' if name == "seconds" else ""
        yield f'<th scope="col"{kind}>{name}</th>'
    yield "</tr></thead><tbody>"
    rows = [_row(item) for item in run.sorted()]
    yield from rows[:_AT_ONCE]
    yield '</tbody><tbody class="later">'
    yield from rows[_AT_ONCE:]
    yield "</tbody></table></div></section>"


def _row(item: ItemRecord) -> str:
    found = item.certificate
    until = f'<td class=when data-v="{found.not_after.timestamp():.0f}">{found.not_after:%Y-%m-%d}' if found else "<td>"
    spent = f"{item.duration:.2f}" if item.attempts or item.duration else ""
    note = item.error.what if item.error else "; ".join(item.warnings)
    outcome = text(item.outcome)
    return (
        f'<tr data-o="{outcome}"><th scope="row">{text(item.name)}</th>'
        f'<td class="mark {outcome}">{outcome}<td>{text(item.operation)}{until}'
        f"<td class=name>{text(found.subject) if found else ''}<td class=serial>{text(found.serial) if found else ''}"
        f'<td class=time data-v="{item.duration:.6f}">{spent}<td class=name>{text(note)}</tr>'
    )
