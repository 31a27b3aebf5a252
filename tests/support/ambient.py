"""A clock that stands still and octets that count: what makes runs repeatable (runner.ambient)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@dataclass
class FixedClock:
    """A Clock that moves only when it is told to."""

    moment: datetime = NOON
    elapsed: float = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.elapsed += seconds


@dataclass
class CountingEntropy:
    """An Entropy whose octets are never the same twice, and the same in every run."""

    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def octets(self, count: int) -> bytes:
        return next(self.numbers).to_bytes(8, "big").rjust(count, b"\xa5")[-count:] if count else b""
