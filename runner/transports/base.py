"""The port: one CMP message out, one back. Adapters: http, tcp, a folder for couriers, and loopback (a function).

`failover` puts several of them in a row. What is carried is octets: no adapter knows what a message says.
"""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """Carries messages to one peer. An adapter may keep connections; it keeps no CMP state."""

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        """Send one DER PKIMessage and return the octets of the answer's body.

        `operation` is the body type that began the transaction (`ir`): some servers have an address for each.
        Raises NotSent where nothing went out, Unanswered where no usable answer came, NotCmp where what answered does
        not speak CMP, and Delayed where the peer took the request and wants to be asked again (all in runner.errors).
        """
        ...

    async def poll(self, reference: str) -> bytes:
        """Ask for the answer that a Delayed spoke of, perhaps in another process. Raises what `exchange` does.

        NotCmp with the cause `poll-unknown` says that the peer knows nothing of it any more.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
