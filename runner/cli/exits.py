"""Exit statuses: the contract that scripts rely on (design, command line).

A status is chosen from results alone; errors are mapped in main.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.execute.results import Run

OK = 0
"""Converged; valid; nothing to do."""
ERROR = 1
"""Bad input, and nothing was sent; or a command that reads could not."""
CHANGES = 2
"""`plan` found something to do."""
FAILED = 3
"""Some items failed, or were skipped because something they need did."""
PENDING = 4
"""Some items are pending at the CA."""
UNKNOWN = 5
"""Some outcomes are unknown."""
REFUSED = 6
"""A stale plan, a policy, a lock."""
BUG = 70
"""A mistake of ours (EX_SOFTWARE of sysexits.h): no promise holds about what was sent."""
INTERRUPTED = 130
"""A signal ended it."""
BROKEN_PIPE = 141
"""Whoever read our output left, as with any program in a pipe."""


def exit_code(run: Run) -> int:
    """The status of an apply; of several that fit, the highest-numbered."""
    from runner.execute.results import Outcome

    statuses = {
        Outcome.FAILED: FAILED,
        Outcome.SKIPPED: FAILED,
        Outcome.PENDING: PENDING,
        Outcome.UNKNOWN: UNKNOWN,
    }
    if run.interrupted:
        return INTERRUPTED
    return max((statuses.get(result.outcome, OK) for result in run.results), default=OK)
