"""What an unquoted word of YAML means to us: JSON's values and text, none of YAML 1.1's surprises.

Only `true` and `false` are booleans, only plain decimal figures are numbers; `NO`, `on`, `010`, `0x1f`, `1_000`,
`12:30:45`, `2024-01-31` and `.inf` stay the text that they are. `null`, `~` and nothing at all are null.
"""

from __future__ import annotations

import re

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_FIGURES = frozenset("-0123456789")
_UNFIT = "[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]"
"""Control characters and halves of surrogate pairs: nothing that a manifest says needs them."""
_UNFIT_ASCII = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
"""Those of them that are ASCII: compiling the others takes half a hundredth of a start."""

Scalar = str | int | float | bool | None


def plain_value(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIGURES:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def unfit_character(text: str) -> str | None:
    """The first character of a scalar that no value may hold, as `U+0007`; None where all are fit."""
    found = (_UNFIT_ASCII if text.isascii() else re.compile(_UNFIT)).search(text)
    return f"U+{ord(found[0]):04X}" if found else None
