"""An event loop whose clock jumps to the next timer: hours pass in no time, and in the same order every time."""

from __future__ import annotations

import asyncio
import selectors
from concurrent.futures import Executor, Future
from datetime import timedelta

from support.ambient import NOON


class _JumpingSelector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Never waits. Threads have no place in it: work for them goes to an InlineExecutor."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def jump(self, seconds: float) -> None:
        """Let time pass between two runs."""
        self._jumping.now += seconds


class LoopClock:
    """A Clock that goes by the loop, from NOON on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self):
        return NOON + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()


class InlineExecutor(Executor):
    """Does the work at once, in the caller's own thread."""

    def submit(self, fn, /, *args, **kwargs):
        done = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as problem:  # noqa: BLE001 - the caller's, as an executor hands it over
            done.set_exception(problem)
        return done
