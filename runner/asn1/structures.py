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
import sys
from functools import cached_property
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin

from runner.asn1.der import HIGH_TAG, LONG_FORM, SEQUENCE_TAG, read_header, short_headers, tlv
from runner.asn1.primitives import Codec
from runner.errors import Malformed
from runner.values import compiled, frozen, twin_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_CONTEXT = 0x80
_CONSTRUCTED = 0x20
_SEQUENCES: dict[type, Codec[Any]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def sequence(cls: type[T]) -> type[T]:
    """Make a class a frozen keyword-only dataclass with a DER form; its fields stand in the order of the ASN.1."""
    made = frozen(kw_only=True)(cls)
    _SEQUENCES[made] = _Sequence(made)
    return made


def wrapped(cls: type[T], by: Callable[[Codec[T]], Codec[T]]) -> type[T]:
    """Have a @sequence class written and read by what `by` makes of its codec."""
    _SEQUENCES[cls] = by(_SEQUENCES[cls])
    return cls


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
    """The fields one after the other, by functions that are written out for each class and compiled (runner.values)."""

    def __init__(self, made: type) -> None:
        super().__init__(SEQUENCE_TAG)
        self.make = made

    @cached_property
    def fields(self) -> list[tuple[str, Codec[Any], Any]]:
        """Of each one its name, its codec and its default, which is dataclasses.MISSING where it is mandatory.

        Found out when they are first needed: most structures are defined in a run and not met with. The annotations
        are evaluated together, which takes half as long as typing.get_type_hints.
        """
        known = dataclasses.fields(self.make)
        hints = eval(f"({''.join(f'{each.type}, ' for each in known)})", vars(sys.modules[self.make.__module__]))  # noqa: S307 - our own annotations
        return [(each.name, _annotated(hint), each.default) for each, hint in zip(known, hints, strict=True)]

    def body(self, value: Any) -> bytes:
        # The next one finds it made.
        self.body = self._compiled("body", ("value",), self._writer())  # type: ignore[method-assign]
        return self.body(value)

    def parse(self, octets: bytes, start: int, stop: int) -> Any:
        self.parse = self._compiled("parse", ("octets", "start", "stop"), self._reader())  # type: ignore[method-assign]
        return self.parse(octets, start, stop)

    def _compiled(self, name: str, parameters: tuple[str, ...], lines: list[str]) -> Any:
        made = self.make
        known = {"new": object.__new__, "made_of": made, "twin": twin_of(made)}
        known |= {"lacking": _lacking, "odd": _odd, "tlv": tlv}
        for number, (_, codec, default) in enumerate(self.fields):
            inner, tags = _innermost(codec)
            known |= {f"codec{number}": inner, f"tags{number}": codec.tags, f"default{number}": default}
            known |= {f"read{number}": codec.read, f"encode{number}": codec.encode}
            known |= {f"short{number}": short_headers(*tags)} if tags else {}
        return compiled(name, parameters, lines, known)

    def _writer(self) -> list[str]:
        lines = ["parts = []"]
        for number, (name, codec, default) in enumerate(self.fields):
            given = f"value.{name} is not None" if default is None else f"value.{name} != default{number}"
            given = "True" if default is dataclasses.MISSING else given
            lines += [f"if {given}:", *_writes(number, name, codec)]
        return [*lines, "return b''.join(parts)"]

    def _reader(self) -> list[str]:
        lines = ["made = new(twin)"]
        for number, (name, codec, default) in enumerate(self.fields):
            missing = f"lacking(made_of, '{name}', start)" if default is dataclasses.MISSING else f"default{number}"
            lines += [f"if {_is_there(number, codec)}:", *_reads(number, name, codec), f"else: made.{name} = {missing}"]
        return [*lines, "if start != stop: odd(made_of, start)", "made.__class__ = made_of", "return made"]


def _innermost(codec: Codec[Any]) -> tuple[Codec[Any], tuple[int, ...]]:
    """The codec, or the one that it puts an explicit tag around; and the tags that are written around the octets."""
    inner = codec.inner if isinstance(codec, Explicit) else codec
    return inner, tuple(each.tag for each in dict.fromkeys((codec, inner)) if not each.whole)


def _writes(number: int, name: str, codec: Codec[Any]) -> list[str]:
    """What writes one field; a short one on the spot, as Codec.encode would, where its codec has no way of its own."""
    inner, tags = _innermost(codec)
    if not inner.whole and type(inner).encode is not Codec.encode:
        return [f"    parts.append(encode{number}(value.{name}))"]
    body = f"value.{name}" if inner.whole else f"codec{number}.body(value.{name})"
    if not tags:
        return [f"    parts.append({body})"]
    long = "".join(f"tlv({tag}, " for tag in tags) + "body" + ")" * len(tags)
    return [
        f"    body = {body}",
        f"    if len(body) < {len(short_headers(*tags))}: parts += short{number}[len(body)], body",
        f"    else: parts.append({long})",
    ]


def _is_there(number: int, codec: Codec[Any]) -> str:
    """Whether the element at `start` is that of a field, by its tag."""
    if codec.tags is None:
        return "start < stop"
    tag = f"== {codec.tag}" if len(codec.tags) == 1 else f"in tags{number}"
    return f"start < stop and octets[start] {tag}"


def _reads(number: int, name: str, codec: Codec[Any]) -> list[str]:
    """What reads one field; a short one on the spot, as Codec.read would, where its codec has no way of its own."""
    read = f"made.{name}, start = read{number}(octets, start, stop)"
    inner, _ = _innermost(codec)
    if not inner.whole and type(inner).read is not Codec.read:
        return [f"    {read}"]
    element = "start" if inner is codec else "at"
    short = [f"(size := octets[start + 1]) < {LONG_FORM}", "(after := at + size) <= stop"]
    if inner is not codec:  # what the tag holds is one element, to its end
        short += ["size > 1", "octets[at + 1] == size - 2"]
    if inner.tags is None:
        short += [f"octets[{element}] & {HIGH_TAG} != {HIGH_TAG}"]
    elif inner is not codec:
        short += [f"octets[at] == {inner.tag}"]
    value = f"octets[{element}:after]" if inner.whole else f"codec{number}.parse(octets, {element} + 2, after)"
    return [
        "    at = start + 2",
        f"    if at < stop and {' and '.join(short)}: made.{name}, start = {value}, after",
        f"    else: {read}",
    ]


def _lacking(cls: type, name: str, at: int) -> None:
    raise Malformed(f"{cls.__name__} lacks {name}", why=f"at octet {at}")


def _odd(cls: type, at: int) -> None:
    raise Malformed(f"{cls.__name__} has an element that does not belong there", why=f"at octet {at}")


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

    def body(self, value: Any) -> bytes:
        """The same octets inside."""
        return self.inner.body(value)

    def parse(self, octets: bytes, start: int, stop: int) -> Any:
        """The same value."""
        return self.inner.parse(octets, start, stop)


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


@frozen
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
        chosen = self.by_tag.get(octets[at]) if at < end else None
        if chosen is None:
            tag, _, _ = read_header(octets, at, end)
            raise Malformed("an ASN.1 element that is none of the choices", why=f"tag {tag:02x} at octet {at}")
        name, inner = chosen
        value, stop = inner.read(octets, at, end)
        return Chosen(name, value), stop


def explicit_element(number: int, element: bytes) -> bytes:
    """`element` inside [number] EXPLICIT."""
    return tlv(_CONTEXT | _CONSTRUCTED | number, element)
