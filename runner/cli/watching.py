"""Tunnels that are watched while apply runs: requests are taken up as they come, until a signal or long silence.

A file is taken once it looks the same in two looks: whoever writes it may not be done yet. A person at the terminal
is asked about what wants approval, while the others go on.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from runner.execute.executor import Options, execute, scheduled
from runner.execute.gather import find_requests, look_at_requests
from runner.manifest.tunnel import TunnelRequest
from runner.plan.planner import make_plan
from runner.state.reading import read_inventory
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.execute.desk import Desk
    from runner.execute.results import Result, Run
    from runner.execute.schedule import Schedule
    from runner.plan.steps import Plan

PAUSE = 0.5
"""Seconds between two looks."""


async def execute_and_watch(schedule: Schedule, desk: Desk, options: Options, stop: asyncio.Event, state: Path) -> Run:
    """Carry out a plan, and beside it whatever comes to the tunnels that are watched; `state` is the journal's file."""
    watch = Watch(desk, state, options, schedule)
    done, _ = await asyncio.gather(execute(schedule, desk, options, stop), watch.keep(stop))
    return watch.with_results(done)


class Watch:
    """The watched tunnels of an apply, beside what its plan has already."""

    def __init__(self, desk: Desk, state: Path, options: Options, schedule: Schedule) -> None:
        self._desk = desk
        self._state = state
        self._options = options
        self._tunnels = [tunnel for tunnel in desk.document.tunnels if tunnel.watch]
        planned = (step.item for step in schedule.steps if isinstance(step.item, TunnelRequest))
        self._known = {(request.name, request.content) for request in planned}
        self._before: set[tuple[str, str]] = set()
        self._quiet_since = desk.clock.monotonic()
        self._to_approve: asyncio.Queue[tuple[TunnelRequest, ...]] = asyncio.Queue()
        self._unanswered = 0
        self.results: dict[str, Result] = {}

    def with_results(self, run: Run) -> Run:
        """The run, with what was taken up meanwhile."""
        results = (*run.results, *self.results.values()) if self.results else run.results
        return replace(run, results=results, finished=self._desk.clock.now())

    async def keep(self, stop: asyncio.Event) -> None:
        """Take up what comes until `stop` is set, or it has been quiet for as long as the tunnels say."""
        asking = asyncio.ensure_future(self._ask(stop))
        while not stop.is_set() and not asking.done() and self._is_patient():
            if new := self._settled():
                await self._received(new, stop)
                self._quiet_since = self._desk.clock.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE)
        self._to_approve.put_nowait(())
        await asking

    async def _received(self, requests: tuple[TunnelRequest, ...], stop: asyncio.Event) -> None:
        """What rules approve is taken up now; what a person does, when the person says so."""
        if ruled := tuple(request for request in requests if not request.tunnel.approval.ask):
            await self._take_up(ruled, stop)
        if asked := tuple(request for request in requests if request.tunnel.approval.ask):
            self._unanswered += 1
            self._to_approve.put_nowait(asked)

    async def _ask(self, stop: asyncio.Event) -> None:
        """Ask about requests as they come; no requests: it is over."""
        while requests := await self._to_approve.get():
            if stop.is_set():
                return
            await self._take_up(requests, stop, ask=True)
            self._unanswered -= 1
            self._quiet_since = self._desk.clock.monotonic()

    def _is_patient(self) -> bool:
        quiet = self._desk.clock.monotonic() - self._quiet_since
        return self._unanswered > 0 or any(
            tunnel.patience is None or quiet < tunnel.patience for tunnel in self._tunnels
        )

    def _settled(self) -> tuple[TunnelRequest, ...]:
        """Requests that are new, and were there in the same words when we looked last."""
        watched = replace(self._desk.document, tunnels=tuple(self._tunnels))
        found = find_requests(watched, replace(self._desk.inventory, open={}))
        seen = {(request.name, request.content): request for request in found}
        settled = [request for mark, request in seen.items() if mark in self._before and mark not in self._known]
        self._before = set(seen)
        self._known |= {(request.name, request.content) for request in settled}
        return tuple(settled)

    async def _take_up(self, requests: tuple[TunnelRequest, ...], stop: asyncio.Event, *, ask: bool = False) -> None:
        inventory = await asyncio.to_thread(read_inventory, self._state)
        facts = replace(self._desk.facts, relays=look_at_requests(requests))
        now = self._desk.clock.now()
        plan = make_plan(replace(self._desk.document, items=()), facts, inventory, now, requests=requests)
        approvals = await _said(plan, stop) if ask else {}
        if approvals is None:
            return
        desk = replace(self._desk, inventory=inventory, facts=facts, approvals=approvals)
        run = await execute(scheduled(plan, desk, self._options), desk, self._options, stop)
        self.results.update({result.name: result for result in run.results})


async def _said(plan: Plan, stop: asyncio.Event) -> Mapping[str, bool] | None:
    """What the person at the terminal says to a plan's requests; None: it is to stop before the person has spoken."""
    from runner.cli.apply import approved

    asked = asyncio.ensure_future(asyncio.to_thread(approved, plan))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait([asked, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    return asked.result() if asked.done() else None
