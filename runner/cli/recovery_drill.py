"""`cmp-batch recovery-drill`: fetches the keys of `recoveries` into memory only, and says whether they can be used.

Nothing is written, not even into the state. Exit status 0: every key came back and belongs to its certificate; 3: some
did not; 4: the CA has not decided.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.values import replace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from runner.cli.surveying import Situation
    from runner.cli.wiring import Workshop
    from runner.execute.drilling import Drilled
    from runner.manifest.model import Recovery


def add_arguments(parser: ArgumentParser) -> None:
    """PATH…, --target, and what reading a manifest takes."""
    options.manifest(parser)
    options.state(parser)
    parser.add_argument("--target", metavar="NAME", nargs="+", action="extend", default=[], help="these items only")
    parser.add_argument("--allow-commands", action="store_true", help="run the commands that the manifest names")
    options.trace(parser)
    options.example(parser, "cmp-batch recovery-drill plant.yaml --target mail-key")


def run(args: Namespace) -> int:
    """Drill every recovery, one after the other, and tell of each."""
    from runner.cli.surveying import survey
    from runner.cli.wiring import Workshop
    from runner.system import SystemClock

    clock = SystemClock()
    situation = _recoveries_only(survey(args, clock))
    workshop = Workshop.open(situation, args, clock)
    workshop.open_lab()
    try:
        drilled = asyncio.run(_drill(workshop))
    finally:
        workshop.close_lab()
    console.show("".join(f"{line}\n" for each in drilled for line in _lines(each)))
    return _status(drilled)


def _recoveries_only(situation: Situation) -> Situation:
    """Recoveries alone, also those that were made before. BadInput where there are none."""
    from runner.errors import BadInput
    from runner.manifest.model import Recovery
    from runner.plan.steps import Verb

    steps = tuple(
        replace(step, verb=Verb.RECOVER, request="krr")
        for step in situation.plan.steps
        if isinstance(step.item, Recovery)
    )
    if not steps:
        raise BadInput("there is nothing to drill", next_step="add an entry to recoveries:, or another --target")
    return replace(situation, plan=replace(situation.plan, steps=steps))


async def _drill(workshop: Workshop) -> list[Drilled]:
    from runner.execute.drilling import DrillGround, drill

    document = workshop.situation.document
    ground = DrillGround(
        document, workshop.accesses, workshop.keyring, workshop.maker, workshop.clock, workshop.entropy
    )
    try:
        return [await drill(item, ground) for item in _items(workshop)]
    finally:
        for access in workshop.accesses.values():
            await access.line.close()


def _items(workshop: Workshop) -> Iterator[Recovery]:
    from runner.manifest.model import Recovery

    for step in workshop.situation.plan.steps:
        if isinstance(step.item, Recovery):
            yield step.item


def _lines(drilled: Drilled) -> Iterator[str]:
    from runner.execute.results import spec_of
    from runner.report.sanitise import clean

    count = len(drilled.keys)
    came = f"{count} key{'' if count == 1 else 's'} came back" if count else drilled.problem or drilled.pending
    yield clean(f"{drilled.name}: {came}")
    for key in drilled.keys:
        said = key.problem or "opens, and belongs to its certificate"
        kind = spec_of(key.certificate) or "a key of a kind that is not known"
        yield clean(f'  "{key.certificate.subject}" serial {key.certificate.serial:x}, {kind}: {said}')


def _status(drilled: Sequence[Drilled]) -> int:
    if all(each.is_good for each in drilled):
        return exits.OK
    return exits.PENDING if all(each.is_good or each.pending for each in drilled) else exits.FAILED
