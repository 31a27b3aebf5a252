"""Frozen data, made quickly: `@frozen` is `dataclass(frozen=True, slots=True)` that costs less to define and to fill.

dataclasses writes six methods for every class and compiles them when the module is imported, and fills an instance one
attribute at a time through `object.__setattr__`. Here one set of methods serves all classes, and what fills an instance
is written out and compiled when the first one is made. It fills a twin, a class that is not frozen and looks the same
in memory, which then becomes what it is; nobody ever sees the twin. A start is a quarter shorter, a `replace` of ten
fields takes 0.5 µs instead of 3.4 (benchmarks/README.md). Decoding (runner/asn1/structures.py) does the same.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["compiled", "frozen", "replace", "twin_of"]

T = TypeVar("T")
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
        return lambda cls: _frozen(cls, kw_only=kw_only)
    return _frozen(cls, kw_only=kw_only)


def _frozen(cls: type[T], *, kw_only: bool) -> type[T]:
    defined = set(cls.__dict__)
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
    row = _row_of([each.name for each in fields(made) if each.compare])

    def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807
        made.__init__ = _initializer(made)
        made.__init__(self, *args, **values)

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return bool(row(self) == row(other)) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(row(self))

    methods = {"__init__": __init__, "__eq__": __eq__, "__hash__": __hash__, **_ALIKE}
    for name, method in methods.items():
        if name not in defined:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


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
    known: dict[str, Any] = {}
    made: Callable[[Any], tuple[Any, ...]] = compiled(
        "values", ("value",), [f"return ({''.join(f'value.{name}, ' for name in names)})"], known
    )
    return made


@cache
def _maker(cls: type) -> Callable[..., Any]:
    """What makes an instance of the values of all its fields."""
    names = [each.name for each in fields(cls)]
    lines = ["made = new(twin)", *(f"made.{name} = {name}" for name in names), "made.__class__ = cls", "return made"]
    made: Callable[..., Any] = compiled("made", names, lines, {"new": object.__new__, "twin": twin_of(cls), "cls": cls})
    return made


_ALIKE = {
    "__repr__": _shown,
    "__setattr__": _not_set,
    "__delattr__": _not_deleted,
    "__reduce__": _reduced,
}
"""The methods that are the same for every class."""


def _initializer(cls: Any) -> Callable[..., None]:
    """The `__init__` of a class, written out: the parameters in the order of the fields, those by name alone last."""
    by_name, known = (
        [each for each in fields(cls) if each.kw_only],
        {"become": _BECOME, "twin": twin_of(cls), "cls": cls},
    )
    parameters = ["self", *(_parameter(each, known) for each in fields(cls) if not each.kw_only)]
    parameters += ["*", *(_parameter(each, known) for each in by_name)] if by_name else []
    filled = [f"self.{each.name} = {_given(each, known)}" for each in fields(cls)]
    lines = ["become(self, twin)", *filled, "self.__class__ = cls"]
    made: Callable[..., None] = compiled("__init__", parameters, lines, known)
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _parameter(each: Field[Any], known: dict[str, Any]) -> str:
    """One parameter; its default is put among what is known."""
    if each.default is MISSING and each.default_factory is MISSING:
        return each.name
    known[f"{each.name}_default"] = each.default
    return f"{each.name}={each.name}_default"


def _given(each: Field[Any], known: dict[str, Any]) -> str:
    """The value of one field: as given, or newly made where nothing was."""
    if each.default_factory is MISSING:
        return each.name
    known[f"new_{each.name}"] = each.default_factory
    return f"new_{each.name}() if {each.name} is {each.name}_default else {each.name}"


@cache
def twin_of(cls: type) -> type:
    """A class whose instances, made by object.__new__ and filled, may become those of `cls` by way of `__class__`."""
    namespace = {"__slots__": cls.__dict__["__slots__"], "__setattr__": object.__setattr__}
    if "__orig_bases__" in cls.__dict__:  # Generic asks for it
        namespace["__orig_bases__"] = cls.__dict__["__orig_bases__"]
    return type(f"{cls.__name__}InTheMaking", cls.__bases__, namespace)


def compiled(name: str, parameters: Sequence[str], lines: Iterable[str], known: dict[str, Any]) -> Any:
    """The function that these lines make; beside its parameters it sees what is `known`, by name."""
    space = dict(known)
    exec("\n    ".join((f"def {name}({', '.join(parameters)}):", *lines)), space)  # noqa: S102 - our own fields' names
    return space[name]


if TYPE_CHECKING:
    from dataclasses import replace  # the same to the eyes of a type checker, which knows the fields
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace` for @frozen data."""
        return _copier(type(value), *changes)(value, *changes.values())


@cache
def _copier(cls: type, *changed: str) -> Callable[..., Any]:
    """What makes a copy of an instance of `cls` in which those fields, in that order, have other values."""
    names = [each.name for each in fields(cls)]
    for name in changed:
        if name not in names:
            raise TypeError(f"{cls.__name__} has no field {name}")
    given = {name: f"given{number}" for number, name in enumerate(changed)}
    lines = ["made = new(twin)", *(f"made.{name} = {given.get(name, f'value.{name}')}" for name in names)]
    known = {"new": object.__new__, "twin": twin_of(cls), "cls": cls}
    made: Callable[..., Any] = compiled(
        "copied", ("value", *given.values()), [*lines, "made.__class__ = cls", "return made"], known
    )
    return made
