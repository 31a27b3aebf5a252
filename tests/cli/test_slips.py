"""Slips of the fingers: a command that is nearly one, a name with a blank in it."""

from __future__ import annotations

import shlex

import pytest

from runner.cli.main import main


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("aply", "did you mean cmp-batch apply?"),
        ("Plan", "did you mean cmp-batch plan?"),
        ("zzz", "cmp-batch --help lists them"),
    ],
)
def test_a_command_that_is_none_is_told_with_the_nearest(capsys, word, step):
    assert main([word, "web.yaml"]) == 1
    said = capsys.readouterr().err
    assert f"error: there is no command '{word}'" in said
    assert f"next: {step}" in said


def test_the_next_step_can_be_typed_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my plant.yaml"]) == 0
    said = capsys.readouterr().err
    words = shlex.split(said.removeprefix("next: "))
    assert words == ["cmp-batch", "plan", "my plant.yaml"]
    assert main(words[1:]) == 2
