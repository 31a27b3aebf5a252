"""docs/migration.md has a row for every command and every option of ssh-cmpclient-g3."""

from __future__ import annotations

import re

from support.markdown import ROOT, text_of

from runner.manifest.oldline import COMMANDS, FLAGS, HELP, WITH_VALUE

TEXT = text_of(ROOT / "docs" / "migration.md")


def test_every_option_has_one_row():
    rows = re.findall(r"^\| \*\*(-[A-Za-z])\*\* \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(f"-{letter}" for letter in WITH_VALUE + FLAGS + HELP)


def test_every_command_has_one_row():
    assert sorted(re.findall(r"^\| `([A-Z]+)` \|", TEXT, re.MULTILINE)) == sorted(COMMANDS)
