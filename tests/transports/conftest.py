"""A peer on loopback that says exactly the octets a test wants, one coroutine for each connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from runner.transports.dial import Reach
from runner.transports.endpoint import Endpoint
from runner.transports.http import HttpSettings, HttpTransport
from runner.transports.tls import TlsSettings

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


class FixedClock:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0


class Talk:
    """The peer's end of one connection."""

    def __init__(self, reader, writer, peer):
        self.reader, self.writer, self.peer = reader, writer, peer
        self.over = asyncio.Event()

    async def request(self):
        """The next whole request (head and body), remembered by the peer; b"" where the client has left."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return b""
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        whole = head + await self.reader.readexactly(length)
        self.peer.requests.append(whole)
        return whole

    def send(self, octets):
        self.writer.write(octets)

    def end(self):
        """The peer's FIN, in the client's kernel when this returns."""
        self.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    def reset(self):
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def client_left(self):
        """Return once the client's end of the connection is gone."""
        with contextlib.suppress(ConnectionResetError):
            while await self.reader.read(1024):
                pass


@dataclass
class Peer:
    """Plays `scripts`: the n-th connection gets the n-th, and the last one serves all that follow."""

    scripts: tuple
    tls: object = None
    requests: list = field(default_factory=list)
    talks: list = field(default_factory=list)
    port: int = 0

    @property
    def connections(self):
        return len(self.talks)

    async def _serve(self, reader, writer):
        talk = Talk(reader, writer, self)
        script = self.scripts[min(len(self.talks), len(self.scripts) - 1)]
        self.talks.append(talk)
        try:
            await script(talk)
        except asyncio.CancelledError:  # the test is over
            return
        finally:
            talk.over.set()
            writer.close()

    @contextlib.asynccontextmanager
    async def listening(self):
        before = asyncio.all_tasks()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            served = asyncio.all_tasks() - before
            for task in served:
                task.cancel()
            await asyncio.gather(*served, return_exceptions=True)

    def transport(self, *, scheme="http", host="127.0.0.1", timeout=5.0, tls=None, http=None, **reach):
        endpoint = Endpoint(scheme, host, self.port, "/pkix/")
        reach = Reach(timeout=timeout, tls=tls or TlsSettings(), **reach)
        return HttpTransport(endpoint, reach, concurrency=4, clock=FixedClock(), settings=http or HttpSettings())


@pytest.fixture
def until():
    """`await until(condition)` lets the loop run until `condition()`; fails after five seconds."""

    async def until(condition):
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 (what is awaited happens inside asyncio: there is no event)
                await asyncio.sleep(0)

    return until


@pytest.fixture
def peer():
    """`peer(script, …)` → Peer."""
    return lambda *scripts, tls=None: Peer(scripts, tls)


@pytest.fixture
def saying():
    """`saying(octets)` → a script that answers every request with these octets, and closes where told."""

    def script_of(octets, *, close=True):
        async def script(talk):
            while await talk.request():
                talk.send(octets)
                if close:
                    return

        return script

    return script_of


@pytest.fixture
def outcomes():
    """`outcomes(peer, n, …)` → what n exchanges in a row came to: octets, or the exception."""

    async def exchange_all(peer, count, options):
        async with peer.listening():
            transport = peer.transport(**options)
            found = []
            for number in range(count):
                try:
                    found.append(await transport.exchange(b"\x30\x01%d" % number))
                except Exception as error:  # noqa: BLE001 (the outcome, for the test to judge)
                    found.append(error)
            await transport.close()
            return found

    return lambda peer, count=1, **options: asyncio.run(exchange_all(peer, count, options))
