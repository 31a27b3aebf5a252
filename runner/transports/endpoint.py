"""Where a peer listens: a URL (RFC 3986) becomes an Endpoint, and CMP's well-known paths are built (RFC 9811 §3.3).

Pure. Connecting is left to runner.transports.dial.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

from runner.values import frozen, replace

DEFAULT_PORTS = {"http": 80, "https": 443, "tcp": 829}
"""Every scheme of a CA that can be dialled, and its port where the URL names none."""
WELL_KNOWN = "/.well-known/cmp"
OPERATION_LABELS = {
    "ir": "initialization",
    "cr": "certification",
    "kur": "keyupdate",
    "p10cr": "pkcs10",
    "rr": "revocation",
    "nested": "nested",
}
"""The first message of an operation → the path segment that names it (RFC 9483 §6.1)."""

_SPELLING = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_AUTHORITY = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_HIGHEST_PORT = 65535
_LONGEST_NAME = 253


@frozen
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


def parse_url(url: str) -> Endpoint:
    """Text → Endpoint; ValueError says what is wrong and never repeats the URL, which may hold a password."""
    spelt = _SPELLING.match(url)
    if spelt is None or spelt.end() != len(url):
        at = spelt.end() + 1 if spelt else 1
        raise ValueError(f"character {at} cannot stand in a URL: write it percent-encoded (a host in its xn-- form)")
    scheme, colon, _ = url.partition("://")
    if not colon or scheme.lower() not in DEFAULT_PORTS:
        raise ValueError("it must begin with http://, https:// or tcp://")
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
    host = host_name(name) if literal is None else host_literal(literal)
    target = parts.path or "/"
    number = port_number(port, DEFAULT_PORTS[scheme])
    return Endpoint(scheme, host, number, f"{target}?{parts.query}" if parts.query else target)


def host_literal(text: str) -> str:
    """The IPv6 address between brackets, in lower case and with its zone. ValueError where it is none."""
    address = text.replace("%25", "%").lower()
    try:
        IPv6Address(address)
    except ValueError:
        raise ValueError("the address in brackets is not an IPv6 address") from None
    return address


def host_name(text: str) -> str:
    """A DNS name or IPv4 address, in lower case. ValueError says why it is neither."""
    host = text.lower()
    if not host:
        raise ValueError("it names no host")
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("its host is neither a DNS name nor an IP address (an IPv6 address goes in brackets)")
    return host


def port_number(text: str | None, default: int) -> int:
    """The port in a URL; `default` where it names none. ValueError where it is no port."""
    port = int(text) if text else default
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(f"a port is a number from 1 to {_HIGHEST_PORT}")
    return port


def well_known(endpoint: Endpoint, profile: str = "") -> Endpoint:
    """The endpoint at CMP's well-known path, of a named profile where one is given. ValueError: it has a path."""
    if endpoint.target != "/":
        raise ValueError("a well-known path is put behind a URL that has none: leave the path out")
    path = f"{WELL_KNOWN}/p/{quote(profile, safe='')}" if profile else WELL_KNOWN
    return replace(endpoint, target=path)


def labelled(target: str, operation: str) -> str:
    """The target of an operation: its label is one more segment of the path; unknown operations add none."""
    label = OPERATION_LABELS.get(operation)
    path, query, rest = target.partition("?")
    return f"{path.rstrip('/')}/{label}{query}{rest}" if label else target
