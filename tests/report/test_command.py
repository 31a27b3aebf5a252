"""`cmp-batch report`: past runs from the state, in any format, and what differs between two."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.report.canonical import compact_json

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - {name: web, subject: CN=a, key: "generate://pkcs8@ec:p256/out/a", output: out/a}
"""


@pytest.fixture
def applied(tmp_path, monkeypatch, capsys):
    """A folder in which two applies were made: one that issued, one that had nothing to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    for number in (1, 2):
        assert main(["apply", "--yes", "m.yaml", "--report", f"r{number}.json"]) == 0
    capsys.readouterr()
    return tmp_path


def listed(capsys):
    assert main(["report", "--list"]) == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_the_last_run_is_shown_and_any_by_the_beginning_of_its_id(applied, capsys):
    first, second = listed(capsys)
    assert main(["report"]) == 0
    assert capsys.readouterr().out.startswith(f"run {second} of m is done")
    assert main(["report", first[:8]]) == 0
    assert capsys.readouterr().out.startswith(f"run {first} of m is done")


def test_the_json_is_what_apply_wrote(applied, capsys):
    first, _ = listed(capsys)
    assert main(["report", first, "--format", "json"]) == 0
    assert capsys.readouterr().out == (applied / "r1.json").read_text()
    assert main(["report", first, "--out", "again.json"]) == 0
    assert (applied / "again.json").read_text() == (applied / "r1.json").read_text()


def test_a_report_that_an_older_version_kept_in_one_piece_is_the_same(applied, capsys):
    """Schema version 9 had all of it in one column; the next apply brings such a state to today's."""
    first, _ = listed(capsys)
    with closing(sqlite3.connect(".cmp-batch/state.db")) as db, db:
        db.execute(
            "UPDATE run SET report = ? WHERE id = ?", (compact_json(json.loads(Path("r1.json").read_text())), first)
        )
        db.execute("DROP TABLE report_item")
        db.execute("PRAGMA user_version = 9")
    for number in (3, 4):
        assert main(["report", first, "--out", "again.json"]) == 0
        assert Path("again.json").read_text() == Path("r1.json").read_text()
        assert main(["apply", "--yes", "m.yaml", "--report", f"r{number}.json"]) == 0
    assert main(["report", "--out", "again.json"]) == 0
    assert Path("again.json").read_text() == Path("r4.json").read_text()


@pytest.mark.parametrize("form", ["junit", "markdown", "html", "csv", "openmetrics"])
def test_every_format_is_printed(applied, capsys, form):
    first, _ = listed(capsys)
    assert main(["report", first, "--format", form]) == 0
    assert "web" in capsys.readouterr().out


def test_two_runs_are_compared(applied, capsys):
    first, second = listed(capsys)
    assert main(["report", "--diff", first, second]) == 0
    said = capsys.readouterr().out
    assert f"from run {first} to run {second} of m: 1 of 1 items differ" in said
    assert "issued  unchanged" in said
    assert main(["report", "--diff", "r1.json", "r1.json"]) == 0
    assert "nothing differs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "there is no run nothing"),
        (["a", "b"], "one run at a time"),
        (["--out", "r.pdf"], "no report format belongs to the name r.pdf"),
        (["verify"], "report verify takes one FILE"),
        (["verify", "nowhere.json"], "nowhere.json cannot be read"),
        (["verify", "m.yaml"], "m.yaml is no report of cmp-batch"),
        (["-C", "out"], "no run is known to out/.cmp-batch/state.db"),
    ],
)
def test_what_cannot_be_shown_is_told(applied, capsys, words, told):
    assert main(["report", *words]) == 1
    assert told in capsys.readouterr().err


def test_a_report_without_digests_cannot_be_verified(applied, capsys):
    report = json.loads((applied / "r1.json").read_text())
    del report["digests"]
    (applied / "old.json").write_text(json.dumps(report))
    assert main(["report", "verify", "old.json"]) == 1
    assert "carries no digests" in capsys.readouterr().err
