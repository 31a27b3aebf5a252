"""Completion scripts and the manual page, judged by the shells and by mandoc."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.tools import need

from runner.cli import main as entry
from runner.cli.main import full_parser, main
from runner.cli.reference.commands import commands_of

COMMANDS = tuple(commands_of(full_parser()))


def script(kind, capsys):
    assert main(["completion", kind]) == 0
    return capsys.readouterr().out


def completed(capsys, *words):
    """What bash offers when the last of `words` is being typed."""
    line = " ".join(f"'{word}'" for word in ("cmp-batch", *words))
    asked = f'COMP_WORDS=({line}); COMP_CWORD={len(words)}; _cmp_batch; printf "%s\\n" "${{COMPREPLY[@]}}"'
    run = [need("bash"), "-c", script("bash", capsys) + asked]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()


def test_every_command_is_described_with_an_example():
    names = {command.name.split()[0] for command in COMMANDS}
    assert names == set(entry.COMMANDS)
    assert [command.name for command in COMMANDS if not command.about or not command.examples] == []
    assert [(c.name, o.flags, o.value) for c in COMMANDS for o in c.options if not o.about] == []


def test_bash_completes_commands_options_and_choices(capsys):
    assert completed(capsys, "val") == ["validate"]
    assert completed(capsys, "lab", "s") == ["serve"]
    assert completed(capsys, "apply", "--max") == ["--max-failures"]
    assert set(completed(capsys, "plan", "--format", "")) == {"text", "json", "markdown"}
    assert "--port" in completed(capsys, "lab", "serve", "--po")


def test_bash_completes_files(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plant.yaml").touch()
    assert completed(capsys, "apply", "pl") == ["plant.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_read_its_script(shell, capsys, tmp_path):
    file = tmp_path / "script"
    file.write_text(script(shell, capsys), encoding="utf-8")
    done = subprocess.run([need(shell), "-n", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_offers_options(capsys, tmp_path):
    file = tmp_path / "cmp-batch.fish"
    file.write_text(script("fish", capsys), encoding="utf-8")
    asked = f"source {file}; complete -C 'cmp-batch apply --max'; complete -C 'cmp-batch val'"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    run = [need("fish"), "--no-config", "-c", asked]
    said = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
    assert "--max-failures" in said
    assert "validate\tCheck manifests" in said


def test_the_manual_is_good_roff_and_has_everything(capsys):
    page = script("man", capsys)
    done = subprocess.run(
        [need("mandoc"), "-Tlint", "-Wwarning"], input=page, capture_output=True, text=True, check=False
    )
    told = [line for line in done.stdout.splitlines() if "missing date" not in line]  # a page has no day of its own
    assert told == []
    shown = subprocess.run([need("mandoc"), "-Tutf8"], input=page, capture_output=True, text=True, check=True).stdout
    plain = re.sub(".\b", "", shown)  # a letter struck twice is a bold one
    assert "EXIT STATUS" in plain
    assert plain.count("Examples:") == len(COMMANDS)
