"""`schema` prints what is published; `init` writes a manifest that validates, once."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from runner.cli import exits
from runner.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["manifest", "plan", "report"])
def test_schema_prints_the_published_file(name, capsys):
    assert main(["schema", name]) == exits.OK
    said = capsys.readouterr().out
    assert said == (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(json.loads(said))


def test_schema_alone_is_the_manifests(capsys):
    assert main(["schema"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["title"] == "cmp-batch manifest"


def test_init_writes_a_manifest_and_the_schema_that_its_first_line_names(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == exits.OK
    assert capsys.readouterr().out == "wrote cmp-batch.yaml\n"
    text = (tmp_path / "cmp-batch.yaml").read_text(encoding="utf-8")
    marker = "# yaml-language-server: $schema="
    first = text.splitlines()[0]
    assert first.startswith(marker)
    schema = json.loads((tmp_path / first.removeprefix(marker)).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(text))


def test_the_sample_in_the_checkout_names_the_schema_beside_it():
    first = (ROOT / "manifests" / "starter.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert (ROOT / "manifests" / first.partition("$schema=")[2]).resolve() == ROOT / "schemas" / "manifest.schema.json"


def test_init_never_overwrites(tmp_path, capsys):
    path = tmp_path / "plant.yaml"
    path.write_text("mine")
    assert main(["init", str(path)]) == exits.ERROR
    assert path.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["plant.yaml"]
    assert "exists already" in capsys.readouterr().err


def test_init_follows_no_link_to_elsewhere(tmp_path):
    (tmp_path / "plant.yaml").symlink_to(tmp_path / "elsewhere")
    assert main(["init", str(tmp_path / "plant.yaml")]) == exits.ERROR
    assert not (tmp_path / "elsewhere").exists()


def test_init_needs_the_folder(tmp_path, capsys):
    assert main(["init", str(tmp_path / "no" / "plant.yaml")]) == exits.ERROR
    assert "no folder" in capsys.readouterr().err


def test_the_starter_is_valid(tmp_path, capsys):
    path = tmp_path / "plant.yaml"
    main(["init", str(path)])
    capsys.readouterr()
    assert main(["validate", str(path)]) == exits.OK
    assert capsys.readouterr().out == "valid: 3 items\n"
