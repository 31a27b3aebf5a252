"""`cmp-batch convert -- INITIALIZE …`: a command line of ssh-cmpclient-g3 → the same thing as a manifest, on stdout.

Nothing is read but the words themselves. Secrets among them become references, unless --literal-secrets is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """[--literal-secrets] -- COMMAND [options] URL [NAME]."""
    parser.add_argument(
        "--literal-secrets", action="store_true", help="write the secrets themselves instead of references to them"
    )
    parser.add_argument("line", metavar="WORD", nargs="+", help="the old command line, behind --")
    line = "INITIALIZE -P generate://pkcs8@rsa:2048/initial -o initial -p 62154:ssh -s 'C=FI,CN=web' URL 'C=FI,CN=CA'"
    options.example(parser, f"cmp-batch convert -- {line} > web.yaml")


def run(args: Namespace) -> int:
    """Print the manifest."""
    from runner.manifest.converting import converted
    from runner.manifest.oldline import read_line

    console.show(converted(read_line(args.line), literal=args.literal_secrets))
    if args.literal_secrets:
        console.note("warning: secrets stand in this manifest; everybody who reads it or its history can use them")
    return exits.OK
