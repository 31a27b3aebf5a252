"""How the interpreter is set for a process that carries out a plan: the parent's and each worker's."""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL = 0.001
"""Seconds between hand-overs of the interpreter: a writer's thread beside a busy loop waits 1 ms instead of 15."""
GARBAGE = 20_000
"""Objects that are made before those of them that hang in circles are looked for."""


def tune() -> None:
    """For a process that makes much that is soon let go of, beside a plan that stays and is not looked through."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)
