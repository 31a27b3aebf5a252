"""Group commit: work that many ask for at once is done together, durably, while others go on (design §6).

What arrives while a group is being written makes the next group. One thread writes, so that the loop never waits
for a disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

WorkT = TypeVar("WorkT")
LARGEST_GROUP = 64


class Grouped(Generic[WorkT]):
    """Hands work to `write` in groups of at most 64. Where a group fails, each piece is tried alone."""

    def __init__(self, write: Callable[[Sequence[WorkT]], None], thread: Executor) -> None:
        self._write = write
        self._thread = thread
        self._waiting: deque[tuple[WorkT, asyncio.Future[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def do(self, work: WorkT) -> None:
        """Returns when the work is durable; raises what `write` raised for it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((work, done))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._drain())
        await done  # who is cancelled here gives up the answer, not the work

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            outcomes: list[Exception | None]
            await asyncio.sleep(0)  # whoever is about to ask comes along: fewer and larger groups
            group = [self._waiting.popleft() for _ in range(min(LARGEST_GROUP, len(self._waiting)))]
            try:
                outcomes = await loop.run_in_executor(self._thread, self._written, [work for work, _ in group])
            except RuntimeError as gone:  # the thread was sent home: nobody may wait for ever
                outcomes = [gone] * len(group)
            for (_, done), problem in zip(group, outcomes, strict=True):
                _settle(done, problem)

    def _written(self, works: list[WorkT]) -> list[Exception | None]:
        """Runs in the thread: what became of each piece of work."""
        problem = self._attempt(works)
        if problem is None or len(works) == 1:
            return [problem] * len(works)
        return [self._attempt([work]) for work in works]

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
