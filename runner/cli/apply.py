"""`cmp-batch apply`: make it so, and report.

Bad input is found before the lock is taken: exit status 1 means that nothing was sent and nothing was written.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from runner.cli.hiring import Hired
    from runner.cli.surveying import Situation
    from runner.cli.wiring import Workshop
    from runner.cmp.protection import SignatureProtection
    from runner.execute.results import Run
    from runner.plan.steps import Plan
    from runner.state.journal import Change, Entry, Journal
    from runner.system import SystemClock

SWITCH_INTERVAL = 0.001
"""Seconds between hand-overs of the interpreter: a writer's thread beside a busy loop waits 1 ms instead of 15."""
GARBAGE = 20_000
"""Objects that are made before those of them that hang in circles are looked for."""
PARALLEL = 32


def add_arguments(parser: ArgumentParser) -> None:
    """PATH… and everything that says how to run."""
    options.manifest(parser)
    options.state(parser)
    options.execution(parser)
    options.verbose(parser)
    options.voice(parser)
    options.example(parser, "cmp-batch apply plant.yaml", "cmp-batch apply --yes --report results.json manifests/")


def run(args: Namespace) -> int:
    """Plan, ask, carry out, report."""
    from runner.cli.saved import saved_plan_in
    from runner.cli.signing import signer_for
    from runner.cli.wiring import Workshop
    from runner.report.files import check_report_path
    from runner.system import SystemClock

    for path in args.report:
        check_report_path(path)
    clock = SystemClock()
    args.saved = saved_plan_in(args)
    situation = _situation(args, clock)
    console.warn(situation.document.warnings)
    _refuse_excess(situation)
    workshop = Workshop.open(situation, args, clock)
    signer = signer_for(args, situation.document, workshop.keyring)
    _refuse_closed_windows(situation, clock)
    if situation.plan.changes and not _agreed(situation, args):
        console.note("nothing was done")
        return exits.REFUSED
    workshop.approvals = approved(situation.plan)
    return _locked(workshop, args, clock, signer)


def _refuse_closed_windows(situation: Situation, clock: SystemClock) -> None:
    """Refused where all that there is to do would be begun anew, outside of the windows of `strategy:`."""
    from runner.errors import Refused
    from runner.execute.rollout import Rollout, begins_anew

    todo = [step for step in situation.plan.steps if step.changes]
    why = Rollout(windows=situation.document.strategy.windows).closed(clock.now())
    if why and todo and all(map(begins_anew, todo)):
        raise Refused("nothing may be begun now", why=why, next_step="run apply again then")


def _situation(args: Namespace, clock: SystemClock) -> Situation:
    """As it is now; of a saved plan as it was then, or Refused."""
    from runner.cli.saved import refuse_unless_true
    from runner.cli.surveying import survey

    if args.saved is None:
        return survey(args, clock)
    situation = survey(args, clock, args.saved.at)
    refuse_unless_true(args.saved, situation)
    return situation


def _refuse_excess(situation: Situation) -> None:
    """More certificates or revocations than the policy allows in one apply are refused; where it only warns, told."""
    from runner.errors import Refused, Severity
    from runner.plan.limits import limits_passed

    passed = limits_passed(situation.plan, situation.document.policy)
    console.warn(each for each in passed if each.severity is Severity.WARNING)
    for each in passed:
        if each.severity is Severity.ERROR:
            raise Refused(each.summary, why=f"the policy at {each.place} says so", next_step=each.next_step)


