"""Worker processes, as their parent sees them: who gets which item, and whose transitions are written.

The parent does its share of the items itself: a process less is one less that wants a core. It alone writes the
journal, in groups of what all of them want noted, so that one commit serves many and the order of an item's transitions
is that in which it had them noted. A worker that dies takes its items with it: they are in the journal, and the next
apply goes on with them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runner.errors import CmpBatchError, StateError
from runner.execute.channel import Broken, Channel, Ended, Note, Noted, Task
from runner.execute.results import Failure, Outcome, Result
from runner.execute.running import rest_or_let_go, run_step
from runner.values import replace

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from runner.execute.channel import Trouble
    from runner.execute.desk import Desk
    from runner.execute.grouped import Grouped
    from runner.execute.running import Later
    from runner.plan.steps import Step
    from runner.state.journal import Change, Entry


T = TypeVar("T")


class WorkerMistakeError(Exception):
    """A worker met something that should not exist; the words tell where, without values."""


@dataclass(slots=True, eq=False)
class _Worker:
    number: int
    channel: Channel
    under_way: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    reader: asyncio.Task[None] | None = None
    gone: bool = False


class Workers:
    """The workers at the other ends of `ends`, the desk at which we work ourselves, and the journal of all of us."""

    def __init__(self, ends: Sequence[socket.socket], desk: Desk, journal: Grouped[Sequence[Change | Entry]]) -> None:
        self._ends = ends
        self._desk = desk
        self._here = 0
        self._journal = journal
        self._workers: list[_Worker] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._known: dict[Any, Any] = {}

    async def begin(self) -> None:
        """Listen to them."""
        for number, end in enumerate(self._ends, 1):
            worker = _Worker(number, await Channel.over(end))
            worker.reader = asyncio.create_task(self._listen(worker))
            self._workers.append(worker)

    async def run(self, step: Step, later: Later | None) -> Result | Later:
        """What runner.execute.running.run_step gives, done by the one who has least to do."""
        worker = self._free(step)
        if worker is None:
            return await self._done_here(step, later)
        done = worker.under_way[step.item.name] = asyncio.get_running_loop().create_future()
        worker.channel.send(Task(step.item.name, later))
        try:
            ended: Result | Later | None = await done
        finally:
            worker.under_way.pop(step.item.name, None)
        if ended is None:
            return _lost(step)
        return self._with_known(ended, step) if isinstance(ended, Result) else ended

    def _with_known(self, result: Result, step: Step) -> Result:
        """The same, with one copy of what the step and other results have, too: each pickle brings all of it anew."""

        def known(value: T) -> T:
            return cast("T", self._known.setdefault(value, value))

        certificate = result.certificate and replace(
            result.certificate,
            issuer=known(result.certificate.issuer),
            not_before=known(result.certificate.not_before),
            not_after=known(result.certificate.not_after),
        )
        return replace(
            result,
            name=step.item.name,
            operation=known(result.operation),
            certificate=certificate,
            key_spec=known(result.key_spec),
            pki_status=known(result.pki_status),
            status_from=known(result.status_from),
        )

    async def _done_here(self, step: Step, later: Later | None) -> Result | Later:
        self._here += 1
        try:
            return await run_step(step, self._desk, rest_or_let_go, later)
        finally:
            self._here -= 1

    def _free(self, step: Step) -> _Worker | None:
        """The worker with least to do; None: we have less. An authority that bears few messages is ours alone."""
        bears = self._desk.document.authorities[step.item.authority].limits.concurrency
        fit = [worker for worker in self._workers if not worker.gone and worker.number < bears]
        best = min(fit, key=lambda worker: len(worker.under_way), default=None)
        return best if best is not None and len(best.under_way) <= self._here else None

    async def _listen(self, worker: _Worker) -> None:
        while True:
            try:
                message = await worker.channel.receive()
            except EOFError:
                break
            if isinstance(message, Note):
                task = asyncio.create_task(self._note(worker, message))
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)
            else:
                _settle(worker.under_way.get(message.item), message)
        worker.gone = True
        for done in worker.under_way.values():
            if not done.done():
                done.set_result(None)

    async def _note(self, worker: _Worker, note: Note) -> None:
        outcomes = await asyncio.gather(*map(self._journal.asked, note.entries), return_exceptions=True)
        worker.channel.send(Noted(note.number, tuple(_words(outcome) for outcome in outcomes)))

    def dismiss(self) -> None:
        """Hang up: each of them ends at once."""
        for worker in self._workers:
            if worker.reader is not None:
                worker.reader.cancel()
            worker.channel.close()


def _words(outcome: BaseException | None) -> Trouble | None:
    if outcome is None:
        return None
    if isinstance(outcome, CmpBatchError):
        return outcome.what, outcome.why, outcome.next_step
    return "the journal cannot be written", type(outcome).__name__, "look at what was said before"


def _settle(done: asyncio.Future[Any] | None, message: Ended | Broken) -> None:
    if done is None or done.done():
        return
    if isinstance(message, Ended):
        done.set_result(message.result)
    elif message.trouble is None:
        done.set_exception(WorkerMistakeError(message.words))
    else:
        what, why, next_step = message.trouble
        done.set_exception(StateError(what, why=why, next_step=next_step))


def _lost(step: Step) -> Result:
    failure = Failure(
        "its worker process ended",
        "somebody killed it, or it had no memory left",
        "run apply again: it continues there",
    )
    return Result(step.item.name, step.verb.value, Outcome.FAILED, failure=failure)
