"""One step, from its start or from where it waits, to its Result, or to the moment when its CA is asked again.

An item that waits for its CA keeps no task, no connection and no place among those at work: what the journal has of it
is all that is needed to go on, and that is what a Later holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, StateError
from runner.execute.operation import Operation
from runner.execute.results import Outcome
from runner.manifest.tunnel import TunnelRequest
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.execute.desk import Desk
    from runner.execute.relaying import Relaying
    from runner.execute.results import Result
    from runner.plan.steps import Step
    from runner.state.inventory import Open

LONG_WAIT = 2.0
"""Seconds. Who waits for less stays: leaving and coming back costs reading the key again."""


@frozen
class Later:
    """An item that asks its CA again at the moment `at`: `open` is what the journal has of it.

    Moments are those of the monotonic clock. `began` is when its step was begun, `until` how long it may wait in all.
    """

    open: Open
    at: float
    began: float
    until: float


class LetGoError(Exception):
    """The item waits for so many `seconds`, and the journal has everything: let go of it meanwhile."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


async def rest_or_let_go(seconds: float) -> None:
    """Wait for a CA to decide; LetGoError where that takes long."""
    if seconds >= LONG_WAIT:
        raise LetGoError(seconds)
    await asyncio.sleep(seconds)


async def run_step(
    step: Step,
    desk: Desk,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    later: Later | None = None,
) -> Result | Later:
    """Carry out one step of the plan, or go on with it; what goes wrong is in the Result. StateError alone is raised.

    `rest(seconds)` is how it waits for a CA to decide; where that raises LetGoError, a Later comes back.
    """
    began = later.began if later else desk.clock.monotonic()
    operation = _kind(step)(step, desk, rest, *((later.open, later.until) if later else ()))
    try:
        result = await operation.run()
    except LetGoError as wait:
        return Later(operation.record.last, desk.clock.monotonic() + wait.seconds, began, operation.until)
    except StateError:
        raise
    except CmpBatchError as problem:
        result = operation.result(Outcome.FAILED, failure=operation.failure(problem))
    result = replace(result, duration=desk.clock.monotonic() - began, ended=desk.clock.now())
    if isinstance(step.item, TunnelRequest) or not step.item.hooks:
        return result
    from runner.execute.hooks import with_hooks  # noqa: PLC0415 - few items have any

    return await with_hooks(step.item, result, desk)


def _kind(step: Step) -> type[Operation | Relaying]:
    if not isinstance(step.item, TunnelRequest):
        return Operation
    from runner.execute.relaying import Relaying  # noqa: PLC0415 - few runs have a tunnel

    return Relaying
