"""Values put down as YAML: mappings in block style, what stands deepest in one line, texts in quotes where need be."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/.][A-Za-z0-9_./@+-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def block(value: dict[str, Any], depth: int) -> list[str]:
    """A mapping as lines of YAML; lists of mappings stand at its top only."""
    lines = []
    for key, each in value.items():
        if isinstance(each, dict) and depth == 0:
            lines += [f"{key}:", *block(each, 1)]
        elif isinstance(each, dict) and depth == 1:
            lines += [f"{'  ' * depth}{key}:", *block(each, 2)]
        elif isinstance(each, list) and each and isinstance(each[0], dict):
            lines.append(f"{key}:")
            lines += [line for entry in each for line in _entry(entry)]
        else:
            lines.append(f"{'  ' * depth}{key}: {_flow(each)}")
    return lines


def _entry(entry: dict[str, Any]) -> list[str]:
    inner = block(entry, 2)
    return [f"  - {inner[0].strip()}", *inner[1:]]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    """A text as YAML reads it back: as it is, or in double quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
