"""The lab's CMP over TCP: frames in, the responder's octets out, in both styles (RFC 2510 §5.2, and version 10).

    RFC 2510     length(4)  flag(1)                    value      pkiMsg 0, pollRep 1, pollReq 2, negPollRep 3,
                                                                  finalMsgRep 5, errorMsgRep 6
    version 10   length(4)  10(1)  flags(1)  type(1)   value      pkiReq 0, pollRep 1, pollReq 2, finRep 3, pkiRep 5,
                                                                  errorMsgRep 6

A peer is answered in the style that it speaks. With a delay, an answer is kept, and given to who comes back for it.
It knows nothing of CMP: `respond` does. The client's framing is another piece of code, so that a mistake in one is
not shared by the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

from runner.serving.listening import listen, told
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.ambient import Clock
    from runner.serving.listening import Respond

LARGEST_FRAME = 1024 * 1024
"""Octets of the largest frame that is taken."""
IDLE_TIMEOUT = 60.0
"""Seconds in which a whole frame has to come."""
MOST_KEPT = 10_000
"""Answers that wait to be fetched; the oldest go first."""

_VERSION = 10
_CLOSE = 1
_MESSAGE, _POLL_REP, _POLL_REQ, _FINISHED, _ANSWER, _ERROR = 0, 1, 2, 3, 5, 6
_VERSION_NOT_SUPPORTED, _INVALID_TYPE, _INVALID_REFERENCE = 0x0101, 0x0201, 0x0202
_OLD_STYLES = range(7)


@frozen
class _Frame:
    """A frame of either style; `closing`: the connection ends behind it."""

    kind: int
    value: bytes
    old: bool
    closing: bool = False

    def octets(self) -> bytes:
        """As it goes out."""
        head = bytes([self.kind]) if self.old else bytes([_VERSION, _CLOSE if self.closing else 0, self.kind])
        return struct.pack("!I", len(head) + len(self.value)) + head + self.value


@frozen
class _Unfit:
    """Octets that are no frame, and the error that answers them."""

    answer: _Frame


class Office:
    """Answers, at once or after `delay` seconds: then a reference is given out, and the answer kept for it."""

    def __init__(self, respond: Respond, clock: Clock, delay: int = 0) -> None:
        self._respond = respond
        self._clock = clock
        self._delay = delay
        self._kept: dict[int, tuple[float, bytes]] = {}
        self._last = 0

    async def answer(self, frame: _Frame) -> _Frame:
        """The frame that answers a frame."""
        if frame.kind == _MESSAGE:
            answer = await told(self._respond, frame.value)
            return self._keep(answer, frame) if self._delay and answer else _message(answer, frame)
        if frame.kind == _POLL_REQ and len(frame.value) == 4:  # noqa: PLR2004 - a reference
            return self._fetched(int.from_bytes(frame.value, "big"), frame)
        return _error(_INVALID_TYPE, "this frame is no request", old=frame.old)

    def _keep(self, answer: bytes, frame: _Frame) -> _Frame:
        self._last += 1
        self._kept[self._last] = (self._clock.monotonic() + self._delay, answer)
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return self._later(self._last, self._delay, frame)

    def _fetched(self, reference: int, frame: _Frame) -> _Frame:
        if reference not in self._kept:
            return _error(_INVALID_REFERENCE, "nothing waits under this reference", old=frame.old)
        due, answer = self._kept[reference]
        left = due - self._clock.monotonic()
        return self._later(reference, int(left) + 1, frame) if left > 0 else _message(answer, frame)

    def _later(self, reference: int, seconds: int, frame: _Frame) -> _Frame:
        """Version 10 counts from now, RFC 2510 gives the moment."""
        when = int(self._clock.now().timestamp()) + seconds if frame.old else seconds
        return _Frame(_POLL_REP, struct.pack("!II", reference, when), frame.old)


def _message(answer: bytes, frame: _Frame) -> _Frame:
    """The answer; an empty one is the end of the exchange (finRep, negPollRep)."""
    return _Frame(_ANSWER, answer, frame.old) if answer else _Frame(_FINISHED, b"\0", frame.old)


def _error(code: int, words: str, *, old: bool = False) -> _Frame:
    text = words.encode()
    value = text if old else struct.pack("!HH", code, 1 if code == _VERSION_NOT_SUPPORTED else 0)
    if code == _VERSION_NOT_SUPPORTED:
        value += bytes([_VERSION])
    return _Frame(_ERROR, value if old else value + text, old, closing=True)


async def serve_tcp(
    office: Office,
    *,
    ready: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
) -> None:
    """Serve until cancelled; `ready` gets the tcp URL once connections are taken. Raises what `listen` does."""
    await listen(
        lambda reader, writer: _hold(reader, writer, office),
        ready=lambda place: ready(f"tcp://{place}"),
        host=host,
        port=port,
        allow_remote=allow_remote,
    )


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, office: Office) -> None:
    """Frame after frame; returns when the peer left, was silent for too long, or either side is to close."""
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # a TimeoutError is an OSError
            while await _turn(reader, writer, office):
                pass
    finally:
        writer.close()


async def _turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, office: Office) -> bool:
    async with asyncio.timeout(IDLE_TIMEOUT):
        frame = await _read(reader)
    answer = frame.answer if isinstance(frame, _Unfit) else await _answered(frame, office)
    writer.write(answer.octets())
    await writer.drain()
    return not (answer.closing or isinstance(frame, _Unfit) or frame.closing)


async def _answered(frame: _Frame, office: Office) -> _Frame:
    try:
        return await office.answer(frame)
    except Exception as error:  # noqa: BLE001 (the responder's fault is not the other conversations')
        context = {"message": "the lab's responder failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return _error(0x0300, "the lab's responder failed: its console says why", old=frame.old)


async def _read(reader: asyncio.StreamReader) -> _Frame | _Unfit:
    """The next frame, or the answer to octets that are none."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if not 0 < length <= LARGEST_FRAME:
        return _Unfit(_error(_INVALID_TYPE, f"a frame has 1 to {LARGEST_FRAME} octets"))
    body = await reader.readexactly(length)
    if body[0] in _OLD_STYLES:
        return _Frame(body[0], body[1:], old=True)
    if body[0] != _VERSION or len(body) < 3:  # noqa: PLR2004 - version, flags, type
        return _Unfit(_error(_VERSION_NOT_SUPPORTED, "version 10 is spoken here, and RFC 2510"))
    return _Frame(body[2], body[3:], old=False, closing=bool(body[1] & _CLOSE))
