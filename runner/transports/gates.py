"""Going through a gate: SOCKS 4, 4a and 5 by python-socks, HTTP CONNECT (RFC 9110 §9.3.6) by hand.

A gate's address goes in with the host and port behind it, and a connected socket comes out. Nothing of a request
exists yet, so every failure is NotSent; what a gate says about itself is never quoted beyond its numbers.
"""

from __future__ import annotations

import asyncio
import errno
from base64 import b64encode
from typing import TYPE_CHECKING

from runner.errors import NotSent
from runner.transports.streams import connect_any, resolve

if TYPE_CHECKING:
    import socket

    from runner.transports.proxies import Proxy

_LONGEST_HEAD = 16 * 1024
_SOCKS5_REPLIES = {
    1: ("proxy-cannot-reach", "it reports a general failure: it may not know the name, or not reach the host"),
    2: ("proxy-denied", "its rules do not allow this connection"),
    3: ("proxy-cannot-reach", "it cannot reach that network"),
    4: ("proxy-cannot-reach", "it cannot reach that host"),
    5: ("proxy-cannot-reach", "the host behind it refuses the connection"),
    6: ("proxy-cannot-reach", "the way from it to the host is too long"),
    7: ("proxy-denied", "it makes no connections"),
    8: ("proxy-cannot-reach", "it does not know this kind of address"),
}
_SOCKS4_REPLIES = {
    91: ("proxy-cannot-reach", "it rejects the connection, or cannot make it"),
    92: ("proxy-credentials", "it cannot ask this machine's ident service who we are"),
    93: ("proxy-credentials", "this machine's ident service names another user"),
}
_CONNECT_STATUSES = {
    400: ("proxy-denied", "it does not understand CONNECT"),
    401: ("proxy-credentials", "it wants a user name and a password, and accepts none of ours"),
    403: ("proxy-denied", "its rules do not allow this connection"),
    404: ("not-a-proxy", "it is a web server and no proxy"),
    405: ("proxy-denied", "it does not allow CONNECT: it may be a web server and no proxy"),
    407: ("proxy-credentials", "it wants a user name and a password, and accepts none of ours"),
    501: ("proxy-denied", "it does not know CONNECT"),
}
_NEXT_STEPS = {
    "proxy-cannot-reach": "check the host and port in `url:` as the proxy sees them",
    "proxy-denied": "ask the proxy's operator to allow it, or check `proxy:`",
    "proxy-credentials": "check the user and password of `proxy:`",
    "not-a-proxy": "check the scheme, host and port in `proxy:`",
}


class _NoSocks5Error(Exception):
    """The gate does not speak SOCKS 5."""


async def through(proxy: Proxy, host: str, port: int) -> socket.socket:
    """A socket connected to `host`:`port` through `proxy`. Raises NotSent."""
    if proxy.forwards:
        return await _by_connect(proxy, host, port)
    if proxy.scheme != "socks":
        return await _by_socks(proxy, host, port, 4 if proxy.scheme.startswith("socks4") else 5)
    try:
        return await _by_socks(proxy, host, port, 5)
    except _NoSocks5Error:
        return await _by_socks(proxy, host, port, 4)


async def reach(proxy: Proxy) -> socket.socket:
    """A socket connected to the proxy itself. Raises NotSent."""
    try:
        return await connect_any(await resolve(proxy.host, proxy.port))
    except ExceptionGroup as errors:
        raise _out_of_reach(proxy, errors.exceptions[0]) from errors
    except OSError as error:
        raise _out_of_reach(proxy, error) from error


def _out_of_reach(proxy: Proxy, error: BaseException) -> NotSent:
    refused = getattr(error, "errno", None) == errno.ECONNREFUSED
    why = "nothing listens there" if refused else (getattr(error, "strerror", None) or "no connection can be made")
    return NotSent(
        f"The proxy {proxy} cannot be reached",
        why=why,
        next_step="check the host and port in `proxy:`, and that the proxy runs",
        cause="proxy-unreachable",
    )


async def _by_socks(proxy: Proxy, host: str, port: int, version: int) -> socket.socket:
    from python_socks import ProxyConnectionError, ProxyError, ProxyType  # noqa: PLC0415 - only where there is a gate
    from python_socks.async_.asyncio import Proxy as Socks  # noqa: PLC0415

    kind = ProxyType.SOCKS5 if version == 5 else ProxyType.SOCKS4  # noqa: PLR2004 - the protocol's number
    password = proxy.password or None
    gate = Socks(kind, proxy.host, proxy.port, proxy.user or None, password, rdns=True)
    try:
        return await gate.connect(host, port, timeout=_NEVER)
    except ProxyConnectionError as error:
        raise _out_of_reach(proxy, error) from error
    except ProxyError as error:
        failure = _socks_failure(proxy, error.error_code, str(error), version)
        if failure.cause == "not-a-proxy" and proxy.scheme == "socks" and version == 5:  # noqa: PLR2004 - the same
            raise _NoSocks5Error from error
        raise failure from error
    except OSError as error:
        raise _refusal(proxy, "not-a-proxy", "it closed the connection") from error
    except UnicodeError as error:  # an xn-- form that is none
        raise _refusal(proxy, "proxy-cannot-reach", "the host's name cannot be written for it") from error


_NEVER = 86_400.0
"""Seconds. python-socks has a timeout of its own; ours is around all of dialling."""


def _socks_failure(proxy: Proxy, code: int | None, words: str, version: int) -> NotSent:
    replies = _SOCKS5_REPLIES if version == 5 else _SOCKS4_REPLIES  # noqa: PLR2004 - the protocol's number
    if code is not None:
        return _refusal(proxy, *replies.get(code, ("proxy-denied", f"it refuses with code {code}")))
    if "uthentication" in words:
        return _refusal(proxy, "proxy-credentials", "it wants a user name and a password, and accepts none of ours")
    return _refusal(proxy, "not-a-proxy", f"it does not speak SOCKS {version}")


def _refusal(proxy: Proxy, cause: str, why: str) -> NotSent:
    return NotSent(f"The proxy {proxy} does not let us through", why=why, next_step=_NEXT_STEPS[cause], cause=cause)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617), in UTF-8."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


async def _by_connect(proxy: Proxy, host: str, port: int) -> socket.socket:
    sock = await reach(proxy)
    try:
        status = await _connect_status(sock, _connect_request(proxy, host, port))
    except OSError as error:
        sock.close()
        raise _refusal(proxy, "not-a-proxy", "it closed the connection") from error
    except BaseException:
        sock.close()
        raise
    if status // 100 == 2:  # noqa: PLR2004 - RFC 9110: any 2xx
        return sock
    sock.close()
    if not status:
        raise _refusal(proxy, "not-a-proxy", "it does not speak HTTP")
    beyond = ("proxy-cannot-reach", f"it cannot reach the host (HTTP status {status})")
    raise _refusal(proxy, *_CONNECT_STATUSES.get(status, beyond))


def _connect_request(proxy: Proxy, host: str, port: int) -> bytes:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.user:
        lines.append(f"Proxy-Authorization: {basic(proxy.user, proxy.password)}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _connect_status(sock: socket.socket, request: bytes) -> int:
    """The status of the answer to CONNECT; 0 where it is not HTTP. What follows the head is left in the socket."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, request)
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < _LONGEST_HEAD:
        octet = await loop.sock_recv(sock, 1)  # one by one: what comes after belongs to the peer behind the gate
        if not octet:
            break
        head += octet
    version, _, rest = head.partition(b" ")
    return int(rest[:3]) if version.startswith(b"HTTP/1.") and rest[:3].isdigit() else 0
