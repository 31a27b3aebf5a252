"""CMP over TCP: messages in frames of their own (RFC 2510 §5.2, or version 10; see frames.py).

A connection of version 10 is kept until either side says that it closes it; one of RFC 2510 serves one exchange.
Polling at this level is between us and the server: a reference goes out as Delayed and comes back to `poll`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.errors import NotCmp, Unanswered
from runner.transports.dial import Dialled, Reach, dial
from runner.transports.frames import (
    LENGTH,
    PKI_REQ,
    Frame,
    decode_frame,
    encode_frame,
    message_in,
    not_framed,
    poll_frame,
)
from runner.transports.streams import let_go

if TYPE_CHECKING:
    from runner.ambient import Clock
    from runner.transports.endpoint import Endpoint

_OVERHEAD = 16
"""Octets of a frame around its message, at most."""


class TcpTransport:
    """runner.transports.base.Transport for one tcp endpoint. `old`: it speaks RFC 2510's framing."""

    def __init__(self, endpoint: Endpoint, reach: Reach, *, concurrency: int, clock: Clock, old: bool = False) -> None:
        self._endpoint = endpoint
        self._reach = reach
        self._concurrency = concurrency
        self._clock = clock
        self._old = old
        self._idle: list[Dialled] = []
        self._closed = False

    async def exchange(self, request: bytes, operation: str = "") -> bytes:  # noqa: ARG002 - one address for all
        """Send one message in a frame. Raises NotSent, Unanswered, NotCmp or Delayed."""
        return await self._carry(Frame(PKI_REQ, request, old=self._old))

    async def poll(self, reference: str) -> bytes:
        """Ask with a reference that the server gave, in the framing that it was given in."""
        try:
            frame = poll_frame(reference, old=self._old)
        except ValueError as error:
            raise NotCmp("The journal's reference cannot be used", why=str(error), cause="poll-unknown") from error
        return await self._carry(frame)

    async def close(self) -> None:
        """Let go of every idle connection."""
        self._closed = True
        while self._idle:
            await let_go(self._idle.pop().writer)

    async def _carry(self, frame: Frame) -> bytes:
        deadline = asyncio.get_running_loop().time() + self._reach.timeout
        line = self._awake() or await dial(self._endpoint, self._reach)
        try:
            answer = await self._answered(line, encode_frame(frame), deadline)
        except BaseException:  # cancellation, too: what may still arrive must not be read as another answer
            line.writer.transport.abort()
            raise
        self._keep(line, reusable=not (answer.closing or answer.old or frame.old))
        self._reach.witness("HTTP", "framing of " + ("RFC 2510" if answer.old else "version 10"))
        return message_in(answer, str(self._endpoint), self._clock.now())

    def _awake(self) -> Dialled | None:
        """An idle connection on which nothing came since: an end or stray octets make it useless."""
        while self._idle:
            line = self._idle.pop()
            if not line.reader.stirred:
                return line
            line.writer.transport.abort()
        return None

    def _keep(self, line: Dialled, *, reusable: bool) -> None:
        clean = reusable and not line.reader.at_eof() and not line.reader.holds_octets
        if clean and not self._closed and len(self._idle) < self._concurrency:
            line.reader.stirred = False
            self._idle.append(line)
        else:
            line.writer.transport.abort()

    async def _answered(self, line: Dialled, octets: bytes, deadline: float) -> Frame:
        began = False
        try:
            async with asyncio.timeout_at(deadline):
                line.writer.write(octets)
                length = await self._length(line)
                began = True
                return self._frame(await line.reader.readexactly(length))
        except TimeoutError as error:
            raise self._silent(self._reach.timeout, began=began) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Unanswered(
                f"{self._endpoint} gave no complete answer",
                why="the answer broke off" if began else "it closed the connection without a word",
                next_step="the same request is repeated; if this lasts, check `tcp: {framing: …}` and the CA's log",
                cause="broken-off" if began else "no-answer",
            ) from error

    async def _length(self, line: Dialled) -> int:
        """What follows the next length, judged before anything is set aside for it."""
        try:
            async with asyncio.timeout(self._reach.first_octet):
                head = await line.reader.readexactly(LENGTH)
        except TimeoutError as error:
            if self._reach.first_octet is None:
                raise
            raise self._silent(self._reach.first_octet, began=False) from error
        length = int.from_bytes(head, "big")
        if head.isalnum() or head[:3].isalpha() or head in (b"SSH-", b"HTTP"):
            raise not_framed(str(self._endpoint), "it answered with text")
        if not 0 < length <= self._reach.max_answer + _OVERHEAD:
            raise Unanswered(
                f"The answer of {self._endpoint} is larger than {self._reach.max_answer} octets",
                why=f"it announces {length}",
                next_step="check that this port speaks CMP over TCP",
                cause="too-large",
            )
        return length

    def _frame(self, body: bytes) -> Frame:
        try:
            return decode_frame(body)
        except ValueError as error:
            raise not_framed(str(self._endpoint), str(error)) from error

    def _silent(self, seconds: float, *, began: bool) -> Unanswered:
        return Unanswered(
            f"{self._endpoint} gave no complete answer within {seconds:g} s",
            why="its answer began and did not end" if began else "it took the request and said nothing",
            next_step="the same request is repeated; if this lasts, check `tcp: {framing: …}` and ask the CA",
            cause="slow" if began else "silent",
        )
