"""How the program speaks: --quiet, and a log for programs."""

from __future__ import annotations

import json

import pytest
from support.harm import harmful
from support.here import MANIFEST, here

from runner.cli.main import main

__all__ = ["here"]
pytestmark = pytest.mark.usefixtures("here")


def test_quiet_says_nothing_where_all_went_well(capsys):
    assert main(["apply", "--yes", "--quiet", "m.yaml"]) == 0
    assert capsys.readouterr() == ("", "")


def test_quiet_says_what_went_wrong(here, capsys):
    (here / "out").mkdir()
    (here / "out/a.prv").write_text("somebody's")
    assert main(["apply", "--yes", "-q", "m.yaml"]) == 3
    assert "out/a.prv exists and is not ours" in capsys.readouterr().out


def test_a_log_has_an_object_a_line_with_the_runs_id(capsys):
    assert main(["apply", "--yes", "--log-format", "json", "m.yaml"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["item"], line["outcome"], line["level"]) for line in lines] == [
        ("web-a", "issued", "info"),
        ("web-b", "issued", "info"),
    ]
    (run,) = {line["run"] for line in lines}
    assert main(["report", run]) == 0


def test_an_error_is_an_object_too(here, capsys):
    (here / "m.yaml").write_text(MANIFEST.replace("subject", "subjekt\x1b[31m", 1))
    assert main(["apply", "--yes", "--log-format", "json", "m.yaml"]) == 1
    text = capsys.readouterr().err
    assert harmful(text) == set()
    (line, *_) = [json.loads(line) for line in text.splitlines()]
    assert line["level"] == "error"
    assert line["place"].startswith("m.yaml:4:")


def test_the_next_command_speaks_as_always(capsys):
    assert main(["apply", "--yes", "--log-format", "json", "m.yaml"]) == 0
    capsys.readouterr()
    assert main(["apply", "m.yaml", "--nothing"]) == 1
    assert capsys.readouterr().err.startswith("error: unrecognized arguments")
