"""Secrets: from a reference to the octets, and a wrapping that keeps them out of every repr, log and pickle.

A reference is a kind and a value: `env` a variable's name, `file` a path, `command` an argv joined by NUL, `literal`
the secret itself, `cell` one of a table (cells.py). References are read when something is done, never when it is
planned.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NoReturn

from runner.errors import KeyStoreError, Refused, SecretError
from runner.keystores.files import read_file
from runner.pki.user_values import user_value
from runner.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.ambient import Clock
    from runner.keystores.cells import Cells

MAX_OCTETS = 64 * 1024
COMMAND_SECONDS = 30.0
_PASSED_ON = ("PATH", "HOME", "LANG")
"""The variables that a command sees."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Secret:
    """Octets that are shown to nobody: `reveal` is the only way to them."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """The secret itself."""
        return self._octets

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be pickled or copied")


_WORTH_HIDING = 4
"""Octets: what is shorter is found everywhere, and hiding it would only garble the text."""


class SecretReader:
    """Resolves references: files relative to `base`, variables in `environ`, commands where they are allowed."""

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str],
        allow_commands: bool,  # noqa: FBT001 - callers name it
        clock: Clock | None = None,
    ) -> None:
        self.base = base
        self._environ = environ
        self._allow_commands = allow_commands
        self._clock = clock or SystemClock()
        self._cells: Cells | None = None
        self._read: dict[bytes, None] = {}

    @property
    def commands_allowed(self) -> bool:
        """Whether commands that a manifest names may run."""
        return self._allow_commands

    @property
    def told(self) -> tuple[bytes, ...]:
        """Every secret that was read, the longest first, and the parts of refnum:key: what no output may repeat."""
        return tuple(sorted(self._read, key=len, reverse=True))

    def read(self, kind: str, value: str) -> Secret:
        """The secret that (kind, value) refers to; one newline that ends a file or a command's output is dropped.

        Raises SecretError, and Refused for a command that is not allowed; no message holds what was read.
        """
        octets = self._octets(kind, value)
        if not octets:
            raise SecretError(f"the secret from the {kind} reference is empty", next_step="put the secret there")
        self._read |= dict.fromkeys(each for each in (octets, octets.partition(b":")[2]) if len(each) >= _WORTH_HIDING)
        return Secret(octets)

    def _octets(self, kind: str, value: str) -> bytes:
        if kind == "env":
            return self._variable(value)
        if kind == "file":
            return _without_newline(self._file(value))
        if kind == "command":
            return _without_newline(self._command(value.split("\0")))
        if kind == "literal":
            return _encoded(value)
        if kind == "cell":
            return self._cell(value)
        if kind == "column":
            step = "use it for entries with rows, and another credential here"
            raise SecretError("the secrets of this credential are for one item each", next_step=step)
        raise SecretError("a secret's reference is of an unknown kind", next_step="use env, file or command")

    def _variable(self, name: str) -> bytes:
        if not _VARIABLE.match(name):  # perhaps the secret itself, at the wrong place: not to be shown
            raise SecretError("an env reference is not the name of a variable", next_step="write {env: NAME}")
        if name not in self._environ:
            raise SecretError(f"the environment variable {name} is not set", next_step=f"set {name} and run again")
        return os.fsencode(self._environ[name])

    def _file(self, path: str) -> bytes:
        try:
            return read_file(self.base / path, MAX_OCTETS)
        except KeyStoreError as problem:
            raise SecretError(problem.what, why=problem.why, next_step=problem.next_step) from problem

    def _cell(self, value: str) -> bytes:
        from runner.keystores.cells import Cells  # noqa: PLC0415 - few secrets are in tables

        self._cells = self._cells or Cells(self.base)
        return self._cells.read(value)

    def _command(self, argv: list[str]) -> bytes:
        if not self._allow_commands:
            raise Refused(
                "a secret comes from a command, and commands are not allowed",
                why="a manifest could run anything",
                next_step="read the manifest, then allow its commands with --allow-commands",
            )
        from runner.keystores.commands import Measure, run_command  # noqa: PLC0415 - few come from one

        environment = {name: self._environ[name] for name in _PASSED_ON if name in self._environ}
        measure = Measure(COMMAND_SECONDS, MAX_OCTETS, strict=True)
        try:
            ended = run_command(argv, self.base, environment, measure, self._clock)
        except (OSError, ValueError):
            raise _failed(argv[0], "it cannot be started") from None
        if ended.too_much:
            raise _failed(argv[0], f"it printed more than {MAX_OCTETS} octets")
        if ended.status is None:
            raise _failed(argv[0], f"it did not end within {COMMAND_SECONDS:.0f} s")
        if ended.status:
            raise _failed(argv[0], f"it ended with status {ended.status}")
        return ended.output


def _failed(program: str, why: str) -> SecretError:
    return SecretError(
        f"the command {program} gave no secret", why=why, next_step="run it by hand in the manifest's folder"
    )


def _encoded(text: str) -> bytes:
    """UTF-8, where octets that are none (`%FF` in a key URL) are themselves; no error may carry the secret along."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _without_newline(octets: bytes) -> bytes:
    return octets.removesuffix(b"\n").removesuffix(b"\r") if octets.endswith(b"\n") else octets


def shared_key(secret: Secret, reference: bytes | None, encoding: str = "text") -> tuple[bytes, Secret]:
    """The reference number and the key; `reference`: the secret is the key alone. SecretError without its words.

    `encoding` is how they are written: text, hex (a `reference` of its own is text all the same) or cryptlib.
    """
    known, key = split_psk(secret) if reference is None else (reference, secret)
    if encoding == "cryptlib":
        return (_of_cryptlib(known) if known else known), Secret(_of_cryptlib(key.reveal()))
    if encoding == "hex":
        return (_from_hexadecimal(known) if reference is None else known), Secret(_from_hexadecimal(key.reveal()))
    return known, key


def _of_cryptlib(text: bytes) -> bytes:
    try:
        return user_value(text.decode("ascii", "replace"))
    except ValueError as problem:
        raise SecretError(
            "the user ID or the password is none that cryptlib has written",
            why=str(problem),
            next_step="write XXXXX-XXXXX-XXXXX:XXXXX-XXXXX-XXXXX-XXXXX as the CA gave it, or leave encoding out",
        ) from None


def _from_hexadecimal(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise SecretError(
            "the shared secret is not written in hexadecimal digits",
            why="encoding: hex says that it is",
            next_step="leave encoding out if it is plain text",
        ) from None


def split_psk(secret: Secret) -> tuple[bytes, Secret]:
    """`refnum:key` → the reference number and the key. A key may hold colons, a reference number cannot.

    Raises SecretError, without a word of the secret, where one of the two is missing.
    """
    reference, colon, key = secret.reveal().partition(b":")
    if not (reference and colon and key):
        raise SecretError(
            "the shared secret is not of the form refnum:key",
            why="there is no colon in it" if not colon else "one of its halves is empty",
            next_step="write the reference number, a colon and the key, as the CA gave them",
        )
    return reference, Secret(key)
