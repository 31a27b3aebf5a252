"""From an authority's URL to the transport that its scheme asks for: the one list of adapters.

A new framing (tcp://) gets its default port in runner.transports.dial and its line in `open_transport`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.transports.dial import TlsSettings, parse_url
from runner.transports.http import HttpTransport

if TYPE_CHECKING:
    from runner.ambient import Clock
    from runner.transports.base import Transport


def open_transport(
    url: str, *, timeout: float, concurrency: int, clock: Clock, tls: TlsSettings | None = None
) -> Transport:
    """A transport to `url`; nothing is connected yet. `timeout` is seconds for one exchange.

    `concurrency` is how many exchanges will be under way at once. Raises BadInput where the URL is of no use.
    """
    try:
        endpoint = parse_url(url)
    except ValueError as error:
        raise BadInput("The authority's `url:` cannot be used", why=str(error), next_step="correct `url:`") from error
    return HttpTransport(endpoint, timeout=timeout, concurrency=concurrency, clock=clock, tls=tls)
