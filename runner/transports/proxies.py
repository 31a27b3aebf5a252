"""Proxies, as they are configured: their URLs, which hosts go past them, and what the environment says. Pure.

    socks://[user@]host[:port][/network/bits[,network/bits]]    the old client's -S: SOCKS 5, or 4a where the gate
                                                                speaks no 5; the networks are reached directly
    socks4:// socks4a:// socks5:// socks5h://                   with a, h: the gate looks the name up
    http://host[:port]/                                         the old client's -H

Going through one is runner.transports.gates.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from runner.transports.endpoint import host_literal, host_name, port_number
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Network: TypeAlias = IPv4Network | IPv6Network
PROXY_PORTS = {"socks": 1080, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080, "http": 80}
"""Every kind of proxy, and its port where the URL names none."""
_LONGEST_CREDENTIAL = 255


@frozen
class Proxy:
    """A gate. `direct` are the networks that are reached past it."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    direct: tuple[Network, ...] = ()

    @property
    def forwards(self) -> bool:
        """Whether it takes HTTP requests in absolute form and hands them on."""
        return self.scheme == "http"

    @property
    def looks_up(self) -> bool:
        """Whether it is the gate that turns a name into an address."""
        return self.scheme not in ("socks4", "socks5")

    def __str__(self) -> str:
        """The URL for people: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@frozen
class Route:
    """How hosts are reached: through `proxy`, but for those that `no_proxy` names (`*` names all)."""

    proxy: Proxy | None = None
    no_proxy: tuple[str, ...] = ()


DIRECT = Route()


def parse_proxy(url: str, *, user: str = "", password: str = "") -> Proxy:
    """A proxy's URL → Proxy; `user` and `password` stand in for those in the URL.

    ValueError says what is wrong and never repeats the URL, which may hold a password.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in PROXY_PORTS:
        raise ValueError(f"a proxy's URL begins with {', '.join(f'{known}://' for known in PROXY_PORTS)}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the address in brackets is not an IPv6 address") from None
    login, _, place = parts.netloc.rpartition("@")
    own_user, _, own_password = login.partition(":")
    host, port = _place(place, scheme)
    return _sound(
        Proxy(scheme, host, port, user or unquote(own_user), password or unquote(own_password), networks(parts.path))
    )


def _place(text: str, scheme: str) -> tuple[str, int]:
    if text.startswith("["):
        literal, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError("after the brackets comes :PORT, or nothing")
        return host_literal(literal), port_number(_digits(port[1:]), PROXY_PORTS[scheme])
    name, _, port = text.partition(":")
    return host_name(name), port_number(_digits(port), PROXY_PORTS[scheme])


def _digits(text: str) -> str:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError("the port is a number")
    return text


def _sound(proxy: Proxy) -> Proxy:
    """What the protocols can carry: user and password of SOCKS are ASCII and have at most 255 octets."""
    if proxy.forwards and proxy.direct:
        raise ValueError("networks after the port are SOCKS's; for an HTTP proxy use no_proxy")
    if not proxy.forwards:
        for text in (proxy.user, proxy.password):
            if not text.isascii() or len(text) > _LONGEST_CREDENTIAL or "\0" in text:
                raise ValueError("user and password of a SOCKS proxy are ASCII, and at most 255 characters each")
    if "\r" in proxy.user + proxy.password or "\n" in proxy.user + proxy.password:
        raise ValueError("user and password of a proxy have no line breaks")
    if proxy.scheme.startswith("socks4") and proxy.password:
        raise ValueError("SOCKS 4 knows no password: use socks5")
    return proxy


def networks(text: str) -> tuple[Network, ...]:
    """`/10.0.0.0/8,192.168.0.0/16` → networks. ValueError where one is none."""
    listed = text.removeprefix("/")
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in listed.split(",")) if listed else ()
    except ValueError:
        raise ValueError("networks are written network/bits,network/bits, for example 10.0.0.0/8") from None


def passes_by_name(no_proxy: Iterable[str], host: str, port: int) -> bool:
    """Whether `no_proxy` names this host: `*`, the name itself or a domain above it, perhaps with a port."""
    return any(_names(pattern.strip().lower(), host.removesuffix("."), port) for pattern in no_proxy)


def _names(pattern: str, host: str, port: int) -> bool:
    if pattern == "*":
        return True
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdigit() and ":" not in name.strip("[]"):
        return int(number) == port and _names(name, host, port)
    domain = pattern.strip("[]").removeprefix("*").removeprefix(".").removesuffix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def direct_networks(route: Route) -> tuple[Network, ...]:
    """The networks that are reached past the proxy, by its own list and by no_proxy."""
    return (*(route.proxy.direct if route.proxy else ()), *_networks(route.no_proxy))


def _networks(patterns: Iterable[str]) -> Iterator[Network]:
    for pattern in patterns:
        with suppress(ValueError):  # a name, then
            yield ip_network(pattern.strip().strip("[]"), strict=False)


def within(addresses: Iterable[str], listed: Iterable[Network]) -> bool:
    """Whether every address is in one of the networks; False where there is no address."""
    found = [ip_address(address.partition("%")[0]) for address in addresses]
    known = tuple(listed)
    return bool(found) and all(any(address in network for network in known) for address in found)


def route_of_environment(environ: Mapping[str, str], scheme: str) -> Route:
    """What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say for a scheme; lower case goes first.

    ValueError where a variable is set to what is no proxy. HTTP_PROXY counts in lower case alone where REQUEST_METHOD
    is set: a web server lets strangers set it.
    """
    url = _variable(environ, f"{scheme}_proxy") or _variable(environ, "all_proxy")
    if not url:
        return DIRECT
    no_proxy = tuple(part for part in _variable(environ, "no_proxy").replace(" ", ",").split(",") if part)
    return Route(parse_proxy(url if "://" in url else f"http://{url}"), no_proxy)


def _variable(environ: Mapping[str, str], name: str) -> str:
    upper = "" if name == "http_proxy" and "REQUEST_METHOD" in environ else environ.get(name.upper(), "")
    return environ.get(name) or upper
