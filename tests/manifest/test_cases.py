"""Each file in cases/ is a manifest with what is to be said of it, in its own comments.

    # given: ca.pem op.crt            files that are there beside it
    # expect: 7:12 unknown key        a mistake, at line:column, whose words hold the rest; all of them, in order
    # warn: 3:5 weak key              a warning
    # file: hosts.csv                 a file beside it, with the text of the lines that follow
    #| name,address
    # expect: hosts.csv:2:name …      a mistake in that file; of a table the column's name

Accepted ones may have a .json beside them with the names of their items.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest

CASES = Path(__file__).parent / "cases"
REFUSED = sorted((CASES / "refused").glob("*.yaml"))
ACCEPTED = sorted((CASES / "accepted").glob("*.yaml"))


def said(text, kind):
    return re.findall(rf"^# {kind}: (.+?) *$", text, re.MULTILINE)


def placed(case, folder):
    """The case's text in a folder that has the files it is given."""
    text = case.read_text(encoding="utf-8")
    for name in " ".join(said(text, "given")).split():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for name, lines in re.findall(r"^# file: (\S+)\n((?:#\|.*\n)*)", text, re.MULTILINE):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(re.sub(r"^#\| ?", "", lines, flags=re.MULTILINE), encoding="utf-8")
    copy = folder / case.name
    copy.write_text(text, encoding="utf-8")
    return copy, text


def agree(expected, findings, folder, case):
    told = [f"{each.place} {each.summary}".replace(f"{folder}/", "").removeprefix(f"{case}:") for each in findings]
    matching = [
        line.split(" ", 1)[0] == wanted.split(" ", 1)[0] and wanted.split(" ", 1)[1] in line
        for wanted, line in zip(expected, told, strict=False)
    ]
    agreed = all(matching) and len(expected) == len(told)
    assert agreed, "told:\n" + "\n".join(told)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.stem)
def test_a_refused_manifest_is_told_all_its_mistakes_at_their_places(case, tmp_path):
    copy, text = placed(case, tmp_path)
    expected = said(text, "expect")
    assert expected, "a refused case says what it expects"
    with pytest.raises(BadInput) as caught:
        load_manifest([copy])
    agree(expected, caught.value.diagnostics, tmp_path, case.name)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.stem)
def test_an_accepted_manifest_gives_its_items_and_its_warnings(case, tmp_path):
    copy, text = placed(case, tmp_path)
    document = load_manifest([copy])
    agree(said(text, "warn"), document.warnings, tmp_path, case.name)
    names = case.with_suffix(".json")
    if names.exists():
        assert [item.name for item in document.items] == json.loads(names.read_text(encoding="utf-8"))


def test_there_are_cases():
    assert len(REFUSED) > 20
    assert len(ACCEPTED) > 3
