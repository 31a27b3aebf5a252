"""Every format of a report by its name, and the suffixes of files that choose one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from runner.report.canonical import canonical_pieces
from runner.report.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMATS = {
    "junit": ("runner.report.junit", "junit"),
    "markdown": ("runner.report.markdown", "markdown_report"),
    "html": ("runner.report.html.page", "html_report"),
    "csv": ("runner.report.csv_report", "csv_report"),
    "openmetrics": ("runner.report.openmetrics", "openmetrics"),
}
"""Name → the module and function that make it of a RunRecord; each is imported when it is asked for."""
SUFFIXES = {
    ".json": "json",
    ".xml": "junit",
    ".md": "markdown",
    ".html": "html",
    ".csv": "csv",
    ".prom": "openmetrics",
}
"""The suffix of a report's file → the format."""


def rendered(report: Mapping[str, object], name: str) -> Iterator[str]:
    """A report (json_report, or read back from a file or the state) in the format of that name: `json`, or of FORMATS.

    It comes in pieces, for JSON item by item. ValueError where it is no report.
    """
    if name == "json":
        yield from canonical_pieces(report)
    else:
        module, function = FORMATS[name]
        yield getattr(import_module(module), function)(read_record(report))
