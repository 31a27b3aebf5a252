"""A report that somebody has changed: told in words, and nothing is left lying about."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - {name: web, subject: CN=web, key: "generate://pkcs8@ed25519/out/web", output: out/web}
"""


@pytest.fixture
def applied(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    assert main(["apply", "--yes", "m.yaml", "--report", "good.json"]) == 0
    capsys.readouterr()
    return tmp_path


def is_told(capsys):
    captured = capsys.readouterr()
    assert "a report cannot be read" in captured.err
    assert "outcome" in captured.err
    assert "mistake" not in captured.err


def test_a_file_that_lacks_a_field_is_not_compared(applied, capsys):
    report = json.loads((applied / "good.json").read_text())
    del report["items"][0]["outcome"]
    (applied / "bad.json").write_text(json.dumps(report))
    assert main(["report", "--diff", "bad.json", "good.json"]) == 1
    is_told(capsys)


@pytest.mark.parametrize("form", ["text", "html", "markdown", "junit", "csv", "openmetrics"])
def test_an_item_of_the_state_that_is_none(applied, capsys, form):
    with closing(sqlite3.connect(applied / ".cmp-batch/state.db")) as db, db:
        db.execute("UPDATE report_item SET item = json_remove(item, '$.outcome')")
    before = sorted(applied.iterdir())
    assert main(["report", "--format", form]) == 1
    is_told(capsys)
    assert main(["report", "--out", "r.html"]) == 1
    is_told(capsys)
    assert sorted(applied.iterdir()) == before
