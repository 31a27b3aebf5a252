"""Reading our own documents: fenced blocks with the comment before them, links, headings.

A comment in the line above a block says what it is for: `<!-- file: web.yaml -->`, `<!-- transcript -->`,
`<!-- excerpt -->`, `<!-- item: web-1 of results.json -->`; support/transcripts.py has those of pages that are run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, its text, and the comment before it (empty: there is none)."""

    kind: str
    text: str
    mark: str


def documents() -> list[Path]:
    """Every document of ours."""
    folders = (
        ROOT,
        ROOT / "docs",
        ROOT / "docs" / "howto",
        ROOT / "benchmarks",
        ROOT / ".github",
        ROOT / ".github" / "decisions",
    )
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def named(path: Path) -> str:
    """A document's name, for the ids of tests."""
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a document, in order."""
    return [Fence(found["kind"], found["text"], found["mark"] or "") for found in _FENCE.finditer(text)]


def inline_code(text: str) -> list[str]:
    """What stands between backquotes, outside of fenced blocks; a pipe in a table is written with a backslash."""
    return [code.replace("\\|", "|") for code in _INLINE.findall(_CODE.sub("", text))]


def links(text: str) -> list[str]:
    """Where the links of a document lead."""
    return _LINK.findall(_CODE.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors that a reader's program makes of the headings."""
    headings = _HEADING.findall(_CODE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> list[str]:
    """The commands for our program in a document's blocks for a shell: comments and redirections cut off."""
    lines = [line for fence in fences(text) if fence.kind in ("console", "sh") for line in fence.text.splitlines()]
    wanted = [line.removeprefix("$ ") for line in lines if line.startswith(("$ cmp-batch ", "cmp-batch "))]
    return [re.split(r"\s+(?:#|>|\||&&)", line)[0] for line in wanted]
