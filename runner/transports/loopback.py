"""Loopback: a transport whose peer is a function, for tests and for the embedded lab. No wire, no framing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.errors import Unanswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class LoopbackTransport:
    """Hands each request to `respond` in the event loop and returns what that returns.

    `respond` has to be quick, or to give something to await, which gets `timeout` seconds (None: as many as it takes).
    What `respond` raises comes out of `exchange` as it is, so that a test can play every failure of a wire.
    """

    def __init__(self, respond: Callable[[bytes], bytes | Awaitable[bytes]], timeout: float | None = None) -> None:
        self._respond = respond
        self._timeout = timeout

    async def exchange(self, request: bytes, operation: str = "") -> bytes:  # noqa: ARG002 - a function has no address
        """The answer of the function; Unanswered where it is empty."""
        await asyncio.sleep(0)  # a wire would let the others have their turn, too
        answer = self._respond(request)
        if not isinstance(answer, bytes):
            answer = await self._in_time(answer)
        if not answer:
            raise Unanswered("The embedded peer gave no answer", cause="empty")
        return answer

    async def _in_time(self, coming: Awaitable[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await coming
        except TimeoutError:
            raise Unanswered(
                "The embedded peer gave no answer in time", why=f"timeout is {self._timeout} s", cause="silent"
            ) from None

    async def poll(self, reference: str) -> bytes:
        """A function answers at once, and gives no references."""
        raise Unanswered(f"The embedded peer gave no reference {reference!r}", cause="poll-unknown")

    async def close(self) -> None:
        """Nothing to let go of."""
