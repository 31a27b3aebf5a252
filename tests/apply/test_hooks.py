"""Hooks through the program itself and the lab: before certConf, after success and failure, never unasked."""

from __future__ import annotations

import json
import sys

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - name: web
    subject: SUBJECT
    key: generate://pkcs8@ec:p256/out/web
    output: out/web
    HOOKS
"""
LOOKS = """import os
for name in ("CERTIFICATE", "KEY"):
    print(open(os.environ[f"CMP_BATCH_{name}"]).readline())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hooks(text, name="verify"):
    return f"hooks: {{{name}: [{sys.executable!r}, -c, {json.dumps(text)}]}}"


def applied(folder, line, subject="CN=web", allow=("--allow-commands",)):
    (folder / "m.yaml").write_text(MANIFEST.replace("SUBJECT", subject).replace("HOOKS", line))
    status = main(["apply", "--yes", "m.yaml", "--report", "r.json", "--report", "r.xml", *allow])
    return status, json.loads((folder / "r.json").read_text())["items"][0] if (folder / "r.json").exists() else None


def pair(folder):
    return [(folder / "out" / name).read_bytes() for name in ("web-0.crt", "web.prv")]


def test_without_leave_nothing_runs_and_nothing_is_sent(here, capsys):
    assert applied(here, hooks("print(1)"), allow=())[0] == 6
    assert "web has hooks, and commands are not allowed" in capsys.readouterr().err
    assert not (here / "out").exists()


def test_plan_and_validate_run_no_hook(here):
    (here / "m.yaml").write_text(MANIFEST.replace("SUBJECT", "CN=a").replace("HOOKS", hooks("open('ran', 'w')")))
    assert main(["validate", "m.yaml"]) == 0
    assert main(["plan", "m.yaml"]) == 2
    assert not (here / "ran").exists()


def test_a_hook_verifies_what_is_in_its_place(here):
    status, item = applied(here, hooks(LOOKS))
    assert (status, item["outcome"]) == (0, "issued")
    (run,) = item["hooks"]
    assert (run["hook"], run["problem"]) == ("verify", "")
    assert "BEGIN CERTIFICATE" in run["output"]
    assert "[secret]" in run["output"]
    assert "hook verify went well" in (here / "r.xml").read_text()


def test_a_first_certificate_that_does_not_verify_is_taken_away(here):
    status, item = applied(here, hooks("raise SystemExit(1)"))
    assert (status, item["outcome"]) == (3, "failed")
    assert "its verification failed" in item["error"]["what"]
    assert sorted(path.name for path in (here / "out").iterdir()) == ["web.prv"]


def test_a_pair_in_use_is_put_back(here):
    assert applied(here, hooks("pass"))[0] == 0
    before = pair(here)
    assert applied(here, hooks("raise SystemExit(1)"), "CN=other")[0] == 3
    assert pair(here) == before
    assert applied(here, hooks("pass"), "CN=other")[0] == 0
    assert pair(here) != before
    assert sorted(path.name for path in (here / "out").iterdir()) == ["web-0.ca", "web-0.crt", "web.prv"]


def test_a_hook_after_success_that_fails_is_a_warning(here):
    status, item = applied(here, hooks("raise SystemExit(3)", "on_success"))
    assert (status, item["warnings"]) == (0, ["hook on_success: it ended with status 3"])


def test_a_hook_hears_of_a_failure(here):
    line = f"{hooks('raise SystemExit(1)')[:-1]}, on_failure: [/usr/bin/env]}}"
    status, item = applied(here, line)
    assert status == 3
    assert "CMP_BATCH_OUTCOME=failed" in item["hooks"][1]["output"]
    assert "CMP_BATCH_ERROR=the certificate was installed" in item["hooks"][1]["output"]
