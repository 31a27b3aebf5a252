"""Dialling: from an Endpoint to a pair of connected streams, directly or through a gate, with TLS where asked for.

The one place below every framing. Names are looked up here unless the gate does it; addresses are tried in turn
(runner.transports.streams), gates are passed in runner.transports.gates, TLS is judged in runner.transports.tls. What
is said over the streams is left to the framing.

Nothing of a request exists yet while we dial, so every failure here is NotSent.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from runner.errors import NotSent
from runner.transports import gates, tls
from runner.transports.proxies import DIRECT, Proxy, Route, direct_networks, passes_by_name, within
from runner.transports.streams import Reader, connect_any, let_go, resolve, streams_over
from runner.transports.tls import TlsSettings
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.transports.endpoint import Endpoint
    from runner.transports.streams import Address

_SECOND_LOOK = 5.0
"""Seconds that a second connection may take which finds out why the first one failed."""
_ALERT = 1.0
"""Seconds in which a server's alert comes after the handshake."""


def unseen(_step: str, _words: str) -> None:
    """The witness of everyday exchanges: nobody looks."""


@frozen
class Reach:
    """How a peer is reached. Times in seconds; `connect` and `first_octet` None: as long as `timeout` lasts.

    `timeout` bounds a whole exchange, `connect` dialling, `first_octet` the wait for the answer to begin;
    `max_answer` (octets) bounds an answer. `witness(step, words)` hears of each step that succeeds.
    """

    timeout: float = 30.0
    connect: float | None = None
    first_octet: float | None = None
    max_answer: int = 1024 * 1024
    tls: TlsSettings = field(default_factory=TlsSettings)
    route: Route = DIRECT
    witness: Callable[[str, str], None] = field(default=unseen, compare=False)


class Dialled(NamedTuple):
    """Connected streams. `forwarder`: they lead to an HTTP proxy, which takes requests in absolute form."""

    reader: Reader
    writer: asyncio.StreamWriter
    forwarder: Proxy | None = None


async def dial(endpoint: Endpoint, reach: Reach, *, forwards: bool = False) -> Dialled:
    """Connect, with TLS where the endpoint is secure. `forwards`: the framing can speak to an HTTP proxy.

    Raises NotSent with the step that failed; BadInput where the settings of TLS are of no use.
    """
    call = _Call(endpoint, reach, forwards=forwards and not endpoint.secure)
    patience = reach.timeout if reach.connect is None else min(reach.connect, reach.timeout)
    try:
        async with asyncio.timeout(patience):
            return await call.connect()
    except TimeoutError as error:
        raise call.too_slow(patience) from error


async def unwelcome(endpoint: Endpoint, reach: Reach) -> NotSent | None:
    """Whether a TLS server refuses us as soon as it knows who we are: asked by saying nothing and listening.

    In TLS 1.3 it judges our certificate, or that there is none, when our side of the handshake is done. Its alert is
    lost where our request is on the way already, so that it looks like a server that closes without a word.
    """
    try:
        async with asyncio.timeout(_SECOND_LOOK):
            line = await dial(endpoint, reach)
            try:
                async with asyncio.timeout(_ALERT):
                    await line.reader.read(1)
            finally:
                await let_go(line.writer)
    except ssl.SSLError as error:
        return tls.failed(endpoint, error, anonymous=reach.tls.identity is None) if tls.refuses_us(error) else None
    except (OSError, NotSent):  # a TimeoutError is an OSError
        return None
    return None


