"""The inventory: conditions, the forecast, and its three formats."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest
from support.ambient import NOON
from support.harm import harmful
from support.markdown import ROOT, text_of
from support.planning import Given
from support.samples import HOSTILE

from runner.plan.status import Condition, status_of
from runner.plan.steps import Reason
from runner.report.canonical import canonical_json
from runner.report.status_json import status_to_json
from runner.report.status_metrics import status_openmetrics
from runner.report.status_text import chart, status_text
from runner.report.tables import Layout

NAMES = ("good", "due", "drifted", "missing", "over", "asked", "cut", "lost", "blocked")
ITEMS = (
    "enrollments:\n"
    + "".join(
        f'  - {{name: {name}, subject: "C=FI, CN={name}", key: "generate://pkcs8@ec:p256/out/{name}",'
        f" output: out/{name}, renew_before: {30 if name == 'due' else 10}d}}\n"
        for name in NAMES
    )
    + """\
revocations:
  - {name: to-revoke, certificate: old.crt}
  - {name: revoked, certificate: older.crt}
"""
)
WORDS = {
    "items": ITEMS,
    "now": "70d",
    "certificates": {
        **{name: {"key": name} for name in ("good", "due", "left")},
        "drifted": {"key": "drifted", "subject": "C=FI, CN=another"},
        "over": {"key": "over", "until": "60d"},
        "old": {},
        "older": {"serial": 2},
    },
    "files": {
        **{f"out/{name}-0.crt": f"certificate {name}" for name in ("good", "due", "drifted", "over")},
        **{f"out/{name}.prv": f"key {name}" for name in ("good", "due", "drifted", "over")},
        "out/blocked.prv": "key somebody",
        "old.crt": "certificate old",
        "older.crt": "certificate older",
    },
    "held": {
        **{name: {"certificate": name} for name in ("good", "due", "left")},
        "revoked": {"outcome": "revoked", "replaces": "older"},
    },
    "open": {
        "asked": {"stage": "waiting", "check_after": "71d"},
        "cut": {"stage": "sent"},
        "lost": {"stage": "sent", "note": "no answer"},
        "stranger": {"stage": "sent"},
    },
}
CONDITIONS = {
    "good": Condition.GOOD,
    "due": Condition.DUE,
    "drifted": Condition.DRIFT,
    "missing": Condition.MISSING,
    "over": Condition.EXPIRED,
    "asked": Condition.PENDING,
    "cut": Condition.OPEN,
    "lost": Condition.UNKNOWN,
    "blocked": Condition.BLOCKED,
    "to-revoke": Condition.TO_DO,
    "revoked": Condition.DONE,
    "left": Condition.ORPHAN,
    "stranger": Condition.ORPHAN,
}


@pytest.fixture(scope="module")
def status(tmp_path_factory):
    given = Given(tmp_path_factory.mktemp("status"), WORDS)
    document = given.document()
    return status_of(given.plan(document), given.facts(document), given.inventory(document))


def test_each_item_stands_as_it_should(status):
    assert {row.item: row.condition for row in status.rows} == CONDITIONS
    assert sum(status.counts().values()) == len(CONDITIONS)


def test_renewals_are_forecast_by_day_and_what_is_due_is_todays(status):
    days = {(day - NOON.date()).days: count for day, count in status.forecast if count}
    assert days == {70: 2, 80: 2}  # `due` and `over`; `good` and `drifted` ten days before their end
    assert len(status.forecast) == 365


def test_the_json_fits_its_schema(status):
    schema = json.loads(text_of(ROOT / "schemas" / "status.schema.json"))
    data = json.loads(canonical_json(status_to_json(status)))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(data)
    assert set(schema["properties"]["summary"]["required"]) == {condition.value for condition in Condition}
    assert [item["item"] for item in data["items"]] == [row.item for row in status.rows]


def test_metrics_have_every_certificate_and_end(status):
    text = status_openmetrics(status)
    assert text.endswith("# EOF\n")
    assert 'cmp_batch_items{manifest="m",condition="orphan"} 2' in text
    ends = [line for line in text.splitlines() if line.startswith("cmp_batch_certificate_not_after")]
    assert len(ends) == 7
    assert len([line for line in text.splitlines() if line.startswith("# TYPE")]) == 5


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("terminal", [False, True])
def test_the_text_fits_and_says_what_matters_first(status, width, terminal):
    text = status_text(status, Layout(width, terminal=terminal))
    assert all(len(line) <= width for line in text.splitlines())
    flat = " ".join(text.split())
    assert flat.startswith("inventory of m: 1 expired, 1 missing, 1 blocked, 1 unknown, 1 pending, 1 open")
    assert "2 unchanged (--verbose lists them)" in flat
    assert "renewals to come" in text
    assert (not terminal) == text[text.index("renewals to come") :].isascii()


def test_a_chart_has_a_line_for_each_month_and_a_bar_for_each_day():
    days = [(NOON.date() + timedelta(days=n), {0: 1, 1: 10, 31: 5}.get(n, 0)) for n in range(60)]
    lines = chart(days, Layout()).splitlines()
    assert lines[0] == "renewals to come, day by day (a full bar is 10)"
    assert lines[1] == "2026-03 |.#" + " " * 29 + "| 11"
    assert lines[2].startswith("2026-04 |=") or lines[2].startswith("2026-04 |+")
    assert lines[2].endswith("| 5")
    assert chart([(day, 0) for day, _ in days], Layout()) == ""


def test_nothing_steers_a_terminal(status):
    row = replace(status.rows[0], item=HOSTILE, authority=HOSTILE, reasons=(Reason("x", HOSTILE),))
    bad = replace(status, name=HOSTILE, rows=(replace(row, condition=Condition.DRIFT),))
    for text in (status_text(bad, Layout()), status_openmetrics(bad), canonical_json(status_to_json(bad))):
        assert not harmful(text)
