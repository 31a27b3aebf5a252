"""Frozen data, made quickly: `@frozen` is `dataclass(frozen=True, slots=True)` that costs less to define and to fill.

dataclasses writes six methods for every class and compiles them when the module is imported, and fills an instance one
attribute at a time through `object.__setattr__`. Here one set of methods serves all classes, and what fills an instance
is written out and compiled when the first one is made, once for all classes with as many fields. It fills a twin, a
class that is not frozen and looks the same in memory, which then becomes what it is; nobody ever sees the twin. A
`replace` of ten fields takes 0.5 µs instead of 3.4 (benchmarks/README.md). Decoding (runner/asn1/structures.py) does
the same.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields
from functools import cache
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

__all__ = ["compiled", "frozen", "is_frozen", "mutable", "replace", "twin_of"]

T = TypeVar("T")
_FIELD: Any = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - what tells fields from other kinds
_BECOME = object.__dict__["__class__"].__set__
"""Sets the class of an instance that is frozen."""


@overload
def frozen(cls: type[T], /) -> type[T]: ...
@overload
def frozen(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T] | None = None, /, *, kw_only: bool = False) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a frozen dataclass with slots, of its fields and nothing else: there is no `__post_init__`.

    What the class itself defines (`__repr__`, `__eq__`, `__hash__`, …) stays.
    """
    if cls is None:
        return lambda cls: _defined(cls, _initializer, _FROZEN, kw_only=kw_only)
    return _defined(cls, _initializer, _FROZEN, kw_only=kw_only)


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[T]) -> type[T]:
    """Make a class a dataclass with slots whose attributes may be set: `dataclass(slots=True)`, made as quickly."""
    return _defined(cls, _plain_initializer, _MUTABLE, kw_only=False)


def _defined(
    cls: type[T], initializer: Callable[[Any], Callable[..., None]], methods: Mapping[str, Any], *, kw_only: bool
) -> type[T]:
    space = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    known = _inherited(cls)
    own = {name: _field(cls, name, space.pop(name, MISSING), kw_only=kw_only) for name in cls.__annotations__}
    slots = tuple(name for name in own if name not in known)
    known |= own
    space |= {"__slots__": slots, "__dataclass_fields__": known}
    space["__match_args__"] = tuple(each.name for each in known.values() if not each.kw_only)
    row = _row_of([each.name for each in known.values() if each.compare])

    def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807
        made.__init__ = initializer(made)
        made.__init__(self, *args, **values)

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return bool(row(self) == row(other)) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(row(self))

    space = {"__init__": __init__, "__eq__": __eq__, "__hash__": __hash__, **methods, **space}
    made: Any = type(cls)(cls.__name__, cls.__bases__, space)  # type: ignore[misc]  # its metaclass
    made.__qualname__ = cls.__qualname__
    return made  # type: ignore[no-any-return]


def _inherited(cls: type) -> dict[str, Field[Any]]:
    """The fields of what it is derived from."""
    known: dict[str, Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        known |= base.__dict__.get("__dataclass_fields__", {})
    return known


def _field(cls: type, name: str, given: Any, *, kw_only: bool) -> Field[Any]:
    """One field as `dataclass` would make it, which looks through annotations for kinds that we have not."""
    annotation = cls.__annotations__[name]
    if "ClassVar" in annotation or type(given).__hash__ is None:
        raise TypeError(f"{cls.__name__}.{name} is no field: it belongs to the class, or its default can be changed")
    made: Any = given if isinstance(given, Field) else field(default=given)
    if not made.init or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} is to be filled by more than its parameters: that is for dataclass")
    made.name, made.type, made._field_type = name, annotation, _FIELD  # noqa: SLF001 - as dataclass does
    made.kw_only = kw_only if made.kw_only is MISSING else made.kw_only
    return made  # type: ignore[no-any-return]


def is_frozen(cls: type) -> bool:
    """Whether a class was made by `@frozen`."""
    return vars(cls).get("__setattr__") is _not_set


def _row_of(names: list[str]) -> Callable[[Any], Any]:
    """What gives the values of those attributes, to be compared and hashed."""
    return attrgetter(*names) if names else lambda _: ()


def _shown(self: Any) -> str:
    said = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({said})"


def _not_set(self: Any, name: str, value: object) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _not_deleted(self: Any, name: str) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _reduced(self: Any) -> tuple[Any, ...]:
    """For pickle: workers send data to their parent, many for each item."""
    cls: type = type(self)
    return _made_again, (cls, *_values_of(cls)(self))


def _made_again(cls: type, *values: Any) -> Any:
    return _maker(cls)(*values)


