"""Group commit: work that many ask for at once is done together, durably.

While the disk is quick, the loop itself writes: handing the interpreter to and fro between two threads takes longer
than the disk does, and what arrives meanwhile waits in the kernel and makes the next group. A disk that makes us wait
gets a thread of its own, beside which the loop goes on, until it is quick again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

WorkT = TypeVar("WorkT")
LARGEST_GROUP = 64
QUICK = 0.02
"""Seconds that the loop may stand still for one group; a group that took longer sends the next one to the thread."""
PAUSE = 0.001
"""Seconds between two looks who has joined a group, where many are at work: a commit takes as long as that."""
_LOOKS = 8
"""So often, at most, a group is kept waiting for others."""


class Grouped(Generic[WorkT]):
    """Hands work to `write` in groups of at most 64. Where a group fails, each piece is tried alone."""

    def __init__(
        self,
        write: Callable[[Sequence[WorkT]], None],
        thread: Executor,
        stopwatch: Callable[[], float] = monotonic,
    ) -> None:
        self._write = write
        self._thread = thread
        self._stopwatch = stopwatch
        self._quick = False  # of a disk that nobody has seen at work
        self._company = False  # whether the last group was more than one
        self._waiting: deque[tuple[WorkT, asyncio.Future[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def do(self, work: WorkT) -> None:
        """Returns when the work is durable; raises what `write` raised for it."""
        await self.asked(work)  # who is cancelled here gives up the answer, not the work

    def asked(self, work: WorkT) -> asyncio.Future[None]:
        """The same for whoever asks for much at once."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((work, done))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._drain())
        return done

    async def _drain(self) -> None:
        while self._waiting:
            await self._gather()
            group = [self._waiting.popleft() for _ in range(min(LARGEST_GROUP, len(self._waiting)))]
            self._company = len(group) > 1
            outcomes = await self._done([work for work, _ in group])
            for (_, done), problem in zip(group, outcomes, strict=True):
                _settle(done, problem)

    async def _gather(self) -> None:
        """Whoever is about to ask comes along: fewer and larger groups. Who was alone last time is not kept waiting."""
        pause = PAUSE if self._company else 0
        for _ in range(_LOOKS):
            before = len(self._waiting)
            await asyncio.sleep(pause)
            if len(self._waiting) == before or before >= LARGEST_GROUP:
                return

    async def _done(self, works: list[WorkT]) -> list[Exception | None]:
        if self._quick:
            return self._written(works)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._written, works)
        except RuntimeError as gone:  # the thread was sent home: nobody may wait for ever
            return [gone] * len(works)

    def _written(self, works: list[WorkT]) -> list[Exception | None]:
        """What became of each piece of work, and whether the disk was quick."""
        began = self._stopwatch()
        problem = self._attempt(works)
        outcomes = [problem] * len(works)
        if problem is not None and len(works) > 1:
            outcomes = [self._attempt([work]) for work in works]
        self._quick = self._stopwatch() - began < QUICK
        return outcomes

    def _attempt(self, works: list[WorkT]) -> Exception | None:
        try:
            self._write(works)
        except Exception as problem:  # noqa: BLE001 - carried to whoever asked for the work
            return problem
        return None


def _settle(done: asyncio.Future[None], problem: Exception | None) -> None:
    if done.done():
        return
    if problem is None:
        done.set_result(None)
    else:
        done.set_exception(problem)
