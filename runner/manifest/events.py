"""YAML text to a bounded stream of parser events, aliases already replaced by what they stand for.

The parser is PyYAML's (in C where it is there). What is added: friendly words at the place of a syntax error, a
limit to what aliases may multiply (the "billion laughs") and to the number of nodes.
Building values from the events is left to runner.manifest.source.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

import yaml

from runner.errors import BadInput, Diagnostic, Place
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_NODES = 2_000_000
"""Keys and values of one file."""
MAX_REPEATED = 200_000
"""Nodes of one file that come from aliases."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_NODES = frozenset({yaml.ScalarEvent, *_STARTS, *_ENDS})


def place_of(file: str, mark: Any) -> Place:
    """A PyYAML mark (which counts from 0) as a Place."""
    return Place(file, mark.line + 1, mark.column + 1)


def unreadable(summary: str, place: Place, *, why: str = "", next_step: str = "") -> BadInput:
    """The error for a file that cannot be read any further."""
    return BadInput(summary, diagnostics=(Diagnostic(summary, place, why, next_step, rule="yaml"),))


def node_events(file: str, text: str) -> Iterator[yaml.Event]:
    """The events of all documents in `text`: for each a DocumentStartEvent, then those of its nodes.

    Raises BadInput at the place of a syntax error, or where a limit is passed.
    """
    try:
        yield from _Expander(file).expanded(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as problem:
        raise _syntax_error(file, text, problem) from None  # a YAMLError quotes the file


@mutable
class _Recording:
    """The events of an anchored node, while they pass."""

    name: str
    depth: int = 0
    events: list[yaml.Event] = field(default_factory=list)


class _Expander:
    """Follows the anchors of each document, so that each alias can be answered with the events of what it names."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, list[yaml.Event] | None] = {}
        self.open: list[_Recording] = []
        self.nodes = 0
        self.repeated = 0

    def expanded(self, events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
        for event in events:
            kind = type(event)
            if kind in _NODES:
                yield self._passed(event)
            elif isinstance(event, yaml.AliasEvent):
                yield from self._answer(event)
            elif kind is yaml.DocumentStartEvent:
                self.anchors.clear()
                yield event

    def _answer(self, alias: yaml.AliasEvent) -> Iterator[yaml.Event]:
        place = place_of(self.file, alias.start_mark)
        if alias.anchor not in self.anchors:
            raise unreadable(f"nothing is anchored as &{alias.anchor}", place, why=f"*{alias.anchor} refers to it")
        recorded = self.anchors[alias.anchor]
        if recorded is None:
            raise unreadable(f"*{alias.anchor} stands inside what it refers to", place)
        for event in recorded:
            self.repeated += 1
            if self.repeated > MAX_REPEATED:
                raise unreadable(
                    "the aliases of this file multiply without measure",
                    place,
                    why=f"more than {MAX_REPEATED} keys and values come from them",
                    next_step="write templates, and entries with for_each",
                )
            yield self._noted(event)

    def _passed(self, event: yaml.Event) -> yaml.Event:
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = None
            self.open.append(_Recording(anchor))
        return self._noted(event)

    def _noted(self, event: yaml.Event) -> yaml.Event:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise unreadable(
                "this file is too large",
                place_of(self.file, event.start_mark),
                why=f"it has more than {MAX_NODES} keys and values",
                next_step="divide it; a folder of manifests can be given instead",
            )
        if not self.open:
            return event
        change = isinstance(event, _STARTS) - isinstance(event, _ENDS)
        for recording in self.open:
            recording.depth += change
            recording.events.append(event)
        while self.open and self.open[-1].depth == 0:
            done = self.open.pop()
            self.anchors[done.name] = done.events
        return event


def _syntax_error(file: str, text: str, problem: yaml.YAMLError) -> BadInput:
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    if mark is None:
        return unreadable("this is not YAML", Place(file, 1, 1), why=str(problem).split("\n", 1)[0])
    words = getattr(problem, "problem", None) or "the syntax is wrong"
    place = place_of(file, mark)
    if "cannot start any token" in words and _character(text, place) == "\t":
        return unreadable("a tab where YAML wants spaces", place, next_step="indent with spaces")
    if "maximum nesting depth" in words:  # libyaml's own bound: its scanner may come to it before we see an event
        return unreadable("this is nested too deeply", place, why=words)
    return unreadable(f"this is not YAML: {words}", place, why=_context(problem), next_step=_hint(words))


def _character(text: str, place: Place) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return line[place.column - 1 : place.column]


def _context(problem: yaml.YAMLError) -> str:
    context, mark = getattr(problem, "context", None), getattr(problem, "context_mark", None)
    return f"{context} that begins in line {mark.line + 1}" if context and mark else ""


def _hint(words: str) -> str:
    if "mapping values are not allowed" in words:
        return "put text that holds ': ' in quotes"
    if "cannot start any token" in words:
        return "put text that begins with this character in quotes"
    return ""
