"""The tables of docs/manifest.md are the manifest's JSON Schema, put into words that are written there.

A table stands where the document says `<!-- keys of POINTER -->`. With CMP_BATCH_GOLDEN=write all of them are written
anew, those that have no place yet at the end of the document, and the test fails, so that somebody looks.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from support.markdown import ROOT, text_of

REFERENCE = ROOT / "docs" / "manifest.md"
SCHEMA = json.loads(text_of(ROOT / "schemas" / "manifest.schema.json"))
_PLACE = re.compile(r"^<!-- keys of (\S+) -->\n((?:\|.*\n)*)", re.MULTILINE)
HEAD = "| key | meaning | default |\n|---|---|---|\n"


def objects(schema, pointer="#"):
    """(JSON pointer, schema) of everything that has properties, wherever it stands."""
    if isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from objects(value, f"{pointer}/{index}")
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and not borrows(schema):
            yield pointer, schema
        for key, value in schema.items():
            if key not in ("examples", "required", "enum"):
                yield from objects(value, f"{pointer}/{key}")


def borrows(schema):
    """Whether all of it is what an entry may say: defaults of a section, which have no table of their own."""
    return all("/properties/" in each.get("$ref", "") for each in schema["properties"].values())


OBJECTS = dict(objects(SCHEMA))


def table(pointer: str) -> str:
    """The keys of one object, with meaning and default."""
    required = OBJECTS[pointer].get("required", ())
    rows = [row(key, resolved(value), required) for key, value in OBJECTS[pointer]["properties"].items()]
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def resolved(value: dict) -> dict:
    """A property with what its $ref refers to; what it says itself wins."""
    if "$ref" not in value:
        return value
    return {**resolved(SCHEMA["$defs"][value["$ref"].removeprefix("#/$defs/")]), **value}


def row(key: str, value: dict, required) -> tuple[str, str, str]:
    default = "required" if key in required else spelled(value["default"]) if "default" in value else ""
    return f"`{key}`", meaning(value).replace("|", "\\|"), default


def meaning(value: dict) -> str:
    """Title and description; the values to choose from, where they do not name them all."""
    text = f"**{value['title']}.** {value.get('description', '')}".strip()
    unsaid = [choice for choice in choices(value) if str(choice) not in text]
    return f"{text} One of {', '.join(map(spelled, unsaid))}." if unsaid else text


def choices(value: dict) -> list:
    return [choice for branch in (value, *value.get("anyOf", ())) for choice in branch.get("enum", ())]


def spelled(value: object) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def rewritten(text: str) -> str:
    """The document with every table made anew: what it lacks is added, what is gone from the schema is removed."""
    placed = {pointer for pointer, _ in _PLACE.findall(text)}
    lacking = [pointer for pointer in OBJECTS if pointer not in placed]
    added = [f"\n### {OBJECTS[pointer]['title']}\n\n<!-- keys of {pointer} -->\n" for pointer in lacking]
    return _PLACE.sub(lambda found: place(found[1]), "".join([text, *added]))


def place(pointer: str) -> str:
    return f"<!-- keys of {pointer} -->\n{table(pointer)}" if pointer in OBJECTS else ""


def test_the_reference_says_what_the_schema_says():
    text = text_of(REFERENCE)
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        REFERENCE.write_text(rewritten(text), encoding="utf-8")
        pytest.fail("docs/manifest.md is written: look at it")
    said = dict(_PLACE.findall(text))
    assert set(said) == set(OBJECTS), "CMP_BATCH_GOLDEN=write adds what is missing"
    for pointer, rows in said.items():
        assert rows == table(pointer), f"{pointer}: CMP_BATCH_GOLDEN=write brings it up to date"


def test_a_table_has_each_key_its_meaning_and_its_default():
    rows = table("#/$defs/polling").splitlines()
    assert rows[2].startswith("| `max_wait` | **Longest time to poll")
    assert rows[2].endswith("| `60s` |")
    assert "| required |" in table("#")


@pytest.mark.parametrize("pointer", OBJECTS)
def test_every_key_is_explained_in_the_schema(pointer):
    for key, value in OBJECTS[pointer]["properties"].items():
        assert resolved(value).get("title"), f"{pointer}/properties/{key} needs a title"
