"""`validate`: findings on stdout at their places, for people and for programs."""

from __future__ import annotations

import json
import re

import pytest
from support.harm import harmful

from runner.cli import exits
from runner.cli.main import main

BAD = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {url: "lab:", colour: red}
enrollments:
  - {name: web-1, key: "generate://pkcs8@ec:p999/out/x", output: out/x}
"""
WARNED = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {url: "lab:", credential: desk}
credentials:
  desk: {psk: "123:sesame-open"}
enrollments:
  - {name: "web-${who}", subject: "CN=${who}", key: "generate://pkcs8@ec:p256/out/w", output: out/w}
"""


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
        return "m.yaml"

    return write


def test_every_finding_is_told_at_its_place_in_one_run(manifest, capsys):
    assert main(["validate", manifest(BAD)]) == exits.ERROR
    said = capsys.readouterr()
    assert said.err == ""
    places = [line for line in said.out.splitlines() if re.match(r"m\.yaml:\d+:\d+: error: \S", line)]
    assert [line.split(": ")[0] for line in places] == ["m.yaml:3:21", "m.yaml:5:24"]
    assert said.out.endswith("\n2 errors\n")


def test_warnings_do_not_make_it_invalid_and_quote_no_secret(manifest, capsys):
    assert main(["validate", manifest(WARNED), "--var", "who=me"]) == exits.OK
    said = capsys.readouterr().out
    assert said.startswith("m.yaml:5:")
    assert "warning: " in said
    assert said.endswith("\n1 warning\nvalid: 1 item\n")
    assert "sesame" not in said


def test_a_variable_that_is_not_given_is_a_finding(manifest, capsys):
    assert main(["validate", manifest(WARNED)]) == exits.ERROR
    assert "m.yaml:7:" in capsys.readouterr().out


def test_json_says_the_same(manifest, capsys):
    assert main(["validate", "--format", "json", manifest(BAD)]) == exits.ERROR
    said = json.loads(capsys.readouterr().out)
    assert (said["valid"], said["errors"], said["warnings"]) == (False, 2, 0)
    first = said["findings"][0]
    assert (first["file"], first["line"], first["column"], first["severity"]) == ("m.yaml", 3, 21, "error")
    assert main(["validate", "--format", "json", "--var", "who=me", manifest(WARNED)]) == exits.OK
    said = json.loads(capsys.readouterr().out)
    assert (said["valid"], said["errors"], said["warnings"]) == (True, 0, 1)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_hostile_manifest_steers_nothing(form, manifest, capsys):
    text = 'apiVersion: cmp-batch/v1\n"\\e[2Jbad \\u202e \\u2028": 1\nmetadata: {name: "\\e[31m"}\n'
    assert main(["validate", "--format", form, manifest(text)]) == exits.ERROR
    said = capsys.readouterr().out
    assert "bad" in said
    assert not harmful(said)


def test_a_manifest_that_is_not_there(capsys, tmp_path):
    assert main(["validate", str(tmp_path / "none.yaml")]) == exits.ERROR
    assert "none.yaml" in capsys.readouterr().out
