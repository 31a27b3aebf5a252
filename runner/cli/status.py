"""`cmp-batch status`: the inventory: what is held, how it stands, what comes next. Opens no connection, writes nothing.

Exit status 0 whatever is found: a plan says with its own whether there is something to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.plan.status import Status


def add_arguments(parser: ArgumentParser) -> None:
    """PATH… [--format text|json|openmetrics] [--state FILE] [--var NAME=VALUE] [-C DIR] [--verbose]."""
    options.manifest(parser)
    options.state(parser)
    options.output_format(parser, "text", "json", "openmetrics")
    options.verbose(parser)
    options.example(parser, "cmp-batch status plant.yaml", "cmp-batch status --format openmetrics . > pki.prom")


def run(args: Namespace) -> int:
    """Print the inventory."""
    from runner.cli.surveying import survey
    from runner.plan.status import status_of
    from runner.system import SystemClock

    situation = survey(args, SystemClock())
    console.warn(situation.document.warnings)
    status = status_of(situation.plan, situation.facts, situation.inventory)
    console.show(_rendered(status, args))
    return exits.OK


def _rendered(status: Status, args: Namespace) -> str:
    if args.format == "json":
        from runner.report.canonical import canonical_json
        from runner.report.status_json import status_to_json

        return canonical_json(status_to_json(status))
    if args.format == "openmetrics":
        from runner.report.status_metrics import status_openmetrics

        return status_openmetrics(status)
    from runner.report.status_text import status_text

    return status_text(status, console.layout(verbose=args.verbose))
