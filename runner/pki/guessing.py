"""How hard a shared secret is to guess, at the most: whoever records a MAC can try secrets out (RFC 9810 §8.6).

Nobody can tell from a secret how it was chosen. What can be told is an upper bound: its length, the kinds of characters
in it, and how often they repeat. A secret below the bound is weak for certain; one above it may be in a dictionary.
"""

from __future__ import annotations

import math

ENOUGH_BITS = 60
"""What is below can be tried out (RFC 9810 §8.6)."""
_KINDS = (b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ")
_OTHERS, _OCTETS = 33, 256
_PRINTABLE = range(0x20, 0x7F)
_REPETITION = 4
"""A random secret has more different characters than a fourth of its length, as long as anybody types them."""


def most_bits(secret: bytes) -> float:
    """The bits that a secret of these characters has at most; 0 where it is empty."""
    if not secret:
        return 0.0
    different = len(set(secret))
    counted = len(secret) if different * _REPETITION > min(len(secret), 32) else different
    return counted * math.log2(_alphabet(secret))


def is_guessable(secret: bytes) -> bool:
    """Whether a secret can be tried out by whoever has recorded a message under it."""
    return most_bits(secret) < ENOUGH_BITS


def _alphabet(secret: bytes) -> int:
    """How many characters there are of the kinds that occur; digits and a to f are those of hexadecimal numbers."""
    if any(octet not in _PRINTABLE for octet in secret):
        return _OCTETS
    known = b"".join(_KINDS)
    found = sum(len(kind) for kind in _KINDS if set(kind) & set(secret))
    return max(2, found + (_OTHERS if set(secret) - set(known) else 0))
