"""The manual page (roff, man(7)) and the Markdown reference of all commands: two layouts of one description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner import __version__
from runner.cli import exits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runner.cli.reference.commands import Command, Option

_WHAT = "declarative batch runner for certificate lifecycle over CMP"
_STATUSES = (
    (exits.OK, "done; nothing to do; valid"),
    (exits.ERROR, "bad input: nothing was sent and nothing was written"),
    (exits.CHANGES, "plan: there is something to do"),
    (exits.FAILED, "some items failed"),
    (exits.PENDING, "some are pending at the CA"),
    (exits.UNKNOWN, "some outcomes are unknown"),
    (exits.REFUSED, "refused: the lock is taken, a policy forbids it, the plan is stale"),
    (exits.BUG, "a mistake of the program's own"),
    (exits.INTERRUPTED, "interrupted by a signal"),
)
"""Exit statuses as the manual tells them; of 3, 4 and 5 the highest that applies."""
_FILES = (
    (".cmp-batch/state.db", "the state: what is held, what is under way, the report of every run"),
    (".cmp-batch/lab/", "the lab CA of url: lab:"),
)
_ENVIRONMENT = (
    ("NO_COLOR", "print without colours"),
    ("COLUMNS", "width of what is printed where no terminal tells"),
    ("CMP_BATCH_DEBUG", "1: name the places of a mistake of the program's own"),
)


def manual(commands: Iterable[Command]) -> str:
    """The page cmp-batch(1)."""
    lines = [f'.TH CMP-BATCH 1 "" "cmp-batch {__version__}" "User Commands"', ".SH NAME", f"cmp\\-batch \\- {_WHAT}"]
    lines += [".SH SYNOPSIS", ".B cmp\\-batch", ".I COMMAND", "[\\fIoptions\\fR]", ".SH COMMANDS"]
    for command in commands:
        lines += list(_manual_of(command))
    lines += [".SH EXIT STATUS", *_pairs((str(status), words) for status, words in _STATUSES)]
    lines += [".SH FILES", *_pairs(_FILES), ".SH ENVIRONMENT", *_pairs(_ENVIRONMENT)]
    return "\n".join(lines) + "\n"


def _manual_of(command: Command) -> Iterator[str]:
    yield f".SS {_roff(command.name)}"
    yield _roff(command.about)
    yield from (".PP", f".B {_roff(command.usage)}")
    yield from _pairs((_heading(option), option.about) for option in command.options)
    if command.examples:
        yield from (".PP", "Examples:", ".nf", *(f".RS\n{_roff(line)}\n.RE" for line in command.examples), ".fi")


def _heading(option: Option) -> str:
    return " ".join((", ".join(option.flags), option.value)).strip()


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, words in pairs:
        yield from (".TP", f".B {_roff(name)}", _roff(words))


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def markdown(commands: Sequence[Command]) -> str:
    """docs/commands.md."""
    lines = ["# Commands", "", "Made from the program's own `--help`; the tests see that it stays so.", ""]
    lines += [f"- [{command.name}](#{command.name.replace(' ', '-')})" for command in commands]
    for command in commands:
        lines += list(_markdown_of(command))
    lines += ["", "## Exit statuses", "", "| status | meaning |", "|---|---|"]
    lines += [f"| {status} | {words} |" for status, words in _STATUSES]
    lines += ["", "## Environment", "", "| variable | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {words} |" for name, words in _ENVIRONMENT]
    return "\n".join(lines) + "\n"


def _markdown_of(command: Command) -> Iterator[str]:
    yield from ("", f"## {command.name}", "", command.about, "", "```text", command.usage, "```", "")
    yield from ("| option | meaning |", "|---|---|")
    yield from (f"| `{_cell(_heading(option))}` | {_cell(option.about)} |" for option in command.options)
    if command.examples:
        yield from ("", "```console", *(f"$ {line}" for line in command.examples), "```")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
