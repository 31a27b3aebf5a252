"""`cmp-batch validate`: schema and meaning of manifests; every finding at its place, all in one run.

It opens no connection, reads no secret and runs nothing. The findings are the result, so they go to stdout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.errors import BadInput, Diagnostic, Severity

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence


def add_arguments(parser: ArgumentParser) -> None:
    """PATH… [--format text|json|sarif] [--var NAME=VALUE] [-C DIR]."""
    options.manifest(parser)
    options.output_format(parser, "text", "json", "sarif")
    options.example(parser, "cmp-batch validate manifests/", "cmp-batch validate --format json plant.yaml")


def run(args: Namespace) -> int:
    """Print all findings, and whether the manifests can be used."""
    findings, items = _check(args)
    if args.format == "json":
        _show_json(findings)
    elif args.format == "sarif":
        _show_sarif(findings)
    else:
        _show_text(findings, items)
    return exits.ERROR if _errors(findings) else exits.OK


def _check(args: Namespace) -> tuple[Sequence[Diagnostic], int]:
    from runner.manifest.load import load_manifest

    try:
        document = load_manifest(args.paths, base=args.base, variables=options.variables(args))
    except BadInput as problem:
        return problem.diagnostics, 0
    return document.warnings, len(document.items)


def _errors(findings: Sequence[Diagnostic]) -> int:
    return sum(finding.severity is Severity.ERROR for finding in findings)


def _show_text(findings: Sequence[Diagnostic], items: int) -> None:
    for line in console.findings_lines(findings):
        console.say(line)
    if not _errors(findings):
        console.say(f"valid: {console.plural(items, 'item')}")


def _show_json(findings: Sequence[Diagnostic]) -> None:
    from runner.report.canonical import canonical_json

    warnings = len(findings) - _errors(findings)
    counts = {"valid": not _errors(findings), "errors": _errors(findings), "warnings": warnings}
    console.show(canonical_json({**counts, "findings": [_finding(finding) for finding in findings]}))


def _show_sarif(findings: Sequence[Diagnostic]) -> None:
    from runner import __version__
    from runner.report.canonical import canonical_json
    from runner.report.sarif import sarif

    console.show(canonical_json(sarif(findings, __version__)))


def _finding(finding: Diagnostic) -> dict[str, object]:
    place = finding.place
    return {
        "severity": finding.severity.value,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "summary": finding.summary,
        "why": finding.why,
        "next_step": finding.next_step,
    }
