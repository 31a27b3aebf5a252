"""Long sequences of frozen data that differ in few places, kept as what is each one's own.

Ten thousand items of one entry of a manifest are alike but for a name, two paths and a few octets, and take more than a
kilobyte each as objects of their own. A Packed keeps a tuple of what differs, and makes the value again each time that
it is looked at: equal to what was put in, and not the same object. What differs is learnt from the values; the
functions that take one apart and put it together are compiled, as those of runner.values are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import fields
from operator import eq, itemgetter
from typing import Any, Generic, NewType, TypeVar, overload

from runner.values import compiled, frozen, is_frozen, twin_of

K = TypeVar("K")
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)

_Kept = NewType("_Kept", tuple[Any, ...])
"""What is kept of a value: the function that makes it again from all of this, and then what is the value's own."""

_WHOLE = 256
"""So many values are kept as they are: a few are not worth a function."""
_SAMPLED = 16
"""Of those, every so many is learnt from: to learn costs more than to take apart."""
_LONG = 8
"""Characters, or octets, from which on what many texts begin with is kept apart from them."""
_PATIENCE = 64
"""How often something is learnt about what differs; values that are unlike even then are kept as they are."""


class Packed(Sequence[T_co], Generic[T_co]):
    """A tuple of values of `@frozen` classes, each made when it is looked at."""

    __slots__ = ("_kept",)

    def __init__(self, values: Iterable[T_co] = ()) -> None:
        self._kept: Sequence[_Kept] = [*map(_Packer().pack, values)]

    def by(self, keys: Iterable[K]) -> PackedDict[K, T_co]:
        """The same by keys, one for each."""
        by_key: PackedDict[K, T_co] = PackedDict()
        by_key._kept = dict(zip(keys, self._kept, strict=True))  # noqa: SLF001 - one family
        return by_key

    def joined(self, others: Iterable[U], join: Callable[[T_co, U], V]) -> Packed[V]:
        """What `join` makes of each value and one of `others`, made when it is looked at; the values are kept once."""

        def make(kept: _Kept) -> V:
            return join(_unpacked(kept[1]), kept[2])

        return _of([_Kept((make, *both)) for both in zip(self._kept, others, strict=True)])

    def __eq__(self, other: object) -> bool:
        return len(self) == len(other) and all(map(eq, self, other)) if isinstance(other, Packed) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Packed({[*self]!r})"

    def __add__(self, more: Packed[T_co]) -> Packed[T_co]:
        return _of([*self._kept, *more._kept]) if more._kept else self

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[T_co]:
        return map(_unpacked, self._kept)

    @overload
    def __getitem__(self, at: int) -> T_co: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T_co]: ...
    def __getitem__(self, at: int | slice) -> T_co | Sequence[T_co]:
        if isinstance(at, slice):
            return _of(self._kept[at])
        return _unpacked(self._kept[at])  # type: ignore[no-any-return]


