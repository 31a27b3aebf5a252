"""One command around an item: its environment, its end, and what may be told of it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from runner.execute.hooks import LONGEST_OUTPUT, Place, named_files, run_hook
from runner.execute.results import Failure, Outcome, Result
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


def test_what_a_ca_says_begins_no_line_and_steers_nothing():
    said = Failure("the CA refused: \x1b[2J\u202eno\nBcc: all@example.com\0")
    result = Result(name="web", operation="enroll", outcome=Outcome.FAILED, failure=said)
    told = named_files(SimpleNamespace(name="web"), result)["CMP_BATCH_ERROR"]
    assert told == "the CA refused:  [2J no Bcc: all@example.com "


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


def test_a_secret_across_the_cut_is_one(tmp_path):
    told = hook(tmp_path, f"print('x' * {LONGEST_OUTPUT - 4} + {SECRET.decode()!r} + 'y' * 100)")
    assert "corr" not in told.output
    assert len(told.output) <= LONGEST_OUTPUT


def test_a_private_key_is_a_secret(tmp_path):
    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
    assert hook(tmp_path, f"print('before', {pem!r}, 'behind')").output == "before [secret] behind\n"
    cut = hook(tmp_path, f"print('x' * {LONGEST_OUTPUT - 50} + {pem!r})").output
    assert "MHcC" not in cut


def is_over(pid):
    """Whether a process is gone, or waits to be; where it was only killed, the system gets a moment to see to it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return True
    if state != "Z":
        time.sleep(0.01)
    return state == "Z"


def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path):
    endless = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
    told = hook(tmp_path, endless, timeout=2.0)
    assert told.problem == "it did not end within 2 s"
    assert any(is_over(int(told.output)) for _ in range(1000))
