"""Every block of commands in a document is given, on its page's own scene, or is on the list in support/not_run.py.

A scene, scenes/PAGE.md, is what a reader of the page has already: it is followed first, in the same words. The tutorial
and the how-tos begin with nothing, and need none. With CMP_BATCH_GOLDEN=write what is shown is written anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.markdown import ROOT, documents, fences, named, text_of
from support.not_run import NOT_RUN
from support.tools import need
from support.transcripts import lines_of, normalised, played

SCENES = Path(__file__).parent / "scenes"
WHOLE = ROOT / "docs" / "tutorial.md", ROOT / "docs" / "howto"
"""Pages that test_pages.py follows from their beginning."""
GIVEN = ("run", "transcript", "background", "stand-in")
SHELL = ("console", "sh", "")


def blocks_of(path):
    """Blocks of commands; what a plain block holds are commands where it begins with one of ours."""
    return [
        block
        for block in fences(text_of(path))
        if block.kind in ("console", "sh") or (block.kind == "" and block.text.lstrip("$ ").startswith("cmp-batch "))
    ]


PAGES = [path for path in documents() if not set(WHOLE) & {path, path.parent} and path.name != "README.md"]
SHOWING = [path for path in PAGES if any(block.mark.partition(":")[0] in GIVEN for block in blocks_of(path))]


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_block_of_commands_is_given_or_says_why_not(path):
    left = [block.text for block in blocks_of(path) if block.mark.partition(":")[0] not in GIVEN]
    reasons = {start: why for (page, start), why in NOT_RUN.items() if page == named(path)}
    assert [text for text in left if not text.startswith(tuple(reasons))] == []
    assert [start for start in reasons if not any(text.startswith(start) for text in left)] == []
    assert all(reasons.values())


def scene_of(path):
    scene = SCENES / f"{path.stem.lower()}.md"
    return text_of(scene) if scene.exists() else ""


def test_every_scene_has_its_page():
    assert {path.stem for path in SCENES.glob("*.md")} <= {path.stem.lower() for path in [*SHOWING, ROOT / "README.md"]}


@pytest.mark.parametrize("path", SHOWING, ids=named)
def test_a_page_shows_what_really_prints(path):
    text = text_of(path)
    for tool in ("openssl", "sqlite3"):
        if any(line.startswith(f"{tool} ") for block in blocks_of(path) for line in lines_of(block.text)):
            need(tool)
    real = played(text, scene_of(path))
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        write_anew(path, text, real)
    for block, printed in real:
        assert normalised(printed) == normalised(block)


def write_anew(path, text, real):
    new = text
    for block, printed in real:
        if normalised(block) != normalised(printed):
            new = new.replace(f"console\n{block}```", f"console\n{printed}```", 1)
    if new != text:
        path.write_text(new, encoding="utf-8")
        pytest.fail(f"{named(path)} is written: look at it")


def test_the_commands_beside_the_readmes_story_can_be_given():
    """Its transcripts are those of test_transcripts.py; these blocks stand for themselves."""
    blocks = [block for block in blocks_of(ROOT / "README.md") if block.mark.partition(":")[0] in ("run", "background")]
    assert [lines_of(block.text)[0].split()[1] for block in blocks] == ["init", "lab"]
    text = "\n".join(f"<!-- {block.mark} -->\n```{block.kind}\n{block.text}```\n" for block in blocks)
    assert played(text) == []
