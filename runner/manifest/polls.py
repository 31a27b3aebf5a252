"""What is particular to polls: the id of a request that another tool left pending (dossier §8.8; design §3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_1999

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


def check_pollable(reader: Reader, authority: Authority) -> None:
    """In CMP version 1 nothing can be asked for again."""
    if authority.version == CMP_1999:
        why = f"authority {authority.name!r} speaks it"
        reader.ledger.error("CMP version 1 has no polling", reader.part.place_of("authority"), why=why)
