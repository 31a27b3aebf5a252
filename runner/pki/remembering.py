"""Readers of octets that return again and again, such as a CA's extensions, or the parameters of its MAC."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ValueT = TypeVar("ValueT")


def remembered(
    *, most: int = 256, longest: int = 1024
) -> Callable[[Callable[[bytes], ValueT]], Callable[[bytes], ValueT]]:
    """Makes a reader remember so many values; what is longer than so many octets is read each time."""

    def remembering(read: Callable[[bytes], ValueT]) -> Callable[[bytes], ValueT]:
        recent = lru_cache(maxsize=most)(read)
        return lambda octets: (recent if len(octets) <= longest else read)(octets)

    return remembering
