"""Reads references to secrets: where one is, never what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.credentials import SecretRef
from runner.manifest.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.errors import Place
    from runner.manifest.reader import Reader


def literal_secret(reader: Reader, key: str) -> SecretRef | None:
    """A secret that stands at `key` itself, with a warning. Dollars in it are its own."""
    text = reader.part.text(key)
    if text is None:
        return None
    warn_of_literal(reader, text.place)
    return SecretRef("literal", text.value)


def literal_token(reader: Reader, key: str) -> SecretRef | None:
    """The same of a token that each row has another of: its variables are replaced."""
    value = reader.text(key)
    if value is None:
        return None
    warn_of_literal(reader, reader.part.place_of(key))
    return SecretRef("literal", value)


def read_secret(
    reader: Reader, key: str, literal: Callable[[Reader, str], SecretRef | None] = literal_secret
) -> SecretRef | None:
    """The reference at `key`: `env`, `file` or `command`; `literal` reads what stands there itself."""
    inner = reader.part.part(key)
    if inner is None:
        return literal(reader, key)
    if len(inner.values) > 1:
        reader.ledger.error(
            f"{inner.spelled} takes one key, not {listed([repr(each) for each in inner.values])}", inner.place
        )
    reader = reader.elsewhere(inner)
    if env := reader.text("env"):
        return SecretRef("env", env)
    if file := reader.input("file"):
        return SecretRef("file", file)
    command = [text.value for text in inner.texts("command")]
    return SecretRef("command", "\0".join(command)) if command else None


def warn_of_literal(reader: Reader, place: Place) -> None:
    """The finding about a secret that stands in the manifest."""
    reader.ledger.warn(
        "a secret stands in the manifest",
        place,
        why="everybody who reads the file or its history can use it",
        next_step="refer to it, for example {env: LINE7_PSK}",
    )
