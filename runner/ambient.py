"""Clock and Entropy as Protocols: what the machine gives, asked for as an argument.

The real ones are in runner.system; tests hand in a fixed clock and counted octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """What time it is, in two senses."""

    def now(self) -> datetime:
        """The time of day, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class Entropy(Protocol):
    """A source of unpredictable octets."""

    def octets(self, count: int) -> bytes:
        """`count` fresh octets fit for nonces, identifiers and salts."""
        ...
