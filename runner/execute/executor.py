"""All items of a plan, in parallel: start what is ready, collect results, stop in good order.

`parallel` items are at work at once; one that waits for the CA to decide gives its place to another meanwhile, and is
gone on with when it is time to. The first signal stops starting and lets what is on the wire finish within the grace
period; what is cut off then is in the journal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from runner.execute.results import Failure, Outcome, Result, Run, unchanged_result
from runner.execute.rollout import rolled_out
from runner.execute.running import Later, rest_or_let_go, run_step
from runner.execute.schedule import ANY_NUMBER, Schedule
from runner.manifest.model import Revocation
from runner.plan.case import certificate_path_of
from runner.plan.steps import Verb
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.execute.desk import Desk
    from runner.execute.schedule import Tolerance
    from runner.pki.certificates import Certificate
    from runner.plan.steps import Plan, Step

GRACE = 10.0
"""Seconds that items under way are given after a signal."""


@frozen
class Options:
    """How to run a plan. `on_result` hears of every result as it comes."""

    parallel: int = 32
    tolerance: Tolerance = ANY_NUMBER
    on_result: Callable[[Result], None] = lambda _: None
    run: Callable[[Step, Later | None], Awaitable[Result | Later]] | None = None
    """Who carries out a step; None: this process."""


def scheduled(plan: Plan, desk: Desk, options: Options) -> Schedule:
    """The schedule of a plan, which lets go of each step as it ends. So does whoever keeps the plan no longer."""
    steps, rollout = rolled_out(plan.steps, desk.document.strategy, desk.facts)
    order = () if steps is plan.steps else (step.item.name for step in plan.steps)
    return Schedule(steps, rollout, options.tolerance, order)


async def execute(schedule: Schedule, desk: Desk, options: Options, stop: asyncio.Event) -> Run:
    """Carry out what is scheduled; the Run has a result for every step. Raises StateError where nothing can be kept."""
    started = desk.clock.now()
    crew = _Crew(schedule, desk, options)
    try:
        await crew.work(stop)
    finally:
        await crew.dismiss()
    results = schedule.all_results()
    cut = stop.is_set() and any(result.outcome is Outcome.SKIPPED for result in results)
    return Run(desk.run, desk.document.name, started, desk.clock.now(), results, interrupted=cut)


class _Crew:
    """The tasks under way, and the items that wait for their CA, the one whose turn comes next in front."""

    def __init__(self, schedule: Schedule, desk: Desk, options: Options) -> None:
        self._schedule = schedule
        self._desk = desk
        self._options = options
        self._tasks: dict[asyncio.Task[Result | Later], Step] = {}
        self._done: deque[asyncio.Task[Result | Later]] = deque()
        self._waiting: list[tuple[float, int, Step, Later]] = []
        self._numbers = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._stir = asyncio.Event()

    async def work(self, stop: asyncio.Event) -> None:
        """Until every step has its result, or a signal came and the grace period is over."""
        watch = asyncio.create_task(self._watch(stop))
        try:
            while not stop.is_set():
                self._go_on()
                self._report(self._schedule.skip_new(self._desk.clock.now()))
                self._start_more()
                if self._schedule.is_over:
                    return
                if not self._tasks and not self._waiting:
                    raise AssertionError("the steps that are left wait for each other")
                self._set_alarm()
                await self._stir.wait()
                self._stir.clear()
                self._collect()
            await self._wind_up()
        finally:
            watch.cancel()

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stir.set()

    def _go_on(self) -> None:
        """Whose time has come goes on before anybody new is started."""
        now = self._desk.clock.monotonic()
        while self._waiting and self._waiting[0][0] <= now and len(self._tasks) < self._options.parallel:
            _, _, step, later = heappop(self._waiting)
            self._start(step, later)

    def _set_alarm(self) -> None:
        """Wake up when the next one's time comes; no task waits for that."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting and len(self._tasks) < self._options.parallel:
            seconds = max(self._waiting[0][0] - self._desk.clock.monotonic(), 0)
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._stir.set)

    def _start_more(self) -> None:
        while self._has_place() and (step := self._schedule.next_ready()):
            if step.verb is Verb.KEEP:
                self._report(self._schedule.finish(unchanged(step, self._desk)))
            elif step.verb is Verb.BLOCKED:
                self._report(self._schedule.finish(blocked(step)))
            else:
                self._start(step)
        if why := self._schedule.stops:
            self._report(self._schedule.skip_rest(why, self._running()))

    def _has_place(self) -> bool:
        return len(self._tasks) < self._options.parallel and not self._schedule.stops

    def _start(self, step: Step, later: Later | None = None) -> None:
        if self._options.run is None:
            task = asyncio.create_task(run_step(step, self._desk, rest_or_let_go, later))
        else:
            task = asyncio.ensure_future(self._options.run(step, later))
        self._tasks[task] = step
        task.add_done_callback(self._is_done)

    def _is_done(self, task: asyncio.Task[Result | Later]) -> None:
        self._done.append(task)
        self._stir.set()

    def _collect(self) -> None:
        while self._done:
            task = self._done.popleft()
            step = self._tasks.pop(task, None)
            if step is None:
                continue
            ended = task.result()
            if isinstance(ended, Later):
                heappush(self._waiting, (ended.at, next(self._numbers), step, ended))
            else:
                self._report(self._schedule.finish(ended))

    async def _wind_up(self) -> None:
        """No more is started; what is under way may finish within the grace period."""
        self._report(self._schedule.skip_rest("a signal ended this run", self._running()))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
            self._collect()
        for task in self._tasks:
            task.cancel()
        for step in (*self._tasks.values(), *(step for _, _, step, _ in self._waiting)):
            self._report(self._schedule.finish(cut_off(step)))

    async def dismiss(self) -> None:
        """Nothing is left running behind us."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _running(self) -> list[str]:
        steps = (*self._tasks.values(), *(step for _, _, step, _ in self._waiting))
        return [step.item.name for step in steps]

    def _report(self, results: list[Result]) -> None:
        for result in results:
            self._options.on_result(result)


def unchanged(step: Step, desk: Desk) -> Result:
    """The Result of a step that keeps everything as it is."""
    return unchanged_result(step, _kept(step, desk), status_text="; ".join(each.text for each in step.reasons))


def _kept(step: Step, desk: Desk) -> Certificate | None:
    """The certificate that the step is about; the file of a revocation may hold another by now."""
    certificate = desk.facts.certificate(certificate_path_of(step.item)).certificate
    held = desk.inventory.held.get(step.item.name)
    if isinstance(step.item, Revocation) and certificate and (held is None or held.replaces != certificate.fingerprint):
        return None
    return certificate


def blocked(step: Step) -> Result:
    """The Result of a step that cannot be done as things are."""
    why = "; ".join(reason.text for reason in step.reasons)
    failure = Failure("blocked", why, f"mend the cause; the entry is at {step.item.place}")
    return Result(step.item.name, step.verb.value, Outcome.FAILED, failure=failure)


def cut_off(step: Step) -> Result:
    """The Result of a step that a signal caught under way and the grace period did not save."""
    failure = Failure("cut off by a signal", "its state is in the journal", "run apply again: it continues there")
    return Result(step.item.name, step.verb.value, Outcome.SKIPPED, failure=failure)
