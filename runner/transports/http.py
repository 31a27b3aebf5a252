"""CMP over HTTP (RFC 9811, RFC 6712): one POST for each message, over connections that are kept alive and reused.

h11 speaks HTTP/1.1, asyncio carries the octets, runner.transports.dial connects, runner.transports.answers says what
an answer means. Redirects are not followed and nothing is repeated here: whether a request goes out again is decided
by who knows what it was.

A kept connection may be closed by the peer while we write. That is no proof that the request was not read
(RFC 9112 §9.5), so it is Unanswered; before a connection is used again we therefore look whether its end has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from typing import TYPE_CHECKING

import h11

from runner import __version__
from runner.errors import NotCmp, Unanswered
from runner.transports.answers import HttpAnswer, cmp_body, missing_octets
from runner.transports.dial import Endpoint, Reader, TlsSettings, dial

if TYPE_CHECKING:
    from runner.ambient import Clock

MAX_ANSWER = 1024 * 1024
"""Octets of the largest answer that we read."""
LONGEST_IDLE = 20.0
"""Seconds after which an idle connection is not used again: gates on the way forget connections without a word."""
BROKEN_PROMISE = 1.0
"""Seconds. A peer that closes a connection sooner than this after announcing to keep it does not mean what it says."""

_READ = 1024 * 1024  # more than a stream buffers: one read takes everything that came
_HTTP = b"HTTP/"
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})  # without either, a body ends where the connection does
# A property of the platform: poll has no bound on descriptors, Windows has only select.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class HttpTransport:
    """runner.transports.base.Transport for one http or https endpoint.

    `timeout` (seconds) bounds a whole exchange, connecting included; `concurrency` is how many idle connections are
    kept; `max_answer` (octets) bounds an answer's body. `tls` counts for https alone.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout: float,
        concurrency: int,
        clock: Clock,
        max_answer: int = MAX_ANSWER,
        tls: TlsSettings | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._tls = (tls or TlsSettings()) if endpoint.secure else None
        self._timeout = timeout
        self._concurrency = concurrency
        self._clock = clock
        self._max_answer = max_answer
        self._idle: list[_Connection] = []
        self._reuses = True
        self._closed = False

    async def exchange(self, request: bytes) -> bytes:
        """POST one message and return the octets of the message that comes back.

        Raises NotSent, Unanswered or NotCmp, as runner.transports.base.Transport says.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout
        connection = self._awake() or await self._dialled()
        try:
            answer = await self._answered(connection, request, deadline)
        except BaseException:  # cancellation, too: what may still arrive must not be read as another answer
            connection.abort()
            raise
        self._keep(connection)
        return cmp_body(answer, peer=str(self._endpoint), now=self._clock.now())

    async def close(self) -> None:
        """Let go of every idle connection; one that is in use goes when its exchange ends."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    def _awake(self) -> _Connection | None:
        """The connection that rested least, if it is still fit: the others may then grow old and go."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fit():
                return connection
            connection.abort()
        return None

    async def _dialled(self) -> _Connection:
        streams = await dial(self._endpoint, timeout=self._timeout, tls=self._tls)
        return _Connection(str(self._endpoint), *streams)

    async def _answered(self, connection: _Connection, request: bytes, deadline: float) -> HttpAnswer:
        try:
            async with asyncio.timeout_at(deadline):
                return await connection.exchange(
                    self._headers(request), self._endpoint.target, request, self._max_answer
                )
        except TimeoutError as error:
            raise Unanswered(
                f"{self._endpoint} gave no complete answer within {self._timeout:g} s",
                next_step="the same request is repeated; if this lasts, raise `timeout:` or ask the CA's operator",
            ) from error
        except _SilenceError as error:
            self._learn(connection)
            raise connection.unanswered() from error

    def _headers(self, request: bytes) -> list[tuple[str, str]]:
        headers = [
            ("Host", self._endpoint.authority),
            ("User-Agent", f"cmp-batch/{__version__}"),
            ("Accept", "application/pkixcmp"),
            ("Content-Type", "application/pkixcmp"),
            ("Content-Length", str(len(request))),
        ]
        return headers if self._reuses else [*headers, ("Connection", "close")]

    def _learn(self, connection: _Connection) -> None:
        """A kept connection was closed under our request: the others are suspect, and perhaps the peer's word is."""
        if connection.reused:
            self._reuses = self._reuses and connection.rested > BROKEN_PROMISE
            while self._idle:
                self._idle.pop().abort()

    def _keep(self, connection: _Connection) -> None:
        wanted = self._reuses and not self._closed and len(self._idle) < self._concurrency
        if wanted and connection.rest():
            self._idle.append(connection)
        else:
            connection.abort()


