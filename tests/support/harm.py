"""What must never reach a terminal from outside."""

from __future__ import annotations

import unicodedata

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of characters that steer instead of being seen."""


def harmful(text: str) -> set[str]:
    """The characters of `text` that could do harm; line ends are ours."""
    return {char for char in text if unicodedata.category(char) in HARMFUL} - {"\n"}
