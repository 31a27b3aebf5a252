"""`cmp-batch completion SHELL`: a script that completes commands and options; or the manual, or its Markdown.

source <(cmp-batch completion bash)
cmp-batch completion man | man -l -
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_KINDS = ("bash", "zsh", "fish", "man", "markdown")


def add_arguments(parser: ArgumentParser) -> None:
    """bash, zsh, fish; man, markdown."""
    words = "bash, zsh or fish: completion; man: the manual page; markdown: the reference of commands"
    parser.add_argument("kind", choices=_KINDS, metavar="|".join(_KINDS), help=words)
    options.example(parser, "source <(cmp-batch completion bash)", "cmp-batch completion man | man -l -")


def run(args: Namespace) -> int:
    """Print it."""
    from runner.cli.main import full_parser
    from runner.cli.reference import completion, manual
    from runner.cli.reference.commands import commands_of

    makers = {
        "bash": completion.bash,
        "zsh": completion.zsh,
        "fish": completion.fish,
        "man": manual.manual,
        "markdown": manual.markdown,
    }
    console.show(makers[args.kind](tuple(commands_of(full_parser()))))
    return exits.OK
