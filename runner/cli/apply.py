"""`cmp-batch apply`: make it so, and report.

Bad input is found before the lock is taken: exit status 1 means that nothing was sent and nothing was written.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.cli.carrying import Done
    from runner.cli.progress import Progress
    from runner.cli.surveying import Situation
    from runner.cli.wiring import Workshop
    from runner.cmp.protection import SignatureProtection
    from runner.plan.steps import Plan
    from runner.system import SystemClock


def add_arguments(parser: ArgumentParser) -> None:
    """PATH… and everything that says how to run."""
    options.manifest(parser)
    options.state(parser)
    options.execution(parser)
    options.verbose(parser)
    options.voice(parser)
    options.example(parser, "cmp-batch apply plant.yaml", "cmp-batch apply --yes --report results.json manifests/")


def run(args: Namespace) -> int:
    """Plan, ask, carry out, report. What the plan was made from has been let go of when the report is made."""
    ended = _carried_out(args)
    return ended if isinstance(ended, int) else _reported(*ended, args)


def _carried_out(args: Namespace) -> tuple[Done, SignatureProtection | None] | int:
    """The run, and who signs its report; an exit status where it came to none."""
    from runner.cli.carrying import Hearers, carry_out
    from runner.errors import StateError
    from runner.system import SystemClock

    clock = SystemClock()
    opened = _opened(args, clock)
    if opened is None:
        console.note("nothing was done")
        return exits.REFUSED
    workshop, signer = opened
    hearing = _Hearing(args)
    try:
        return carry_out(workshop, args, clock, Hearers(hearing, console.speak_of, _stop_on_signals)), signer
    except StateError as problem:
        console.error(problem)
        return exits.FAILED if hearing.begun else exits.ERROR


def _opened(args: Namespace, clock: SystemClock) -> tuple[Workshop, SignatureProtection | None] | None:
    """The means, and who signs; None where the person does not agree. They alone have the plan from then on."""
    from runner.cli.permitting import refuse_against_policy
    from runner.cli.saved import saved_plan_in
    from runner.cli.signing import signer_for
    from runner.cli.wiring import Workshop
    from runner.report.files import check_report_path

    for path in args.report:
        check_report_path(path)
    args.saved = saved_plan_in(args)
    situation = _situation(args, clock)
    console.warn(situation.document.warnings)
    console.warn(refuse_against_policy(situation))
    workshop = Workshop.open(situation, args, clock)
    console.warn(workshop.keyring.guessable.values())
    situation = workshop.situation
    signer = signer_for(args, situation.document, workshop.keyring)
    _refuse_closed_windows(situation, clock)
    if situation.plan.changes and not _agreed(situation, args):
        return None
    workshop.approvals = approved(situation.plan)
    return workshop, signer


def _refuse_closed_windows(situation: Situation, clock: SystemClock) -> None:
    """Refused where all that there is to do would be begun anew, outside of the windows of `strategy:`."""
    from runner.errors import Refused
    from runner.execute.rollout import Rollout, begins_anew

    why = Rollout(windows=situation.document.strategy.windows).closed(clock.now())
    if not why:
        return
    todo = [begins_anew(step) for step in situation.plan.steps if step.changes]
    if todo and all(todo):
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
    return {
        step.item.digest: console.ask(
            f"{step.item.name}: {'; '.join(reason.text for reason in step.reasons[:-1])}\nforward it to the CA?"
        )
        for step in waiting
    }


class _Hearing:
    """Shows the progress of a run; `begun`: it has come to its items, and something may have been sent."""

    def __init__(self, args: Namespace) -> None:
        self._shown = not args.review
        self.begun = False

    def __call__(self, total: int) -> Progress:
        from runner.cli.progress import Progress as Shown

        self.begun = True
        return Shown(total, shown=self._shown)


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


def _reported(done: Done, signer: SignatureProtection | None, args: Namespace) -> int:
    from runner.cli.signing import sign_report
    from runner.errors import CmpBatchError
    from runner.report.files import write_report
    from runner.report.record import read_record
    from runner.report.results_text import results_table

    report, status = done.report, exits.exit_code(done.run)
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
