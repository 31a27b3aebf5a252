"""`apply plan.json`: the command line that a saved plan was made for, taken up again; and whether it is still true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import options
from runner.errors import BadInput, Refused
from runner.manifest.given import digests_of
from runner.report.binding import Asked
from runner.report.files import check_folder_of
from runner.report.saved_plan import LARGEST, read_saved_plan, refuse_stale

if TYPE_CHECKING:
    from argparse import Namespace

    from runner.cli.surveying import Situation
    from runner.report.saved_plan import SavedPlan

SUFFIX = ".json"


def asked_of(args: Namespace) -> Asked:
    """What a plan is asked for; paths are made absolute, so that it can be applied from anywhere."""
    return Asked(
        paths=tuple(str(path.absolute()) for path in args.paths),
        base=str(args.base.absolute()) if args.base else None,
        state=str(args.state.absolute()) if args.state else None,
        targets=tuple(args.target),
        retry_unknown=args.retry_unknown,
        prune=args.prune,
        variables=tuple(sorted(options.variables(args))),
    )


def check_plan_path(path: Path) -> None:
    """Whether a plan can be saved there, and found again by apply; asked before anything is looked at. BadInput."""
    if path.suffix != SUFFIX:
        raise BadInput(
            f"a plan is not saved as {path}",
            why=f"apply tells a saved plan from a manifest by the suffix {SUFFIX}",
            next_step="for example --out plan.json",
        )
    check_folder_of(path, "a plan")


def take(args: Namespace, asked: Asked) -> None:
    """Let the arguments be those of `asked`; the values of --var stay."""
    args.paths, args.target = [Path(path) for path in asked.paths], list(asked.targets)
    args.base = Path(asked.base) if asked.base else None
    args.state = Path(asked.state) if asked.state else None
    args.retry_unknown, args.prune = asked.retry_unknown, asked.prune


def saved_plan_in(args: Namespace) -> SavedPlan | None:
    """The saved plan that is to be applied, its arguments taken; None where PATH is a manifest. BadInput, Refused."""
    if not any(path.suffix == SUFFIX for path in args.paths):
        return None
    if len(args.paths) > 1 or args.target or args.retry_unknown or args.prune:
        why = "it says itself which manifests and which items it is about"
        step = "give it alone; -C, --state, --var, and what says how to run, may go with it"
        raise BadInput(
            "a saved plan takes no other PATH, --target, --retry-unknown or --prune",
            why=why,
            next_step=step,
        )
    (path,) = args.paths
    with path.open("rb") as file:
        octets = file.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise BadInput(f"{path} is too large for a plan")
    saved = read_saved_plan(str(path), octets)
    _refuse_other_variables(path, saved, args)
    _refuse_other_places(path, saved.asked, asked_of(args))
    take(args, saved.asked)
    return saved


def _refuse_other_variables(path: Path, saved: SavedPlan, args: Namespace) -> None:
    """Refused where the names of variables are others; a file of variables that has changed is named."""
    if tuple(sorted(options.variables(args))) == saved.asked.variables:
        return
    before = saved.data["bound"]["inputs"]
    changed = [file for file, digest in digests_of(args.vars_files).items() if before.get(file, digest) != digest]
    why = [*(f"the file {file} has changed" for file in changed)]
    why += [f"it was made with: {', '.join(saved.asked.variables) or 'none'}"]
    step = "give the same --var again: their values are not in the plan, since they may be secrets"
    raise Refused(f"{path} was made with other variables", why="; ".join(why), next_step=step)


def _refuse_other_places(path: Path, saved: Asked, given: Asked) -> None:
    """Where is written, the command line alone says: a plan may come from somebody else. Refused."""
    for option, planned, now in (("-C", saved.base, given.base), ("--state", saved.state, given.state)):
        if planned != now:
            raise Refused(
                f"{path} was made {f'with {option} {planned}' if planned else f'without {option}'}",
                why="a plan is not trusted to say where things are written; the command line is",
                next_step=f"if that is meant: give {option} {planned} again" if planned else f"leave {option} out",
            )


def refuse_unless_true(saved: SavedPlan, situation: Situation) -> None:
    """Refused where the situation, made for the hour of the plan, does not come to that very plan."""
    refuse_stale(saved, situation.plan, situation.document, situation.facts, situation.inventory)
