"""Dialling: a URL becomes an Endpoint (RFC 3986), an Endpoint a pair of connected streams (TCP, or TLS over it).

The one place below every framing: http uses it now, tcp:// will, and the ways through a gate (SOCKS, HTTP CONNECT)
belong between `dial` and `_connect`. What is said over the streams is left to the framing.

Nothing of a request exists yet while we dial, so every failure here is NotSent.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.errors import NotSent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import SupportsIndex

DEFAULT_PORTS = {"http": 80, "https": 443}
"""Every scheme that can be dialled, and its port where the URL names none."""
FIRST_ADDRESS_LEAD = 0.25
"""Seconds that one address of a host is tried before the next joins in (RFC 8305 §5)."""

_SPELLING = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_AUTHORITY = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_HIGHEST_PORT = 65535
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a peer listens. `host` is lower case and has no brackets; `target` is the path with its query."""

    scheme: str
    host: str
    port: int
    target: str = "/"

    @property
    def secure(self) -> bool:
        """Whether the scheme asks for TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them: brackets, no zone (RFC 6874 §4), no default port."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URL for people: without the query, which may hold what is nobody's business."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Whom we believe in a TLS handshake: the anchors in `trust_file` (PEM), or the system's where it is None."""

    trust_file: str | None = None


class Reader(asyncio.StreamReader):
    """A stream that remembers whether anything came since somebody last cleared `stirred`: octets, an end, a fault."""

    stirred = False

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Octets came (asyncio calls this)."""
        self.stirred = True
        super().feed_data(data)

    def feed_eof(self) -> None:
        """The peer's end came (asyncio calls this)."""
        self.stirred = True
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        """The connection broke (asyncio calls this)."""
        self.stirred = True
        super().set_exception(exc)


def parse_url(url: str) -> Endpoint:
    """Text → Endpoint; ValueError says what is wrong and never repeats the URL, which may hold a password."""
    spelt = _SPELLING.match(url)
    if spelt is None or spelt.end() != len(url):
        at = spelt.end() + 1 if spelt else 1
        raise ValueError(f"character {at} cannot stand in a URL: write it percent-encoded (a host in its xn-- form)")
    scheme, colon, _ = url.partition("://")
    if not colon or scheme.lower() not in DEFAULT_PORTS:
        raise ValueError(f"it must begin with {' or '.join(f'{known}://' for known in DEFAULT_PORTS)}")
    if "#" in url:
        raise ValueError("a fragment (#…) is never sent to a server: remove it")
    return _endpoint(scheme.lower(), url)


