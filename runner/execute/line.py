"""A line to one authority, with manners: concurrency, messages per second, retries with back-off.

Every message counts, certConf and pollReq too. What is retried here is the same octets; what an answer means is for
conversation.py. How many messages are out at once is found by trial, below the authority's limit (places.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.errors import Busy, NotSent, Unanswered
from runner.execute.places import Places
from runner.values import mutable, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.ambient import Clock, Entropy
    from runner.manifest.limits import Limits
    from runner.transports.base import Transport

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
OVERLOADED = frozenset({"busy", "gateway", "server-error", "silent", "slow", "connect-timeout"})
"""Causes of failures (runner.errors) that say that the peer has too much to do."""
SILENCE = "empty"
"""The cause of an Unanswered where the peer took the message and has nothing to say to it."""
LONGEST_ASKED = 120.0
"""Seconds. A peer that asks us to stay away for longer is left alone for this run."""


@mutable
class Tally:
    """What one item has put on the wire. `doubt`: a request may have been processed though no answer came."""

    attempts: int = 0
    doubt: bool = False


class Line:
    """Carries messages over a transport, within an authority's limits."""

    def __init__(self, transport: Transport, limits: Limits, clock: Clock, entropy: Entropy) -> None:
        self._transport = transport
        self._limits = limits
        self._clock = clock
        self._entropy = entropy
        self._places = Places(limits.concurrency)
        self._next_moment = 0.0

    def share(self, number: int, of: int) -> None:
        """Keep to the part that the worker `number` has of the authority's limits, before anything was sent."""
        whole = self._limits
        part = whole.concurrency // of + (number < whole.concurrency % of)
        rate = whole.messages_per_second
        self._limits = replace(whole, concurrency=part, messages_per_second=rate and rate * part / whole.concurrency)
        self._places = Places(part)

    @property
    def retries(self) -> int:
        """How often something may be tried again."""
        return self._limits.retries

    async def exchange(self, request: bytes, tally: Tally, operation: str = "") -> bytes:
        """The answer to `request`, whose octets are repeated where none came. Raises the last TransportError.

        `operation` is the body type that began the transaction. `tally.doubt` is set as soon as the peer may have
        processed a request that went unanswered. A Delayed is the caller's: its reference has to be journalled.
        """
        return await self._insist(lambda: self._transport.exchange(request, operation), tally)

    async def tell(self, request: bytes, tally: Tally, operation: str = "") -> bytes:
        """What a peer says to a message that nobody has to answer; empty where it took it without a word."""
        return await self._insist(lambda: self._told(request, operation), tally)

    async def _told(self, request: bytes, operation: str) -> bytes:
        try:
            return await self._transport.exchange(request, operation)
        except Unanswered as silence:
            if silence.cause != SILENCE:
                raise
            return b""

    async def poll(self, reference: str, tally: Tally) -> bytes:
        """The answer that a Delayed spoke of. Raises what `exchange` does."""
        return await self._insist(lambda: self._transport.poll(reference), tally)

    async def _insist(self, attempt_once: Callable[[], Awaitable[bytes]], tally: Tally) -> bytes:
        for attempt in range(self._limits.retries + 1):
            try:
                return await self._once(attempt_once, tally)
            except (NotSent, Unanswered) as problem:
                tally.doubt |= isinstance(problem, Unanswered) and not isinstance(problem, Busy)
                asked = getattr(problem, "retry_after", None) or 0.0
                if attempt == self._limits.retries or asked > LONGEST_ASKED:
                    raise
                await self.pause(attempt, asked)
        raise AssertionError("a loop that runs at least once has returned or raised")

    async def _once(self, attempt_once: Callable[[], Awaitable[bytes]], tally: Tally) -> bytes:
        began = await self._places.enter()
        try:
            await self._turn()
            tally.attempts += 1
            answer = await attempt_once()
        except (NotSent, Unanswered) as problem:
            if problem.cause in OVERLOADED:
                self._places.narrow(began)
            raise
        else:
            self._places.widen()
            return answer
        finally:
            self._places.leave()

    async def _turn(self) -> None:
        """Wait for this message's moment where messages per second are limited."""
        if not self._limits.messages_per_second:
            return
        now = self._clock.monotonic()
        moment = max(now, self._next_moment)
        self._next_moment = moment + 1 / self._limits.messages_per_second
        if moment > now:
            await asyncio.sleep(moment - now)

    async def pause(self, attempt: int, asked: float = 0.0) -> None:
        """Exponential back-off with full jitter; never shorter than the peer asked for."""
        longest = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
        share = int.from_bytes(self._entropy.octets(4), "big") / 2**32
        await asyncio.sleep(max(longest * share, asked))

    async def close(self) -> None:
        """Let go of the transport."""
        await self._transport.close()
