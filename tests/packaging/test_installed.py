"""The wheel, installed into an empty environment, does its work in an empty folder: no checkout in sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory) -> Path:
    """The bin folder of an environment with the wheel alone; its dependencies are lent by the one that tests run in."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--isolated", "--disable-pip-version-check"]
    install = [*pip, "install", "--no-index", "--no-deps", "--no-compile", wheel]
    done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lend_dependencies(python)
    return python.parent


def lend_dependencies(python: Path) -> None:
    """A .pth file names our own site-packages; those that lie in there (of an editable install) are not obeyed."""
    (packages,) = (python.parent.parent / "lib").glob("python3*/site-packages")
    lent = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in lent), encoding="utf-8")


@pytest.fixture
def run(environment, tmp_path):
    """Runs a program of that environment in an empty folder; returns its status and what it printed."""

    def run_it(program: str, *arguments: str) -> tuple[int, str]:
        clean = {"PATH": f"{environment}:{os.defpath}", "HOME": str(tmp_path), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        command = [environment / program, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    return run_it


def test_it_is_the_wheel_that_runs(run, environment):
    status, printed = run("python", "-c", "import runner; print(runner.__file__)")
    assert status == 0
    assert Path(printed.strip()).is_relative_to(environment.parent)


def test_the_starter_is_written_planned_and_applied(run, tmp_path):
    assert run("cmp-batch", "init")[0] == 0
    manifest = tmp_path / "cmp-batch.yaml"
    assert (tmp_path / ".cmp-batch" / "manifest.schema.json").is_file()
    assert "$schema=.cmp-batch/manifest.schema.json" in manifest.read_text(encoding="utf-8")
    assert run("cmp-batch", "validate", "cmp-batch.yaml") == (0, "valid: 3 items\n")
    status, printed = run("cmp-batch", "plan", "cmp-batch.yaml")
    assert (status, "3 to enroll" in printed) == (2, True)
    status, printed = run("cmp-batch", "apply", "cmp-batch.yaml", "--report", "results.json")
    assert (status, "3 issued" in printed) == (0, True), printed
    again = run("cmp-batch", "apply", "cmp-batch.yaml")
    assert (again[0], "3 unchanged" in again[1]) == (0, True), again[1]
    assert run("cmp-batch", "plan", "cmp-batch.yaml")[0] == 0
    report = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert all(Path(item["certificate"]["path"]).is_file() for item in report["items"])


@pytest.mark.parametrize("name", ["manifest", "plan", "report"])
def test_schemas_travel_along(run, name):
    status, printed = run("cmp-batch", "schema", name)
    assert status == 0
    assert json.loads(printed)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_runs_as_a_module(run):
    assert run("python", "-m", "runner", "--version") == run("cmp-batch", "--version")
