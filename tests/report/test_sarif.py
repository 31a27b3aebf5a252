"""SARIF of findings: what the OASIS schema of 2.1.0 requires, relative URIs, regions, and a rule for each kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from runner.cli.main import main
from runner.errors import Diagnostic, Place, Severity
from runner.report.sarif import sarif


def exactly(required, **properties):
    """An object that the OASIS schema closes: what stands there and is not ours is not listed."""
    return {"type": "object", "additionalProperties": False, "required": required.split(), "properties": properties}


def many(items, **more):
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string", "minLength": 1}
FROM_ONE = {"type": "integer", "minimum": 1}
URI_REFERENCE = {
    "type": "string",
    "pattern": r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+$",
}
"""Format uri-reference of the schema: RFC 3986 §4.1, of paths alone."""
MESSAGE = exactly("text", text=TEXT)
RULE = exactly("id", id=TEXT, name=TEXT, shortDescription=MESSAGE)
DRIVER = exactly("name version rules", name=TEXT, version=TEXT, rules=many(RULE, uniqueItems=True))
LOCATION = exactly(
    "physicalLocation",
    physicalLocation=exactly(
        "artifactLocation region",
        artifactLocation=exactly("uri", uri=URI_REFERENCE),
        region=exactly("startLine", startLine=FROM_ONE, startColumn=FROM_ONE),
    ),
)
RESULT = exactly(
    "message ruleId ruleIndex level",
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations=many(LOCATION),
)
RUN = exactly(
    "tool results columnKind",
    tool=exactly("driver", driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=many(RESULT),
)
ESSENTIALS = exactly(
    "version runs $schema",
    version={"const": "2.1.0"},
    runs=many(RUN, minItems=1),
    **{"$schema": {"type": "string", "pattern": "^https://"}},
)
"""Of sarif-schema-2.1.0.json, what we use of it: as strict, and stricter where we always say something."""


@pytest.fixture
def log(tmp_path, monkeypatch, capsys):
    """The log of `validate` of a manifest, and its exit status, run in the manifest's folder."""

    def run(text):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "ä b.yaml").write_text(text, encoding="utf-8")
        status = main(["validate", "--format", "sarif", "ä b.yaml"])
        found = json.loads(capsys.readouterr().out)
        Draft7Validator(ESSENTIALS).validate(found)
        return status, found["runs"][0]

    return run


def test_findings_have_rules_levels_and_places(log):
    status, run = log("apiVersion: cmp-batch/v1\nauthorities: {a: {url: 'lab:', colour: red}}\nentropy: none.bin\n")
    assert status == 1
    assert [result["ruleId"] for result in run["results"]] == ["schema/additionalProperties", "meaning"]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "%C3%A4%20b.yaml"},
        "region": {"startLine": 2, "startColumn": 32},
    }
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["schema/additionalProperties", "meaning"]


def test_a_manifest_without_findings_is_a_log_without_results(log):
    status, run = log("apiVersion: cmp-batch/v1\n")
    assert (status, run["results"]) == (0, [])


def test_what_cannot_be_read_is_a_finding_too(log):
    status, run = log("a: [\n")
    assert status == 1
    assert run["results"][0]["ruleId"] == "yaml"


def test_a_file_elsewhere_keeps_its_absolute_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    place = Place("/somewhere/else.yaml", 1, 1)
    result = sarif([Diagnostic("x", place, severity=Severity.WARNING)], "1")["runs"][0]["results"][0]
    assert result["level"] == "warning"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///somewhere/else.yaml"


def test_foreign_text_is_cleaned():
    result = sarif([Diagnostic("bad \x1b[31m", why="w\u202e")], "1")["runs"][0]["results"][0]
    assert "\x1b" not in result["message"]["text"]
    assert "locations" not in result


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b.yaml", "a%20b.yaml"),
        ("a:b.yaml", "a%3Ab.yaml"),
        ("..a.yaml", "..a.yaml"),
        ("a?b#c[d]%20.yaml", "a%3Fb%23c%5Bd%5D%2520.yaml"),
        ("a\nb.yaml", "a%0Ab.yaml"),
        ("b\udcff.yaml", "b%FF.yaml"),
        ("/else where/\udcff.yaml", "file:///else%20where/%FF.yaml"),
    ],
)
def test_a_path_of_any_name_is_a_uri(monkeypatch, tmp_path, file, uri):
    monkeypatch.chdir(tmp_path)
    found = sarif([Diagnostic("x", Place(file, 0, 0), severity=Severity.WARNING)], "1")
    Draft7Validator(ESSENTIALS).validate(found)
    assert found["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_a_file_whose_name_is_no_utf_8_is_told_of(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("\udcff.yaml").write_text("apiVersion: 7\n", encoding="utf-8")
    assert main(["validate", "--format", "sarif", "\udcff.yaml"]) == 1
    found = json.loads(capsys.readouterr().out)
    Draft7Validator(ESSENTIALS).validate(found)
    assert found["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF.yaml"


def test_a_text_of_a_manifest_becomes_no_link():
    """`[words](target)` in a plain text message is a link (§3.11.6)."""
    (result,) = sarif([Diagnostic("unknown key '[here](https://evil.example)'")], "1")["runs"][0]["results"]
    assert "](" not in result["message"]["text"]
