"""Ctrl-C while the program is still being imported: status 130 and a word, no traceback."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from support.program import environment

from runner.cli import exits


@pytest.mark.parametrize("module", ["argparse", "json"])
def test_an_interrupted_import_is_quiet(tmp_path, module):
    """The module that is imported is one that behaves as if the key had been pressed just then."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    command = [sys.executable, "-m", "runner", "schema"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(PYTHONPATH=str(tmp_path)), timeout=60
    )
    assert (done.returncode, done.stdout) == (exits.INTERRUPTED, "")
    assert done.stderr.strip() == "interrupted"


def test_the_program_is_that_module():
    (script,) = entry_points(group="console_scripts", name="cmp-batch")
    assert script.value == "runner.__main__:main"