class PackedDict(MutableMapping[K, T], Generic[K, T]):
    """The same by keys, in the order in which they came."""

    __slots__ = ("_kept", "_packer")

    def __init__(self) -> None:
        self._packer = _Packer()
        self._kept: dict[K, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[K]:
        return iter(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept  # a value need not be made for that

    def __getitem__(self, key: K) -> T:
        return _unpacked(self._kept[key])  # type: ignore[no-any-return]

    def __setitem__(self, key: K, value: T) -> None:
        self._kept[key] = self._packer.pack(value)

    def __delitem__(self, key: K) -> None:
        del self._kept[key]

    def in_order(self, keys: Iterable[K]) -> Packed[T]:
        """The values of these keys."""
        return _of([self._kept[key] for key in keys])


def packed(values: Iterable[T]) -> Packed[T]:
    """Values as a Packed; one that is one already stays as it is."""
    return values if isinstance(values, Packed) else Packed(values)


def _of(kept: Sequence[_Kept]) -> Packed[Any]:
    made: Packed[Any] = Packed()
    made._kept = kept  # noqa: SLF001 - one family
    return made


def _unpacked(kept: _Kept) -> Any:
    return kept[0](kept)


def _whole(value: Any) -> _Kept:
    return _Kept((_SECOND, value))


_SECOND = itemgetter(1)


class _Packer:
    """Takes values apart, one after the other, as those before have taught it."""

    def __init__(self) -> None:
        self._first: list[Any] = []
        """Of those that are kept as they are, some to learn from."""
        self._seen = 0
        self._patience = _PATIENCE
        self._shape: _Shape = _Own()
        self._taken: Callable[[Any], _Kept | None] = _whole

    def pack(self, value: Any) -> _Kept:
        """What is to be kept of a value."""
        self._seen += 1
        if self._seen <= _WHOLE:
            if self._seen % _SAMPLED == 0:
                self._first.append(value)
            return _whole(value)
        kept = self._taken(value)
        if self._patience and (kept is None or isinstance(self._shape, _Own)):
            self._learn(value)
            kept = self._taken(value)
        return kept or _whole(value)

    def _learn(self, value: Any) -> None:
        self._patience -= 1
        for each in (*self._first, value):
            self._shape = _Alike(each) if isinstance(self._shape, _Own) else _learnt(self._shape, each)
        self._first.clear()
        self._taken = _taker(self._shape)


@frozen
class _Alike:
    """A place where all values have the very same object."""

    value: Any


@frozen
class _Own:
    """A place where each value has something of its own; `begun` is what all of them, texts or octets, begin with."""

    begun: str | bytes = ""


@frozen
class _Open:
    """A place where all have an object of this class, or a tuple of so many members: the places within it."""

    made: type
    parts: tuple[_Shape, ...]


_Shape = _Alike | _Own | _Open


def _learnt(shape: _Shape, value: Any) -> _Shape:
    """The shape of those before that has room for this value as well."""
    if isinstance(shape, _Alike) and shape.value is not value:
        shape = _opened(shape.value)
    if isinstance(shape, _Own):
        return _Own(_beginning(shape.begun, value))
    if isinstance(shape, _Open):
        parts = _parts_of(value)
        if type(value) is not shape.made or len(parts) != len(shape.parts):
            return _Own()
        return _Open(shape.made, tuple(map(_learnt, shape.parts, parts)))
    return shape


def _opened(value: Any) -> _Shape:
    """A value as its parts, if that is what it is made of."""
    cls = type(value)
    if cls is tuple or is_frozen(cls):
        return _Open(cls, tuple(map(_Alike, _parts_of(value))))
    return _Own(value if cls in (str, bytes) else "")


def _parts_of(value: Any) -> tuple[Any, ...]:
    if type(value) is tuple:
        return value
    return tuple(getattr(value, each.name) for each in fields(value)) if is_frozen(type(value)) else ()


def _beginning(begun: str | bytes, value: Any) -> str | bytes:
    """What both begin with, if it is worth being kept apart."""
    if type(value) is not type(begun):
        return ""
    differ = (at for at, (one, other) in enumerate(zip(begun, value, strict=False)) if one != other)
    common = begun[: next(differ, len(value))]
    return common if len(common) >= _LONG else ""


def _taker(shape: _Shape) -> Callable[[Any], _Kept | None]:
    """What takes a value of that shape apart; of another one, it makes None."""
    written = _Written()
    whole = written.part(shape, "value")
    own = "".join(f"{name}, " for name in written.own)
    make = compiled("make", ("kept",), [f"_, {own}= kept", *written.made, f"return {whole}"], written.known)
    taken = [*written.taken, f"return (make, {own})"]
    take: Callable[[Any], _Kept | None] = compiled("take", ("value",), taken, {**written.known, "make": make})
    return take


class _Written:
    """The two functions of a shape, as they are being written."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        """The lines of the one that takes apart."""
        self.made: list[str] = []
        """Those of the one that puts together, which begins with what was kept."""
        self.own: list[str] = []
        """The names of what is kept."""
        self.known: dict[str, Any] = {"new": object.__new__}
        """What both see beside it."""

    def part(self, shape: _Shape, there: str) -> str:
        """Take apart what is `there`; gives the words for it where it is put together again."""
        number = len(self.known)
        if isinstance(shape, _Alike):
            self.known[f"alike{number}"] = shape.value
            self.taken.append(f"if {there} is not alike{number}: return None")
            return f"alike{number}"
        here = f"here{number}_{len(self.own)}"
        self.taken.append(f"{here} = {there}")
        if isinstance(shape, _Own):
            return self._kept(shape.begun, here, number)
        self.known[f"cls{number}"] = shape.made
        self.taken.append(f"if {here}.__class__ is not cls{number}: return None")
        return self._members(shape, here) if shape.made is tuple else self._fields(shape, here, number)

    def _kept(self, begun: str | bytes, here: str, number: int) -> str:
        self.own.append(here)
        if not begun:
            return here
        self.known |= {f"cls{number}": type(begun), f"begun{number}": begun}
        self.taken += (
            f"if {here}.__class__ is not cls{number} or not {here}.startswith(begun{number}): return None",
            f"{here} = {here}[{len(begun)}:]",
        )
        return f"begun{number} + {here}"

    def _members(self, shape: _Open, here: str) -> str:
        self.taken.append(f"if len({here}) != {len(shape.parts)}: return None")
        members = [self.part(each, f"{here}[{at}]") for at, each in enumerate(shape.parts)]
        return f"({''.join(f'{member}, ' for member in members)})"

    def _fields(self, shape: _Open, here: str, number: int) -> str:
        self.known[f"twin{number}"] = twin_of(shape.made)
        names = [each.name for each in fields(shape.made)]
        values = [self.part(part, f"{here}.{name}") for part, name in zip(shape.parts, names, strict=True)]
        self.made.append(f"{here} = new(twin{number})")
        self.made += (f"{here}.{name} = {value}" for name, value in zip(names, values, strict=True))
        self.made.append(f"{here}.__class__ = cls{number}")
        return here
