"""SARIF of findings: what the OASIS schema of 2.1.0 requires, relative URIs, regions, and a rule for each kind."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft7Validator

from runner.cli.main import main
from runner.errors import Diagnostic, Place, Severity
from runner.report.sarif import sarif

ESSENTIALS = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {"required": ["id"], "properties": {"id": {"type": "string"}}},
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {
                                    "required": ["text"],
                                    "properties": {"text": {"type": "string", "minLength": 1}},
                                },
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {
                                                            "uri": {"type": "string", "pattern": "^[!-~]+$"}
                                                        },
                                                    },
                                                    "region": {
                                                        "required": ["startLine"],
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                        },
                                                    },
                                                },
                                            }
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""Of sarif-schema-2.1.0.json, what we use of it."""


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
