"""A run as JUnit XML: each item a test case, so that a CI server shows what failed without knowing what CMP is.

The dialect is what Jenkins, GitLab and GitHub's annotators agree on: testsuites > testsuite > testcase with failure,
error, skipped and system-out. `failed` is a failure, `unknown` an error, `pending` and `skipped` are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from runner.report.canonical import rfc3339
from runner.report.sanitise import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.report.record import ItemRecord, RunRecord

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"failed": "failure", "unknown": "error", "pending": "skipped", "skipped": "skipped"}


def junit(run: RunRecord) -> str:
    """The whole document."""
    run = run.in_hand()
    count = {tag: sum(_TAGS.get(item.outcome) == tag for item in run.items) for tag in ("failure", "error", "skipped")}
    numbers = {
        "tests": str(len(run.items)),
        "failures": str(count["failure"]),
        "errors": str(count["error"]),
        "skipped": str(count["skipped"]),
        "time": f"{run.seconds:.3f}",
    }
    root = Element("testsuites", {"name": "cmp-batch", **numbers})
    suite = SubElement(root, "testsuite", {"name": _text(run.manifest), "timestamp": rfc3339(run.started), **numbers})
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", {"name": "run", "value": _text(run.id)})
    SubElement(properties, "property", {"name": "interrupted", "value": str(run.interrupted).lower()})
    for item in run.items:
        _case(suite, item, run)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, item: ItemRecord, run: RunRecord) -> None:
    names = {"name": _text(item.name), "classname": _text(f"{run.manifest}.{item.operation}")}
    case = SubElement(suite, "testcase", {**names, "time": f"{item.duration:.3f}"})
    tag = _TAGS.get(item.outcome)
    if tag is not None:
        message = item.error.what if item.error else item.verdict or item.outcome
        attributes = {"message": _text(message)} | ({} if tag == "skipped" else {"type": _text(item.outcome)})
        SubElement(case, tag, attributes).text = _lines(_account(item))
    if said := [*_certificate(item), *(f"warning: {text}" for text in item.warnings), *item.hooks]:
        SubElement(case, "system-out").text = _lines(said)


def _account(item: ItemRecord) -> list[str]:
    lines = [item.outcome]
    if item.error is not None:
        lines += [text for text in (item.error.what, item.error.why) if text]
    lines += [f"{item.judge} said: {item.said}"] if item.said else []
    return [*lines, f"next: {item.error.next_step}"] if item.error and item.error.next_step else lines


def _certificate(item: ItemRecord) -> list[str]:
    if item.certificate is None:
        return []
    found = item.certificate
    return [
        f"subject: {found.subject}",
        f"serial: {found.serial}",
        f"valid until: {rfc3339(found.not_after)}",
        *([f"file: {found.path}"] if found.path else []),
    ]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(map(_text, lines))


def _text(text: str) -> str:
    """`text` cleaned, and without the few characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", clean(text))
