"""A command line of ssh-cmpclient-g3, read: which command, which options, which CA (its manual).

Commands are known by their first three letters, in any case. Options may stand before and after what they are for, and
a value may be written together with its letter. Nothing is opened and nothing is quoted that may be a secret.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = ("INITIALIZE", "ENROLL", "UPDATE", "POLL", "RECOVER", "REVOKE", "TUNNEL")
WITH_VALUE = "oOCSHvNpickRPITsuUdZ"
FLAGS = "BEy"
HELP = "hFe"
_SHORTEST = 3
_PROGRAM = "ssh-cmpclient"


@frozen
class OldLine:
    """What was asked of the old tool. `options`: letter → its values, in the order in which they were given."""

    command: str
    url: str
    name: str = ""
    options: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def said(self, letter: str) -> bool:
        """Whether an option was given."""
        return letter in self.options

    def value(self, letter: str) -> str:
        """The value of an option, the last one where it was given again; empty where it was not."""
        return self.options[letter][-1] if letter in self.options else ""


def read_line(words: list[str]) -> OldLine:
    """The words of a command line, with the program's name or without. BadInput: the old tool would not take it."""
    if words and _PROGRAM in words[0].rpartition("/")[2].rpartition("\\")[2]:
        words = words[1:]
    options, operands = _divided(words)
    if not operands:
        raise BadInput("no command of ssh-cmpclient-g3 is given", next_step=f"one of {', '.join(COMMANDS)}")
    command = _command(operands[0])
    if len(operands) == 1:
        raise BadInput(f"{command}: the CA's URL is missing", next_step="put it behind the options")
    if len(operands) > 3:  # noqa: PLR2004 - command, URL, name
        why = "behind the command stand the CA's URL and its name, and nothing else"
        raise BadInput(f"{command}: there are too many words", why=why, next_step="put names with blanks in quotes")
    _check(command, options)
    return OldLine(command, operands[1], operands[2] if len(operands) > 2 else "", options)  # noqa: PLR2004 - the same


def _divided(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    options: dict[str, list[str]] = {}
    operands: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif not word.startswith("-") or word == "-":
            operands.append(word)
        else:
            _letters(word[1:], rest, options)
    return options, operands


def _letters(text: str, rest: Iterator[str], options: dict[str, list[str]]) -> None:
    """One word of options: flags, and perhaps one with a value at its end or in the next word."""
    while text:
        letter, text = text[0], text[1:]
        if letter in HELP:
            raise BadInput(f"-{letter} asks for help: there is nothing to convert", next_step="leave it out")
        if letter in FLAGS:
            options.setdefault(letter, []).append("")
        elif letter in WITH_VALUE:
            value = text or next(rest, None)
            if value is None:
                raise BadInput(f"-{letter} needs a value")
            options.setdefault(letter, []).append(value)
            return
        else:
            known = ", ".join(f"-{each}" for each in sorted(WITH_VALUE + FLAGS))
            raise BadInput(f"ssh-cmpclient-g3 has no option -{letter}", next_step=f"one of {known}")


def _command(word: str) -> str:
    found = [name for name in COMMANDS if len(word) >= _SHORTEST and name.startswith(word.upper())]
    if not found:
        raise BadInput(
            f"ssh-cmpclient-g3 has no such command: {word[:20]!r}", next_step=f"one of {', '.join(COMMANDS)}"
        )
    return found[0]


_BY = {
    "INITIALIZE": ("p", "R"),
    "ENROLL": ("c", "R"),
    "UPDATE": ("c",),
    "POLL": ("p", "c", "R"),
    "RECOVER": ("p", "c", "R"),
    "REVOKE": ("p", "c", "R"),
    "TUNNEL": ("R",),
}
"""Which option each command may be authenticated with: a key shared with the CA, a certificate, an RA's."""


def _check(command: str, options: dict[str, list[str]]) -> None:
    ways = _BY[command]
    if not any(way in options for way in ways):
        raise BadInput(f"{command} needs {' or '.join(f'-{way}' for way in ways)}", why="somebody has to ask the CA")
    if ("c" in options or "R" in options) and "k" not in options:
        raise BadInput("-k is missing", why="the private key of the certificate in -c or -R signs the request")
    needed = {"INITIALIZE": "P", "ENROLL": "P", "POLL": "I"}.get(command)
    if needed and needed not in options:
        raise BadInput(f"{command} needs -{needed}")
    if command in ("RECOVER", "REVOKE") and not {"T", "s"} & options.keys():
        raise BadInput(f"{command} needs -T or -s", why="it has to say which certificate is meant")
    if command in ("INITIALIZE", "ENROLL") and not {"T", "s"} & options.keys():
        raise BadInput(f"{command} needs -s or -T", why="it has to say whom the certificate is for")
    for usages, letter in ((options.get("u", []), "u"), (options.get("U", []), "U")):
        if any(value.lower() == "help" for value in usages):
            raise BadInput(f"-{letter} help asks for help: there is nothing to convert", next_step="leave it out")
