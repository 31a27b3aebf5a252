"""Reads the fields of one part of a manifest: variables replaced, texts parsed, paths made absolute.

Every field that cannot be read is a finding at its place and reads as None; so does a field that is absent. What the
fields add up to is left to declarations and items.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from runner.manifest.inserting import into_general_name, into_key_url, into_name, into_path
from runner.manifest.keychecks import check_key, read_sealing
from runner.manifest.paths import absolute, folded, last_name
from runner.manifest.variables import Text, expand, has_variable
from runner.manifest.words import choose, nearest, shortened
from runner.pki.keyurls import BadKeyUrl, KeyUrl, parse_key_url
from runner.pki.names import parse_general_name, parse_name
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runner.manifest.inserting import Insert
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part
    from runner.pki.names import GeneralName, Name

T = TypeVar("T")

_MOST_HELPED = 200
"""Findings that come with the nearest name: looking for it is slow, and one wrong name can be in every row."""

_cached_name = lru_cache(maxsize=256)(parse_name)
_cached_general_name = lru_cache(maxsize=256)(parse_general_name)
"""Rows of a for_each share much of what they say."""


@frozen
class Reader:
    """A part, the variables that its texts may use, and where findings go.

    `spellings` collects, for each absolute path that was read, how the manifest spells it.
    """

    part: Part
    variables: Mapping[str, str]
    ledger: Ledger
    spellings: dict[str, str] = field(default_factory=dict)

    def elsewhere(self, part: Part) -> Reader:
        """The same reading of another part."""
        return Reader(part, self.variables, self.ledger, self.spellings)

    def text(self, key: str) -> str | None:
        """The text at `key`, its variables replaced."""
        text = self.part.text(key)
        return expand(text, self.variables, self.ledger) if text else None

    def parsed(
        self, key: str, parse: Callable[[str], T], known: Collection[str] = (), insert: Insert | None = None
    ) -> T | None:
        """What `parse` makes of the text at `key`; its ValueError becomes a finding, with the nearest of `known`."""
        text = self.part.text(key)
        return self._parsed(key, text, parse, known, insert) if text else None

    def name(self, key: str) -> Name | None:
        """The distinguished name at `key`."""
        return self.parsed(key, _cached_name, insert=into_name)

    def general_names(self, key: str) -> tuple[GeneralName, ...]:
        """The alternative names at `key`."""
        return self.parsed_all(key, _cached_general_name, insert=into_general_name)

    def parsed_scalar(self, key: str, parse: Callable[[str], T]) -> T | None:
        """The same of a text that may be a number."""
        text = self.part.scalar(key)
        return self._parsed(key, text, parse, ()) if text else None

    def parsed_all(
        self, key: str, parse: Callable[[str], T], known: Collection[str] = (), insert: Insert | None = None
    ) -> tuple[T, ...]:
        """What `parse` makes of each text at `key`; those that cannot be read are left out."""
        if key not in self.part.values:
            return ()
        found = [self._parsed(key, text, parse, known, insert) for text in self.part.texts(key)]
        return tuple([each for each in found if each is not None])

    def once(self, key: str, read: Callable[[Reader], T]) -> T:
        """What `read` makes of the value at `key`; where that has no variable, it is read for all rows together.

        What is wrong with it is then told of the first. What notes paths is for each row to read.
        """
        known, what = self.part.owner(key).known, (key, read)
        if what in known:
            return known[what]  # type: ignore[no-any-return]
        value = read(self)
        if not has_variable(self.part.values.get(key)):
            known[what] = value
        return value

    def constant(self, key: str) -> bool:
        """Whether no text at `key` uses a variable."""
        return not any("${" in text.value for text in self.part.texts(key))

    def reference(self, key: str, known: Collection[str], what: str) -> str | None:
        """The name at `key`, which must be one of `known`."""
        said = self.part.values.get(key)
        if isinstance(said, str) and said in known and "$" not in said:
            return said
        text = self.part.text(key)
        return self.known(text, known, what) if text else None

    def references(self, key: str, known: Collection[str], what: str) -> tuple[str, ...]:
        """The names at `key`, each of which must be one of `known`."""
        found = (self.known(text, known, what) for text in self.part.texts(key))
        return tuple(name for name in found if name is not None)

    def known(self, text: Text, known: Collection[str], what: str) -> str | None:
        """The name that `text` gives, which must be one of `known`."""
        name = expand(text, self.variables, self.ledger)
        if name is None or name in known:
            return name
        step = ""
        if len(self.ledger.diagnostics) < _MOST_HELPED:
            step = choose(name, list(known)) or f"there is no {what} yet"
        self.ledger.error(f"unknown {what} {shortened(name)}", text.place, next_step=step)
        return None

    def input(self, key: str) -> str | None:
        """The path at `key` of a file that must exist, or be produced by an item."""
        text = self.part.text(key)
        return None if text is None else self._input(key, text)

    def inputs(self, key: str) -> tuple[str, ...]:
        """The paths at `key` of files that must exist."""
        found = (self._input(key, text) for text in self.part.texts(key))
        return tuple(path for path in found if path is not None)

    def key_url(self, key: str, *, generate: bool) -> KeyUrl | None:
        """The key URL at `key`; `generate`: it may be a key that does not exist yet."""
        text = self.part.text(key)
        expanded = expand(text, self.variables, self.ledger, secrets=True, insert=into_key_url) if text else None
        if text is None or expanded is None:
            return None
        url = self._attempt(key, text, expanded, parse_key_url)
        if url is None:
            return None
        check_key(self, key, url, text.place, generate=generate)
        if not url.is_file:
            self.spellings.setdefault(url.path, url.path)
            return url
        return replace(url, path=self.absolute(key, url.path), sealing=read_sealing(self, url))

    def targets(self, key: str) -> tuple[str, ...]:
        """The paths at `key`, made absolute; nothing need be there."""
        found = (expand(text, self.variables, self.ledger, insert=into_path) for text in self.part.texts(key))
        return tuple(self.absolute(key, path) for path in found if path)

    def target(self, key: str) -> str | None:
        """The path at `key` of a file or folder of ours; what ends in a slash or dots is a finding."""
        said = self.part.text(key)
        text = expand(said, self.variables, self.ledger, insert=into_path) if said else None
        if not text:
            return None
        if last_name(text) in ("", ".", ".."):
            place, step = self.part.place_of(key), "end it with a name"
            self.ledger.error(f"{key}: {text!r} is a folder", place, next_step=step)
            return None
        return self.absolute(key, text)

    def _parsed(
        self, key: str, text: Text, parse: Callable[[str], T], known: Collection[str], insert: Insert | None = None
    ) -> T | None:
        expanded = expand(text, self.variables, self.ledger, insert=insert)
        return None if expanded is None else self._attempt(key, text, expanded, parse, known)

    def _attempt(
        self, key: str, text: Text, expanded: str, parse: Callable[[str], T], known: Collection[str] = ()
    ) -> T | None:
        try:
            return parse(expanded)
        except ValueError as problem:
            near = nearest(expanded, known)
            step = problem.next_step if isinstance(problem, BadKeyUrl) else f"did you mean {near!r}?" if near else ""
            self.ledger.error(f"{key}: {problem}", text.place, next_step=step)
            return None

    def _input(self, key: str, text: Text) -> str | None:
        expanded = expand(text, self.variables, self.ledger, insert=into_path)
        if expanded is None:
            return None
        path = self.absolute(key, expanded)
        self.ledger.expect(path, text.place, self.spellings[path])
        return path

    def absolute(self, key: str, path: str) -> str:
        """`path`, written at `key`, made absolute against that manifest's folder; how it was spelled is kept."""
        full = absolute(self.part.base_of(key), path)
        self.spellings.setdefault(full, folded(path))
        return full
