"""A mapping of the manifest together with where it was written: a way through values that the schema may have refused.

Asking for a key that is not there, or is not of the kind asked for, gives nothing: the schema has told of it already,
so that everything else in the file can still be told in the same run.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from runner.manifest.variables import Text
from runner.manifest.words import spelled
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runner.errors import Place
    from runner.manifest.source import Source, ValuePath, Written


_PLACES = ("places",)
"""Among what is known of a part; texts are there by their keys."""


@frozen
class Part:
    """The mapping at `path` of a source.

    `borrowed`: the parts that some of its values come from (a template that it extends, defaults): key → part.
    """

    source: Source
    path: ValuePath
    values: Mapping[str, Any] = field(repr=False)
    borrowed: Mapping[str, Part] = field(default_factory=dict, repr=False)
    known: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found out about it that is the same for whoever reads it: every row of an entry, say."""

    @property
    def place(self) -> Place:
        """Where the mapping begins."""
        return self.source.place(self.path)

    @property
    def spelled(self) -> str:
        """The way to it, as people write it: `enrollments[0]`."""
        return spelled(self.path)

    @property
    def key_place(self) -> Place:
        """Where its own key is; where it begins, for an entry of a list."""
        return self.source.key_place(self.path)

    def over(self, other: Part, *, without: Collection[str] = ()) -> Part:
        """This mapping, and from `other` the values of keys that it does not have itself."""
        lent = {key: other.owner(key) for key in other.values if key not in self.values and key not in without}
        if not lent:
            return self
        values = {**self.values, **{key: other.values[key] for key in lent}}
        return Part(self.source, self.path, values, {**self.borrowed, **lent})

    def with_template(self, name: str, template: Part) -> Part:
        """This entry, and what the template of that name says where it says nothing itself."""
        key = ("template", name)
        if key not in self.known:
            self.known[key] = self.over(template)
        whole: Part = self.known[key]
        return whole

    def owner(self, key: str) -> Part:
        """The part in which `key` is written."""
        return self.borrowed.get(key, self)

    def base_of(self, key: str) -> str:
        """The folder that a relative path at `key` starts from: that of the file in which it is written."""
        return self.owner(key).source.base

    def place_of(self, key: str) -> Place:
        """Where the value of `key` is; where the mapping begins if it has none."""
        owner = self.owner(key)
        return owner.source.place((*owner.path, key))

    def place_of_key(self, key: str) -> Place:
        """Where `key` itself is."""
        owner = self.owner(key)
        return owner.source.key_place((*owner.path, key))

    def places(self) -> dict[str, Place]:
        """Where the value of each key is."""
        if _PLACES not in self.known:
            lenders = self.borrowed
            self.known[_PLACES] = {
                key: lenders[key].places()[key] if key in lenders else self.place_of(key) for key in self.values
            }
        found: dict[str, Place] = self.known[_PLACES]
        return found

    def limited(self, values: Mapping[str, Any]) -> Part:
        """The same mapping with some of its values only."""
        return Part(self.source, self.path, values, self.borrowed)

    def text(self, key: str) -> Text | None:
        """The text at `key`."""
        if key not in self.values:
            return None
        if key not in self.known:
            self.known[key] = self._text(self.values[key], key)
        found: Text | None = self.known[key]
        return found

    def scalar(self, key: str) -> Text | None:
        """The text at `key`, or the figures there as they are written."""
        value = self.values.get(key)
        return None if isinstance(value, bool | float) else self.plain(key)

    def plain(self, key: str) -> Text | None:
        """What stands at `key` as it is written, whatever it is to YAML; None for nothing, a list or a mapping."""
        value = self.values.get(key)
        if not isinstance(value, str | int | float):
            return None
        written = self._written(key)
        return Text(value if isinstance(value, str) else written.text, written)

    def texts(self, key: str) -> tuple[Text, ...]:
        """The texts in the list at `key`, or the one text there."""
        value = self.values.get(key)
        if isinstance(value, str):
            return (Text(value, self._written(key)),)
        found = (self._text(each, key, index) for index, each in enumerate(value if isinstance(value, list) else ()))
        return tuple(text for text in found if text)

    def scalars(self, key: str) -> tuple[Text, ...] | None:
        """The list at `key` as texts, figures as they are written; None where it is none, or holds something else."""
        values = self.values.get(key)
        if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
            return None
        written = (self._written(key, index) for index in range(len(values)))
        return tuple(Text(each.text, each) for each in written)

    def number(self, key: str, default: float) -> float:
        """The number at `key`."""
        value = self.values.get(key)
        return value if isinstance(value, int | float) else default

    def flag(self, key: str) -> bool:
        """Whether `key` is true."""
        return self.values.get(key) is True

    def part(self, key: str) -> Part | None:
        """The mapping at `key`."""
        value = self.values.get(key)
        return self._inner(value, key) if isinstance(value, dict) else None

    def named(self, key: str) -> list[tuple[str, Part]]:
        """The mappings in the mapping at `key`, with their names; an empty one stands for what is no mapping."""
        value = self.values.get(key)
        entries = value.items() if isinstance(value, dict) else ()
        return [(name, self._inner(_mapping(each), key, name)) for name, each in entries]

    def entries(self, key: str) -> list[Part]:
        """The mappings in the list at `key`."""
        value = self.values.get(key)
        found = enumerate(value if isinstance(value, list) else ())
        return [self._inner(each, key, index) for index, each in found if isinstance(each, dict)]

    def _inner(self, value: Mapping[str, Any], key: str, *steps: str | int) -> Part:
        owner = self.owner(key)
        return Part(owner.source, (*owner.path, key, *steps), value)

    def _text(self, value: Any, key: str, *steps: int) -> Text | None:
        return Text(value, self._written(key, *steps)) if isinstance(value, str) else None

    def _written(self, key: str, *steps: int) -> Written:
        owner = self.owner(key)
        return owner.source.written[(*owner.path, key, *steps)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
