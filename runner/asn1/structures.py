"""SEQUENCE, SEQUENCE OF, CHOICE and tagging: how ASN.1 modules are written down in this house.

A structure is defined once, as a frozen dataclass whose annotations name the codecs:

    @sequence
    class CertStatus:
        certHash: Annotated[bytes, OCTET_STRING]
        …

A field with a default is OPTIONAL or DEFAULT, and is left out where it equals that default. `encode` and `decode`
turn a whole value into octets and back. The types themselves are in algorithms.py, x509.py, crmf.py and cmp.py.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from runner.asn1.der import SEQUENCE_TAG, read_header, tlv
from runner.asn1.primitives import Codec
from runner.errors import Malformed
from runner.values import twin_of

T = TypeVar("T")
_CONTEXT = 0x80
_CONSTRUCTED = 0x20
_SEQUENCES: dict[type, Codec[Any]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def sequence(cls: type[T]) -> type[T]:
    """Make a class a frozen keyword-only dataclass with a DER form; its fields stand in the order of the ASN.1."""
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    _SEQUENCES[made] = _Sequence(made)
    return made


def encode(value: Any) -> bytes:
    """The DER octets of an instance of a @sequence class."""
    return _SEQUENCES[type(value)].encode(value)


def decode(cls: type[T], octets: bytes) -> T:
    """An instance of a @sequence class from exactly its octets; Malformed where they are not that."""
    codec: Codec[T] = _SEQUENCES[cls]
    return codec.decode(octets)


def codec_of(type_or_codec: Any) -> Codec[Any]:
    """The codec of a @sequence class; a codec is its own."""
    return type_or_codec if isinstance(type_or_codec, Codec) else _SEQUENCES[type_or_codec]


class _Sequence(Codec[Any]):
    """`fields`: of each one its name, the octets that it may begin with, its reader and writer, and its default.

    The default of a field that is mandatory is dataclasses.MISSING.
    """

    def __init__(self, made: type) -> None:
        super().__init__(SEQUENCE_TAG)
        self.make = made
        hints = get_type_hints(made, include_extras=True)
        codecs = {field.name: _annotated(hints[field.name]) for field in dataclasses.fields(made)}
        self.twin = twin_of(made)
        self.fields = [
            (field.name, codecs[field.name].tags, codecs[field.name].read, codecs[field.name].encode, field.default)
            for field in dataclasses.fields(made)
        ]

    def body(self, value: Any) -> bytes:
        parts = []
        for name, _, _, encode_part, default in self.fields:
            part = getattr(value, name)
            if part is None or part == default:
                continue
            parts.append(encode_part(part))
        return b"".join(parts)

    def parse(self, octets: bytes, start: int, stop: int) -> Any:
        made: Any = object.__new__(self.twin)
        for name, tags, read, _, default in self.fields:
            if start < stop and (tags is None or octets[start] in tags):
                part, start = read(octets, start, stop)
            elif default is dataclasses.MISSING:
                raise Malformed(f"{self.make.__name__} lacks {name}", why=f"at octet {start}")
            else:
                part = default
            setattr(made, name, part)
        if start != stop:
            raise Malformed(f"{self.make.__name__} has an element that does not belong there", why=f"at octet {start}")
        made.__class__ = self.make  # runner.values says why
        return made


def _annotated(hint: Any) -> Codec[Any]:
    if get_origin(hint) is Annotated:
        return next(codec_of(extra) for extra in get_args(hint)[1:])
    if isinstance(hint, UnionType):
        return _annotated(next(part for part in get_args(hint) if part is not NoneType))
    return codec_of(hint)


class SequenceOf(Codec[tuple[Any, ...]]):
    """SEQUENCE OF (or, with tag 0x31, SET OF one) as a tuple of at most `limit` values."""

    def __init__(self, element: Any, *, limit: int = 64, tag: int = SEQUENCE_TAG) -> None:
        super().__init__(tag)
        self.element = codec_of(element)
        self.limit = limit

    def body(self, value: tuple[Any, ...]) -> bytes:
        """The elements, one after the other."""
        return b"".join(map(self.element.encode, value))

    def parse(self, octets: bytes, start: int, stop: int) -> tuple[Any, ...]:
        """The values of the elements."""
        values: list[Any] = []
        while start < stop:
            if len(values) == self.limit:
                raise Malformed(f"more than {self.limit} elements stand where fewer belong")
            value, start = self.element.read(octets, start, stop)
            values.append(value)
        return tuple(values)


class Implicit(Codec[Any]):
    """[number] IMPLICIT: the context tag takes the place of the inner tag."""

    def __init__(self, number: int, inner: Any) -> None:
        self.inner = codec_of(inner)
        super().__init__(_CONTEXT | (self.inner.tag & _CONSTRUCTED) | number)
        self.body = self.inner.body  # type: ignore[method-assign]  # the same octets inside
        self.parse = self.inner.parse  # type: ignore[method-assign]


class Explicit(Codec[Any]):
    """[number] EXPLICIT: the context tag goes around the inner element."""

    def __init__(self, number: int, inner: Any) -> None:
        self.inner = codec_of(inner)
        super().__init__(_CONTEXT | _CONSTRUCTED | number)

    def body(self, value: Any) -> bytes:
        """The inner element, whole."""
        return self.inner.encode(value)

    def parse(self, octets: bytes, start: int, stop: int) -> Any:
        """The inner value."""
        value, after = self.inner.read(octets, start, stop)
        if after != stop:
            raise Malformed("an explicit tag holds more than one element", why=f"at octet {after}")
        return value


@dataclass(frozen=True, slots=True)
class Chosen:
    """The value of a CHOICE: which alternative, by its name in the standard, and its value."""

    name: str
    value: Any


class Choice(Codec[Chosen]):
    """CHOICE: alternatives by name; each must be told from the others by its first octet."""

    def __init__(self, **alternatives: Any) -> None:
        self.by_name = {name: codec_of(inner) for name, inner in alternatives.items()}
        self.by_tag = {tag: (name, c) for name, c in self.by_name.items() for tag in c.tags or ()}
        super().__init__(*self.by_tag)

    def encode(self, value: Chosen) -> bytes:
        """The chosen alternative's element."""
        return self.by_name[value.name].encode(value.value)

    def read(self, octets: bytes, at: int, end: int) -> tuple[Chosen, int]:
        """The alternative that stands at `at`."""
        tag, _, stop = read_header(octets, at, end)
        if tag not in self.by_tag:
            raise Malformed("an ASN.1 element that is none of the choices", why=f"tag {tag:02x} at octet {at}")
        name, inner = self.by_tag[tag]
        value, _ = inner.read(octets, at, end)
        return Chosen(name, value), stop


def explicit_element(number: int, element: bytes) -> bytes:
    """`element` inside [number] EXPLICIT."""
    return tlv(_CONTEXT | _CONSTRUCTED | number, element)
