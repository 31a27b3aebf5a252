"""A saved plan, and the files that values come from: tables and files of variables. What has changed is named."""

from __future__ import annotations

import json

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
credentials: {rows: {psk: {column: psk}}}
enrollments:
  - name: ${host}
    for_each: {csv: hosts.csv, columns: {host: name, psk: secret}}
    subject: O=${org}, CN=${name}
    key: generate://pkcs8@ec:p256/out/${name}
    output: out/${name}
"""
HOSTS = "host,psk\nweb,r1:s3cr3t-1\ndb,r2:s3cr3t-2\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """cmp-batch in a folder with a plan that was saved: (status, what it says on stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plant.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "hosts.csv").write_text(HOSTS, encoding="utf-8")
    (tmp_path / "site.yaml").write_text("org: Example\n", encoding="utf-8")

    def run(*arguments):
        capsys.readouterr()
        status = main([*arguments, "--vars-file", "site.yaml"])
        return status, capsys.readouterr().err

    assert run("plan", "plant.yaml", "--out", "plan.json") == (2, "")
    return run


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("hosts.csv", HOSTS.replace("db,", "dc,"), ["hosts.csv has changed", "the entry dc is new"]),
        ("hosts.csv", HOSTS + "third,r3:x\n", ["hosts.csv has changed", "the entry third is new"]),
        ("hosts.csv", HOSTS.replace("host,", "host,").replace("web,", "web-2,"), ["hosts.csv has changed"]),
        ("site.yaml", "org: Other\n", ["site.yaml has changed", "the entry web has changed"]),
        ("site.yaml", "# a word\norg: Example\n", ["site.yaml has changed"]),
        ("site.yaml", "org: Example\nmore: 1\n", ["made with other variables", "site.yaml has changed"]),
    ],
)
def test_the_file_that_has_changed_is_named(run, tmp_path, file, text, words):
    (tmp_path / file).write_text(text, encoding="utf-8")
    status, said = run("apply", "plan.json")
    assert status == 6
    assert all(word in said for word in words), said
    assert "plant.yaml has changed" not in said
    assert not (tmp_path / "out").exists()


def test_many_changed_rows_do_not_hide_the_file(run, tmp_path):
    rows = "".join(f"host-{n},r{n}:x\n" for n in range(100))
    (tmp_path / "hosts.csv").write_text(f"host,psk\n{rows}", encoding="utf-8")
    status, said = run("apply", "plan.json")
    assert status == 6
    assert said.index("hosts.csv has changed") < said.index("the entry")


def test_a_new_secret_in_a_row_changes_no_plan_and_leaves_no_digest(run, tmp_path):
    before = json.loads((tmp_path / "plan.json").read_text())["bound"]["inputs"]
    (tmp_path / "hosts.csv").write_text(HOSTS.replace("s3cr3t-2", "other"), encoding="utf-8")
    assert run("plan", "plant.yaml", "--out", "again.json")[0] == 2
    assert json.loads((tmp_path / "again.json").read_text())["bound"]["inputs"] == before
    assert run("apply", "plan.json")[0] == 0


def test_a_file_of_variables_that_is_left_out_is_missed(run, tmp_path):
    (tmp_path / "empty.yaml").write_text("{}", encoding="utf-8")
    assert main(["apply", "plan.json"]) == 6
    assert main(["apply", "plan.json", "--var", "org=Example"]) == 6
    assert not (tmp_path / "out").exists()
