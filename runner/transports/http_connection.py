"""One HTTP/1.1 connection: a request out, an answer in, over asyncio's streams (RFC 9112).

The octets of an answer are read in runner.transports.http_answer; what it means for CMP is in
runner.transports.answers, when to open and to keep connections in runner.transports.http.
"""

from __future__ import annotations

import asyncio
import selectors
from math import inf
from typing import TYPE_CHECKING

from runner.errors import NotCmp, Unanswered
from runner.transports.answers import HttpAnswer, missing_octets
from runner.transports.http_answer import AnswerReader, BrokenAnswerError, TooLargeError
from runner.transports.streams import let_go
from runner.values import frozen

if TYPE_CHECKING:
    from runner.transports.dial import Dialled

LONGEST_IDLE = 20.0
"""Seconds after which an idle connection is not used again: gates on the way forget connections without a word."""

_READ = 1024 * 1024  # more than a stream buffers: one read takes everything that came
_HTTP = b"HTTP/"
_REFUSALS = 400
# A property of the platform: poll has no bound on descriptors, Windows has only select.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


@frozen
class HttpRequest:
    """A POST: all its octets. `limit`: octets of the largest answer.

    `until`: the moment of the loop's clock when it must be whole; `first_octet`: seconds until it must begin.
    """

    octets: bytes
    limit: int
    until: float
    first_octet: float | None = None
    """None: as long as it takes."""


class SilenceError(Exception):
    """The connection ended before any octet of an answer came."""


class HttpConnection:
    """One connection: the streams under it, and what it has lived through."""

    def __init__(self, peer: str, dialled: Dialled) -> None:
        self._peer = peer
        self._reader, self._writer, self.forwarder = dialled
        self._selector: selectors.BaseSelector | None = None
        self._keeps = False
        self._heard = False
        self._idle_since = 0.0
        self.reused = False
        self.rested = 0.0
        """Seconds of idleness before the exchange that is under way."""

    async def exchange(self, request: HttpRequest) -> HttpAnswer:
        """One request, one answer; the request leaves in one write.

        Raises SilenceError, Unanswered, NotCmp, and TimeoutError where the time is up.
        """
        self._heard = self._keeps = False
        self._reader.allow(request.until)
        # Never drained: the request is in memory anyway, and a peer may answer before it has read all of it.
        self._writer.write(request.octets)
        answer = AnswerReader(request.limit)
        try:
            await self._begin(answer, request.first_octet)
            while not answer.complete:
                await self._more(answer)
        except TooLargeError as error:
            raise self._too_large(request.limit) from error
        except (BrokenAnswerError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            if not self._heard:
                raise SilenceError from error
            if not _said_enough(answer):
                raise self.unanswered() from error
            return _http_answer(answer, b"")
        if not answer.framed and missing_octets(answer.body):
            raise self.unanswered()
        self._reader.allow(inf)
        self._keeps = answer.keeps
        return _http_answer(answer, answer.body)

    async def _begin(self, answer: AnswerReader, first_octet: float | None) -> None:
        """The first octets of the answer, in time where there is a limit to that."""
        if first_octet is None:
            await self._more(answer)
            return
        try:
            async with asyncio.timeout(first_octet) as patience:
                await self._more(answer)
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise Unanswered(
                f"{self._peer} did not begin to answer within {first_octet:g} s",
                why="it took the request and said nothing",
                next_step="the same request is repeated; if this lasts, ask the CA's operator",
                cause="silent",
            ) from error

    async def _more(self, answer: AnswerReader) -> None:
        octets = await self._reader.read(_READ)
        if not self._heard:
            self._first(octets)
            self._heard = True
        if octets:
            answer.feed(octets)
        else:
            answer.end()

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

    def _too_large(self, limit: int) -> Unanswered:
        return Unanswered(
            f"The answer of {self._peer} is larger than {limit} octets",
            next_step="check that `url:` is the CMP address of this CA",
            cause="too-large",
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
        if over or not self._keeps or self._reader.holds_octets:
            return False
        self.reused, self._reader.stirred = True, False
        self._idle_since = asyncio.get_running_loop().time()
        return True

    def fit(self) -> bool:
        """Whether an idle connection can carry a request: nothing came since, not even as far as the kernel."""
        self.rested = asyncio.get_running_loop().time() - self._idle_since
        return self.rested < LONGEST_IDLE and not self._reader.stirred and not self._readable()

    def _readable(self) -> bool:
        if self._selector is None:
            self._selector = _Selector()
            self._selector.register(self._writer.get_extra_info("socket"), selectors.EVENT_READ)
        return bool(self._selector.select(0))

    def abort(self) -> None:
        """Close at once: a TLS farewell would wait for the peer's, and every answer has its own end."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close, and wait until the socket is gone."""
        await let_go(self._writer)


def _said_enough(answer: AnswerReader) -> bool:
    """Whether an answer whose body broke off is a refusal all the same, by its status, and not one in CMP.

    A server that refuses without reading our request resets the connection, and its words are lost on the way.
    """
    return (answer.status or 0) >= _REFUSALS and "pkixcmp" not in answer.fields.get("content-type", "")


def _http_answer(answer: AnswerReader, body: bytes) -> HttpAnswer:
    said = answer.fields.get
    return HttpAnswer(
        status=answer.status or 0,
        content_type=said("content-type", ""),
        location=said("location", ""),
        retry_after=said("retry-after", ""),
        body=body,
        challenge=said("www-authenticate", ""),
        date=said("date", ""),
    )
