"""Values that come again: what was just read or written is not read or written anew.

The names of a CA and its algorithms are in every message; a request is encoded to be signed, and then to be sent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

from runner.asn1.primitives import Codec
from runner.asn1.structures import codec_of, wrapped

T = TypeVar("T")
_LONGEST = 256
"""Octets of a value that is remembered."""


class Recurring(Codec[T]):
    """A type of which the values that were read last are remembered by their octets."""

    def __init__(self, inner: Any) -> None:
        self.inner: Codec[T] = codec_of(inner)
        super().__init__(self.inner.tag)
        self.recent = lru_cache(maxsize=256)(lambda octets: self.inner.parse(octets, 0, len(octets)))

    def body(self, value: T) -> bytes:
        """The same octets."""
        return self.inner.body(value)

    def parse(self, octets: bytes, start: int, stop: int) -> T:
        """The same value."""
        if stop - start > _LONGEST:
            return self.inner.parse(octets, start, stop)
        return self.recent(octets[start:stop])


class SignedFirst(Codec[T]):
    """A type of which the value that was written last has its octets at hand."""

    def __init__(self, inner: Any) -> None:
        self.inner: Codec[T] = codec_of(inner)
        super().__init__(self.inner.tag)
        self.last: tuple[T | None, bytes] = None, b""

    def body(self, value: T) -> bytes:
        """The same octets."""
        last, octets = self.last
        if value is not last:
            octets = self.inner.body(value)
            self.last = value, octets
        return octets

    def parse(self, octets: bytes, start: int, stop: int) -> T:
        """The same value."""
        return self.inner.parse(octets, start, stop)


def recurring(cls: type[T]) -> type[T]:
    """Say of a @sequence class that its values come again and again."""
    return wrapped(cls, Recurring)


def signed_first(cls: type[T]) -> type[T]:
    """Say of a @sequence class that its values are encoded twice: for their signature, and where they are sent."""
    return wrapped(cls, SignedFirst)
