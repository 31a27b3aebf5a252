"""Connected streams: addresses tried in turn (RFC 8305), dead peers noticed, and a reader that remembers.

From a list of addresses to one connected socket, and from a socket to a pair of streams, with TLS where a context is
given. Which addresses, and through what gate, is decided in runner.transports.dial.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from itertools import chain, zip_longest
from math import inf
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Sequence
    from typing import SupportsIndex

Address: TypeAlias = "tuple[int, tuple[str, int] | tuple[str, int, int, int]]"
"""An address family and a socket address of it."""
FIRST_ADDRESS_LEAD = 0.25
"""Seconds that one address of a host is tried before the next joins in (RFC 8305 §5)."""
DEAD_AFTER = 60
"""Seconds in which a peer that has gone without a word is found to be gone."""
_PROBES = 3


class Reader(asyncio.StreamReader):
    """A stream that remembers whether anything came since somebody last cleared `stirred`: octets, an end, a fault.

    It has one timer for all that is read from it, which looks at `until` when it rings: most is read long before.
    """

    stirred = False
    _until = inf
    _timer: asyncio.TimerHandle | None = None

    def allow(self, until: float) -> None:
        """From the moment `until` of the loop's clock on, whoever reads meets TimeoutError; inf: nobody does."""
        self._until = until
        if until < inf and (self._timer is None or self._timer.when() > until):
            self._set_timer()

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_at(self._until, self._ring)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """The time is up, or it was that of an exchange which has long ended."""
        self._stop_timer()
        if self._until <= asyncio.get_running_loop().time():
            self.set_exception(TimeoutError())
        elif self._until < inf:
            self._set_timer()

    @property
    def holds_octets(self) -> bool:
        """Whether octets came that nobody has read."""
        return bool(self._buffer)  # type: ignore[attr-defined] # typeshed leaves it out

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Octets came (asyncio calls this)."""
        self.stirred = True
        super().feed_data(data)

    def feed_eof(self) -> None:
        """The peer's end came (asyncio calls this)."""
        self.stirred = True
        self._stop_timer()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        """The connection broke (asyncio calls this)."""
        self.stirred = True
        self._stop_timer()
        super().set_exception(exc)


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name or literal, in the system's order. Raises socket.gaierror."""
    # as text it would go through the codec of international names, which costs a start 4 million instructions
    name = host.encode() if host.isascii() else host
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]


def interleaved(addresses: Iterable[Address]) -> list[Address]:
    """The families in turns, beginning with the first one's (RFC 8305 §4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


async def connect_any(addresses: Sequence[Address]) -> socket.socket:
    """The first connection to be made; each address joins in when those before it have failed or dawdle.

    Raises ExceptionGroup of the OSErrors of all addresses.
    """
    waiting: Iterator[Address] = iter(interleaved(addresses))
    attempts: set[asyncio.Task[socket.socket]] = set()
    errors: list[Exception] = []
    try:
        following: Address | None = next(waiting)
        while attempts or following is not None:
            if following is not None:
                attempts.add(asyncio.create_task(_attempt(following)))
                following = next(waiting, None)
            patience = FIRST_ADDRESS_LEAD if following is not None else None
            done, _ = await asyncio.wait(attempts, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                if (error := attempt.exception()) is None:
                    return attempt.result()
                errors.append(error if isinstance(error, Exception) else OSError(str(error)))
    finally:
        await _call_off(attempts)
    raise ExceptionGroup("no address takes the connection", errors)


async def _attempt(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _watch(sock: socket.socket) -> None:
    """Small messages leave at once; a peer that is gone is noticed, idle (by probes) or while we send (no receipts)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wishes = {
        "TCP_KEEPIDLE": DEAD_AFTER // 2,
        "TCP_KEEPINTVL": DEAD_AFTER // 2 // _PROBES,
        "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": DEAD_AFTER * 1000,
    }
    for name, value in wishes.items():
        option = getattr(socket, name, None)  # a property of the platform
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def _call_off(attempts: Iterable[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for late in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(late, socket.socket):
            late.close()


async def streams_over(
    sock: socket.socket, context: ssl.SSLContext | None, server_name: str | None
) -> tuple[Reader, asyncio.StreamWriter]:
    """The streams of a connected socket, after a TLS handshake where `context` is given. Raises OSError, SSLError."""
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        _watch(sock)
        transport, _ = await loop.create_connection(
            lambda: protocol, sock=sock, ssl=context, server_hostname=server_name if context else None
        )
    except BaseException:
        sock.close()
        raise
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def let_go(writer: asyncio.StreamWriter) -> None:
    """Close at once (a TLS farewell would wait for the peer's), and return when the socket is gone."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
