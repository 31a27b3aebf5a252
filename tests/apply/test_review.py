"""`apply --review`: somebody looks at each certificate before the CA hears that it is accepted."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest
from support.here import here

from runner.cli.main import main

__all__ = ["here"]
pytestmark = pytest.mark.usefixtures("here")


def at_a_terminal(*answers):
    """What the program prints to somebody who gives these answers, and its exit status."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "runner", "apply", "m.yaml", "--review", "--parallel", "1"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        seen = b""
        try:
            while chunk := os.read(ours, 65_536):
                seen += chunk
        except OSError:
            pass  # the other end was closed: it is over
        status = process.wait()
    os.close(ours)
    return status, seen.decode()


def test_what_is_accepted_is_kept_and_what_is_not_is_rejected(here):
    status, seen = at_a_terminal("y", "y", "n")
    assert status == 3
    assert len(re.findall(r"SubjectName|Subject", seen)) >= 2
    assert "accept the certificate above for web-a? [y/N]" in seen
    assert "the certificate was not accepted" in seen
    assert (here / "out/a-0.crt").exists()
    assert not (here / "out/b-0.crt").exists()


def test_without_a_terminal_nobody_can_be_asked(here, capsys):
    assert main(["apply", "m.yaml", "--review"]) == 1
    assert "add --yes to accept them all" in capsys.readouterr().err
    assert not (here / "out").exists()


def test_yes_shows_and_accepts_them_all(capsys):
    assert main(["apply", "m.yaml", "--review", "--yes"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Fingerprints") == 2
