"""The tutorial and the how-tos are followed word for word: files written, commands given, what prints compared.

With CMP_BATCH_GOLDEN=write what is shown is written anew and the test fails, so that somebody looks.
"""

from __future__ import annotations

import os

import pytest
from support.markdown import ROOT, fences, named, text_of
from support.tools import need
from support.transcripts import normalised, played

PAGES = [ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
WORDS = ("file", "append", "transcript", "background", "shown")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_shows_what_really_prints(path):
    text = text_of(path)
    for tool in ("openssl", "softhsm2-util", "pkcs11-tool"):
        if f"$ {tool} " in text:
            need(tool)
    real = played(text)
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        write_anew(path, text, real)
    for block, printed in real:
        assert normalised(printed) == normalised(block)


def write_anew(path, text, real):
    made, rest = "", text
    for block, printed in real:
        before, _, rest = rest.partition(f"console\n{block}```")
        same = normalised(block) == normalised(printed)
        made += f"{before}console\n{block if same else printed}```"
    if made + rest != text:
        path.write_text(made + rest, encoding="utf-8")
        pytest.fail(f"{named(path)} is written: look at it")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_block_of_a_page_is_run_or_says_why_not(path):
    marks = [(block.mark.partition(":")[0], block.text) for block in fences(text_of(path))]
    assert [text for mark, text in marks if mark not in WORDS] == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_what_is_only_shown_is_the_smaller_part(path):
    """Whatever can run, runs: a page of nothing but `shown` proves nothing."""
    marks = [block.mark.partition(":")[0] for block in fences(text_of(path))]
    assert set(marks) & {"file", "transcript"}
