"""The checkout copied and littered, and what is built from that copy: once for all tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LITTER = (
    "manifests/out/web.prv",
    "manifests/.cmp-batch/state.db",
    "manifests/plant.yaml",
    "schemas/notes.txt",
    "out/gate.prv",
    "plant.yaml",
    ".env",
)
"""What people leave in a checkout, keys and secrets among it, and nobody wants to publish."""


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of the checkout with litter in it; what is built leaves no trace in the real one."""
    copy = tmp_path_factory.mktemp("packaging") / "checkout"
    skipped = shutil.ignore_patterns("__pycache__", ".git", ".venv", ".*_cache", ".hypothesis", "dist", "build")
    shutil.copytree(ROOT, copy, ignore=skipped)
    for name in LITTER:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("SECRET\n", encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def litter() -> tuple[str, ...]:
    """The names of what was left in it."""
    return LITTER


@pytest.fixture(scope="session")
def wheel(checkout) -> Path:
    """The wheel of that checkout."""
    return built(checkout, "--wheel")


@pytest.fixture(scope="session")
def sdist(checkout) -> Path:
    """Its source archive."""
    return built(checkout, "--sdist")


@pytest.fixture(scope="session")
def build():
    """The function that builds, for another checkout."""
    return built


def built(checkout: Path, kind: str) -> Path:
    """What `python -m build` makes of a checkout, with the hatchling that is here: no network."""
    folder = checkout.parent / f"{checkout.name}{kind}"
    command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", folder, checkout]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.iterdir()
    return made
