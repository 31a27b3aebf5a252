"""The JSON that other programs read: judged by the published schemas, and by reading it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import jsonschema
import pytest
from support.certificates import certificate_der
from support.samples import PASSPHRASE, full_plan, full_run, hostile_plan, hostile_run, run_of

from runner.execute.results import Outcome
from runner.plan.steps import Verb
from runner.report.canonical import canonical_json, rfc3339
from runner.report.json_report import run_to_json, serial_text
from runner.report.plan_json import plan_to_json
from runner.resources import resource_text


def schema(name: str) -> dict[str, object]:
    return json.loads(resource_text("schemas", f"{name}.schema.json"))


def judge(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(name))


def objects(part: object):
    """Every schema of an object within a schema."""
    if isinstance(part, dict):
        if "properties" in part:
            yield part
        for value in part.values():
            yield from objects(value)
    elif isinstance(part, list):
        for value in part:
            yield from objects(value)


@pytest.mark.parametrize("name", ["report", "plan"])
def test_the_schemas_are_valid_and_refuse_unknown_keys(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))
    found = list(objects(schema(name)))
    assert len(found) > 3
    assert all(part["additionalProperties"] is False for part in found)


@pytest.mark.parametrize("run", [full_run(), hostile_run(), run_of(), run_of(interrupted=True)])
def test_a_report_is_what_its_schema_says(run):
    judge("report").validate(json.loads(canonical_json(run_to_json(run))))


@pytest.mark.parametrize("plan", [full_plan(), hostile_plan()])
def test_a_plan_is_what_its_schema_says(plan):
    judge("plan").validate(json.loads(canonical_json(plan_to_json(plan))))


def test_the_schemas_know_every_outcome_and_verb():
    verbs = [verb.value for verb in Verb]
    assert schema("report")["$defs"]["item"]["properties"]["outcome"]["enum"] == [o.value for o in Outcome]
    assert schema("report")["$defs"]["item"]["properties"]["operation"]["enum"] == verbs
    assert schema("plan")["$defs"]["step"]["properties"]["verb"]["enum"] == verbs
    assert list(schema("plan")["properties"]["summary"]["properties"]) == verbs


def test_an_issued_certificate_is_told_in_full():
    item = run_to_json(full_run())["items"][0]
    certificate = item["certificate"]
    assert certificate["serial"] == "0a1b2c"
    assert certificate["subject"] == certificate["issuer"] == "C=FI, CN=web-1"
    assert (certificate["not_before"], certificate["not_after"]) == ("2026-03-01T12:00:00Z", "2026-05-30T12:00:00Z")
    assert certificate["path"] == "out/web-1-0.crt"
    assert item["key"] == {"path": "out/web-1.prv", "type": "ec:p256"}
    assert item["duration_seconds"] == 0.123457
    assert item["error"] is None


def test_a_fingerprint_is_openssls(openssl, tmp_path):
    import subprocess

    path = tmp_path / "c.der"
    path.write_bytes(certificate_der())
    command = [openssl, "x509", "-inform", "der", "-in", str(path), "-noout", "-fingerprint", "-sha256", "-serial"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.lower()
    certificate = run_to_json(full_run())["items"][0]["certificate"]
    assert certificate["sha256"] in said.replace(":", "")
    assert f"serial={certificate['serial']}\n" in said


def test_a_failure_keeps_the_words_of_the_ca():
    item = run_to_json(full_run())["items"][1]
    assert item["fail_info"] == ["badPOP"]
    assert item["status_text"] == "proof-of-possession does not verify"
    assert item["error"]["next_step"].startswith("look at the key file")


def test_the_summary_counts_all_outcomes():
    summary = run_to_json(full_run())["summary"]
    assert len(summary) == len(Outcome)
    assert sum(summary.values()) == 9
    assert summary["recovered"] == 0


def test_no_passphrase_is_in_a_plan():
    text = canonical_json(plan_to_json(full_plan()))
    assert PASSPHRASE not in text
    assert "generate://pkcs8s:***@ec:p256/out/web-1" in text


def test_a_plan_names_what_is_read_and_what_is_written():
    steps = {step["item"]: step for step in plan_to_json(full_plan())["steps"]}
    files = ("certificate", "key", "new_key", "output")
    assert [steps["web-1"][key] for key in files][3] == "out/web-1-0.crt"
    assert [steps["web-1"][key] for key in files][:2] == [None, None]
    assert [steps["rotate-op"][key] for key in files] == [
        "op.crt",
        "file://***/op.prv",
        "generate://pkcs8@rsa:3072/op2",
        "op2.crt",
    ]
    assert [steps["old-web-0"][key] for key in files] == ["old/web-0.crt", None, None, None]
    assert steps["old-web-0"]["section"] == "revocations"
    assert steps["web-2"]["request"] is None


@pytest.mark.parametrize(
    ("serial", "text"), [(0, "00"), (1, "01"), (255, "ff"), (256, "0100"), (0xABC, "0abc"), (-5, "-05")]
)
def test_serials_have_two_digits_an_octet(serial, text):
    assert serial_text(serial) == text


def test_moments_are_rfc_3339_in_utc():
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 1, 30, tzinfo=east)) == "2025-12-31T23:30:00Z"
    assert rfc3339(datetime(2026, 1, 1, 0, 0, 0, 250000, tzinfo=UTC)) == "2026-01-01T00:00:00.250000Z"


def test_canonical_json_is_one_text_for_equal_data():
    assert (
        canonical_json({"b": 1, "a": [2]})
        == canonical_json({"a": [2], "b": 1})
        == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})
