"""`cmp-batch inspect`: says what files hold, of any kind that this program reads. Secrets never.

The kind follows from the content, not from the file's name. How each kind is described: runner.cli.describe.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.errors import BadInput, CmpBatchError, Diagnostic

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_LARGEST = 16 * 1024 * 1024
"""Octets: a CRL of a large CA fits."""


def add_arguments(parser: ArgumentParser) -> None:
    """FILE…, or the folder of a trace."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="what to look at, PEM or DER; or the DIR of --trace")
    options.example(parser, "cmp-batch inspect out/web-1-0.crt out/web-1.prv")


def run(args: Namespace) -> int:
    """Print what each file holds, then which could not be read."""
    files = [file for name in args.files for file in _files(name)]
    findings = [finding for file in files if (finding := _inspect(file, named=len(files) > 1))]
    if findings:
        raise BadInput(findings[0].summary, diagnostics=tuple(findings))
    return exits.OK


def _files(name: str) -> list[str]:
    """The file itself; of a folder its messages in DER, in the order in which a trace numbers them."""
    folder = Path(name)
    if not folder.is_dir():
        return [name]
    found = sorted(str(path) for path in folder.glob("*.der"))
    if not found:
        raise BadInput(f"{name}: no message is in this folder", next_step="name a file, or the DIR of --trace")
    return found


def _inspect(name: str, *, named: bool) -> Diagnostic | None:
    """Print one file; return what is wrong with it, if anything is."""
    from runner.cli.describe.blocks import block_text
    from runner.cli.describe.content import describe

    try:
        text = block_text(describe(_octets(name)))
    except CmpBatchError as problem:
        return Diagnostic(f"{name}: {problem.what}", why=problem.why)
    if named:
        console.say(f"{name}:")
    console.show(text)
    return None


def _octets(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except OSError as problem:
        raise BadInput("it cannot be opened", why=problem.strerror or "") from problem
    if len(octets) > _LARGEST:
        raise BadInput("it is too large", why=f"more than {_LARGEST // 1024 // 1024} MiB")
    return octets
