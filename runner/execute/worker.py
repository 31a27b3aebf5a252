"""A worker: carries out steps in a process of its own, and has its parent write the journal.

It was forked from the parent with everything that the parent knows, so an item's name is all that it is told. It goes
when its parent is gone: whatever it did not have noted never leaves it.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from typing import TYPE_CHECKING, NoReturn

from runner.errors import StateError
from runner.execute.channel import Broken, Channel, Ended, Note, Noted, Task
from runner.execute.running import rest_or_let_go, run_step
from runner.state.journal import entry_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from runner.execute.channel import Trouble
    from runner.execute.desk import Desk
    from runner.plan.steps import Step
    from runner.state.journal import Change


class DistantJournal:
    """runner.execute.desk.Durable for transitions, written by the parent. Those of one turn of the loop go together."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = 0
        self._next: list[tuple[Sequence[Change], asyncio.Future[None]]] = []
        self._out: dict[int, list[asyncio.Future[None]]] = {}

    async def do(self, work: Sequence[Change]) -> None:
        """Returns when it is durable. Raises StateError."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._next:
            asyncio.get_running_loop().call_soon(self._send)
        self._next.append((work, done))
        await done

    def _send(self) -> None:
        self._number += 1
        self._channel.send(Note(self._number, tuple(tuple(map(entry_of, changes)) for changes, _ in self._next)))
        self._out[self._number] = [done for _, done in self._next]
        self._next = []

    def noted(self, noted: Noted) -> None:
        """The parent's word on one Note."""
        for done, trouble in zip(self._out.pop(noted.number), noted.troubles, strict=True):
            if done.done():
                continue
            if trouble is None:
                done.set_result(None)
            else:
                done.set_exception(_state_error(trouble))


def _state_error(trouble: Trouble) -> StateError:
    what, why, next_step = trouble
    return StateError(what, why=why, next_step=next_step)


async def serve(end: socket.socket, steps: Mapping[str, Step], desk_of: Callable[[DistantJournal], Desk]) -> NoReturn:
    """Carry out what the parent says, until it hangs up; then the process ends, whatever is under way."""
    channel = await Channel.over(end)
    journal = DistantJournal(channel)
    desk, tasks = desk_of(journal), set()
    while True:
        try:
            message = await channel.receive()
        except EOFError:
            os._exit(0)  # not a step further: what was noted is all that the next apply will know
        if isinstance(message, Noted):
            journal.noted(message)
        else:
            task = asyncio.create_task(_carried_out(message, steps[message.item], desk, channel))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def _carried_out(task: Task, step: Step, desk: Desk, channel: Channel) -> None:
    try:
        channel.send(Ended(task.item, await run_step(step, desk, rest_or_let_go, task.later)))
    except StateError as problem:
        channel.send(Broken(task.item, problem.what, (problem.what, problem.why, problem.next_step)))
    except Exception as problem:  # noqa: BLE001 - a mistake of ours: the parent tells it as its own
        places = [
            f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)
        ]
        channel.send(Broken(task.item, f"{type(problem).__name__} at {', '.join(places[-3:])}"))
