"""Octets read from the front: fixed counts, 32-bit lengths, numbers with their length in bits (SSH 1, ssh.com)."""

from __future__ import annotations


class Short(ValueError):
    """The octets end before they should, or a length says what cannot be."""


class OctetReader:
    """A place in some octets that only moves forward. Everything raises Short."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        end = self._at + count
        if end > len(self._octets):
            raise Short
        taken, self._at = self._octets[self._at : end], end
        return taken

    def uint(self, size: int) -> int:
        """The next `size` octets as a number, most significant first."""
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        """A 32-bit count of octets, and those."""
        return self.take(self.uint(4))

    def number(self, size: int) -> int:
        """A count of bits in `size` octets, and a number of exactly so many."""
        bits = self.uint(size)
        value = int.from_bytes(self.take((bits + 7) // 8), "big")
        if value.bit_length() != bits:
            raise Short
        return value

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._octets) - self._at)


def string(octets: bytes) -> bytes:
    """Octets behind their 32-bit count."""
    return len(octets).to_bytes(4, "big") + octets


def number(value: int, size: int) -> bytes:
    """A number behind its count of bits, which takes `size` octets."""
    bits = value.bit_length()
    return bits.to_bytes(size, "big") + value.to_bytes((bits + 7) // 8, "big")
