"""`lab:` of an authority: how the embedded lab CA behaves, from the manifest to what apply says."""

from __future__ import annotations

import json
from dataclasses import fields

from support.markdown import ROOT

from runner.asn1.cmp import FAIL_INFO
from runner.cli.main import main
from runner.lab.manners import Manners

MANIFEST = """
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:", lab: {%s}}}
templates: {web: {subject: "CN=web"}}
enrollments:
  - name: web
    authority: lab
    key: generate://pkcs8@ec:p256/out/web
    output: out/web
    template: web
"""


def test_the_schema_has_every_manner_with_its_default():
    schema = json.loads((ROOT / "schemas" / "manifest.schema.json").read_text(encoding="utf-8"))
    told = schema["$defs"]["labManners"]["properties"]
    assert {name: value["default"] for name, value in told.items()} == {
        field.name: list(field.default) if isinstance(field.default, tuple) else field.default
        for field in fields(Manners)
    }
    assert told["reject_with"]["enum"] == list(FAIL_INFO)


def applied(tmp_path, monkeypatch, manners) -> int:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST % manners, encoding="utf-8")
    return main(["apply", "m.yaml", "--yes"])


def test_a_name_that_the_lab_rejects(tmp_path, monkeypatch, capsys):
    assert applied(tmp_path, monkeypatch, 'reject_names: ["CN=w*"], reject_with: badTime') == 3
    assert "badTime" in capsys.readouterr().out


def test_a_lab_that_lets_wait_and_lists_that_are_empty(tmp_path, monkeypatch):
    assert applied(tmp_path, monkeypatch, "waiting_polls: 1, check_after: 0, delays: [], signed_answers: true") == 0
    assert (tmp_path / "out" / "web-0.crt").exists()


def test_a_manner_that_is_none_is_found_before_anything_is_done(tmp_path, monkeypatch, capsys):
    assert applied(tmp_path, monkeypatch, "polite: true") == 1
    assert "polite" in capsys.readouterr().err
    assert not (tmp_path / ".cmp-batch").exists()
