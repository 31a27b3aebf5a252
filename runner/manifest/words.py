"""The few words that every finding about a manifest is made of: lists, paths, and the nearest known name.

Used by the schema check and by everything that gives a manifest its meaning; knows nothing of either.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JSON_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
"""JSON Schema's types → what we call them."""
_MOST_COMPARED = 500
"""Names that a misspelt one is compared with; comparing is slow, and nobody reads the five-hundred-and-first."""
_LONGEST_QUOTED = 60


def kind_of(value: object) -> str:
    """What a value is, in the words of JSON_TYPES."""
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {str: "text", dict: "a mapping", list: "a list", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be; None where nothing is near. Case does not count."""
    folded = {each.lower(): each for each, _ in zip(known, range(_MOST_COMPARED), strict=False)}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def choose(word: str, known: Sequence[str]) -> str:
    """The next step for somebody who wrote `word` where one of `known` belongs."""
    if near := nearest(word, known):
        return f"did you mean {near!r}?"
    return f"choose one of: {listed(known)}" if known else ""


def listed(words: Sequence[str], most: int = 12) -> str:
    """`a, b, c`, cut short where there are many."""
    shown = ", ".join(words[:most])
    return f"{shown}, … ({len(words)} in all)" if len(words) > most else shown


def shortened(text: str) -> str:
    """`text` in quotes, cut to a length that fits a line."""
    cut = text if len(text) <= _LONGEST_QUOTED else text[:_LONGEST_QUOTED] + "…"
    return repr(cut)


def spelled(path: Sequence[str | int]) -> str:
    """`enrollments[0].output`: the way to a value, as people write it; `the manifest` for the whole."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the manifest"
