"""`cmp-batch plan`: what apply would do, and why; touches neither network nor disk beyond --out.

Exit status 0: nothing to do; 2: changes; 1: the manifests cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.cli.surveying import Situation
    from runner.plan.steps import Plan


def add_arguments(parser: ArgumentParser) -> None:
    """PATH… [--out FILE] [--format text|json|markdown] [--state FILE] [--var NAME=VALUE] [-C DIR] [--verbose]."""
    options.manifest(parser)
    options.state(parser)
    options.selection(parser)
    options.output_format(parser, "text", "json", "markdown")
    options.verbose(parser)
    parser.add_argument(
        "--out", metavar="FILE", type=options.path, help="save the plan, for apply FILE to execute exactly that"
    )
    options.example(parser, "cmp-batch plan plant.yaml", "cmp-batch plan --format markdown manifests/ > comment.md")


def run(args: Namespace) -> int:
    """Print the plan."""
    from runner.cli.permitting import objections
    from runner.cli.surveying import survey
    from runner.system import SystemClock

    if args.out is not None:
        from runner.cli.saved import asked_of, check_plan_path, take

        check_plan_path(args.out)
        take(args, asked_of(args))
    situation = survey(args, SystemClock())
    console.warn(situation.document.warnings)
    console.warn(objections(situation))
    if args.out is not None:
        _write(args, situation)
    console.show(_rendered(situation.plan, args))
    if args.verbose and args.format == "text":
        from runner.report.settings_text import settings_text

        console.show(f"\n{settings_text(situation.document)}")
    return exits.CHANGES if situation.plan.changes else exits.OK


def _write(args: Namespace, situation: Situation) -> None:
    from runner.cli.saved import asked_of
    from runner.report.files import replace_file
    from runner.report.saved_plan import saved_plan

    asked, plan = asked_of(args), situation.plan
    text = saved_plan(plan, asked, situation.document, situation.facts, situation.inventory)
    replace_file(args.out, [text.encode()])


def _rendered(plan: Plan, args: Namespace) -> str:
    if args.format == "json":
        from runner.report.canonical import canonical_json
        from runner.report.plan_json import plan_to_json

        return canonical_json(plan_to_json(plan))
    if args.format == "markdown":
        from runner.report.plan_markdown import plan_markdown

        return plan_markdown(plan)
    from runner.report.plan_text import plan_text

    return plan_text(plan, console.layout(verbose=args.verbose))
