"""Reads `strategy`: canaries, the order of items, how many failures are borne, and the windows to begin in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.manifest.reader import Reader
from runner.manifest.renewing import read_windows
from runner.manifest.rollout import ALL_AT_ONCE, ORDERS, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

_LIMIT = re.compile(r"([0-9]{1,9})(%?)")
_WHOLE = 100


def read_strategy(roots: Sequence[Part], variables: Mapping[str, str], ledger: Ledger) -> Strategy:
    """The strategy of the document; it is said in one place."""
    parts = [part for root in roots if (part := root.part("strategy")) is not None]
    if not parts:
        return ALL_AT_ONCE
    for other in parts[1:]:
        ledger.error("strategy is there twice", other.place, why=f"first at {parts[0].place}", next_step="keep one")
    reader = Reader(parts[0], variables, ledger)
    order, limit = reader.text("order"), reader.parsed("max_failures", parse_limit)
    count, share = limit or (None, None)
    return Strategy(int(parts[0].number("canary", 0)), order or ORDERS[0], count, share, read_windows(reader))


def parse_limit(text: str) -> tuple[int | None, float | None]:
    """`5` items, or `2%` of them: (5, None) or (None, 0.02). ValueError says how it is written."""
    found = _LIMIT.fullmatch(text.strip())
    if not found or (found[2] and int(found[1]) > _WHOLE):
        raise ValueError(f"{text!r} is no limit: write a number of items (5) or a share of them (2%)")
    return (None, int(found[1]) / _WHOLE) if found[2] else (int(found[1]), None)
