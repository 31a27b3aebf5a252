"""The port: one CMP message out, one back. Adapters: http (a socket) and loopback (a function)."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """Carries messages to one peer. An adapter may keep connections; it keeps no CMP state."""

    async def exchange(self, request: bytes) -> bytes:
        """Send one DER PKIMessage and return the octets of the answer's body.

        Raises NotSent where nothing went out, Unanswered where no usable answer came, and NotCmp where what
        answered does not speak CMP (all in runner.errors).
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
