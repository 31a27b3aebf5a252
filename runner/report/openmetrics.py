"""A run as an OpenMetrics text file, for the textfile collector of a node exporter or a push gateway.

Counts of outcomes, when the run was, and when each certificate ends; names of items are labels, escaped as the
exposition format says. Written whole and renamed into place, so that a scrape never meets half a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.sanitise import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.report.record import RunRecord


def openmetrics(run: RunRecord) -> str:
    """The whole exposition, with the end mark that the format wants."""
    return "".join(f"{line}\n" for line in (*_lines(run), "# EOF"))


def _lines(run: RunRecord) -> Iterator[str]:
    manifest = {"manifest": run.manifest}
    yield from family(
        "cmp_batch_run_items",
        "Items of the last run by how they ended.",
        [({**manifest, "outcome": outcome}, float(count)) for outcome, count in run.counts.items()],
    )
    yield from family(
        "cmp_batch_run_started_timestamp_seconds", "When the last run began.", [(manifest, run.started.timestamp())]
    )
    yield from family(
        "cmp_batch_run_finished_timestamp_seconds", "When the last run ended.", [(manifest, run.finished.timestamp())]
    )
    yield from family(
        "cmp_batch_run_interrupted",
        "Whether a signal ended the last run before its time.",
        [(manifest, float(run.interrupted))],
    )
    yield from family(
        "cmp_batch_run_certificate_not_after_timestamp_seconds",
        "When the certificate that an item of the last run has ends.",
        [
            ({**manifest, "item": item.name}, item.certificate.not_after.timestamp())
            for item in run.items
            if item.certificate is not None and item.outcome != "revoked"
        ],
    )


def family(name: str, about: str, samples: Iterable[tuple[dict[str, str], float]]) -> Iterator[str]:
    """The lines of one metric family (a gauge) of (labels, value)."""
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {about}"
    for labels, value in samples:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{pairs}}} {value:.15g}"


def _escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace('"', '\\"')
