"""A hook of mkdocs: the page of commands is made from the parsers, and what the pages link to comes along.

Documents in a checkout link to each other by relative paths, also to what lies outside of docs/ (schemas, decisions,
SECURITY.md). On the site those are pages and files below `project/`; nothing is kept twice in the repository.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from runner.cli.main import full_parser
from runner.cli.reference.commands import commands_of
from runner.cli.reference.manual import markdown

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
OUTSIDE = "project"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and whatever the pages of docs/ lead to."""
    home = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "index.md", content=moved(home, ROOT / "README.md", "index.md")))
    files.append(File.generated(config, "commands.md", content=markdown(tuple(commands_of(full_parser())))))
    for path in sorted(reached()):
        files.append(File.generated(config, site_path(path), content=content_of(path)))
    return files


def on_page_markdown(text: str, page: Page, **_more: object) -> str:
    """Lead the links of a page out of docs/ to where those files are on the site."""
    if page.file.generated_by is not None:
        return text
    return moved(text, DOCS / page.file.src_uri, page.file.src_uri)


def reached() -> set[Path]:
    """The files outside of docs/ that pages link to, and those that these link to."""
    pages = [ROOT / "README.md", *DOCS.rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]
    found = set(pages) - {ROOT / "README.md"} - set(DOCS.rglob("*"))
    ahead = pages
    while ahead:
        leads = {path for page in ahead if page.suffix == ".md" for path in targets(page)}
        fresh = {p for p in leads - found if p.is_file() and DOCS not in p.parents and p != ROOT / "README.md"}
        found |= fresh
        ahead = sorted(fresh)
    return found


def targets(page: Path) -> set[Path]:
    """Where the links of a document lead."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {(page.parent / found[2]).resolve() for found in _LINK.finditer(text)}


def content_of(path: Path) -> str | bytes:
    """A file as it comes onto the site."""
    if path.suffix != ".md":
        return path.read_bytes()
    return moved(path.read_text(encoding="utf-8"), path, site_path(path))


def site_path(path: Path) -> str:
    """Where a file of the repository is on the site."""
    if path == ROOT / "README.md":
        return "index.md"
    if DOCS in path.parents:
        return str(path.relative_to(DOCS))
    return f"{OUTSIDE}/{path.relative_to(ROOT)}".replace("/.", "/")


def moved(text: str, source: Path, place: str) -> str:
    """The text with its links as they must be at `place`; a folder is named, and not linked."""

    def link(found: re.Match[str]) -> str:
        path = (source.parent / found[2]).resolve()
        if path.is_dir():
            return found[1]
        return f"[{found[1]}]({os.path.relpath(site_path(path), str(Path(place).parent))}{found[3] or ''})"

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)
