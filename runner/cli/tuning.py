"""How the interpreter is set: while manifests are read and judged, and while a plan is carried out, in workers too.

Afterwards the process is as it was: runner.api runs in programs that are not ours.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH_INTERVAL = 0.001
"""Seconds between hand-overs of the interpreter: a writer's thread beside a busy loop waits 1 ms instead of 15."""
READING = (100_000, 20, 100)
"""The first: objects that are made before those of them that hang in circles are looked for. What manifests and states
become stays, and looking through all of a hundred thousand rows again and again took a third of the time of a plan."""
CARRYING_OUT = (20_000, 20, 50)
"""Here much is soon let go of, beside a plan that stays and is not looked through."""


@contextmanager
def seldom_collected(thresholds: tuple[int, int, int]) -> Iterator[None]:
    """For work between whose collections of garbage so much may be made."""
    usual = gc.get_threshold()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def tuned() -> Iterator[None]:
    """For carrying out a plan."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()
    try:
        with seldom_collected(CARRYING_OUT):
            yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)
