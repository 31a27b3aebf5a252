"""Slips of the fingers that would cost somebody something: they are told, and nothing is touched."""

from __future__ import annotations

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments: [{name: web, subject: CN=web, key: "generate://pkcs8@ec:p256/web", output: web}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    return tmp_path


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "status", "recovery-drill", "adopt"])
def test_an_empty_path_is_not_the_folder_that_one_is_in(folder, command, capsys):
    """`apply "$MANIFEST"` where the variable is not set."""
    assert main([command, ""]) == 1
    assert "a path is needed, and this is empty" in capsys.readouterr().err
    assert [each.name for each in folder.iterdir()] == ["m.yaml"]


@pytest.mark.parametrize("option", ["-C", "--state", "--vars-file", "--trace"])
def test_nor_is_that_of_an_option(folder, option, capsys):
    assert main(["apply", "m.yaml", option, ""]) == 1
    assert "a path is needed, and this is empty" in capsys.readouterr().err
    assert [each.name for each in folder.iterdir()] == ["m.yaml"]


def test_a_plan_is_not_saved_over_its_manifest(folder, capsys):
    assert main(["plan", "m.yaml", "--out", "m.yaml"]) == 1
    assert "apply tells a saved plan from a manifest by the suffix .json" in capsys.readouterr().err
    assert (folder / "m.yaml").read_text() == MANIFEST


def test_a_plan_is_saved_in_a_folder_that_exists(folder, capsys):
    (folder / "plan.json").mkdir()
    for name, why in (("plan.json", "it is a folder"), ("none/plan.json", "there is no folder none")):
        assert main(["plan", "m.yaml", "--out", name]) == 1
        assert why in capsys.readouterr().err
