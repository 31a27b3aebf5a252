"""CMP over HTTP (RFC 9811, RFC 6712): one POST for each message, over connections that are kept alive and reused.

One connection is http_connection.py, reading an answer http_answer.py; runner.transports.dial connects, and
runner.transports.answers says what an answer means. Redirects are not followed and nothing is repeated here but what a
401 asks for: whether a request goes out again is decided by who knows what it was.

A kept connection may be closed by the peer while we write. That is no proof that the request was not read
(RFC 9112 §9.5), so it is Unanswered; before a connection is used again we therefore look whether its end has come.
"""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import TYPE_CHECKING

from runner import __version__
from runner.errors import NotCmp, TransportError, Unanswered
from runner.transports.answers import HttpAnswer, cmp_body, wants_basic
from runner.transports.dial import Reach, dial, unseen, unwelcome
from runner.transports.endpoint import labelled
from runner.transports.frames import encode_frame, poll_frame
from runner.transports.gates import basic
from runner.transports.http_connection import HttpConnection, HttpRequest, SilenceError
from runner.transports.words import short
from runner.values import frozen

if TYPE_CHECKING:
    from runner.ambient import Clock
    from runner.transports.endpoint import Endpoint

BROKEN_PROMISE = 1.0
"""Seconds. A peer that closes a connection sooner than this after announcing to keep it does not mean what it says."""
_ABOUT_US = f"User-Agent: cmp-batch/{__version__}\r\nAccept: application/pkixcmp"
_CMP, _POLL = "application/pkixcmp", "application/pkixcmp-poll"


@frozen
class HttpSettings:
    """What a server wants beyond RFC 9811: a login for its 401, more headers, and the quirks of old ones.

    `http10`: it speaks HTTP/1.0; `absolute_uri`: it wants whole URLs in the request line; `labels`: the operation's
    name is one more segment of the path (RFC 9483 §6.1).
    """

    user: str = ""
    password: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    http10: bool = False
    absolute_uri: bool = False
    labels: bool = False


class HttpTransport:
    """runner.transports.base.Transport for one http or https endpoint; `concurrency` idle connections are kept."""

    def __init__(
        self,
        endpoint: Endpoint,
        reach: Reach,
        *,
        concurrency: int,
        clock: Clock,
        settings: HttpSettings | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._peer = str(endpoint)
        self._both = f"Host: {endpoint.authority}\r\n{_ABOUT_US}"
        self._reach = reach
        self._settings = settings or HttpSettings()
        self._concurrency = concurrency
        self._clock = clock
        self._idle: list[HttpConnection] = []
        self._reuses = not self._settings.http10
        self._logs_in = False
        self._closed = False

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        """POST one message and return the octets of the message that comes back.

        Raises NotSent, Unanswered, NotCmp or Delayed, as runner.transports.base.Transport says.
        """
        return await self._post(request, _CMP, operation)

    async def poll(self, reference: str) -> bytes:
        """POST a reference that an older server gave instead of an answer. Raises what `exchange` does."""
        try:
            frame = poll_frame(reference)
        except ValueError as error:
            raise NotCmp("The journal's reference cannot be used", why=str(error), cause="poll-unknown") from error
        return await self._post(encode_frame(frame), _POLL, "")

    async def _post(self, body: bytes, media_type: str, operation: str) -> bytes:
        deadline = asyncio.get_running_loop().time() + self._reach.timeout
        answer = await self._once(body, media_type, operation, deadline)
        if wants_basic(answer) and self._settings.user and not self._logs_in:
            self._logs_in = True
            answer = await self._once(body, media_type, operation, deadline)
        if self._reach.witness is not unseen:
            self._testify(answer)
        return cmp_body(answer, peer=self._peer, now=self._clock.now())

    def _testify(self, answer: HttpAnswer) -> None:
        self._reach.witness("HTTP", f"status {answer.status}")
        self._reach.witness("content type", short(answer.content_type))
        self._reach.witness("date", short(answer.date))

    async def _once(self, body: bytes, media_type: str, operation: str, deadline: float) -> HttpAnswer:
        connection = self._awake() or await self._dialled()
        try:
            answer = await self._answered(connection, self._request(connection, body, media_type, operation, deadline))
        except BaseException:  # cancellation, too: what may still arrive must not be read as another answer
            connection.abort()
            raise
        self._keep(connection)
        return answer

    async def close(self) -> None:
        """Let go of every idle connection; one that is in use goes when its exchange ends."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    def _awake(self) -> HttpConnection | None:
        """The connection that rested least, if it is still fit: the others may then grow old and go."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fit():
                return connection
            connection.abort()
        return None

    async def _dialled(self) -> HttpConnection:
        return HttpConnection(self._peer, await dial(self._endpoint, self._reach, forwards=True))

    async def _answered(self, connection: HttpConnection, request: HttpRequest) -> HttpAnswer:
        try:
            return await connection.exchange(request)
        except TimeoutError as error:
            raise Unanswered(
                f"{self._peer} gave no complete answer within {self._reach.timeout:g} s",
                why="its answer began and did not end" if connection.heard else "it said nothing",
                next_step="the same request is repeated; if this lasts, raise `timeout:` or ask the CA's operator",
                cause="slow" if connection.heard else "silent",
            ) from error
        except SilenceError as error:
            self._learn(connection)
            raise await self._silence(connection) from error

    async def _silence(self, connection: HttpConnection) -> TransportError:
        """Words for a connection that ended without an answer."""
        refusal = None
        if self._endpoint.secure and not connection.reused:
            refusal = await unwelcome(self._endpoint, self._reach)
        return refusal or connection.unanswered()

    def _request(
        self, connection: HttpConnection, body: bytes, media_type: str, operation: str, until: float
    ) -> HttpRequest:
        endpoint, settings = self._endpoint, self._settings
        target = labelled(endpoint.target, operation) if settings.labels else endpoint.target
        if connection.forwarder is not None or settings.absolute_uri:
            target = f"{endpoint.scheme}://{endpoint.authority}{target}"
        lines = [
            f"POST {target} HTTP/1.{0 if settings.http10 else 1}",
            self._both,
            f"Content-Type: {media_type}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (*settings.headers, *self._logins(connection))),
        ]
        if not self._reuses:
            lines.append("Connection: close")
        octets = "\r\n".join((*lines, "", "")).encode("ascii") + body
        return HttpRequest(octets, self._reach.max_answer, until, self._reach.first_octet)

    def _logins(self, connection: HttpConnection) -> list[tuple[str, str]]:
        """The server's login once it asked for one, the proxy's at once."""
        found, settings, proxy = [], self._settings, connection.forwarder
        if self._logs_in:
            found.append(("Authorization", basic(settings.user, settings.password)))
        if proxy is not None and proxy.user:
            found.append(("Proxy-Authorization", basic(proxy.user, proxy.password)))
        return found

    def _learn(self, connection: HttpConnection) -> None:
        """A kept connection was closed under our request: the others are suspect, and perhaps the peer's word is."""
        if connection.reused:
            self._reuses = self._reuses and connection.rested > BROKEN_PROMISE
            while self._idle:
                self._idle.pop().abort()

    def _keep(self, connection: HttpConnection) -> None:
        wanted = self._reuses and not self._closed and len(self._idle) < self._concurrency
        if wanted and connection.rest():
            self._idle.append(connection)
        else:
            connection.abort()
