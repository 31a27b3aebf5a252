"""Listening on this machine: the address is judged before it is bound, for every framing that is served.

What listens for a lab CA would enrol whoever finds it, and what listens for an RA carries strangers' requests to a CA:
other machines are let in by an explicit word alone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from runner.errors import BadInput, Refused

_HIGHEST_PORT = 65535
Respond = Callable[[bytes], bytes | Awaitable[bytes]]
"""What answers a message: octets, or something to await that gives them."""


async def told(respond: Respond, request: bytes) -> bytes:
    """The answer of a responder, whenever it comes."""
    answer = respond(request)
    return answer if isinstance(answer, bytes) else await answer


def slowly(respond: Callable[[bytes], bytes], pause: Callable[[], float]) -> Respond:
    """The same responder, whose answers leave late by so many seconds; others are served meanwhile."""

    async def late(request: bytes) -> bytes:
        answer = respond(request)
        await asyncio.sleep(pause())
        return answer

    return late


MOST_PEERS = 256
"""Connections at once; who comes when there are so many is turned away."""


async def listen(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    ready: Callable[[str], None],
    host: str,
    port: int,
    allow_remote: bool,
) -> None:
    """Hold `converse(reader, writer)` with every peer until cancelled; `ready` gets `host:port` once they are taken.

    Raises Refused where `host` is more than this machine and `allow_remote` is not set, BadInput where nothing can
    listen there.
    """
    address = await _address(host, port, allow_remote=allow_remote)
    talks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(talks) >= MOST_PEERS:
            writer.transport.abort()
            return
        talk = asyncio.ensure_future(converse(reader, writer))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    server = await _listen(begin, address, port)
    try:
        ready(_place(server))
        await asyncio.get_running_loop().create_future()  # until cancelled
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _address(host: str, port: int, *, allow_remote: bool) -> str:
    """The address to listen on: looked up once, so that what was judged is what is bound."""
    addresses = await _resolved(host, port)
    if not allow_remote and not all(ip_address(address).is_loopback for address in addresses):
        raise Refused(
            f"The server does not listen on {host}",
            why="others could reach it there, and it answers whoever asks",
            next_step="listen on 127.0.0.1, or allow remote peers explicitly where the network is yours alone",
        )
    return addresses[0]


async def _resolved(host: str, port: int) -> list[str]:
    if not 0 <= port <= _HIGHEST_PORT:
        raise BadInput(f"The server cannot listen on port {port}", next_step=f"choose a port from 0 to {_HIGHEST_PORT}")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadInput(
            f"The server cannot listen on {host}",
            why="that name cannot be resolved",
            next_step="give an address of this machine: 127.0.0.1",
        ) from error
    return [str(address[0]) for *_, address in found]


async def _listen(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], address: str, port: int
) -> asyncio.Server:
    try:
        return await asyncio.start_server(converse, address, port)
    except OSError as error:
        raise BadInput(
            f"The server cannot listen on {address}, port {port}",
            why=error.strerror or "the address is not to be had",
            next_step="choose another port, or 0 for any that is free",
        ) from error


def _place(server: asyncio.Server) -> str:
    host, port, *_ = server.sockets[0].getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
