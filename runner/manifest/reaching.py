"""Reads how an authority is reached: `url`, `proxy`, `tls`, `http`, `tcp` and `transport` of its entry.

What can be told without a wire is told here: schemes, networks, digests, header names. Hosts are not looked up.
"""

from __future__ import annotations

import re
from base64 import b64decode
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.manifest.inserting import into_url
from runner.manifest.model import LAB_URL
from runner.manifest.reach import FROM_ENVIRONMENT, Http, ProxyEntry, Reach, Tls
from runner.manifest.words import shortened
from runner.pki.servers import STRICT

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.manifest.reader import Reader
    from runner.pki.servers import ServerProfile

SCHEMES = ("http", "https", "tcp")
PROXY_SCHEMES = ("socks", "socks4", "socks4a", "socks5", "socks5h", "http")
_URL = re.compile(r"[\x21-\x7e]+")
_PIN = re.compile(r"(?:sha256/+)?(?P<base64>[A-Za-z0-9+/]{43}=)|(?:sha256:)?(?P<hex>[0-9a-fA-F]{64})")
_OURS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "te", "upgrade"}
)
"""Header fields that the framing sets."""
_HOLDS_SECRETS = frozenset({"authorization", "proxy-authorization", "cookie"})


def read_urls(reader: Reader) -> tuple[str, ...]:
    """The URLs of an authority, those that can be read; empty where it has none."""
    urls = reader.parsed_all("url", parse_url, insert=into_url)
    if LAB_URL in urls and len(urls) > 1:
        reader.ledger.error("url: lab: stands alone", reader.part.place_of("url"), why="it is the embedded lab CA")
    return urls


def parse_url(text: str) -> str:
    """The URL of an authority, as it is written. ValueError says what it may be."""
    if text == LAB_URL:
        return text
    parts = urlsplit(text) if _URL.fullmatch(text) else None
    if parts is None or parts.scheme not in SCHEMES:
        raise ValueError("a CA is reached at http://…, https://…, tcp://… or lab: (the embedded lab CA)")
    if not parts.hostname or parts.port == 0:
        raise ValueError("the host is missing, for example https://pki.example.com/cmp")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("a CA's URL has neither user:password@ nor a #fragment")
    return text


def read_reach(reader: Reader, urls: tuple[str, ...], logins: Collection[str], server: ServerProfile = STRICT) -> Reach:
    """Everything about the way but the first URL. `logins` are the credentials of user and password.

    What the manifest does not say is as the profile of the `server` has it.
    """
    _check_slash(reader, urls, server)
    spool = reader.part.part("transport")
    tcp = reader.part.part("tcp")
    framing = tcp.text("framing") if tcp else None
    return Reach(
        further=urls[1:],
        folder=reader.elsewhere(spool).target("folder") if spool else None,
        proxy=_proxy(reader, logins),
        no_proxy=tuple(text.value for text in reader.part.texts("no_proxy")),
        tls=_tls(reader),
        http=_http(reader, urls, logins, server),
        old_framing=framing is not None and framing.value == "rfc2510",
    )


def _proxy(reader: Reader, logins: Collection[str]) -> ProxyEntry | None:
    inner = reader.part.part("proxy")
    if inner is None:
        url = reader.parsed("proxy", parse_proxy, insert=into_url)
        login = None
    else:
        there = reader.elsewhere(inner)
        url, login = there.parsed("url", parse_proxy, insert=into_url), there.reference("credential", logins, "login")
    if url is None:
        return None
    if ":" in urlsplit(url).netloc.rpartition("@")[0]:
        reader.ledger.warn(
            "a password stands in the manifest",
            reader.part.place_of("proxy"),
            why="everybody who reads the file or its history can use it",
            next_step="name a credential: proxy: {url: …, credential: …}",
        )
    return ProxyEntry(url, login)


def parse_proxy(text: str) -> str:
    """A proxy's URL, as it is written, or `environment`. ValueError never repeats it: it may hold a password."""
    if text == FROM_ENVIRONMENT:
        return text
    parts = urlsplit(text) if _URL.fullmatch(text) else None
    if parts is None or parts.scheme not in PROXY_SCHEMES:
        raise ValueError(f"a proxy is {', '.join(f'{scheme}://' for scheme in PROXY_SCHEMES)} or environment")
    if not parts.hostname or parts.port == 0:
        raise ValueError("the host is missing, for example socks5://gate.example:1080")
    networks = parts.path.removeprefix("/")
    if networks and parts.scheme == "http":
        raise ValueError("networks after the port are SOCKS's; for an HTTP proxy use no_proxy")
    _check_networks(networks)
    return text