def _endpoint(scheme: str, url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the address in brackets is not an IPv6 address") from None
    if "@" in parts.netloc:
        raise ValueError("a user name or password in the URL would not be used: remove it, CMP has its own credentials")
    match = _AUTHORITY.fullmatch(parts.netloc)
    if match is None:
        raise ValueError("after // comes HOST, HOST:PORT or [IPv6]:PORT, and the port is a number")
    literal, name, port = match.group("literal", "name", "port")
    host = _name(name) if literal is None else _literal(literal)
    target = parts.path or "/"
    return Endpoint(scheme, host, _port(scheme, port), f"{target}?{parts.query}" if parts.query else target)


def _literal(text: str) -> str:
    address = text.replace("%25", "%").lower()
    try:
        IPv6Address(address)
    except ValueError:
        raise ValueError("the address in brackets is not an IPv6 address") from None
    return address


def _name(text: str) -> str:
    host = text.lower()
    if not host:
        raise ValueError("it names no host")
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("its host is neither a DNS name nor an IP address (an IPv6 address goes in brackets)")
    return host


def _port(scheme: str, text: str | None) -> int:
    port = int(text) if text else DEFAULT_PORTS[scheme]
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(f"a port is a number from 1 to {_HIGHEST_PORT}")
    return port


async def dial(
    endpoint: Endpoint,
    *,
    timeout: float,  # noqa: ASYNC109 (running out of it is an outcome of its own: NotSent)
    tls: TlsSettings | None = None,
) -> tuple[Reader, asyncio.StreamWriter]:
    """Connect within `timeout` seconds, with TLS where `tls` is given; NotSent says why it could not be.

    The socket has TCP_NODELAY: asyncio sets it on every TCP connection.
    """
    context = None if tls is None else _context(tls)
    try:
        async with asyncio.timeout(timeout):
            return await _connect(endpoint, context)
    except TimeoutError as error:
        raise NotSent(
            f"{endpoint} did not take the connection within {timeout:.3g} s",
            why="no answer came from the network: the host may be down, or a firewall drops what we send",
            next_step="check the host and port in `url:`, and that this machine may reach them",
        ) from error
    except OSError as error:
        raise _failure(endpoint, error, secure=tls is not None) from error


async def _connect(endpoint: Endpoint, context: ssl.SSLContext | None) -> tuple[Reader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(
        lambda: protocol,
        endpoint.host,
        endpoint.port,
        ssl=context,
        server_hostname=endpoint.host.partition("%")[0].removesuffix(".") if context else None,
        happy_eyeballs_delay=FIRST_ADDRESS_LEAD,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _context(tls: TlsSettings) -> ssl.SSLContext:
    try:
        return _cached_context(tls)
    except OSError as error:  # ssl.SSLError is one: the file is there and holds no certificate
        raise NotSent(
            f"The trust file for TLS cannot be used: {tls.trust_file}",
            why=error.strerror or "it cannot be read",
            next_step="give a file of CA certificates in PEM, readable by you",
        ) from error


@lru_cache(maxsize=16)
def _cached_context(tls: TlsSettings) -> ssl.SSLContext:
    """One context for all connections of the same settings: reading the system's anchors takes milliseconds."""
    context = ssl.create_default_context(cafile=tls.trust_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _failure(endpoint: Endpoint, error: OSError, *, secure: bool) -> NotSent:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(endpoint, error)
    if isinstance(error, ssl.SSLError):
        return _no_tls(endpoint, error)
    if isinstance(error, socket.gaierror):
        return NotSent(
            f"The name {endpoint.host} cannot be resolved",
            why=error.strerror or "the name service does not know it",
            next_step="check the host in `url:`, and the name service of this machine",
        )
    return _unreachable(endpoint, error, secure=secure)


def _untrusted(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> NotSent:
    return NotSent(
        f"The TLS certificate of {endpoint} is not acceptable",
        why=str(error.verify_message).rstrip("."),
        next_step="check the host in `url:`; for a certificate of your own PKI give its CA as the trust file for TLS",
    )


def _no_tls(endpoint: Endpoint, error: ssl.SSLError) -> NotSent:
    plain = error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
    return NotSent(
        f"TLS with {endpoint} failed",
        why=(error.reason or "the handshake broke off").replace("_", " ").lower(),
        next_step="this port may speak plain http://"
        if plain
        else "compare the server's TLS settings: TLS 1.2 or later is needed",
    )


def _unreachable(endpoint: Endpoint, error: OSError, *, secure: bool) -> NotSent:
    causes = _errnos(error)
    if causes == {errno.ECONNREFUSED}:
        why, next_step = "nothing listens there", "check the port in `url:`, and that the server runs"
    elif isinstance(error, ConnectionError) and secure:
        why, next_step = "it closed the connection during the TLS handshake", "check that this port speaks TLS"
    else:
        why = ", ".join(os.strerror(cause) for cause in sorted(causes)) or "the connection could not be made"
        next_step = "check the host and port in `url:`, and the routes and firewalls between"
    return NotSent(f"{endpoint} does not take connections", why=why, next_step=next_step)


def _errnos(error: OSError) -> set[int]:
    """The causes; where several addresses failed in several ways, asyncio gives them as text alone."""
    return {error.errno} if error.errno else {int(found) for found in re.findall(r"\[Errno (\d+)\]", str(error))}
