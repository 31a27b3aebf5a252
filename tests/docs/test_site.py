"""The documentation as a site: it builds without a warning, has its made pages, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.markdown import ROOT, text_of
from support.program import environment


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; `make docs` brings it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    variables = environment(NO_MKDOCS_2_WARNING="1")
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_what_is_made_and_what_lies_elsewhere_has_come_along(site):
    made = {"index.html", "commands.html", "project/github/SECURITY.html", "project/schemas/plan.schema.json"}
    assert [name for name in sorted(made) if not (site / name).is_file()] == []
    assert "recovery-drill" in text_of(site / "commands.html")


def test_no_page_loads_anything_from_elsewhere(site):
    loaded = [
        (path.name, url)
        for path in site.rglob("*.html")
        for url in re.findall(
            r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?((?:https?:)?//[^\s\">]+)", text_of(path)
        )
    ]
    assert loaded == []


def test_every_page_is_in_the_navigation():
    navigation = text_of(ROOT / "mkdocs.yml")
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if page not in navigation} == set()
