"""For programs that embed cmp-batch: load manifests, plan, apply. `from runner import load, plan, apply`.

The names in __all__ are stable: what they take and give changes with a major version only. Nothing is printed; what
goes wrong is raised, as runner.errors has it. The same floors do the work as for the command line, so every promise
holds here, too: the lock, the journal, the folder that results stay in.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.carrying import Hearers, carry_out
from runner.cli.options import FailureLimit
from runner.cli.permitting import refuse_against_policy
from runner.cli.surveying import look
from runner.cli.wiring import Workshop
from runner.errors import BadInput, CmpBatchError, Diagnostic, Place, Refused, StateError
from runner.execute.results import Failure, Outcome, Result, Run
from runner.manifest.load import load_manifest
from runner.manifest.model import Document
from runner.plan.steps import Plan, Reason, Step, Verb
from runner.report.formats import rendered
from runner.report.json_report import run_to_json
from runner.system import SystemClock
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runner.cli.surveying import Situation

__all__ = [
    "BadInput",
    "CmpBatchError",
    "Diagnostic",
    "Document",
    "Failure",
    "Outcome",
    "Place",
    "Plan",
    "Reason",
    "Refused",
    "Result",
    "Run",
    "StateError",
    "Step",
    "Verb",
    "apply",
    "load",
    "plan",
    "render",
]


def load(*paths: str | Path, base: str | Path | None = None, variables: Mapping[str, str] | None = None) -> Document:
    """The manifests at `paths` (files, or folders of them) as one Document.

    `base` is where relative paths start from (-C), `variables` are those of --var. Raises BadInput with every finding.
    """
    where = None if base is None else Path(base)
    return load_manifest([Path(path) for path in paths], base=where, variables=dict(variables or {}))


def plan(
    document: Document, *, state: str | Path | None = None, targets: Sequence[str] = (), retry_unknown: bool = False
) -> Plan:
    """What would be done, and why; nothing is written and no connection is opened. Raises BadInput and StateError.

    `state` is the journal's file (.cmp-batch/state.db beside the manifest), `targets` name the items (--target).
    """
    return _situation(document, _asked(state, targets, retry_unknown=retry_unknown)).plan


def apply(  # noqa: PLR0913 - the options of the command, each with its usual value
    document: Document,
    *,
    state: str | Path | None = None,
    targets: Sequence[str] = (),
    retry_unknown: bool = False,
    parallel: int | None = None,
    workers: int = 1,
    max_failures: int | None = None,
    allow_paths: Sequence[str | Path] = (),
    allow_commands: bool = False,
    on_result: Callable[[Result], None] | None = None,
) -> Run:
    """Make it so, and return the Run; `on_result` hears of each Result as it comes.

    Not to be called from within a running event loop. Bad input (BadInput) is found before anything is sent or
    written; Refused where another apply has the lock, or the policy forbids it; StateError where nothing can be kept.
    """
    args = _asked(state, targets, retry_unknown=retry_unknown)
    args.parallel, args.workers = parallel, workers
    args.max_failures = None if max_failures is None else FailureLimit(count=max_failures)
    args.allow_path, args.allow_commands = tuple(map(str, allow_paths)), allow_commands
    clock = SystemClock()
    workshop = _opened(document, args, clock)
    hears = _Hears(on_result)
    hearers = Hearers(lambda _total: nullcontext(hears), lambda _run: None, asyncio.Event)
    return carry_out(workshop, args, clock, hearers).run


def render(run: Run, form: str = "json") -> str:
    """A Run as text: `json`, `junit`, `markdown`, `html`, `csv` or `openmetrics`. KeyError for any other name."""
    return "".join(rendered(run_to_json(run), form))


@frozen
class _Hears:
    on_result: Callable[[Result], None] | None

    def advance(self, result: Result) -> None:
        """One more result is there."""
        if self.on_result is not None:
            self.on_result(result)


def _asked(state: str | Path | None, targets: Sequence[str], *, retry_unknown: bool) -> Namespace:
    """What the command line would have asked for."""
    return Namespace(
        paths=("the library",),
        state=None if state is None else Path(state),
        target=tuple(targets),
        retry_unknown=retry_unknown,
        prune=False,
        saved=None,
        trace=None,
        review=False,
        yes=True,
        allow_path=(),
        allow_commands=False,
    )


def _situation(document: Document, args: Namespace) -> Situation:
    return look(document, args, SystemClock().now())


def _opened(document: Document, args: Namespace, clock: SystemClock) -> Workshop:
    situation = _situation(document, args)
    refuse_against_policy(situation)
    return Workshop.open(situation, args, clock)
