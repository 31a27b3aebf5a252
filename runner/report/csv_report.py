"""A run as CSV (RFC 4180), one row an item: for spreadsheets and for whoever still has a script to feed.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula; such a cell gets an apostrophe in
front, since names and status texts come from strangers.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from runner.report.canonical import rfc3339
from runner.report.sanitise import clean

if TYPE_CHECKING:
    from runner.report.record import ItemRecord, RunRecord

COLUMNS = (
    "item",
    "operation",
    "outcome",
    "subject",
    "issuer",
    "serial",
    "not_before",
    "not_after",
    "sha256",
    "certificate",
    "key",
    "key_type",
    "pki_status",
    "fail_info",
    "status_text",
    "attempts",
    "duration_seconds",
    "error",
    "why",
    "next_step",
    "warnings",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_report(run: RunRecord) -> str:
    """The header and a row for each item, lines ended by CRLF."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in _row(item)] for item in run.items)
    return out.getvalue()


def _row(item: ItemRecord) -> tuple[str | None, ...]:
    found, error = item.certificate, item.error
    certificate = (
        (found.subject, found.issuer, found.serial, rfc3339(found.not_before), rfc3339(found.not_after), found.sha256)
        if found
        else (None,) * 6
    )
    return (
        item.name,
        item.operation,
        item.outcome,
        *certificate,
        found.path if found else None,
        item.key_path,
        item.key_type,
        item.pki_status,
        " ".join(item.fail_info),
        item.status_text,
        str(item.attempts),
        str(item.duration),
        *((error.what, error.why, error.next_step) if error else (None,) * 3),
        "; ".join(item.warnings),
    )


def _cell(value: str | None) -> str:
    text = clean(value or "")
    return f"'{text}" if text.startswith(_FORMULA) else text
