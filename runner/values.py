"""Frozen data, made quickly: what dataclasses do one attribute at a time through `object.__setattr__`.

A frozen dataclass with slots has a twin here that is not frozen and looks the same in memory. An instance is filled as
its twin and then becomes what it is; nobody ever sees the twin. What fills it is written out for each class, field by
field, and compiled, as dataclasses do with `__init__`: a `replace` of ten fields takes 0.5 µs instead of 3.4
(benchmarks/README.md). Decoding (runner/asn1/structures.py) is the other user.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled", "replace", "twin_of"]

_COPIERS: dict[type, Callable[[Any, dict[str, Any]], Any]] = {}


def twin_of(cls: type) -> type:
    """A class whose instances, made by object.__new__ and filled, may become those of `cls` by way of `__class__`."""
    namespace = {"__slots__": cls.__dict__["__slots__"], "__setattr__": object.__setattr__}
    return type(f"{cls.__name__}InTheMaking", cls.__bases__, namespace)


def compiled(source: str, name: str, known: dict[str, Any]) -> Any:
    """The function `name` that `source` defines, which sees what is `known`, by name."""
    space = dict(known)
    exec(source, space)  # noqa: S102 - written by this house out of the names of its own fields
    return space[name]


if TYPE_CHECKING:
    from dataclasses import replace  # the same to the eyes of a type checker, which knows the fields
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace` for frozen dataclasses with slots that are made of their fields and nothing else."""
        cls = type(value)
        return (_COPIERS.get(cls) or _copier(cls))(value, changes)


def _copier(cls: type) -> Callable[[Any, dict[str, Any]], Any]:
    """What makes a changed copy of an instance of `cls`; kept in _COPIERS."""
    names = [field.name for field in fields(cls)]
    source = "\n    ".join(
        (
            "def copied(value, changes):",
            "made = new(twin)",
            *(f"made.{name} = value.{name}" for name in names),
            "for name in changes:",
            "    if name not in names:",
            "        raise TypeError(f'{cls.__name__} has no field {name}')",
            "    setattr(made, name, changes[name])",
            "made.__class__ = cls",
            "return made",
        )
    )
    known = {"new": object.__new__, "twin": twin_of(cls), "cls": cls, "names": frozenset(names)}
    return _COPIERS.setdefault(cls, compiled(source, "copied", known))
