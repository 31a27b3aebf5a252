"""An HTTP server for CMP: POST in, the responder's octets out (RFC 9811 §3, HTTP/1.1 by h11). Loopback unless told.

It knows nothing of CMP: `respond` does. It is no server for the open network, and refuses to be one by accident:
what listens for a lab CA would enrol whoever finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import h11

from runner.serving.listening import listen, told
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.serving.listening import Respond

LARGEST_REQUEST = 1024 * 1024
"""Octets of the largest request body that is taken."""
IDLE_TIMEOUT = 60.0
"""Seconds in which a whole request has to come."""
FAREWELL = 2.0
"""Seconds for which we go on reading, so that a closing answer is not lost to a reset (RFC 9112 §9.6)."""

_READ = 64 * 1024

Headers = list[tuple[str, str]]


@frozen
class _Request:
    method: bytes
    body: bytes


@frozen
class _Answer:
    """A status and its body; `closing`: the rest of what the peer sends cannot be made sense of."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    fields: tuple[tuple[str, str], ...] = ()
    closing: bool = False


_TOO_LARGE = _Answer(413, f"A request has at most {LARGEST_REQUEST} octets.\n".encode(), closing=True)
_POST_ONLY = _Answer(405, b"This is a CMP server: POST a PKIMessage.\n", fields=(("Allow", "POST"),))
_BROKEN = _Answer(500, b"The responder failed: its console says why.\n")


async def serve(
    respond: Respond,
    *,
    ready: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
) -> None:
    """Serve until cancelled; `ready` gets the URL once connections are taken. Port 0 is any free one.

    `respond` runs in the event loop and must be quick, or give something to await; its b"" is an empty answer (204).
    Raises Refused where `host` is more than this machine and `allow_remote` is not set, BadInput where nothing can
    listen there.
    """
    await listen(
        lambda reader, writer: _Talk(reader, writer, respond).hold(),
        ready=lambda place: ready(f"http://{place}/"),
        host=host,
        port=port,
        allow_remote=allow_remote,
    )


class _Talk:
    """One connection: requests and answers in turn, until either side has enough."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond) -> None:
        self._reader = reader
        self._writer = writer
        self._respond = respond
        self._http = h11.Connection(h11.SERVER)

    async def hold(self) -> None:
        """Answer request after request; returns when the peer left, was silent for too long, or is to go."""
        try:
            with contextlib.suppress(OSError):  # a TimeoutError is one
                while await self._turn():
                    self._http.start_next_cycle()
        finally:
            self._writer.transport.abort()

    async def _turn(self) -> bool:
        """One request and its answer; whether the connection may carry another."""
        try:
            async with asyncio.timeout(IDLE_TIMEOUT):
                await self._writer.drain()
                request = await self._request()
        except h11.RemoteProtocolError as error:
            request = _Answer(error.error_status_hint, b"That is not HTTP as it should be.\n", closing=True)
        if request is None:
            return False
        answer = request if isinstance(request, _Answer) else await self._answer(request)
        self._send(answer, head_only=isinstance(request, _Request) and request.method == b"HEAD")
        if (self._http.our_state, self._http.their_state) == (h11.DONE, h11.DONE):
            return True
        await self._part()
        return False

    async def _request(self) -> _Request | _Answer | None:
        """A whole request; None where the peer left; an answer at once where the request is too large."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > LARGEST_REQUEST:
                return _TOO_LARGE
        return _Request(head.method, bytes(body))

    async def _event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            self._http.receive_data(await self._reader.read(_READ))
        return event

    async def _answer(self, request: _Request) -> _Answer:
        if request.method != b"POST":
            return _POST_ONLY
        try:
            octets = await told(self._respond, request.body)
        except Exception as error:  # noqa: BLE001 (the responder's fault is not the other conversations')
            message = "the responder failed"
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
            return _BROKEN
        return _Answer(200, octets, media_type="application/pkixcmp") if octets else _Answer(204)

    def _send(self, answer: _Answer, *, head_only: bool) -> None:
        """The whole answer in one write; where the connection cannot be saved, it says so."""
        headers: Headers = list(answer.fields)
        if answer.body:
            headers += [("Content-Type", answer.media_type), ("Content-Length", str(len(answer.body)))]
        if answer.closing:
            headers.append(("Connection", "close"))
        send = self._http.send
        octets = send(h11.Response(status_code=answer.status, headers=headers)) or b""
        if answer.body and not head_only:
            octets += send(h11.Data(data=answer.body)) or b""
        self._writer.write(octets + (send(h11.EndOfMessage()) or b""))

    async def _part(self) -> None:
        """Say goodbye, and listen for a while to what is still on its way."""
        async with asyncio.timeout(FAREWELL):
            await self._writer.drain()
            self._writer.write_eof()
            while await self._reader.read(_READ):
                pass
