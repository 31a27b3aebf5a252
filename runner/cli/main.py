"""The entry point: chooses the command, and is the one edge where errors become words and exit statuses.

Start-up time is a feature: nothing heavy is imported before a command is chosen, and then only what that command
needs. A command is a module of this package with `add_arguments(parser)` and `run(args) -> int`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from runner import __version__
from runner.cli import console, exits
from runner.cli.tuning import READING, seldom_collected
from runner.errors import BadInput, CmpBatchError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMANDS = {
    "validate": "check manifests: every finding with its place, in one run",
    "plan": "show what apply would do, and why",
    "apply": "make it so, over CMP",
    "status": "show the inventory: what is held, what expires, what drifted",
    "adopt": "take keys and certificates that are there already into a manifest",
    "report": "a past run again, in any format; compare two; verify a file",
    "recovery-drill": "fetch backed-up keys into memory only, and judge them",
    "inspect": "print a PKIMessage, key, certificate, request or CRL",
    "convert": "an ssh-cmpclient-g3 command line → the same thing as a manifest",
    "schema": "print a JSON Schema",
    "init": "write a starter manifest",
    "doctor": "probe an authority: what is wrong, whose it is, the next step",
    "lab": "run the lab CA on this machine",
    "tunnel": "serve a tunnel: a registration authority over HTTP",
    "completion": "print a completion script, or the manual page",
}
"""A command and what it does; its module has the same name, with underscores."""


def module_of(command: str) -> str:
    """The module of a command."""
    return f"runner.cli.{command.replace('-', '_')}"


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises BadInput: exit status 2 means `changes` here, not a slip of the fingers."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message, next_step=f"{self.prog} --help shows what fits")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit status; prints whatever goes wrong."""
    console.prepare()
    console.speak()
    try:
        with seldom_collected(READING):
            status = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        console.note("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        _leave_quietly()
        return exits.BROKEN_PIPE
    except Exception as problem:  # noqa: BLE001 - the edge: whatever it is, a person gets words
        return _failed(problem)
    return status


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] not in COMMANDS and not argv[0].startswith("-"):
        raise _no_command(argv[0])
    chosen = argv[:1] if argv and argv[0] in COMMANDS else ()
    parser, commands = _parsers(chosen or tuple(COMMANDS))
    command = import_module(module_of(chosen[0])) if chosen else None
    if command is not None:
        command.add_arguments(commands[chosen[0]])
    try:
        args = parser.parse_args(argv)
    except SystemExit:  # --help or --version, which have printed what was asked for
        return exits.OK
    console.speak(quiet=getattr(args, "quiet", False), for_programs=getattr(args, "log_format", "") == "json")
    if command is None:
        raise BadInput("a command is missing", next_step="cmp-batch --help lists them")
    return int(command.run(args))


def _no_command(word: str) -> BadInput:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), COMMANDS, 1)
    step = f"did you mean cmp-batch {near[0]}?" if near else "cmp-batch --help lists them"
    return BadInput(f"there is no command {word[:40]!r}", next_step=step)


def full_parser() -> argparse.ArgumentParser:
    """The parser with every command's options in it: what the manual and completion scripts are made from."""
    parser, commands = _parsers()
    for name, command in commands.items():
        import_module(module_of(name)).add_arguments(command)
    return parser


def _parsers(names: Iterable[str] = tuple(COMMANDS)) -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line, and each of these commands' own, still empty: one takes 0.5 ms."""
    parser = _Parser(
        prog="cmp-batch",
        description="A declarative batch runner for certificate lifecycle over CMP.",
        epilog="cmp-batch COMMAND --help shows a command's options and an example",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cmp-batch {__version__}")
    group = parser.add_subparsers(metavar="COMMAND", title="commands")
    commands = {
        name: group.add_parser(
            name,
            help=COMMANDS[name],
            description=f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name in names
    }
    return parser, commands


def _failed(problem: Exception) -> int:
    if isinstance(problem, CmpBatchError):
        console.error(problem)
        return exits.REFUSED if isinstance(problem, Refused) else exits.ERROR
    if isinstance(problem, OSError) and problem.filename is not None:
        console.error(CmpBatchError(f"{problem.filename}: {problem.strerror}"))
        return exits.ERROR
    console.bug(problem)
    return exits.BUG


def _leave_quietly() -> None:
    """Give stdout somewhere to go, so that the interpreter's own last flush finds no broken pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