def _check_networks(listed: str) -> None:
    try:
        for network in filter(None, listed.split(",")):
            ip_network(network.strip(), strict=False)
    except ValueError:
        raise ValueError("networks are written network/bits,network/bits, for example 10.0.0.0/8") from None


def _tls(reader: Reader) -> Tls:
    inner = reader.part.part("tls")
    if inner is None:
        return Tls()
    there = reader.elsewhere(inner)
    found = Tls(
        trust=there.inputs("trust"),
        certificate=there.input("certificate"),
        key=there.key_url("key", generate=False),
        server_name=there.text("server_name") or "",
        pins=there.parsed_all("pins", parse_pin),
    )
    if ("certificate" in inner.values) != ("key" in inner.values):
        reader.ledger.error("tls: certificate and key go together", inner.place, next_step="give both, or none")
    return found


def parse_pin(text: str) -> bytes:
    """SHA-256 of a SubjectPublicKeyInfo: `sha256/BASE64`, or 64 hexadecimal digits. ValueError says so."""
    found = _PIN.fullmatch(text.replace(":", "") if text.count(":") > 1 else text)
    if not found:
        raise ValueError("a pin is sha256/BASE64, or 64 hexadecimal digits: SHA-256 of the server's public key")
    return b64decode(found["base64"]) if found["base64"] else bytes.fromhex(found["hex"])


def _check_slash(reader: Reader, urls: tuple[str, ...], server: ServerProfile) -> None:
    """A URL is never changed behind its writer's back; that it will not work is told."""
    for url in urls if server.trailing_slash else ():
        if url.startswith("http") and not urlsplit(url).path.endswith("/"):
            why, step = "a server of this profile finds itself only with one", f"write {url}/"
            place = reader.part.place_of("url")
            reader.ledger.warn("the URL does not end with a slash", place, why=why, next_step=step)


def _http(reader: Reader, urls: tuple[str, ...], logins: Collection[str], server: ServerProfile) -> Http:
    inner = reader.part.part("http")
    if inner is None:
        return Http(absolute_uri=server.absolute_uri)
    there = reader.elsewhere(inner)
    profile = there.text("well_known")
    found = Http(
        login=there.reference("credential", logins, "login"),
        headers=_headers(there),
        http10=inner.number("version", 1.1) == 1.0,
        absolute_uri=inner.flag("absolute_uri") if "absolute_uri" in inner.values else server.absolute_uri,
        well_known=profile if profile is not None else "" if inner.flag("well_known") else None,
        labels=inner.flag("operation_labels"),
    )
    _check_http(there, found, urls)
    return found


def _check_http(reader: Reader, http: Http, urls: tuple[str, ...]) -> None:
    if http.well_known is not None and any(urlsplit(url).path.strip("/") for url in urls):
        why = "well_known puts its own path behind the host"
        reader.ledger.error("http: the URL has a path, too", reader.part.place_of("well_known"), why=why)
    if http.login is not None and any(url.startswith("http:") for url in urls):
        reader.ledger.warn(
            "a password goes over http:// in the clear",
            reader.part.place_of("credential"),
            why="everybody on the way can read it",
            next_step="use https://, if the server has it",
        )


def _headers(reader: Reader) -> tuple[tuple[str, str], ...]:
    inner = reader.part.part("headers")
    if inner is None:
        return ()
    there, found = reader.elsewhere(inner), []
    for name in inner.values:
        value = there.text(name)
        if name.lower() in _OURS:
            reader.ledger.error(f"http: the header {shortened(name)} is set by cmp-batch itself", inner.place_of(name))
        elif name.lower() in _HOLDS_SECRETS:
            step = "use http: {credential: …}"
            reader.ledger.error(
                f"http: {shortened(name)} would be a secret in a manifest", inner.place_of(name), next_step=step
            )
        elif value is not None and not (value.isascii() and value.isprintable()):
            reader.ledger.error(f"http: the value of {shortened(name)} is not plain ASCII", inner.place_of(name))
        elif value is not None:
            found.append((name, value))
    return tuple(found)
