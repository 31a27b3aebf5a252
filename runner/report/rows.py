"""Sequences whose members are made each time that they are looked at, and not kept.

A report of ten thousand items is never whole in memory: its items are rows over the results of the run, or over what
the state has of them, one after the other on their way to wherever they go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

FromT = TypeVar("FromT")
ToT_co = TypeVar("ToT_co", covariant=True)


class Rows(Sequence[ToT_co], Generic[FromT, ToT_co]):
    """What `make` makes of each member of `source`."""

    def __init__(self, source: Sequence[FromT], make: Callable[[FromT], ToT_co]) -> None:
        self._source = source
        self._make = make

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[ToT_co]:
        return map(self._make, self._source)

    @overload
    def __getitem__(self, at: int) -> ToT_co: ...
    @overload
    def __getitem__(self, at: slice) -> Rows[FromT, ToT_co]: ...
    def __getitem__(self, at: int | slice) -> ToT_co | Rows[FromT, ToT_co]:
        if isinstance(at, slice):
            return Rows(self._source[at], self._make)
        return self._make(self._source[at])
