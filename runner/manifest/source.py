"""YAML text to plain values, with the place where each of them was written.

Values are JSON's (runner.manifest.scalars). What cannot be a manifest is refused at its place: duplicate keys, tags,
merge keys (`<<`; templates do that work), keys that are no text, control characters, text that reads otherwise on a
screen than in the file, files that are not UTF-8 or too large. Which keys there may be is left to schema and resolve.

`${name}` may stand unquoted inside `[…]` and `{…}`, where YAML would take its braces for its own, and so may the
lab's address in `url: lab:`, whose colon YAML would take for a key's.
"""

from __future__ import annotations

import re
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import yaml

from runner.errors import Diagnostic, Place
from runner.manifest.events import node_events, place_of, unreadable
from runner.manifest.scalars import Scalar, plain_value, unfit_character
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ValuePath = tuple[str | int, ...]
"""The way to a value from the top: keys and indexes."""

MAX_SIZE = 64 * 1024 * 1024
"""Octets of one file."""
MAX_DEPTH = 32

_STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_REFERENCE = re.compile(r"\$\{([^{}\s,\[\]\"']*)\}")
_LAB = re.compile(r"(\burl:[ \t]+lab):(?=[ \t]*(?:[,}#]|\r?$))", re.MULTILINE)
_OPEN, _CLOSE, _COLON = "\ue000", "\ue001", "\ue002"
_HIDDEN = {ord(_OPEN): "{", ord(_CLOSE): "}", ord(_COLON): ":"}
_REFUSED = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\ue002\ufeff\ufffe\uffff]"
"""What a file may not hold as it is: control characters, line ends that editors do not count, characters that
re-order text on the screen, and the three that stand for others in here."""
_REFUSED_ASCII = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Those of them that are ASCII, as most manifests are: compiling the others takes a hundredth of a start."""


@frozen
class Written:
    """How a value was written. `key`: where its key is. `text`: a scalar's own characters, before `10` became 10.

    `lead` is the distance from `place` to the first character of a text that stands on one line just as it reads;
    None where a position in the text says nothing about the file.
    """

    place: Place
    key: Place | None = None
    text: str = field(default="", repr=False)
    lead: int | None = None


@frozen
class Source:
    """One document of a file, read: its values, where each was written, and what was wrong with the writing.

    `base` is the folder that its relative paths start from, `top` the one that files read with it stay below.
    """

    file: str
    base: str
    value: Any = field(repr=False)
    written: Mapping[ValuePath, Written] = field(repr=False)
    findings: tuple[Diagnostic, ...] = ()
    top: str = ""
    digest: str = ""
    """SHA-256 (hex) of the file's octets."""

    def place(self, path: ValuePath) -> Place:
        """Where the value at `path` is; where it is not, the nearest value around it."""
        while path and path not in self.written:
            path = path[:-1]
        return self.written[path].place

    def key_place(self, path: ValuePath) -> Place:
        """Where the key of the value at `path` is; the value's own place where it has none."""
        written = self.written.get(path)
        return written.key if written and written.key else self.place(path)


def read_sources(file: str, octets: bytes, base: str, top: str = "") -> tuple[Source, ...]:
    """The documents in a file's octets. BadInput, with its place, where they cannot be read to the end."""
    events = node_events(file, _hidden(decoded(file, octets)))
    found: list[Source] = []
    digest = sha256(octets).hexdigest()
    while next(events, None) is not None:  # the start of a document
        builder = _Builder(file, events)
        value = builder.document()
        found.append(Source(file, base, value, builder.written, tuple(builder.findings), top or base, digest))
    if not found:
        raise unreadable("the manifest is empty", Place(file, 1, 1), next_step="`cmp-batch init` writes one")
    return tuple(each for each in found if each.value is not None) or (found[0],)


def read_source(file: str, octets: bytes, base: str) -> Source:
    """The one document in a file's octets. BadInput where there are several."""
    first, *more = read_sources(file, octets, base)
    if more:
        raise unreadable("a second YAML document begins here", more[0].place(()))
    return first


def _hidden(text: str) -> str:
    """The text with stand-ins, each as wide, for what YAML would take for its own."""
    text = _REFERENCE.sub(rf"${_OPEN}\1{_CLOSE}", text)
    return _LAB.sub(rf"\1{_COLON}", text) if "lab:" in text else text


