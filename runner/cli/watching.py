"""Tunnels that are watched while apply runs: requests are taken up as they come, until a signal or long silence.

A file is taken once it looks the same in two looks: whoever writes it may not be done yet.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from runner.execute.executor import Options, execute
from runner.execute.gather import find_requests, look_at_requests
from runner.manifest.tunnel import TunnelRequest
from runner.plan.planner import make_plan
from runner.state.reading import read_inventory

if TYPE_CHECKING:
    from pathlib import Path

    from runner.execute.desk import Desk
    from runner.execute.results import Result, Run
    from runner.plan.steps import Plan

PAUSE = 0.5
"""Seconds between two looks."""


async def execute_and_watch(plan: Plan, desk: Desk, options: Options, stop: asyncio.Event, state: Path) -> Run:
    """Carry out a plan, and beside it whatever comes to the tunnels that are watched; `state` is the journal's file."""
    watch = Watch(desk, state, options, plan)
    done, _ = await asyncio.gather(execute(plan, desk, options, stop), watch.keep(stop))
    return watch.with_results(done)


class Watch:
    """The watched tunnels of an apply, beside what its `plan` has already."""

    def __init__(self, desk: Desk, state: Path, options: Options, plan: Plan) -> None:
        self._desk = desk
        self._state = state
        self._options = options
        self._tunnels = [tunnel for tunnel in desk.document.tunnels if tunnel.watch]
        planned = (step.item for step in plan.steps if isinstance(step.item, TunnelRequest))
        self._known = {(request.name, request.content) for request in planned}
        self._before: set[tuple[str, str]] = set()
        self._quiet_since = desk.clock.monotonic()
        self.results: dict[str, Result] = {}

    def with_results(self, run: Run) -> Run:
        """The run, with what was taken up meanwhile."""
        return replace(run, results=(*run.results, *self.results.values()), finished=self._desk.clock.now())

    async def keep(self, stop: asyncio.Event) -> None:
        """Take up what comes until `stop` is set, or it has been quiet for as long as the tunnels say."""
        while not stop.is_set() and self._is_patient():
            if new := self._settled():
                await self._take_up(new, stop)
                self._quiet_since = self._desk.clock.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE)

    def _is_patient(self) -> bool:
        quiet = self._desk.clock.monotonic() - self._quiet_since
        return any(tunnel.patience is None or quiet < tunnel.patience for tunnel in self._tunnels)

    def _settled(self) -> tuple[TunnelRequest, ...]:
        """Requests that are new, and were there in the same words when we looked last."""
        watched = replace(self._desk.document, tunnels=tuple(self._tunnels))
        found = find_requests(watched, replace(self._desk.inventory, open={}))
        seen = {(request.name, request.content): request for request in found}
        settled = [request for mark, request in seen.items() if mark in self._before and mark not in self._known]
        self._before = set(seen)
        self._known |= {(request.name, request.content) for request in settled}
        return tuple(settled)

    async def _take_up(self, requests: tuple[TunnelRequest, ...], stop: asyncio.Event) -> None:
        inventory = await asyncio.to_thread(read_inventory, self._state)
        facts = replace(self._desk.facts, relays=look_at_requests(requests))
        now = self._desk.clock.now()
        plan = make_plan(replace(self._desk.document, items=()), facts, inventory, now, requests=requests)
        desk = replace(self._desk, inventory=inventory, facts=facts)
        run = await execute(plan, desk, self._options, stop)
        self.results.update({result.name: result for result in run.results})
