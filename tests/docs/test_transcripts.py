"""The README shows what really prints: its manifest is applied here, and every block of it is compared."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest
from support.markdown import ROOT, fences, text_of
from support.transcripts import HOME, environment, given, normalised, short_folder, shown

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = fences(text_of(ROOT / "README.md"))


@pytest.fixture(scope="module")
def folder():
    """A folder with a short name (long ones fold the lines of tables), with the README's files in it."""
    with short_folder() as path:
        for block in BLOCKS:
            if block.mark.startswith("file: "):
                (path / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        yield path


def output_of(command: str, folder: Path) -> str:
    """What a command prints on stdout, as it would in the README's own folder."""
    return given(command, folder, environment()).replace(str(folder), HOME)


def test_the_readme_shows_what_really_prints(folder):
    """Its commands in their order: each block goes on where the one before has stopped."""
    transcripts = [block.text for block in BLOCKS if block.mark == "transcript"]
    assert transcripts
    real = {text: "".join(f"$ {line}\n{output_of(line, folder)}" for line, _ in shown(text)) for text in transcripts}
    item = next(block for block in BLOCKS if block.mark.startswith("item: "))
    entry = entry_of(item.mark, folder)
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        write_anew({**real, item.text: as_printed(entry, item.text, folder)})
    for text, printed in real.items():
        assert normalised(printed) == normalised(text)
    assert as_shown(entry, folder) == as_shown(json.loads(item.text), folder)
    assert item.text == laid_out(json.loads(item.text))


def entry_of(mark: str, folder: Path) -> dict:
    """The item of the report that a block shows, as it came out here."""
    found = re.fullmatch(r"item: (\S+) of (\S+)", mark)
    report = json.loads((folder / found[2]).read_text(encoding="utf-8"))
    return next(entry for entry in report["items"] if entry["name"] == found[1])


def as_printed(entry: dict, text: str, folder: Path) -> str:
    """The entry as a block, or the block as it is where that differs in nothing that stays."""
    same = as_shown(entry, folder) == as_shown(json.loads(text), folder)
    return text if same else laid_out(entry).replace(str(folder), HOME)


def laid_out(entry: dict) -> str:
    return json.dumps(entry, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_anew(blocks: dict[str, str]) -> None:
    """With CMP_BATCH_GOLDEN=write: put what printed here in the place of what is shown, where it says another thing."""
    readme = ROOT / "README.md"
    text = text_of(readme)
    for block, printed in blocks.items():
        if normalised(block) != normalised(printed):
            text = text.replace(block, printed)
    readme.write_text(text, encoding="utf-8")
    pytest.fail("README.md is written: look at it")


def as_shown(item: dict, folder: Path) -> dict:
    """An item of a report without what differs from run to run."""
    text = normalised(json.dumps(item).replace(str(folder), HOME))
    plain = json.loads(text)
    assert re.fullmatch("[0-9a-f]+", plain["certificate"]["serial"])
    assert plain["certificate"]["sha256"] == "DIGEST"
    assert plain["duration_seconds"] > 0
    plain["certificate"] |= {"serial": "SERIAL"}
    return plain | {"duration_seconds": "TIME"}


def test_the_two_commands_of_the_first_lines_are_targets():
    targets = re.findall(r"^(\w+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    asked = re.findall(r"^    make (\w+)", text_of(ROOT / "README.md"), re.MULTILINE)
    assert asked == ["quickstart", "test"]
    assert set(asked) <= set(targets)
