"""Several addresses of one CA, in the order of preference: the next one is asked where nothing was processed.

A peer that may have read the request is not left for another: that could issue twice. So only NotSent, NotCmp and
Busy move on, and whoever answered is asked first from then on. A transaction stays where it began, though others go
elsewhere meanwhile: an item talks in one task, and whom it talked to last is remembered for that task.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from runner.errors import Busy, Delayed, NotCmp, NotSent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.transports.base import Transport


class FailoverTransport:
    """runner.transports.base.Transport over others, of which one at a time is preferred."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = tuple(transports)
        self._preferred = 0
        self._home: ContextVar[int | None] = ContextVar("home", default=None)

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        """The answer of the first that processes the request. Raises the last failure where none does."""
        failures: list[NotSent | NotCmp | Busy] = []
        home = self._home.get()
        first = self._preferred if home is None else home
        for turn in range(len(self._transports)):
            index = (first + turn) % len(self._transports)
            try:
                answer = await self._transports[index].exchange(request, operation)
            except (NotSent, NotCmp, Busy) as problem:
                failures.append(problem)
                continue
            except Delayed as problem:
                self._found(index, first)
                raise _numbered(problem, index) from problem
            self._found(index, first)
            return answer
        raise _gravest(failures)

    def _found(self, index: int, first: int) -> None:
        """Here somebody answers; others are led here, too, if it was not the one asked first."""
        if index != first:
            self._preferred = index
        self._home.set(index)

    async def poll(self, reference: str) -> bytes:
        """Asked of the one that gave the reference."""
        number, _, own = reference.partition("/")
        index = int(number) if number.isdigit() and int(number) < len(self._transports) else 0
        try:
            return await self._transports[index].poll(own or reference)
        except Delayed as problem:
            raise _numbered(problem, index) from problem

    async def close(self) -> None:
        """Let go of all of them."""
        for transport in self._transports:
            await transport.close()


def _numbered(problem: Delayed, index: int) -> Delayed:
    return Delayed(
        problem.what,
        reference=f"{index}/{problem.reference}",
        seconds=problem.seconds,
        next_step=problem.next_step,
    )


def _gravest(failures: list[NotSent | NotCmp | Busy]) -> NotSent | NotCmp | Busy:
    """One of several: who is busy is there and may be asked again, whoever cannot be reached may come back."""
    ranked = sorted(failures, key=lambda problem: (isinstance(problem, NotCmp), isinstance(problem, NotSent)))
    first = ranked[0]
    others = "; ".join(problem.what for problem in failures if problem is not first)
    if others:
        first.why = f"{first.why}; and {others}" if first.why else others
    return first
