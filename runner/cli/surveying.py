"""From a command line to a plan: what `plan`, `status` and `apply` begin with. Nothing that talks is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import options
from runner.execute.observe import observe
from runner.keystores.folders import Folder
from runner.manifest.given import digests_of
from runner.manifest.load import load_manifest
from runner.plan.planner import make_plan
from runner.plan.targets import only, watched
from runner.state.folder import STATE_FOLDER
from runner.state.reading import read_inventory
from runner.values import frozen, replace

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from runner.manifest.model import Document
    from runner.manifest.tunnel import TunnelRequest
    from runner.plan.facts import Facts
    from runner.plan.steps import Plan
    from runner.state.inventory import Inventory
    from runner.system import SystemClock


@frozen
class Situation:
    """Everything that a plan was made from, and the plan."""

    document: Document
    state: Path
    folder: Folder
    inventory: Inventory
    facts: Facts
    plan: Plan


def survey(args: Namespace, clock: SystemClock, at: datetime | None = None) -> Situation:
    """Read the manifests, the state and the disk, and decide for the hour of `at`, or now. Writes nothing.

    Raises BadInput and StateError.
    """
    document = load_manifest(args.paths, base=args.base, variables=options.variables(args))
    if args.vars_files:
        document = replace(document, inputs={**document.inputs, **digests_of(args.vars_files)})
    return look(document, args, at or clock.now())


def look(document: Document, args: Namespace, now: datetime) -> Situation:
    """The situation of a document as it is, decided for the hour of `now`."""
    base, targets = Path(document.base), getattr(args, "target", ())
    if document.tunnels and targets:
        document = replace(document, tunnels=watched(document.tunnels, targets))
    state = args.state or base / STATE_FOLDER / "state.db"
    allowed = tuple(Path(path) for path in getattr(args, "allow_path", ()))
    folder = Folder(base, allowed, closed=(base / STATE_FOLDER, state))
    inventory = read_inventory(state)
    facts = observe(document, folder)
    requests: tuple[TunnelRequest, ...] = ()
    if document.tunnels:
        from runner.execute.gather import find_requests, look_at_requests, overlooked

        requests = find_requests(document, inventory)
        facts = replace(facts, relays=look_at_requests(requests))
        document = replace(document, warnings=(*document.warnings, *overlooked(document)))
    retry = getattr(args, "retry_unknown", False)
    prune = getattr(args, "prune", False)
    plan = make_plan(document, facts, inventory, now, retry_unknown=retry, prune=prune, requests=requests)
    return Situation(document, state, folder, inventory, facts, only(plan, targets, document.tunnels))