def _agreed(situation: Situation, args: Namespace) -> bool:
    """On a terminal the person sees the plan and is asked once; without one we go ahead."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    from runner.report.plan_text import plan_text

    console.show(plan_text(situation.plan, console.layout(verbose=args.verbose)))
    return console.ask("apply this plan?")


def approved(plan: Plan) -> dict[str, bool]:
    """What the person at the terminal says to each request that wants approval; off a terminal, nothing."""
    from runner.manifest.tunnel import TunnelRequest
    from runner.plan.steps import Verb

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return {}
    waiting = [
        step
        for step in plan.steps
        if step.verb is Verb.FORWARD and isinstance(step.item, TunnelRequest) and step.item.tunnel.approval.ask
    ]
    words = {step.item.name: "; ".join(reason.text for reason in step.reasons[:-1]) for step in waiting}
    return {name: console.ask(f"{name}: {asked}\nforward it to the CA?") for name, asked in words.items()}


def _locked(workshop: Workshop, args: Namespace, clock: SystemClock, signer: SignatureProtection | None) -> int:
    """Under the lock: look again, since another apply may have come between, and carry the plan out."""
    from runner.cli.hiring import hire, how_many, see_off
    from runner.cli.saved import refuse_unless_true
    from runner.cli.surveying import look
    from runner.cli.wiring import RUN_ID
    from runner.cli.wiring import Workshop as Fresh
    from runner.state.journal import Journal
    from runner.state.lock import StateLock, this_process
    from runner.state.reading import read_inventory

    state = workshop.situation.state
    owner = this_process(f"apply {' '.join(map(str, args.paths))}", clock.now())
    with StateLock(state.with_name("lock"), owner):
        if read_inventory(state) != workshop.situation.inventory:
            approvals = workshop.approvals
            now = args.saved.at if args.saved else clock.now()
            situation = look(workshop.situation.document, args, now)
            if args.saved is not None:
                refuse_unless_true(args.saved, situation)
            workshop = Fresh.open(situation, args, clock)
            workshop.approvals = approvals
        run_id = workshop.entropy.octets(RUN_ID).hex()
        console.speak_of(run_id)
        count = how_many(workshop, args)
        hired = hire(workshop, run_id, count) if count > 1 else []
        try:
            with closing(Journal.open(state, create=True)) as journal:
                return _carried_out(workshop, journal, args, signer, Crew(run_id, hired))
        finally:
            see_off(hired)


class Crew(NamedTuple):
    """Who does it: the run's id, and the workers; none: this process."""

    run: str
    hired: list[Hired]


def _carried_out(
    workshop: Workshop, journal: Journal, args: Namespace, signer: SignatureProtection | None, crew: Crew
) -> int:
    from runner.errors import StateError

    tune()
    workshop.open_lab()
    try:
        run_record = asyncio.run(_run(workshop, journal, args, crew))
    except StateError as problem:
        console.error(problem)
        return exits.FAILED
    finally:
        workshop.close_lab()
    return _reported(run_record, journal, args, signer)


def tune() -> None:
    """For a process that makes much that is soon let go of, beside a plan that stays and is not looked through."""
    import gc

    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)


async def _run(workshop: Workshop, journal: Journal, args: Namespace, crew: Crew) -> Run:
    from runner.cli.hiring import cores
    from runner.cli.progress import Progress
    from runner.cli.watching import execute_and_watch
    from runner.cli.wiring import Threads
    from runner.execute.desk import record_changes
    from runner.execute.executor import Options
    from runner.execute.grouped import Grouped
    from runner.execute.restoring import remembered
    from runner.execute.schedule import Tolerance
    from runner.execute.workers import Workers

    plan, limit, usual = workshop.situation.plan, args.max_failures, workshop.situation.document.strategy
    tolerance = Tolerance(limit.count, limit.share) if limit else Tolerance(usual.max_failures, usual.share)
    threads = Threads(cores())
    recorded: Grouped[Sequence[Change | Entry]] = Grouped(partial(record_changes, journal), threads.journal)
    desk = workshop.desk(crew.run, recorded, threads)
    workers = Workers([worker.end for worker in crew.hired], desk.document, recorded)
    journal.start_run(crew.run, workshop.clock.now(), plan.name)
    if told := remembered(plan, workshop.situation.inventory, crew.run, workshop.clock.now()):
        journal.record(told)
    try:
        await workers.begin()
        with Progress(len(plan.steps), shown=not args.review) as progress:
            run = workers.run if crew.hired else None
            chosen = Options(args.parallel or PARALLEL, tolerance, progress.advance, run)
            return await execute_and_watch(plan, desk, chosen, _stop_on_signals(), workshop.situation.state)
    finally:
        workers.dismiss()
        threads.close()
        for access in workshop.accesses.values():
            await access.line.close()


def _stop_on_signals() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets; the second ends the process: the journal has everything."""
    stop = asyncio.Event()

    def stopped() -> None:
        if stop.is_set():
            os._exit(exits.INTERRUPTED)
        console.note("stopping: what is on the wire may finish; once more ends it now")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped)
    return stop


def _reported(run_record: Run, journal: Journal, args: Namespace, signer: SignatureProtection | None) -> int:
    from runner.cli.signing import sign_report
    from runner.errors import CmpBatchError
    from runner.report.canonical import canonical_json
    from runner.report.files import write_report
    from runner.report.json_report import run_to_json
    from runner.report.record import read_record
    from runner.report.results_text import results_table

    report = run_to_json(run_record)
    journal.finish_run(run_record.id, run_record.finished, canonical_json(report))
    status = exits.exit_code(run_record)
    if status or not args.quiet:
        console.show(results_table(read_record(report), console.layout(verbose=args.verbose)))
    for path in args.report:
        try:
            write_report(path, report)
            if signer is not None and path.lower().endswith(".json"):
                sign_report(path, signer)
        except CmpBatchError as problem:
            console.error(problem)
            status = max(status, exits.FAILED)
    return status
