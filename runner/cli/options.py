"""Options that several commands share, and the checks of their values.

Each group is added to a command's parser by one call. A value that does not fit is named in the error, with what does.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from argparse import Namespace

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@frozen
class FailureLimit:
    """`--max-failures`: a number of items, or a share of them (0 to 1)."""

    count: int | None = None
    share: float | None = None


def path(text: str) -> Path:
    """A path; nothing, such as an unset variable of the shell, is not the folder that one is in."""
    if not text:
        raise ArgumentTypeError("a path is needed, and this is empty")
    return Path(text)


def example(parser: ArgumentParser, *lines: str) -> None:
    """End the command's help with examples."""
    parser.epilog = "\n  ".join(["example:" if len(lines) == 1 else "examples:", *lines])


def manifest(parser: ArgumentParser) -> None:
    """PATH…, -C and --var: what is read."""
    parser.add_argument("paths", metavar="PATH", nargs="+", type=path, help="a manifest, or a folder of them")
    base_and_variables(parser)


def base_and_variables(parser: ArgumentParser) -> None:
    """-C and --var: how a manifest is read."""
    parser.add_argument("-C", dest="base", metavar="DIR", type=path, help="the folder that relative paths start from")
    parser.add_argument(
        "--var",
        dest="variables",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_variable,
        help="set ${NAME}; may be repeated",
    )
    parser.add_argument(
        "--vars-file",
        dest="vars_files",
        metavar="FILE",
        action="append",
        default=[],
        type=path,
        help="a YAML or JSON file with variables; may be repeated",
    )
    parser.add_argument(
        "--allow-env",
        dest="allowed_variables",
        metavar="NAME",
        action="append",
        default=[],
        help="let ${env:NAME} stand in any text, where everybody can read its value",
    )


def variables(args: Namespace) -> dict[str, str]:
    """The variables that `--var`, `--vars-file` and the environment set; the last of a name wins."""
    from runner.manifest.given import read_given

    return read_given(dict(args.variables), args.vars_files, os.environ, args.allowed_variables)


def state(parser: ArgumentParser) -> None:
    """--state: where the state is."""
    parser.add_argument(
        "--state", metavar="FILE", type=path, help="the state; .cmp-batch/state.db beside the manifest by default"
    )


def output_format(parser: ArgumentParser, *formats: str) -> None:
    """--format, the first of `formats` by default."""
    parser.add_argument(
        "--format", dest="format", choices=formats, default=formats[0], help=f"how to print it ({formats[0]})"
    )


def verbose(parser: ArgumentParser) -> None:
    """--verbose: unchanged items, too, and what is in effect for each authority."""
    parser.add_argument("--verbose", "-v", action="store_true", help="list unchanged items and effective settings, too")


def voice(parser: ArgumentParser) -> None:
    """--quiet and --log-format: how it speaks of its work on stderr."""
    parser.add_argument("--quiet", "-q", action="store_true", help="say nothing but what went wrong")
    words = "text for people, or json: an object a line with the run's id, one for each item"
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help=words)


def execution(parser: ArgumentParser) -> None:
    """What `apply` alone takes: how it runs, what it may touch, and where it reports."""
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask before the first change")
    parser.add_argument("--parallel", metavar="N", type=positive, help="items that may be under way at once")
    words = "processes that do the work; one for each core (but for that of a CA on this machine) where items are many"
    parser.add_argument("--workers", metavar="N", type=positive, help=words)
    selection(parser)
    parser.add_argument(
        "--max-failures",
        metavar="N|P%",
        type=failure_limit,
        help="begin nothing more once more items than that have failed",
    )
    parser.add_argument(
        "--report", metavar="FILE", action="append", default=[], help="write a report; the suffix chooses the format"
    )
    words = "show each certificate, and ask whether to accept it, before it is confirmed; --yes accepts all"
    parser.add_argument("--review", action="store_true", help=words)
    words = "sign the JSON reports with this key (REPORT.p7s, a detached CMS signature)"
    parser.add_argument("--sign", metavar="KEY_URL", help=words)
    words = "the certificate of that key; that of a credential with the same key by default"
    parser.add_argument("--sign-certificate", metavar="FILE", type=path, help=words)
    parser.add_argument(
        "--allow-path", metavar="P", action="append", default=[], help="results may also be written below P"
    )
    parser.add_argument("--allow-commands", action="store_true", help="run the commands that the manifest names")
    trace(parser)


def selection(parser: ArgumentParser) -> None:
    """What decides, beside the manifests, what a plan is made of."""
    words = "these items only, and what they wait for: names, patterns (web-*), labels (site=north)"
    parser.add_argument("--target", metavar="NAME|LABEL=VALUE", nargs="+", action="extend", default=[], help=words)
    parser.add_argument(
        "--retry-unknown", action="store_true", help="enrol anew where the outcome of an earlier run is unknown"
    )
    words = "revoke or forget what is held and in no manifest any more, as on_remove of its entry said"
    parser.add_argument("--prune", action="store_true", help=words)


def trace(parser: ArgumentParser) -> None:
    """--trace: where every message is written."""
    words = "write every message into DIR, in DER and as text; `inspect` reads them back"
    parser.add_argument("--trace", metavar="DIR", type=path, help=words)


def positive(text: str) -> int:
    """A whole number from 1 up."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError("a whole number from 1 up is needed")
    return int(text)


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    if not (text.isascii() and text.isdigit() and int(text) <= 0xFFFF):  # noqa: PLR2004 - ports have 16 bits
        raise ArgumentTypeError("a port from 0 to 65535 is needed")
    return int(text)


def failure_limit(text: str) -> FailureLimit:
    """`5` or `10%`."""
    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdigit()):
        raise ArgumentTypeError("a number of items (5) or a share of them (10%) is needed")
    if digits == text:
        return FailureLimit(count=int(text))
    if int(digits) > 100:  # noqa: PLR2004 - percent
        raise ArgumentTypeError("a share is at most 100%")
    return FailureLimit(share=int(digits) / 100)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and _VARIABLE.fullmatch(name)):
        # The text is not quoted: what was meant as a value may be a secret.
        raise ArgumentTypeError("NAME=VALUE is needed, with a name of letters, digits, _ and -")
    return name, value
