"""Every format of a report: well-formed for its own readers, complete, and harmless whatever the texts say."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from io import StringIO

import pytest
from support.harm import harmful
from support.planning import Given
from support.samples import HOSTILE, full_run, hostile_run, issued, record_of, result, run_of

from runner.execute.results import Failure, Outcome
from runner.plan.status import status_of
from runner.report.canonical import canonical_json
from runner.report.csv_report import COLUMNS, csv_report
from runner.report.formats import FORMATS, SUFFIXES, rendered
from runner.report.html.page import html_report
from runner.report.json_report import run_to_json
from runner.report.junit import junit
from runner.report.markdown import LIMIT, MARKER, markdown_report
from runner.report.openmetrics import openmetrics
from runner.report.status_metrics import status_openmetrics

RUNS = [full_run(), hostile_run(), run_of(), run_of(interrupted=True)]


@pytest.mark.parametrize("name", ["json", *FORMATS])
@pytest.mark.parametrize("run", RUNS)
def test_every_format_renders_every_run_the_same_way_twice(name, run):
    report = run_to_json(run)
    assert "".join(rendered(report, name)) == "".join(rendered(json.loads(canonical_json(report)), name))


def test_every_format_has_a_suffix():
    assert set(SUFFIXES.values()) == {"json", *FORMATS}


@pytest.mark.parametrize("run", RUNS)
def test_junit_counts_what_it_holds(run):
    root = ET.fromstring(junit(record_of(run)))  # noqa: S314 - our own text
    suite = root.find("testsuite")
    for element in (root, suite):
        assert int(element.get("tests")) == len(suite.findall("testcase")) == len(run.results)
        assert int(element.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(element.get("errors")) == len(suite.findall("testcase/error"))
        assert int(element.get("skipped")) == len(suite.findall("testcase/skipped"))


def test_junit_tells_why_and_what_next():
    root = ET.fromstring(junit(record_of(full_run())))  # noqa: S314 - the same
    failure = root.find("testsuite/testcase[@name='web-2']/failure")
    assert failure.get("message") == "the CA rejected the request"
    assert 'the CA said: rejection badPOP "proof-of-possession does not verify"' in failure.text
    assert "next: look at the key file" in failure.text
    assert root.find("testsuite/testcase[@name='lost']/error").get("type") == "unknown"


def test_csv_has_a_row_an_item_and_no_formula():
    hostile = record_of(run_of(result("=cmd()", Outcome.FAILED, failure=Failure("@SUM(A1)", "+1", "-1"))))
    rows = list(csv.DictReader(StringIO(csv_report(hostile))))
    assert [rows[0][name] for name in ("item", "error", "why", "next_step")] == ["'=cmd()", "'@SUM(A1)", "'+1", "'-1"]
    rows = list(csv.DictReader(StringIO(csv_report(record_of(full_run())))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["item"] for row in rows] == [result.name for result in full_run().results]
    assert rows[0]["serial"] == "0a1b2c"
    assert rows[1]["fail_info"] == "badPOP"


def test_openmetrics_is_one_metric_a_line_and_ends_as_it_must():
    text = openmetrics(record_of(hostile_run()))
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    label = r'[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
    for line in text.splitlines():
        assert re.fullmatch(rf"# (?:TYPE|HELP) .+|# EOF|[a-z_]+\{{{label}(?:,{label})*\}} -?[0-9.e+]+", line), line


def test_a_revoked_certificate_has_no_end_to_watch():
    run = run_of(issued("a"), issued("b"))
    gone = run_of(run.results[0], result("b", Outcome.REVOKED, certificate=run.results[1].certificate))
    assert openmetrics(record_of(run)).count("not_after_timestamp_seconds{") == 2
    assert openmetrics(record_of(gone)).count("not_after_timestamp_seconds{") == 1


def test_markdown_is_cut_from_the_bottom_and_says_so():
    long = "x" * 400
    many = [result(f"{long}{n}", Outcome.FAILED, failure=Failure(f"cause {n}")) for n in range(400)]
    text = markdown_report(record_of(run_of(*many, issued("web-1"))))
    assert text.startswith(MARKER)
    assert len(text) <= LIMIT
    assert "**is done after 4.2 s: 400 failed, 1 issued**" in text
    assert re.search(r"_\d+ more lines did not fit; the report file has them all\._\n$", text)


def test_markdown_names_each_cause_once():
    text = markdown_report(record_of(full_run()))
    assert text.count("the CA rejected the request") == 1
    assert "<code>web-2</code>, <code>web-3</code>" in text


class Page(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


@pytest.mark.parametrize("run", RUNS)
def test_a_page_needs_nothing_but_itself_and_holds_no_foreign_markup(run):
    text = html_report(record_of(run))
    elements = Page(text).elements
    assert [attrs for _, attrs in elements if {"src", "href", "srcset", "action", "style"} & attrs.keys()] == []
    assert [name for _, attrs in elements for name in attrs if name.startswith("on")] == []
    assert [tag for tag, _ in elements if tag in ("script", "style", "img", "link", "iframe")] == [
        "style",
        "script",
        "script",
    ]
    policy = next(attrs["content"] for _, attrs in elements if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "<img src=x" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_harm_through(name):
    text = "".join(rendered(run_to_json(hostile_run()), name))
    assert HOSTILE not in text
    assert harmful(text.replace("\r\n", "\n")) == set()


def families(text):
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def test_no_metric_of_a_run_has_the_name_of_one_of_the_inventory(tmp_path):
    """One name with two sets of labels is no family, and a collector that reads both files refuses them."""
    situation = Given(tmp_path, {})
    document = situation.document()
    facts, inventory = situation.facts(document), situation.inventory(document)
    held = families(status_openmetrics(status_of(situation.plan(), facts, inventory)))
    ran = families(openmetrics(record_of(full_run())))
    assert len(held) > 4
    assert ran.isdisjoint(held)
    assert all(name.startswith("cmp_batch_run_") for name in ran)
