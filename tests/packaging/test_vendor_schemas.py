"""The files for GitHub and GitLab are what these take, by the schemas that check-jsonschema brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.markdown import ROOT

PACKAGING = ROOT / "packaging"
FILES = {
    "github/action.yml": "vendor.github-actions",
    "github/workflow.yml": "vendor.github-workflows",
    "gitlab/certificates.yml": "vendor.gitlab-ci",
}


def judged(schema, *paths):
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_every_file_has_its_schema():
    folders = (PACKAGING / "github", PACKAGING / "gitlab")
    assert {str(path.relative_to(PACKAGING)) for folder in folders for path in folder.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_its_vendor_takes(name):
    done = judged(FILES[name], PACKAGING / name)
    assert done.returncode == 0, done.stdout


def test_the_schemas_find_mistakes(tmp_path):
    (tmp_path / "action.yml").write_text("name: x\ndescription: y\nruns: {using: composite}\n", encoding="utf-8")
    assert judged("vendor.github-actions", tmp_path / "action.yml").returncode != 0
