"""The digests that a report carries: of its head, of each item, and one over all of these.

Where something in a report was touched, they say which record. Who vouches for the whole: evidence.py.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runner.report.canonical import compact_json
from runner.report.rows import Rows
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEAD = ("schema_version", "tool", "run", "summary")
_OCTETS = 32
"""Of a SHA-256."""


@frozen
class Touched:
    """Parts of a report that are not as their digests say: `head`, the names of items, `count`, `digests`."""

    parts: tuple[str, ...]


def with_digests(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with its digests in `digests`; its items are gone through once, and not kept."""
    head, found = _digest({key: report[key] for key in _HEAD}), bytearray()
    for item in report["items"]:
        found += sha256(compact_json(item).encode()).digest()
    items = Rows(range(0, len(found), _OCTETS), lambda at: found[at : at + _OCTETS].hex())
    return {**report, "digests": {"algorithm": "sha256", "head": head, "items": items, "all": _all(head, items)}}


def touched(report: Mapping[str, Any]) -> Touched:
    """What differs from the digests in the report. ValueError where it carries none."""
    try:
        said, items = report["digests"], report["items"]
        parts = [] if _digest({key: report[key] for key in _HEAD}) == said["head"] else ["the head (run and summary)"]
        parts += [
            f"item {item.get('name', number)!r}" if isinstance(item, dict) else f"item number {number}"
            for number, (item, digest) in enumerate(zip(items, said["items"], strict=False), 1)
            if _digest(item) != digest
        ]
        if len(items) != len(said["items"]):
            parts.append(f"the number of items: {len(items)}, and {len(said['items'])} digests")
        if _all(said["head"], said["items"]) != said["all"]:
            parts.append("the digests themselves")
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError("the report carries no digests") from problem
    return Touched(tuple(parts))


def digest_of(text: str) -> str:
    """The digest of a part of a report, of which `text` is the compact JSON."""
    return sha256(text.encode()).hexdigest()


def _digest(part: object) -> str:
    return digest_of(compact_json(part))


def _all(head: str, items: Iterable[str]) -> str:
    whole = sha256(head.encode())
    for item in items:
        whole.update(item.encode())
    return whole.hexdigest()
