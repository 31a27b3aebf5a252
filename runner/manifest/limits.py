"""How hard an authority may be leaned on: plain data, filled by runner.manifest.declarations."""

from __future__ import annotations

from runner.values import frozen


@frozen
class Limits:
    """How hard an authority may be leaned on. Times in seconds; messages_per_second 0 means no limit.

    `timeout` bounds one exchange, `connect_timeout` its connecting, `first_byte_timeout` the wait for the answer to
    begin (None: as long as `timeout` lasts); `max_answer` (octets) bounds the answer.
    """

    concurrency: int = 8
    messages_per_second: float = 0.0
    timeout: float = 30.0
    retries: int = 4
    connect_timeout: float = 10.0
    first_byte_timeout: float | None = None
    max_answer: int = 1024 * 1024
