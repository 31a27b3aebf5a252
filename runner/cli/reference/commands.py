"""Commands and options as data, read from the parsers, so that no description of them can go stale.

argparse keeps what it was told in attributes that its documentation does not list (`_actions`); they are read here and
nowhere else.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Option:
    """One option or argument. `flags` is empty for an argument; `value` is empty for a switch."""

    flags: tuple[str, ...]
    value: str
    about: str
    choices: tuple[str, ...] = ()
    is_path: bool = False


@frozen
class Command:
    """A command (`lab serve` is one, too) with what it takes and its examples."""

    name: str
    about: str
    usage: str
    options: tuple[Option, ...]
    examples: tuple[str, ...]


def commands_of(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[Command]:
    """Every command below a parser, in its order; one that only leads to others is left out."""
    for action in parser._actions:  # noqa: SLF001 - see the module's text
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for name, child in action.choices.items():
                yield from commands_of(child, f"{prefix} {name}".strip())
            return
    yield Command(prefix, _sentence(parser), _usage(parser), tuple(_options(parser)), _examples(parser))


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:  # noqa: SLF001 - the same
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):  # noqa: SLF001 - the same
            continue
        choices = tuple(map(str, action.choices)) if action.choices else ()
        takes = action.nargs != 0
        yield Option(
            flags=tuple(action.option_strings),
            value=_value(action, choices) if takes else "",
            about=(action.help or "").replace("%%", "%"),
            choices=choices,
            is_path=takes and _is_path(action),
        )


def _value(action: argparse.Action, choices: tuple[str, ...]) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    many = "…" if action.nargs in ("+", "*") else ""
    return (action.metavar or "|".join(choices) or action.dest.upper()) + many


def _is_path(action: argparse.Action) -> bool:
    named = action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar or ())
    return any(word in named for word in ("PATH", "FILE", "DIR", "FOLDER"))


def _sentence(parser: argparse.ArgumentParser) -> str:
    return (parser.description or "").strip()


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def _examples(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    lines = (parser.epilog or "").splitlines()
    return tuple(line.strip() for line in lines[1:]) if lines and lines[0].startswith("example") else ()