class _SilenceError(Exception):
    """The connection ended before any octet of an answer came."""


class _Connection:
    """One connection: HTTP's state, and the streams under it."""

    def __init__(self, peer: str, reader: Reader, writer: asyncio.StreamWriter) -> None:
        self._peer = peer
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._heard = False
        self._idle_since = 0.0
        self.reused = False
        self.rested = 0.0
        """Seconds of idleness before the exchange that is under way."""

    async def exchange(self, headers: list[tuple[str, str]], target: str, body: bytes, limit: int) -> HttpAnswer:
        """One request, one answer of at most `limit` octets; the request leaves in one write."""
        self._heard = False
        send = self._http.send
        head = send(h11.Request(method="POST", target=target, headers=headers)) or b""
        # Never drained: the request is in memory anyway, and a peer may answer before it has read all of it.
        self._writer.write(head + (send(h11.Data(data=body)) or b"") + (send(h11.EndOfMessage()) or b""))
        try:
            return await self._answer(limit)
        except (h11.RemoteProtocolError, OSError) as error:
            if not self._heard:
                raise _SilenceError from error
            raise self.unanswered() from error

    async def _answer(self, limit: int) -> HttpAnswer:
        response = await self._response()
        fields = {name: value.decode("latin-1") for name, value in response.headers}
        body = await self._body(limit)
        if fields.keys().isdisjoint(_FRAMING) and missing_octets(body):
            raise self.unanswered()
        return HttpAnswer(
            status=response.status_code,
            content_type=fields.get(b"content-type", ""),
            location=fields.get(b"location", ""),
            retry_after=fields.get(b"retry-after", ""),
            body=body,
        )

    async def _response(self) -> h11.Response:
        """The final status and header fields; interim ones (1xx) are passed over."""
        while not isinstance(event := await self._event(), h11.Response):
            pass
        return event

    async def _body(self, limit: int) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > limit:
                raise Unanswered(
                    f"The answer of {self._peer} is larger than {limit} octets",
                    next_step="check that `url:` is the CMP address of this CA",
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
            raise _SilenceError
        if not self.reused and octets[: len(_HTTP)] != _HTTP[: len(octets)]:
            raise NotCmp(
                f"{self._peer} does not speak HTTP",
                why="its answer begins with something else",
                next_step="check the scheme and the port in `url:`: another service may be there, or one behind TLS",
            )

    def unanswered(self) -> Unanswered:
        """The words for an answer that did not come whole."""
        if self._heard:
            why = "the answer broke off, or is not HTTP"
        elif self.reused:
            why = "it had announced to keep the connection open, and closed it"
        else:
            why = "it closed the connection without a word"
        return Unanswered(
            f"{self._peer} gave no complete answer",
            why=why,
            next_step="the same request is repeated; if this lasts, look at the log of the CA or of a proxy before it",
        )

    def rest(self) -> bool:
        """Make ready for another exchange; False where the connection must not be used again (RFC 9112 §9.3)."""
        http = self._http
        over = self._reader.at_eof() or self._reader.exception() or self._writer.is_closing()
        if over or (http.our_state, http.their_state) != (h11.DONE, h11.DONE) or http.trailing_data != (b"", False):
            return False
        http.start_next_cycle()
        self.reused, self._reader.stirred = True, False
        self._idle_since = asyncio.get_running_loop().time()
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
        self.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
