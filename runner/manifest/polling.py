"""How long an authority is asked whether it has decided: within one run, and over all of them (RFC 9810 §5.3.22)."""

from __future__ import annotations

from runner.values import frozen


@frozen
class Polling:
    """How long one run waits, in seconds; how often (0: no limit) and for how long all of them together ask."""

    max_wait: float = 60.0
    max_polls: int = 0
    give_up_after: float | None = None


USUAL = Polling()
"""Where the manifest does not say."""
