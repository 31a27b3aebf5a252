"""What documents name as their proof is there; every attack has its row, every state of the journal its arrows."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from support.markdown import ROOT, documents, named, text_of

from runner.state.inventory import Stage

SECURITY = ROOT / ".github" / "SECURITY.md"
JOURNAL = ROOT / "docs" / "journal.md"
ATTACKS = 28
_TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")
_MODULE = re.compile(r"`(runner/[\w/]+\.py)`")


@cache
def names_in(path):
    """The tests of a module, as pytest names them behind the file's name."""
    body = ast.parse(text_of(ROOT / path)).body
    alone = {f"::{node.name}" for node in body if isinstance(node, ast.FunctionDef)}
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    return alone | {f"::{c.name}::{f.name}" for c in classes for f in c.body if isinstance(f, ast.FunctionDef)}


def proofs():
    found = {(path, file, test) for path in documents() for file, test in _TEST.findall(text_of(path))}
    return sorted((named(path), file, test) for path, file, test in found)


@pytest.mark.parametrize(("document", "file", "test"), proofs())
def test_a_test_that_is_named_exists(document, file, test):
    assert (ROOT / file).is_file()
    assert test in names_in(file)


def test_modules_that_are_named_exist():
    names = {(named(path), module) for path in documents() for module in _MODULE.findall(text_of(path))}
    assert names
    assert [(path, module) for path, module in sorted(names) if not (ROOT / module).is_file()] == []


def rows(path, heading):
    part = text_of(path).split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")][1:]


def test_every_attack_has_its_check_and_its_test():
    table = rows(SECURITY, "Attack by attack")
    assert [cells[0].strip() for cells in table] == [str(number) for number in range(1, ATTACKS + 1)]
    for cells in table:
        assert _MODULE.search(cells[3])
        assert _TEST.search(cells[4])


def test_every_state_is_explained_and_reached_and_left():
    stages = {f"`{stage.value}`" for stage in Stage}
    assert {cells[0].strip() for cells in rows(JOURNAL, "States")} == stages
    arrows = rows(JOURNAL, "Arrows")
    assert stages <= {cells[0].strip() for cells in arrows}
    assert stages <= {cells[1].strip() for cells in arrows}
    assert all(_TEST.search(cells[3]) for cells in arrows)
