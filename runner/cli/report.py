"""`cmp-batch report`: a past run again, in any format; what changed between two; whether a report file is whole.

Reads the state and files, and writes nothing but `--out`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli import console, exits, options
from runner.errors import BadInput

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.state.reading import PastRun

_FORMATS = ("text", "json", "junit", "markdown", "html", "csv", "openmetrics")
_VERIFY = "verify"
_LARGEST = 256 * 1024 * 1024
"""Octets of a report that is read."""


def add_arguments(parser: ArgumentParser) -> None:
    """[RUN], or `verify FILE`."""
    words = "a run's id, or the beginning of one (the last run by default); or: verify FILE"
    parser.add_argument("run_or_verify", metavar="RUN", nargs="*", help=words)
    parser.add_argument("-C", dest="base", metavar="DIR", type=options.path, help="the manifest's folder (this one)")
    options.state(parser)
    options.output_format(parser, *_FORMATS)
    parser.add_argument("--out", metavar="FILE", help="write it to FILE, whose suffix chooses the format")
    parser.add_argument("--list", action="store_true", help="list the runs that the state knows")
    words = "what differs between two runs, or the runs of two report files"
    parser.add_argument("--diff", nargs=2, metavar=("OLD", "NEW"), help=words)
    parser.add_argument("--signature", metavar="FILE", help="verify: the signature, REPORT.p7s by default")
    words = "verify: whom the signer's certificate must lead to; may be repeated"
    parser.add_argument("--trust", metavar="FILE", action="append", default=[], help=words)
    options.verbose(parser)
    options.example(
        parser,
        "cmp-batch report --format markdown",
        "cmp-batch report --diff 77abc3 a1b2c3",
        "cmp-batch report verify results.json --trust ca.pem",
    )


_DAMAGED = "it was changed since it was written, or is of a newer version; report verify FILE says what was touched"


def run(args: Namespace) -> int:
    """Whichever of these was asked for."""
    words = args.run_or_verify
    if words[:1] == [_VERIFY]:
        return _verified(args, words[1:])
    if len(words) > 1:
        raise BadInput("one run at a time", next_step="report --diff OLD NEW compares two")
    if args.list:
        return _listed(args)
    try:
        return _compared(args) if args.diff else _rendered(args, words[0] if words else "")
    except ValueError as problem:
        raise BadInput("a report cannot be read", why=str(problem), next_step=_DAMAGED) from problem


def _state(args: Namespace) -> Path:
    from runner.state.folder import STATE_FOLDER

    return args.state or (args.base or Path()) / STATE_FOLDER / "state.db"


def _runs(args: Namespace) -> tuple[PastRun, ...]:
    from runner.state.reading import read_runs

    runs = read_runs(_state(args))
    if not runs:
        step = "run it in the manifest's folder, or give -C DIR or --state FILE"
        raise BadInput(f"no run is known to {_state(args)}", next_step=step)
    return runs


def _report_of(args: Namespace, name: str) -> dict[str, Any]:
    """The report of a run by the beginning of its id; of the last one where `name` is empty."""
    from runner.report.keeping import report_from
    from runner.state.reading import read_report

    found = [each for each in _runs(args) if each.id.startswith(name)]
    if not found or (name and len(found) > 1):
        what = f"{len(found)} runs begin with {name}" if found else f"there is no run {name}"
        raise BadInput(what, next_step="cmp-batch report --list lists them")
    kept = read_report(_state(args), found[-1].id)
    if kept is None:
        why = "it was killed, or is still at work"
        raise BadInput(f"run {found[-1].id} has no report", why=why, next_step="apply again: it goes on from there")
    return report_from(kept.head, kept.items)


def _listed(args: Namespace) -> int:
    for each in _runs(args):
        end = "not finished" if each.finished is None else f"{(each.finished - each.started).total_seconds():.1f} s"
        console.say(f"{each.id}  {each.started:%Y-%m-%d %H:%M:%S} UTC  {end:>12}  {each.manifest}")
    return exits.OK


def _rendered(args: Namespace, name: str) -> int:
    from runner.report.files import check_report_path, write_report
    from runner.report.formats import rendered
    from runner.report.record import read_record
    from runner.report.results_text import results_table

    if args.out:
        check_report_path(args.out)
    report = _report_of(args, name)
    if args.out:
        write_report(args.out, report)
    elif args.format == "text":
        console.show(results_table(read_record(report), console.layout(verbose=args.verbose)))
    else:
        console.show(rendered(report, args.format))
    return exits.OK


def _compared(args: Namespace) -> int:
    from runner.report.difference import difference_text
    from runner.report.record import read_record

    old, new = (read_record(_either(args, name)) for name in args.diff)
    console.show(difference_text(old, new, console.layout(verbose=args.verbose)))
    return exits.OK


def _either(args: Namespace, name: str) -> dict[str, Any]:
    """The report in a file of that name, or else of the run of that name."""
    return _read(Path(name))[1] if Path(name).is_file() else _report_of(args, name)


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A report's file: its octets, and what they say."""
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except OSError as problem:
        raise BadInput(f"{path} cannot be read", why=problem.strerror or "") from problem
    if len(octets) > _LARGEST:
        raise BadInput(f"{path} is too large", why=f"more than {_LARGEST // 1024 // 1024} MiB")
    try:
        report = json.loads(octets)
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"{path} is no report of cmp-batch", why=str(problem)) from problem
    if not isinstance(report, dict) or not isinstance(report.get("items"), list):
        raise BadInput(f"{path} is no report of cmp-batch", why="it is JSON without a list of items")
    return octets, report


def _verified(args: Namespace, files: list[str]) -> int:
    from runner.cli.verifying import verify

    if len(files) != 1:
        raise BadInput("report verify takes one FILE", next_step="cmp-batch report verify results.json")
    octets, report = _read(Path(files[0]))
    return verify(files[0], octets, report, args)
