"""A Status as JSON, in the shape of schemas/status.schema.json. Version 1 only grows by new optional keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.execute.results import summary_of
from runner.report.canonical import rfc3339
from runner.report.json_report import certificate_to_json

if TYPE_CHECKING:
    from runner.plan.status import Row, Status

SCHEMA_VERSION = 1


def status_to_json(status: Status) -> dict[str, object]:
    """The whole inventory as plain data, ready for canonical_json. Days without renewals are left out."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": status.name,
        "at": rfc3339(status.at),
        "summary": status.counts(),
        "items": [_row(row) for row in status.rows],
        "forecast": [{"day": day.isoformat(), "renewals": count} for day, count in status.forecast if count],
    }


def _row(row: Row) -> dict[str, object]:
    return {
        "item": row.item,
        "authority": row.authority or None,
        "condition": row.condition.value,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in row.reasons],
        "next": row.verb.value if row.verb else None,
        "renewal": rfc3339(row.renewal) if row.renewal else None,
        "certificate": certificate_to_json(summary_of(row.certificate), row.path),
    }
