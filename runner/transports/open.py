"""From an authority's addresses to the transport that their schemes ask for: the one list of adapters.

A new framing gets its default port in runner.transports.endpoint and its line in `_opened`.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.transports.dial import Reach
from runner.transports.endpoint import parse_url, well_known
from runner.transports.http import HttpSettings, HttpTransport
from runner.transports.tls import context_of
from runner.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from runner.ambient import Clock
    from runner.transports.base import Transport
    from runner.transports.endpoint import Endpoint


@frozen
class Address:
    """Where and how an authority is reached: `urls` in the order of preference, or a `folder` that a courier serves.

    `well_known` is a profile's name, empty for none of its own, None where the URL's path is as it is written.
    """

    urls: tuple[str, ...] = ()
    folder: Path | None = None
    reach: Reach = field(default_factory=Reach)
    http: HttpSettings = field(default_factory=HttpSettings)
    well_known: str | None = None
    old_framing: bool = False


def open_transport(address: Address, *, concurrency: int, clock: Clock) -> Transport:
    """A transport to `address`; nothing is connected yet. `concurrency` exchanges will be under way at once.

    Raises BadInput where a URL or the settings of TLS are of no use.
    """
    if address.folder is not None:
        from runner.transports.folder import FolderTransport  # noqa: PLC0415 - few authorities are reached so

        return FolderTransport(address.folder, max_answer=address.reach.max_answer)
    endpoints = endpoints_of(address)
    if any(endpoint.secure for endpoint in endpoints):
        context_of(address.reach.tls)
    transports = [_opened(endpoint, address, concurrency, clock) for endpoint in endpoints]
    if len(transports) == 1:
        return transports[0]
    from runner.transports.failover import FailoverTransport  # noqa: PLC0415 - few have several addresses

    return FailoverTransport(transports)


def endpoints_of(address: Address) -> list[Endpoint]:
    """The endpoints of an address' URLs. Raises BadInput."""
    try:
        endpoints = [parse_url(url) for url in address.urls]
        if address.well_known is not None:
            endpoints = [well_known(endpoint, address.well_known) for endpoint in endpoints]
    except ValueError as error:
        raise BadInput("The authority's `url:` cannot be used", why=str(error), next_step="correct `url:`") from error
    if not endpoints:
        raise BadInput("The authority has no `url:`", next_step="add `url:`")
    return endpoints


def _opened(endpoint: Endpoint, address: Address, concurrency: int, clock: Clock) -> Transport:
    if endpoint.scheme == "tcp":
        from runner.transports.tcp import TcpTransport  # noqa: PLC0415 - few authorities speak it

        old = address.old_framing
        return TcpTransport(endpoint, address.reach, concurrency=concurrency, clock=clock, old=old)
    return HttpTransport(endpoint, address.reach, concurrency=concurrency, clock=clock, settings=address.http)