def decoded(file: str, octets: bytes) -> str:
    """A file's octets as text. BadInput, with its place, where it is no UTF-8, or holds what does not belong there."""
    if len(octets) > MAX_SIZE:
        raise unreadable("this file is too large", Place(file, 1, 1), why=f"more than {MAX_SIZE} octets")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = octets[: problem.start].decode("utf-8-sig", errors="replace")
        place = _end(file, before)
        raise unreadable("this is not UTF-8", place, next_step="save the file as UTF-8") from None
    if found := _refused_in(text):
        raise unreadable(
            f"the character U+{ord(found[0]):04X} does not belong in a manifest",
            _end(file, text[: found.start()]),
            why="it is a control character, or reads otherwise on a screen than in the file",
            next_step='remove it, or write it as an escape in double quotes ("\\u….")',
        )
    return text


def can_stand(text: str) -> bool:
    """Whether a name may stand in a manifest as it is: on one line, of characters that a file may hold."""
    return not _refused_in(text) and not set("\t\n\r") & set(text)


def _refused_in(text: str) -> re.Match[str] | None:
    """The first character of a text that a file may not hold."""
    return (_REFUSED_ASCII if text.isascii() else re.compile(_REFUSED)).search(text)


def _end(file: str, text: str) -> Place:
    lines = re.split("\r\n|\r|\n", text)
    return Place(file, len(lines), len(lines[-1]) + 1)


class _Builder:
    """Builds the values of one document from its events, and notes what is wrong as it goes."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.file = file
        self.events = events
        self.written: dict[ValuePath, Written] = {}
        self.findings: list[Diagnostic] = []

    def document(self) -> Any:
        return self._value(next(self.events), (), None)

    def _value(self, event: yaml.Event, path: ValuePath, key: Place | None) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            text = _restored(event.value)
            self.written[path] = Written(self._place(event), key, text, _lead(event, text))
            return self._scalar(event, text)
        self.written[path] = Written(self._place(event), key)
        self._check_collection(event, path)
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _check_collection(self, event: Any, path: ValuePath) -> None:
        if len(path) >= MAX_DEPTH:
            raise unreadable("this is nested too deeply", self._place(event), why=f"more than {MAX_DEPTH} levels")
        if event.tag not in _COLLECTION_TAGS:
            self._refuse_tag(event)

    def _scalar(self, event: yaml.ScalarEvent, text: str) -> Scalar:
        if event.tag not in _STRING_TAGS:
            self._refuse_tag(event)
        if not text.isprintable() and (character := unfit_character(text)):
            self._note("text with a control character", event, why=f"it holds {character}")
        plain = not event.style and event.tag is None
        return plain_value(text) if plain else text

    def _sequence(self, path: ValuePath) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values)), None))
        return values

    def _mapping(self, path: ValuePath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path, values)
            value = next(self.events)
            if key is None:
                self._skip(value)
            else:
                values[key] = self._value(value, (*path, key), self._place(event))
        return values

    def _key(self, event: Any, path: ValuePath, known: Mapping[str, Any]) -> str | None:
        """The key, or None (and a note) where it cannot be used."""
        if not isinstance(event, yaml.ScalarEvent):
            self._note("a key must be text", event)
            self._skip(event)
            return None
        key = self._scalar(event, _restored(event.value))
        if not isinstance(key, str):
            self._note("a key must be text", event, next_step=f'put it in quotes: "{event.value}"')
            return None
        if key == "<<" and not event.style:
            self._note("merge keys (<<) are not supported", event, next_step="use templates for what entries share")
            return None
        if key in known:
            first = self.written[(*path, key)].key
            self._note(f"duplicate key {key!r}", event, why=f"it was given before at {first}")
            return None
        return key

    def _skip(self, event: yaml.Event) -> None:
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = next(self.events)

    def _refuse_tag(self, event: Any) -> None:
        self._note(f"the tag {event.tag!r} means nothing here", event, next_step="remove the tag")

    def _note(self, summary: str, event: yaml.Event, *, why: str = "", next_step: str = "") -> None:
        self.findings.append(Diagnostic(summary, self._place(event), why, next_step, rule="yaml"))

    def _place(self, event: yaml.Event) -> Place:
        return place_of(self.file, event.start_mark)


def _restored(text: str) -> str:
    return text.translate(_HIDDEN) if _OPEN in text or _COLON in text else text


def _lead(event: Any, text: str) -> int | None:
    start, end = event.start_mark, event.end_mark
    if start.line != end.line:
        return None
    if not event.style:
        return 0
    return 1 if end.column - start.column - 2 == len(text) else None  # quotes on both sides and no escape between
