"""The labels of an entry: words of its author's own to choose items by (--target LABEL=VALUE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.model import NO_LABELS
from runner.manifest.variables import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.manifest.entries import Row
    from runner.manifest.parts import Part


def read_labels(row: Row, templates: Mapping[str, Part]) -> Mapping[str, str]:
    """The labels of an entry's template, and its own, which win."""
    part = row.reader.part
    name = part.text("template")
    shared = templates.get(name.value) if name else None
    found: dict[str, str] = {}
    for inner in [each.part("labels") for each in (shared, part) if each is not None and "labels" in each.values]:
        for key in inner.values if inner else ():
            text = inner.plain(key) if inner else None
            value = expand(text, row.reader.variables, row.reader.ledger) if text else None
            if value is not None:
                found[key] = value
    return found or NO_LABELS