@cache
def _values_of(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of all fields."""
    names = [each.name for each in fields(cls)]
    lines = [f"return ({''.join(f'value.name{number}, ' for number in range(len(names)))})"]
    made: Callable[[Any], tuple[Any, ...]] = compiled("values", ("value",), lines, {}, names)
    return made


@cache
def _maker(cls: type) -> Callable[..., Any]:
    """What makes an instance of the values of all its fields."""
    names = [each.name for each in fields(cls)]
    given = [f"given{number}" for number in range(len(names))]
    lines = ["made = new(twin)", *(f"made.name{number} = given{number}" for number in range(len(names)))]
    lines += ["made.__class__ = cls", "return made"]
    known = {"new": object.__new__, "twin": twin_of(cls), "cls": cls}
    made: Callable[..., Any] = compiled("made", given, lines, known, names)
    return made


@cache
def _copier(cls: type) -> Callable[[Any], Any]:
    """What makes a copy of an instance, as the twin's: its attributes may still be set."""
    names = [each.name for each in fields(cls)]
    lines = ["made = new(twin)", *(f"made.name{number} = value.name{number}" for number in range(len(names)))]
    known = {"new": object.__new__, "twin": twin_of(cls)}
    made: Callable[[Any], Any] = compiled("copied", ("value",), [*lines, "return made"], known, names)
    return made


_FROZEN = {
    "__repr__": _shown,
    "__setattr__": _not_set,
    "__delattr__": _not_deleted,
    "__reduce__": _reduced,
}
"""The methods that are the same for every frozen class."""
_MUTABLE = {"__repr__": _shown, "__hash__": None}
"""The same of those whose attributes may be set."""


def _initializer(cls: Any) -> Callable[..., None]:
    """The `__init__` of a frozen class."""
    known = {"become": _BECOME, "twin": twin_of(cls), "cls": cls}
    return _filling(cls, "become(self, twin)", "self.__class__ = cls", known)


def _plain_initializer(cls: Any) -> Callable[..., None]:
    """The `__init__` of a class whose attributes may be set."""
    return _filling(cls, "", "", {})


def _filling(cls: Any, before: str, after: str, known: dict[str, Any]) -> Callable[..., None]:
    """An `__init__`, written out: the parameters in the order of the fields, those by name alone last."""
    placed = [each for each in fields(cls) if not each.kw_only]
    named = [each for each in fields(cls) if each.kw_only]
    own = [f"name{number}" for number in range(len(placed) + len(named))]
    known["MISSING"], lines = MISSING, [before]
    for name, each in zip(own, (*placed, *named), strict=True):
        made_anew = each.default_factory is not MISSING
        value = f"new_{name}() if {name} is MISSING else {name}" if made_anew else name
        lines.append(f"self.{name} = {value}")
        known[f"new_{name}"] = each.default_factory
    by_name = ["*", *own[len(placed) :]] if named else []
    parameters = ["self", *own[: len(placed)], *by_name]
    made: Any = compiled("__init__", parameters, [*lines, after], known, [each.name for each in (*placed, *named)])
    made.__defaults__ = _defaults(cls, placed)
    made.__kwdefaults__ = {each.name: each.default for each in named if _may_be_left_out(each)}
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made  # type: ignore[no-any-return]


def _defaults(cls: type, placed: Sequence[Field[Any]]) -> tuple[Any, ...]:
    """Of the last parameters; where something is made anew, it is MISSING."""
    optional = [_may_be_left_out(each) for each in placed]
    if optional != sorted(optional):
        raise TypeError(f"in {cls.__name__} a field without a default follows one that has one")
    return tuple(each.default for each in placed if _may_be_left_out(each))


def _may_be_left_out(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


@cache
def twin_of(cls: type) -> type:
    """A class whose instances, made by object.__new__ and filled, may become those of `cls` by way of `__class__`."""
    # both are ours: with either of a base's, the interpreter would look for who sets attributes, each time
    namespace = {
        "__slots__": cls.__dict__["__slots__"],
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    if "__orig_bases__" in cls.__dict__:  # Generic asks for it
        namespace["__orig_bases__"] = cls.__dict__["__orig_bases__"]
    return type(f"{cls.__name__}InTheMaking", cls.__bases__, namespace)


def compiled(
    name: str, parameters: Iterable[str], lines: Iterable[str], known: dict[str, Any], names: Sequence[str] = ()
) -> Any:
    """The function that these lines make; beside its parameters it sees what is `known`, by name.

    In them `name0`, `name1`, … stand for `names`: functions that are alike but for these are compiled once.
    """
    code = _code(name, "\n    ".join((f"def {name}({', '.join(parameters)}):", *lines)))
    if names:
        meant = {f"name{number}": each for number, each in enumerate(names)}
        code = code.replace(
            co_names=tuple(meant.get(each, each) for each in code.co_names),
            co_varnames=tuple(meant.get(each, each) for each in code.co_varnames),
        )
    return FunctionType(code, known)


@cache
def _code(name: str, text: str) -> CodeType:
    space: dict[str, Any] = {}
    exec(text, space)  # noqa: S102 - our own words
    made: CodeType = space[name].__code__
    return made


if TYPE_CHECKING:
    from dataclasses import replace  # the same to the eyes of a type checker, which knows the fields
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace` for @frozen data."""
        cls = type(value)
        made = _copier(cls)(value)
        for name, each in changes.items():
            try:
                setattr(made, name, each)
            except AttributeError:
                raise TypeError(f"{cls.__name__} has no field {name}") from None
        made.__class__ = cls
        return made