class _Call:
    """One dialling: what is being done at the moment, so that running out of time has a name."""

    def __init__(self, endpoint: Endpoint, reach: Reach, *, forwards: bool) -> None:
        self._endpoint = endpoint
        self._reach = reach
        self._forwards = forwards
        self._context = tls.context_of(reach.tls) if endpoint.secure else None
        self._step = "name"

    async def connect(self) -> Dialled:
        sock, forwarder = await self._socket()
        if self._context is None:
            return Dialled(*await streams_over(sock, None, None), forwarder)
        return await self._secured(sock, self._context)

    async def _socket(self) -> tuple[socket.socket, Proxy | None]:
        proxy, addresses = await self._way()
        if proxy is None:
            return await self._direct(addresses), None
        self._step = "proxy"
        if self._forwards and proxy.forwards:
            sock = await gates.reach(proxy)
            self._reach.witness("proxy", f"{proxy} takes connections")
            return sock, proxy
        host = addresses[0][1][0] if addresses else self._endpoint.host
        sock = await gates.through(proxy, host, self._endpoint.port)
        self._reach.witness("proxy", f"{proxy} lets us through")
        return sock, None

    async def _way(self) -> tuple[Proxy | None, list[Address]]:
        """The gate to pass, if any, and the host's addresses where it is we who look them up."""
        route, host = self._reach.route, self._endpoint.host
        proxy = route.proxy
        if proxy is None or passes_by_name(route.no_proxy, host, self._endpoint.port):
            return None, await self._addresses()
        networks = direct_networks(route)
        if not networks and proxy.looks_up:
            return proxy, []
        try:
            addresses = await self._addresses()
        except NotSent:
            if not proxy.looks_up:
                raise
            return proxy, []
        if within((str(address[0]) for _, address in addresses), networks):
            return None, addresses
        if proxy.looks_up:
            return proxy, []
        return proxy, [address for address in addresses if proxy.scheme != "socks4" or address[0] == socket.AF_INET]

    async def _addresses(self) -> list[Address]:
        try:
            addresses = await resolve(self._endpoint.host, self._endpoint.port)
        except (OSError, UnicodeError) as error:
            raise _unknown_name(self._endpoint, error) from error
        self._reach.witness("name", ", ".join(dict.fromkeys(str(address[0]) for _, address in addresses)))
        return addresses

    async def _direct(self, addresses: list[Address]) -> socket.socket:
        self._step = "connection"
        try:
            sock = await connect_any(addresses)
        except ExceptionGroup as errors:
            raise _unreachable(self._endpoint, errors) from errors
        host, port, *_ = sock.getpeername()
        self._reach.witness("connection", f"{host} port {port} takes connections")
        return sock

    async def _secured(self, sock: socket.socket, context: ssl.SSLContext) -> Dialled:
        self._step = "TLS"
        endpoint, settings = self._endpoint, self._reach.tls
        try:
            reader, writer = await streams_over(sock, context, self._server_name())
        except ssl.SSLCertVerificationError as error:
            raise tls.untrusted(endpoint, error, await self._look()) from error
        except ssl.SSLError as error:
            raise tls.failed(endpoint, error, anonymous=settings.identity is None) from error
        except OSError as error:
            raise _hung_up(endpoint) from error
        except ValueError as error:  # a name that has no place in TLS, or an xn-- form that is none
            raise _unnameable(endpoint) from error
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        try:
            tls.check_pin(endpoint, settings, certificate)
        except BaseException:
            writer.transport.abort()
            raise
        version = writer.get_extra_info("ssl_object").version()
        self._reach.witness("TLS", f"{version}; the server is {tls.described(certificate)}")
        return Dialled(reader, writer)

    def _server_name(self) -> str:
        return self._reach.tls.server_name or self._endpoint.host.partition("%")[0].removesuffix(".")

    async def _look(self) -> bytes | None:
        """The certificate that was refused: shown once more, to a connection that says nothing."""
        quiet = Reach(route=self._reach.route)
        try:
            async with asyncio.timeout(_SECOND_LOOK):
                sock, _ = await _Call(self._endpoint, quiet, forwards=False)._socket()  # noqa: SLF001 - the same class
                _, writer = await streams_over(sock, tls.unjudging_context(), self._server_name())
        except (OSError, NotSent):  # a TimeoutError is an OSError
            return None
        certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await let_go(writer)
        return certificate

    def too_slow(self, patience: float) -> NotSent:
        """Words for having run out of time."""
        what, why, next_step, cause = _TOO_SLOW[self._step]
        place = str(self._reach.route.proxy) if self._step == "proxy" else str(self._endpoint)
        return NotSent(f"{place} {what} within {patience:.3g} s", why=why, next_step=next_step, cause=cause)


_TOO_SLOW = {
    "name": (
        "was not found",
        "the name service gave no answer",
        "check the name service of this machine",
        "name-timeout",
    ),
    "proxy": (
        "did not make the connection",
        "the proxy gave no answer, or waits for the host behind it",
        "check `proxy:`, and whether the proxy may reach the host in `url:`",
        "proxy-timeout",
    ),
    "connection": (
        "did not take the connection",
        "no answer came from the network: the host may be down, or a firewall drops what we send",
        "check the host and port in `url:`, and that this machine may reach them",
        "connect-timeout",
    ),
    "TLS": (
        "did not complete the TLS handshake",
        "it took the connection and then said nothing",
        "check that this port speaks TLS: it may speak plain http://, or wait for something else",
        "tls-timeout",
    ),
}
"""The step that was under way → what it did not do, why, the next step, and the cause."""


def _unknown_name(endpoint: Endpoint, error: Exception) -> NotSent:
    late = getattr(error, "errno", None) == socket.EAI_AGAIN
    return NotSent(
        f"The name {endpoint.host} cannot be resolved",
        why=getattr(error, "strerror", None) or "the name service does not know it",
        next_step="check the name service of this machine"
        if late
        else "check the host in `url:`, and the name service of this machine",
        cause="name-service" if late else "name-unknown",
    )


def _unnameable(endpoint: Endpoint) -> NotSent:
    return NotSent(
        f"The name of {endpoint} cannot be asked for in TLS",
        why="it is no host name",
        next_step="correct the host in `url:`, or `tls: {server_name: …}`",
        cause="tls-name",
    )


def _hung_up(endpoint: Endpoint) -> NotSent:
    return NotSent(
        f"{endpoint} does not take connections",
        why="it closed the connection during the TLS handshake",
        next_step="check that this port speaks TLS",
        cause="tls-hangup",
    )


def _unreachable(endpoint: Endpoint, errors: ExceptionGroup[Exception]) -> NotSent:
    causes = {getattr(error, "errno", None) or 0 for error in errors.exceptions} - {0}
    if causes == {errno.ECONNREFUSED}:
        why, next_step, cause = "nothing listens there", "check the port in `url:`, and that the server runs", "refused"
    else:
        why = ", ".join(os.strerror(cause) for cause in sorted(causes)) or "the connection could not be made"
        next_step = "check the host and port in `url:`, and the routes and firewalls between"
        cause = "no-route"
    return NotSent(f"{endpoint} does not take connections", why=why, next_step=next_step, cause=cause)
