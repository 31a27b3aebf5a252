"""How an authority is reached, as the manifest says it: further URLs, proxy, TLS, HTTP's details, a courier's folder.

Plain data, filled by runner.manifest.reaching; what it means on a wire is left to runner.transports.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from runner.pki.keyurls import KeyUrl

FROM_ENVIRONMENT = "environment"
"""The `proxy:` that leaves it to HTTP_PROXY and its like."""


@frozen
class ProxyEntry:
    """The gate on the way. `url` may hold a password, as the old client's did; `login` names a credential instead."""

    url: str = field(repr=False)
    login: str | None = None


@frozen
class Tls:
    """TLS's own trust and our identity in it. `pins` are SHA-256 digests of the server's public key."""

    trust: tuple[str, ...] = ()
    certificate: str | None = None
    key: KeyUrl | None = None
    server_name: str = ""
    pins: tuple[bytes, ...] = ()


@frozen
class Http:
    """What this server wants beyond RFC 9811. `login` names a credential of user and password.

    `well_known` is a profile's name, empty for none of its own, None where the URL has a path.
    """

    login: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    http10: bool = False
    absolute_uri: bool = False
    well_known: str | None = None
    labels: bool = False


@frozen
class Reach:
    """The way to an authority. `further` are URLs to fail over to; `folder` is a courier's, and excludes all else."""

    further: tuple[str, ...] = ()
    folder: str | None = None
    proxy: ProxyEntry | None = None
    no_proxy: tuple[str, ...] = ()
    tls: Tls = field(default_factory=Tls)
    http: Http = field(default_factory=Http)
    old_framing: bool = False
