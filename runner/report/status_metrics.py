"""A Status as OpenMetrics text: for a textfile collector, so that alerts know what expires before anybody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.openmetrics import family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.plan.status import Row, Status


def status_openmetrics(status: Status) -> str:
    """The whole exposition, with the end mark that the format wants."""
    return "".join(f"{line}\n" for line in (*_lines(status), "# EOF"))


def _lines(status: Status) -> Iterator[str]:
    manifest = {"manifest": status.name}
    conditions = [({**manifest, "condition": name}, float(count)) for name, count in status.counts().items()]
    yield from family("cmp_batch_status_timestamp_seconds", "When this was seen.", [(manifest, status.at.timestamp())])
    yield from family("cmp_batch_items", "Items by how they stand.", conditions)
    ends, renewals = [], []
    for row in status.rows:
        if row.certificate is not None:
            ends.append((_labels(status, row), row.certificate.not_after.timestamp()))
        if row.renewal is not None:
            renewals.append((_labels(status, row), row.renewal.timestamp()))
    words = "When the certificate of an item ends."
    yield from family("cmp_batch_certificate_not_after_timestamp_seconds", words, ends)
    words = "When it is planned to be renewed."
    yield from family("cmp_batch_certificate_renewal_timestamp_seconds", words, renewals)
    days = [({**manifest, "day": day.isoformat()}, float(count)) for day, count in status.forecast if count]
    yield from family("cmp_batch_planned_renewals", "Renewals to come, by day.", days)


def _labels(status: Status, row: Row) -> dict[str, str]:
    labels = {"manifest": status.name, "item": row.item, "authority": row.authority}
    return {**labels, "condition": row.condition.value}
