"""Gates that answer oddly: what becomes of it, octet by octet. Real ones are in test_ways.py."""

from __future__ import annotations

import asyncio
import socket

import pytest

from runner.errors import NotSent
from runner.transports.dial import Reach, dial
from runner.transports.endpoint import Endpoint
from runner.transports.proxies import Route, parse_proxy


async def socks4_alone(reader, writer):
    """A gate that hangs up on everything but SOCKS 4, and then is the host itself."""
    if await reader.readexactly(1) != b"\x04":
        return
    await reader.readuntil(b"\0ca.example\0")
    writer.write(b"\0\x5a" + bytes(6) + b"hello")


def says(octets):
    async def script(reader, writer):
        await reader.read(1024)
        writer.write(octets)

    return script


def through(scheme, script, *, forwards=False, host="ca.example", login=""):
    """The first five octets from behind the gate, or the error."""

    async def play(reader, writer):
        try:
            await script(reader, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(play, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        route = Route(parse_proxy(f"{scheme}://{login}127.0.0.1:{port}"))
        try:
            line = await dial(Endpoint("http", host, 80), Reach(timeout=3, route=route), forwards=forwards)
            said = await line.reader.readexactly(5)
            line.writer.close()
            await line.writer.wait_closed()
        except NotSent as problem:
            return problem
        finally:
            server.close()
        return said

    return asyncio.run(run())


def test_socks_falls_back_to_the_older_protocol():
    assert through("socks", socks4_alone) == b"hello"


def test_what_follows_connect_is_the_hosts():
    assert through("http", says(b"HTTP/1.1 200 Fine\r\nX: y\r\n\r\nhello")) == b"hello"


@pytest.mark.parametrize(
    ("scheme", "octets", "cause"),
    [
        ("socks", b"HTTP/1.1 400 No\r\n\r\n", "not-a-proxy"),
        ("socks4a", b"\0\x5b" + bytes(6), "proxy-cannot-reach"),
        ("socks4a", b"\0\x5d" + bytes(6), "proxy-credentials"),
        ("socks4a", b"\0\x5f" + bytes(6), "not-a-proxy"),
        ("socks4a", b"", "not-a-proxy"),
        ("socks5h", b"\x05\xff", "proxy-credentials"),
        ("socks5h", b"", "not-a-proxy"),
        ("http", b"HTTP/1.1 407 Who\r\n\r\n", "proxy-credentials"),
        ("http", b"HTTP/1.1 405 No\r\n\r\n", "proxy-denied"),
        ("http", b"HTTP/1.1 503 Later\r\n\r\n", "proxy-cannot-reach"),
        ("http", b"SSH-2.0-x\r\n\r\n", "not-a-proxy"),
        ("http", b"", "not-a-proxy"),
    ],
)
def test_a_gate_that_does_not_let_us_through_has_a_cause(scheme, octets, cause):
    found = through(scheme, says(octets))
    assert found.cause == cause
    assert found.next_step


def test_a_name_that_we_have_to_look_up_and_cannot_was_not_sent(monkeypatch):
    real = socket.getaddrinfo

    def lookup(host, *given, **options):
        if host == b"ca.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, *given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert through("socks5", says(b"")).cause == "name-unknown"
    assert through("socks", socks4_alone) == b"hello"


@pytest.mark.parametrize("host", ["xn--a.example", "a." + "xn--" + "9" * 50 + ".example"])
def test_a_name_that_cannot_be_written_was_not_sent(host):
    found = through("socks5h", says(b"\x05\x00"), host=host)
    assert isinstance(found, NotSent)
