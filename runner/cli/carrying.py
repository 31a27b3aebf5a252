"""Carrying out a plan, and saying nothing: the lock, the workers, the journal, the run. What is printed is apply's.

Used by `cmp-batch apply` and by runner.api alike.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runner.values import frozen

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runner.cli.hiring import Hired
    from runner.cli.wiring import Workshop
    from runner.execute.desk import Desk
    from runner.execute.executor import Options
    from runner.execute.grouped import Grouped
    from runner.execute.results import Result, Run
    from runner.execute.schedule import Schedule
    from runner.execute.workers import Workers
    from runner.state.journal import Change, Entry, Journal
    from runner.system import SystemClock

PARALLEL = 32


class Advancing(Protocol):
    """Whoever hears of results as they come."""

    def advance(self, result: Result) -> None:
        """One more is there."""
        ...


@frozen
class Hearers:
    """Who hears of a run: of its results (told how many there will be), of its id; and the event that ends it early."""

    results: Callable[[int], AbstractContextManager[Advancing]]
    of_run: Callable[[str], None]
    stop: Callable[[], asyncio.Event]


class Done(NamedTuple):
    """A run that came to its end, and its report (runner.report.json_report)."""

    run: Run
    report: Mapping[str, Any]


def carry_out(workshop: Workshop, args: Namespace, clock: SystemClock, hearers: Hearers) -> Done:
    """Under the lock: look again, since another apply may have come between, carry the plan out, and keep the report.

    Raises Refused where somebody else has the lock or a saved plan is stale, StateError where nothing can be kept.
    """
    from runner.cli.hiring import hire, how_many, see_off
    from runner.cli.wiring import RUN_ID
    from runner.state.journal import Journal
    from runner.state.lock import StateLock, this_process
    from runner.state.reading import read_inventory

    state = workshop.situation.state
    owner = this_process(f"apply {' '.join(map(str, args.paths))}", clock.now())
    with StateLock(state.with_name("lock"), owner):
        if read_inventory(state) != workshop.situation.inventory:
            workshop = _opened_again(workshop, args, clock)
        run_id = workshop.entropy.octets(RUN_ID).hex()
        hearers.of_run(run_id)
        count = how_many(workshop, args)
        hired = hire(workshop, run_id, count) if count > 1 else []
        try:
            with closing(Journal.open(state, create=True)) as journal:
                return _carried_out(workshop, journal, args, hearers, Crew(run_id, hired))
        finally:
            see_off(hired)


def _opened_again(workshop: Workshop, args: Namespace, clock: SystemClock) -> Workshop:
    """The means for what is to be done as things are now."""
    from runner.cli.saved import refuse_unless_true
    from runner.cli.surveying import look
    from runner.cli.wiring import Workshop as Fresh

    now = args.saved.at if args.saved else clock.now()
    situation = look(workshop.situation.document, args, now)
    if args.saved is not None:
        refuse_unless_true(args.saved, situation)
    fresh = Fresh.open(situation, args, clock)
    fresh.approvals = workshop.approvals
    return fresh


class Crew(NamedTuple):
    """Who does it: the run's id, and the workers; none: this process."""

    run: str
    hired: list[Hired]


def _carried_out(workshop: Workshop, journal: Journal, args: Namespace, hearers: Hearers, crew: Crew) -> Done:
    from runner.cli.tuning import tuned
    from runner.report.json_report import run_to_json
    from runner.report.keeping import kept_of

    workshop.open_lab()
    try:
        with tuned():
            run = asyncio.run(_run(workshop, journal, args, hearers, crew))
    finally:
        workshop.close_lab()
    report = run_to_json(run)
    journal.finish_run(run.id, run.finished, *kept_of(report))
    return Done(run, report)


def _workers(crew: Crew, desk: Desk, recorded: Grouped[Sequence[Change | Entry]]) -> Workers | None:
    """Those that were hired, as those to be told what to do."""
    if not crew.hired:
        return None
    from runner.execute.workers import Workers

    return Workers([worker.end for worker in crew.hired], desk, recorded)


async def _run(workshop: Workshop, journal: Journal, args: Namespace, hearers: Hearers, crew: Crew) -> Run:
    from runner.cli.hiring import cores
    from runner.cli.wiring import Threads
    from runner.execute.desk import record_changes
    from runner.execute.executor import Options, scheduled
    from runner.execute.grouped import Grouped
    from runner.execute.restoring import remembered
    from runner.execute.schedule import Tolerance

    limit, usual = args.max_failures, workshop.situation.document.strategy
    tolerance = Tolerance(limit.count, limit.share) if limit else Tolerance(usual.max_failures, usual.share)
    threads = Threads(max(1, cores() // (len(crew.hired) + 1)))
    recorded: Grouped[Sequence[Change | Entry]] = Grouped(partial(record_changes, journal), threads.journal)
    desk = workshop.desk(crew.run, recorded, threads)
    workers = _workers(crew, desk, recorded)
    journal.start_run(crew.run, workshop.clock.now(), desk.document.name)
    if told := remembered(workshop.situation.plan, desk.inventory, crew.run, workshop.clock.now()):
        journal.record(told)
    try:
        if workers is not None:
            await workers.begin()
        with hearers.results(len(workshop.situation.plan.steps)) as progress:
            run = workers.run if workers else None
            chosen = Options(args.parallel or PARALLEL, tolerance, progress.advance, run)
            schedule = scheduled(workshop.situation.plan, desk, chosen)
            workshop.let_go_of_items()
            return await _executed(schedule, desk, chosen, hearers.stop(), workshop.situation.state)
    finally:
        if workers is not None:
            workers.dismiss()
        threads.close()
        for access in workshop.accesses.values():
            await access.line.close()


async def _executed(schedule: Schedule, desk: Desk, options: Options, stop: asyncio.Event, state: Path) -> Run:
    """What came of the plan, and of what tunnels found beside it."""
    from runner.execute.executor import execute

    if not any(tunnel.watch for tunnel in desk.document.tunnels):
        return await execute(schedule, desk, options, stop)
    from runner.cli.watching import execute_and_watch

    return await execute_and_watch(schedule, desk, options, stop, state)
