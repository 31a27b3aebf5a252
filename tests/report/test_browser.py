"""The HTML page in a real browser: it opens with ten thousand items, its script works, and everybody can use it."""

from __future__ import annotations

import hashlib
import html
import json
import re
import subprocess
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.ambient import NOON
from support.samples import full_run, issued, record_of, run_of
from support.tools import need

from runner.report.html.page import html_report

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
)
TIMED = """
addEventListener("load", () => requestAnimationFrame(() => {
  document.body.innerHTML = `<pre id=said>${performance.now()}</pre>`;
}));
"""
AUDIT = """
axe.run(document).then((found) => {
  const grave = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  document.body.innerHTML = "<pre id=said></pre>";
  document.getElementById("said").textContent = JSON.stringify(grave.map((each) => [each.id, each.nodes[0].html]));
});
"""
USE = """
const [find, outcome] = [document.getElementById("find"), document.getElementById("outcome")];
const said = [];
const tell = () => said.push([...document.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility()).length);
tell();
find.value = "WEB-7"; find.dispatchEvent(new Event("input")); tell();
find.value = ""; outcome.value = "failed"; outcome.dispatchEvent(new Event("change")); tell();
outcome.value = ""; outcome.dispatchEvent(new Event("change")); tell();
const heads = [...document.querySelectorAll("thead button")];
heads[0].click(); heads[0].click();
said.push(document.querySelector("tbody th").textContent, heads[0].parentNode.getAttribute("aria-sort"));
document.body.innerHTML = "<pre id=said></pre>";
document.getElementById("said").textContent = JSON.stringify(said);
"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """`browse(page, script)` → what the script wrote into #said, in Chromium."""
    chromium, folder = need("chromium"), tmp_path_factory.mktemp("browser")

    def seen(page, *scripts):
        """The page's own policy stands; it admits these scripts beside its own."""
        hashes = " ".join(f"'sha256-{b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts)
        page = page.replace("script-src ", f"script-src {hashes} ", 1)
        added = "".join(f"<script>{each}</script>" for each in scripts)
        (folder / "page.html").write_text(page.replace("</body>", f"{added}</body>"), encoding="utf-8")
        words = [
            chromium,
            *QUIET,
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            (folder / "page.html").as_uri(),
        ]
        dom = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout
        return html.unescape(re.search(r'<pre id="?said"?>(.*?)</pre>', dom, re.DOTALL)[1])

    return seen


def many(count):
    items = [issued(f"web-{number}") for number in range(count)]
    return html_report(record_of(replace(run_of(*items, *full_run().results), finished=NOON + timedelta(minutes=1))))


def test_ten_thousand_items_open(browse):
    """How fast is for `make bench`; here it must open at all, and well within what anybody would wait."""
    assert float(browse(many(10_000), TIMED)) < 20_000


def test_rows_are_found_chosen_and_sorted(browse):
    shown, found, failed, everything, first, order = json.loads(browse(many(600), USE))
    assert (shown, failed, everything) == (500, 2, 609)
    assert found == 1 + 10
    assert (first, order) == ("web-599", "descending")


@pytest.mark.parametrize("page", [html_report(record_of(full_run())), html_report(record_of(run_of())), many(20)])
def test_axe_finds_nothing_serious(browse, page):
    axe = Path(find_spec("axe_core_python").origin).with_name("axe.min.js").read_text(encoding="utf-8")
    assert json.loads(browse(page, axe, AUDIT)) == []
