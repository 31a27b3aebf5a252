"""User IDs and passwords as cryptlib writes them for people: XXXXX-XXXXX-XXXXX, with five letters more in a password.

No standard describes them; this is after cryptlib's published encoder (its manual, "PKI user", says how they are used).
32 letters, none of which is taken for another, carry five bits each. The first octet is a checksum of the others; it
is there for the typist, and proves nothing. What goes over the wire, as senderKID and as secret, are the octets.
"""

from __future__ import annotations

import re

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_FORM = re.compile(r"[0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5}){2,3}")
_BITS = 5
_OCTET = 0xFF


def user_value(text: str) -> bytes:
    """The octets that such a text stands for: 9 of a user ID, 12 of a password of four groups.

    Lower case is as good as upper. Raises ValueError, which repeats nothing of the text: it may be a secret.
    """
    if not _FORM.fullmatch(text):
        raise ValueError("it is not three or four groups of five letters and digits with a hyphen between them")
    letters = text.replace("-", "").upper()
    if not set(letters) <= set(_LETTERS):
        raise ValueError("it has a 0, an O, a 1 or an I in it, which are never used because they look alike")
    number = 0
    for letter in letters:
        number = number << _BITS | _LETTERS.index(letter)
    spare = -len(letters) * _BITS % 8
    check, *octets = (number << spare).to_bytes((len(letters) * _BITS + spare) // 8, "big")
    if check not in {checksum(octets) for checksum in _CHECKSUMS}:
        raise ValueError("its checksum is wrong: a letter was mistaken for another, perhaps")
    return bytes(octets)


def _double_sum(octets: list[int]) -> int:
    """Of cryptlib up to 3.4.2: the sum of all partial sums."""
    return sum(sum(octets[: end + 1]) for end in range(len(octets))) & _OCTET


def _single_sum(octets: list[int]) -> int:
    """Of the releases after that, whose low octet is the plain sum and one."""
    return sum(octets, 1) & _OCTET


def _fnv(octets: list[int]) -> int:
    """Of the newest: FNV-1a of 32 bits, of which the low octet depends on low octets alone."""
    value = 0xC5
    for octet in octets:
        value = (value ^ octet) * 0x93 & _OCTET
    return value


_CHECKSUMS = (_fnv, _single_sum, _double_sum)
"""One of them is the issuer's, and nobody says which: releases of cryptlib differ."""
