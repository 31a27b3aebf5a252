"""Findings of `validate` as SARIF 2.1.0, which code review tools show beside the lines (OASIS, sarif-v2.1.0).

Paths are relative to the folder that the command runs in, which a pipeline's checkout is; what lies elsewhere keeps its
absolute path. A finding about a table's row names the column in its words, since SARIF counts characters.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runner.errors import Severity
from runner.report.sanitise import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.errors import Diagnostic, Place

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MEANING = "meaning"
"""The rule of findings that have no other."""
_RULES = {
    "yaml": "The file can be read as YAML, less its traps.",
    "schema": "The manifest has the shape that its JSON Schema says.",
    MEANING: "Names, texts, rows and files are what they should be.",
    "policy": "The manifest keeps to its policy.",
}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def sarif(findings: Sequence[Diagnostic], version: str) -> dict[str, Any]:
    """The findings as one run of a SARIF log."""
    ids = list(dict.fromkeys(_rule(finding) for finding in findings))
    driver = {"name": "cmp-batch", "version": version, "rules": [_described(each) for each in ids]}
    results = [_result(finding, ids) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: Diagnostic) -> str:
    return finding.rule or MEANING


def _described(rule: str) -> dict[str, Any]:
    family, _, name = rule.partition("/")
    words = _RULES.get(family, _RULES[MEANING])
    return {"id": rule, "name": name or family, "shortDescription": {"text": words}}


def _result(finding: Diagnostic, ids: Sequence[str]) -> dict[str, Any]:
    rule = _rule(finding)
    words = [finding.summary, finding.why, f"next: {finding.next_step}" if finding.next_step else ""]
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": ids.index(rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(_plain(each) for each in words if each)},
    }
    if finding.place is not None:
        result["locations"] = [{"physicalLocation": _location(finding.place)}]
    return result


def _plain(text: str) -> str:
    """Foreign text cannot steer, and makes no link: `[words](target)` would be one (§3.11.6)."""
    return clean(text).replace("](", "] (")


def _location(place: Place) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": _uri(place.file)},
        "region": {"startLine": max(place.line, 1), "startColumn": max(place.column, 1)},
    }


def _uri(file: str) -> str:
    path = os.path.relpath(file) if os.path.isabs(file) else os.path.normpath(file)  # noqa: PTH117
    if PurePath(path).parts[:1] == ("..",):
        return PurePath(os.path.abspath(file)).as_uri()  # noqa: PTH100 - a name, no file
    return quote(os.fsencode(PurePath(path).as_posix()))  # names need not be UTF-8
