"""The machine's own clock and source of chance: the only module that asks for either."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock (runner.ambient.Clock)."""

    def now(self) -> datetime:
        """The time of day, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()


class SystemEntropy:
    """The operating system's random generator (runner.ambient.Entropy)."""

    def octets(self, count: int) -> bytes:
        """`count` fresh octets from the system's generator."""
        return os.urandom(count)
