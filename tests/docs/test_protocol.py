"""docs/protocol.md keeps its word: every key is in the manifest's schema, every test that it names exists."""

from __future__ import annotations

import json
import re

import pytest
from support.markdown import ROOT, documents, text_of

PAGE = text_of(ROOT / "docs" / "protocol.md")
SCHEMA = json.loads(text_of(ROOT / "schemas" / "manifest.schema.json"))
_HEAD = re.compile(r"^\| (\w[^|]*) \| manifest key \| test \| judged by \|$")


def rows():
    """(what, keys, test, judge) of every row of every table."""
    inside = False
    for line in PAGE.splitlines():
        if _HEAD.match(line):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            yield pytest.param(*cells, id=cells[0])


ROWS = list(rows())
every_row = pytest.mark.parametrize(("what", "keys", "test", "judge"), ROWS)


def resolved(schema):
    """The schemas that a value may fit: references followed, alternatives laid side by side."""
    if "$ref" in schema:
        return resolved(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    return [one for each in schema.get("oneOf", ()) for one in resolved(each)] or [schema]


def below(schema, key):
    """What a key of a mapping may be, or of the entries of a section."""
    entries = [schema.get("items"), schema.get("additionalProperties")]
    inner = [one for entry in entries if isinstance(entry, dict) for one in resolved(entry)]
    found = [one["properties"][key] for one in (schema, *inner) if key in one.get("properties", {})]
    return [one for each in found for one in resolved(each)]


def reaches(path):
    at = [SCHEMA]
    for key in path.split("."):
        at = [one for schema in at for one in below(schema, key)]
    return bool(at)


@every_row
def test_every_key_is_in_the_schema(what, keys, test, judge):
    named = re.findall(r"`([\w.]+)`", keys)
    assert named or keys == "by itself", f"{what}: name a key, or say `by itself`"
    assert all(map(reaches, named)), f"{what}: {keys}"


@every_row
def test_every_test_exists(what, keys, test, judge):
    (file, name) = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test).groups()
    assert re.search(rf"^def {name}\(", text_of(ROOT / file), re.MULTILINE), f"{what}: {test}"


@every_row
def test_somebody_else_has_judged_it(what, keys, test, judge):
    assert judge
    assert "planned" not in judge
    count = judge.count("both ends are ours")
    assert judge.count("both ends are ours: RFC ") == count, f"{what}: say which text both were written from"


def test_every_document_names_what_everybody_can_read():
    """The page of facts that the authors worked from is in no shop: documents and sources name RFCs."""
    sources = [*ROOT.glob("runner/**/*.py"), *ROOT.glob("tests/**/*.py"), *documents()]
    word = "dos" + "sier"
    assert [path.name for path in sources if word in text_of(path).lower()] == []


def test_there_are_rows():
    assert len(ROWS) > 20
    assert not reaches("authorities.nothing")
