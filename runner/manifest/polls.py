"""What is particular to polls: the id of a request that another tool left pending."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.manifest.model import Authority
    from runner.manifest.reader import Reader

LONGEST_ID = 64
"""Octets of a transactionID; 16 are usual."""
_DECIMAL = re.compile(r"[1-9][0-9]{0,30}")
_HEXADECIMAL = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,128})|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")


def parse_request_id(text: str) -> bytes:
    """A transactionID as tools print it: a decimal number, or the octets in hexadecimal."""
    if _DECIMAL.fullmatch(text):
        number = int(text)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is no id of a request: write its decimal number, or its octets in hexadecimal")
    digits = text.removeprefix("0x").removeprefix("0X").replace(":", "")
    octets = bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
    if len(octets) > LONGEST_ID:
        raise ValueError(f"the id has {len(octets)} octets; at most {LONGEST_ID} are taken")
    return octets


def parse_reference(text: str) -> int:
    """A reference of CMP over TCP: four octets, as a decimal number or in hexadecimal behind 0x."""
    try:
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        raise ValueError(f"{text!r} is no reference of CMP over TCP: write four octets as a number, or behind 0x")
    return number


def check_named(reader: Reader) -> None:
    """A request is known by its id, or by a reference; then nothing but its key tells whose the answer is."""
    values, ledger = reader.part.values, reader.ledger
    if ("id" in values) == ("reference" in values):
        step = "write one of them"
        ledger.error("an entry of polls has an id or a reference", reader.part.place, next_step=step)
    elif "reference" in values and "key" not in values:
        why = "nothing else tells that the answer is about this request"
        ledger.error("a reference wants the key", reader.part.place_of("reference"), why=why, next_step="add key:")


def check_pollable(reader: Reader, authority: Authority) -> None:
    """In CMP version 1 nothing can be asked for again, but by a reference of its transport."""
    if "reference" not in reader.part.values and authority.version == 1:
        why = f"authority {authority.name!r} speaks it"
        reader.ledger.error("CMP version 1 has no polling", reader.part.place_of("authority"), why=why)
