"""One command around an item: its environment, its end, and what may be told of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from runner.execute.hooks import LONGEST_OUTPUT, Place, run_hook
from runner.system import SystemClock

SECRET = b"correct horse"


def hook(folder, text, *, timeout=60.0, files=None, program=sys.executable):
    place = Place(folder, SystemClock(), (SECRET,))
    return asyncio.run(run_hook("on_success", (program, "-c", text), timeout, files or {}, place))


def test_the_environment_is_clean_and_names_the_files(tmp_path):
    told = hook(tmp_path, "import os; print(sorted(os.environ), os.getcwd())", files={"CMP_BATCH_ITEM": "web"})
    names = ["CMP_BATCH_ITEM", "LANG", "PATH"]
    assert told.output.strip().replace("'LC_CTYPE', ", "") == f"{names} {tmp_path}"
    assert told.problem == ""


def test_a_status_is_a_problem(tmp_path):
    assert hook(tmp_path, "raise SystemExit(3)").problem == "it ended with status 3"


def test_what_cannot_be_started_is_told(tmp_path):
    assert hook(tmp_path, "", program="./nothing").problem == "it cannot be started: No such file or directory"


def test_it_has_no_input(tmp_path):
    assert hook(tmp_path, "import sys; print(repr(sys.stdin.read()))").output == "''\n"


def test_output_is_cut_and_holds_no_secret(tmp_path):
    told = hook(tmp_path, f"print({SECRET.decode()!r} + 'x' * 100_000)")
    assert told.output.startswith("[secret]xxx")
    assert len(told.output) <= LONGEST_OUTPUT


def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path):
    endless = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
    told = hook(tmp_path, endless, timeout=2.0)
    assert told.problem == "it did not end within 2 s"
    state = Path(f"/proc/{int(told.output)}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"
