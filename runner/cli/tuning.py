"""How the interpreter is set while a plan is carried out: in the parent, who may be somebody else's, and in workers."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH_INTERVAL = 0.001
"""Seconds between hand-overs of the interpreter: a writer's thread beside a busy loop waits 1 ms instead of 15."""
THRESHOLDS = (20_000, 20, 50)
"""The first: objects that are made before those of them that hang in circles are looked for."""


@contextmanager
def tuned() -> Iterator[None]:
    """For work that makes much that is soon let go of, beside a plan that stays and is not looked through.

    Afterwards the process is as it was: runner.api.apply runs in programs that are not ours.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(*THRESHOLDS)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)
