"""Foreign text made harmless: what a manifest or the network says must not steer a terminal or a web page.

Used by everything that prints. It changes how text is shown, never what is stored: JSON reports carry the text as it
came, with every character outside ASCII escaped by JSON itself (runner.report.canonical).
"""

from __future__ import annotations

import re

_ACTIVE = re.compile(r"[!#$&*:<>@\[\\\]^_`{|}~]|(?<=www)\.", re.IGNORECASE)
"""What Markdown, HTML and the autolinks of forges (@name, #12, https:, www.) give a meaning to."""


def clean(text: str) -> str:
    r"""`text` on one line, with every character that is no visible character spelled out (`\x1b`, `\u202e`).

    That covers control characters (so ANSI sequences), line and paragraph separators, bidirectional and other
    format characters, lone surrogates, and every space that is not U+0020.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(ord(char)) for char in text)


def _spelled(code: int) -> str:
    if code <= 0xFF:  # noqa: PLR2004 - Python's own spelling of characters, by size
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the same


def markdown_code(text: str) -> str:
    """`text` as an HTML code element that every Markdown renderer shows literally, also inside a table.

    Backtick spans cannot hold any text (a pipe after a backslash ends a table cell); character references can.
    """
    return f"<code>{_ACTIVE.sub(lambda found: f'&#{ord(found[0])};', clean(text))}</code>"
