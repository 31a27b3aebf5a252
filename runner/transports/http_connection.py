"""One HTTP/1.1 connection: a request out, an answer in, by h11 over asyncio's streams (RFC 9112).

What an answer means for CMP is in runner.transports.answers, when to open and to keep connections in
runner.transports.http.
"""

from __future__ import annotations

import asyncio
import selectors
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from runner.errors import NotCmp, Unanswered
from runner.transports.answers import HttpAnswer, missing_octets
from runner.transports.streams import let_go

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.transports.dial import Dialled

LONGEST_IDLE = 20.0
"""Seconds after which an idle connection is not used again: gates on the way forget connections without a word."""

_READ = 1024 * 1024  # more than a stream buffers: one read takes everything that came
_HTTP = b"HTTP/"
_REFUSALS = 400
_DONE, _CLOSING = (h11.DONE, h11.DONE), (h11.MUST_CLOSE, h11.MUST_CLOSE)  # our state and theirs
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})  # without either, a body ends where the connection does
# A property of the platform: poll has no bound on descriptors, Windows has only select.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A POST. `limit`: octets of the largest answer; `first_octet`: seconds until it must begin, None without end."""

    target: str
    headers: list[tuple[str, str]]
    body: bytes
    limit: int
    first_octet: float | None = None
    http10: bool = False

    def octets(self, connection: h11.Connection) -> bytes:
        """All of it, in one piece."""
        head = connection.send(h11.Request(method="POST", target=self.target, headers=self.headers)) or b""
        if self.http10:  # h11 speaks 1.1 alone; an answer of 1.0 it understands
            head = head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        return head + (connection.send(h11.Data(data=self.body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")


class SilenceError(Exception):
    """The connection ended before any octet of an answer came."""


class HttpConnection:
    """One connection: HTTP's state, and the streams under it."""

    def __init__(self, peer: str, dialled: Dialled) -> None:
        self._peer = peer
        self._reader, self._writer, self.forwarder = dialled
        self._http = h11.Connection(h11.CLIENT)
        self._heard = False
        self._kept_by_1_0 = False
        self._idle_since = 0.0
        self.reused = False
        self.rested = 0.0
        """Seconds of idleness before the exchange that is under way."""

    async def exchange(self, request: HttpRequest) -> HttpAnswer:
        """One request, one answer; the request leaves in one write. Raises SilenceError, Unanswered, NotCmp."""
        self._heard = False
        # Never drained: the request is in memory anyway, and a peer may answer before it has read all of it.
        self._writer.write(request.octets(self._http))
        try:
            return await self._answer(request)
        except (h11.RemoteProtocolError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            if not self._heard:
                raise SilenceError from error
            raise self.unanswered() from error

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        response = await self._response(request.first_octet)
        fields = {name: value.decode("latin-1") for name, value in response.headers}
        self._kept_by_1_0 = _keeps_by_1_0(response.http_version, fields)
        body = await self._body_of(response, request.limit)
        if fields.keys().isdisjoint(_FRAMING) and missing_octets(body):
            raise self.unanswered()
        return HttpAnswer(
            status=response.status_code,
            content_type=fields.get(b"content-type", ""),
            location=fields.get(b"location", ""),
            retry_after=fields.get(b"retry-after", ""),
            body=body,
            challenge=", ".join(v.decode("latin-1") for name, v in response.headers if name == b"www-authenticate"),
            date=fields.get(b"date", ""),
        )

    async def _response(self, first_octet: float | None) -> h11.Response:
        """The final status and header fields; interim ones (1xx) are passed over."""
        try:
            async with asyncio.timeout(first_octet) as patience:
                event = await self._event()
                patience.reschedule(None)
                while not isinstance(event, h11.Response):
                    event = await self._event()
        except TimeoutError as error:
            raise Unanswered(
                f"{self._peer} did not begin to answer within {first_octet:g} s",
                why="it took the request and said nothing",
                next_step="the same request is repeated; if this lasts, ask the CA's operator",
                cause="silent",
            ) from error
        return event

    async def _body_of(self, response: h11.Response, limit: int) -> bytes:
        """The body; a refusal that is not CMP has said enough by its status where its body breaks off.

        A server that refuses without reading our request resets the connection, and its words are lost on the way.
        """
        try:
            return await self._body(limit)
        except (h11.RemoteProtocolError, OSError) as error:
            labels = [value for name, value in response.headers if name == b"content-type"]
            said_enough = response.status_code >= _REFUSALS and not any(b"pkixcmp" in label for label in labels)
            if isinstance(error, TimeoutError) or not said_enough:
                raise
            return b""

    async def _body(self, limit: int) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > limit:
                raise Unanswered(
                    f"The answer of {self._peer} is larger than {limit} octets",
                    next_step="check that `url:` is the CMP address of this CA",
                    cause="too-large",
                )
        return bytes(body)

    async def _event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            await self._more()
        return event

    async def _more(self) -> None:
        octets = await self._reader.read(_READ)
        if not self._heard:
            self._first(octets)
        self._heard = True
        self._http.receive_data(octets)

    def _first(self, octets: bytes) -> None:
        if not octets:
            raise SilenceError
        if not self.reused and octets[: len(_HTTP)] != _HTTP[: len(octets)]:
            raise NotCmp(
                f"{self._peer} does not speak HTTP",
                why="its answer begins with something else",
                next_step="check the scheme and the port in `url:`: another service may be there, or one behind TLS",
                cause="not-http",
            )

    @property
    def heard(self) -> bool:
        """Whether anything of the answer came."""
        return self._heard

    def unanswered(self) -> Unanswered:
        """The words for an answer that did not come whole."""
        if self._heard:
            why, cause = "the answer broke off, or is not HTTP", "broken-off"
        elif self.reused:
            why, cause = "it had announced to keep the connection open, and closed it", "no-answer"
        else:
            why, cause = "it closed the connection without a word", "no-answer"
        return Unanswered(
            f"{self._peer} gave no complete answer",
            why=why,
            next_step="the same request is repeated; if this lasts, look at the log of the CA or of a proxy before it",
            cause=cause,
        )

    def rest(self) -> bool:
        """Make ready for another exchange; False where the connection must not be used again (RFC 9112 §9.3)."""
        over = self._reader.at_eof() or self._reader.exception() or self._writer.is_closing()
        if over or self._http.trailing_data != (b"", False) or not self._next_cycle():
            return False
        self.reused, self._reader.stirred = True, False
        self._idle_since = asyncio.get_running_loop().time()
        return True

    def _next_cycle(self) -> bool:
        """HTTP's state for another exchange; that a connection of HTTP/1.0 can be kept is news to h11."""
        states = (self._http.our_state, self._http.their_state)
        if states == _DONE:
            self._http.start_next_cycle()
        elif states == _CLOSING and self._kept_by_1_0:
            self._http = h11.Connection(h11.CLIENT)
        else:
            return False
        return True

    def fit(self) -> bool:
        """Whether an idle connection can carry a request: nothing came since, not even as far as the kernel."""
        self.rested = asyncio.get_running_loop().time() - self._idle_since
        return self.rested < LONGEST_IDLE and not self._reader.stirred and not self._readable()

    def _readable(self) -> bool:
        with _Selector() as selector:
            selector.register(self._writer.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))

    def abort(self) -> None:
        """Close at once: a TLS farewell would wait for the peer's, and every answer has its own end."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close, and wait until the socket is gone."""
        await let_go(self._writer)


def _keeps_by_1_0(version: bytes, fields: Mapping[bytes, str]) -> bool:
    """Whether a peer of HTTP/1.0 announces to keep the connection, and lets us see where its answer ends."""
    options = {option.strip().lower() for option in fields.get(b"connection", "").split(",")}
    kept = "keep-alive" in options and "close" not in options
    return kept and version == b"1.0" and b"content-length" in fields
