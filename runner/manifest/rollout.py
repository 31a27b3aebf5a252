"""How a plan is rolled out (`strategy:`), as data. Read by runner.manifest.rolling, carried out by runner.execute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from runner.manifest.calendar import Window

ORDERS = ("manifest", "earliest-expiry-first")


@frozen
class Strategy:
    """`canary`: so many items go first, and the rest only after them. `order` is one of ORDERS.

    No more is begun once more items have failed than `max_failures`, or than that `share` (0 to 1) of all; nothing new
    is begun outside of `windows`, where there are any.
    """

    canary: int = 0
    order: str = ORDERS[0]
    max_failures: int | None = None
    share: float | None = None
    windows: tuple[Window, ...] = ()


ALL_AT_ONCE = Strategy()
