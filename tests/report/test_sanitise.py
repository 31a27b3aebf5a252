"""Foreign text steers nothing: neither a terminal nor a web page."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.harm import harmful
from support.samples import HOSTILE, hostile_plan, hostile_run, table_of, whole

from runner.report.canonical import canonical_json
from runner.report.json_report import run_to_json
from runner.report.plan_json import plan_to_json
from runner.report.plan_markdown import plan_markdown
from runner.report.plan_text import plan_text
from runner.report.sanitise import clean, markdown_code
from runner.report.tables import Layout

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöå 漢字 😀", "plain äöå 漢字 😀"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\r\n\tb", "a\\x0d\\x0a\\x09b"),
        ("\x7f\x9b\u2028\u2029\ufeff", "\\x7f\\x9b\\u2028\\u2029\\ufeff"),
        ("\ud800\U000e0041", "\\ud800\\U000e0041"),
        ("\xa0\u3000", "\\xa0\\u3000"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert clean(text) == shown


@given(ANY_TEXT)
def test_cleaned_text_is_visible_and_stays_so(text):
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)


@given(ANY_TEXT)
def test_a_markdown_renderer_shows_code_as_it_is(text):
    # Judged by another project's renderer, in the hardest place: a cell of a table.
    page = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = page.parse(f"|a|b|\n|---|---|\n|{markdown_code(text)}|x|\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert [child.content for child in cells[2].children if child.type != "text"] == ["<code>", "</code>"]
    assert "".join(child.content for child in cells[2].children if child.type == "text") == clean(text)
    assert cells[3].content == "x"


@pytest.mark.parametrize("layout", [Layout(60), Layout(200), Layout(100, terminal=True, verbose=True)])
def test_no_table_lets_harm_by(layout):
    text = table_of(hostile_run(), layout) + plan_text(hostile_plan(), layout)
    assert not harmful(text)
    assert "\\x1b[31mred" in text
    assert "[bold]" in text


def test_colour_comes_from_us_alone():
    ours = {"\x1b"}
    assert harmful(table_of(hostile_run(), Layout(100, terminal=True, colour=True))) <= ours


def test_markdown_lets_no_harm_by():
    text = plan_markdown(hostile_plan())
    assert not harmful(text)
    assert not any(active in text for active in ("@", " #12", "<img", "`", "https://", "www."))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<tr>") == 2
    assert "<img" not in html


def test_json_keeps_the_text_and_escapes_it():
    for data in (whole(run_to_json(hostile_run())), plan_to_json(hostile_plan())):
        text = canonical_json(data)
        assert text.isascii()
        assert not harmful(text)
        assert json.loads(text) == data
    assert run_to_json(hostile_run())["items"][0]["name"] == HOSTILE
