"""A report as the state keeps it: the head, and each item by itself, as compact JSON.

So neither who writes it nor who reads it has all of it in memory as data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runner.report.canonical import compact_json
from runner.report.digests import digest_of
from runner.report.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def kept_of(report: Mapping[str, Any]) -> tuple[str, Iterator[str]]:
    """A report as the state keeps it: its head, and each item; the digests of items follow from the items."""
    digests = {key: value for key, value in report["digests"].items() if key != "items"}
    head = {key: value for key, value in report.items() if key != "items"}
    return compact_json({**head, "digests": digests}), map(compact_json, report["items"])


def report_from(head: str, items: Sequence[str]) -> dict[str, Any]:
    """A report that the state has kept. Before schema version 10 of the state all of it was in the head."""
    report = dict(json.loads(head))
    if "items" in report:
        return report
    report["digests"]["items"] = Rows(items, digest_of)
    return {**report, "items": Rows(items, json.loads)}
