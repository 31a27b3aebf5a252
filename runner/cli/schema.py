"""`cmp-batch schema`: prints a JSON Schema (of manifests, plans, reports, status), for editors and other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.resources import resource_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

SCHEMAS = ("manifest", "plan", "report", "status")


def add_arguments(parser: ArgumentParser) -> None:
    """[manifest|plan|report|status]."""
    parser.add_argument("name", nargs="?", choices=SCHEMAS, default=SCHEMAS[0], help="which one (manifest)")
    options.example(parser, "cmp-batch schema report > report.schema.json")


def run(args: Namespace) -> int:
    """Print it."""
    console.show(resource_text("schemas", f"{args.name}.schema.json"))
    return exits.OK
