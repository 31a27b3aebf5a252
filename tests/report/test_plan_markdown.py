"""The comment for a pull request: whole where it fits, otherwise cut from the bottom, saying how much is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from support.samples import full_plan

from runner.plan.steps import Plan, Reason, Verb
from runner.report.plan_markdown import LIMIT, plan_markdown


def plan_of(changed, kept, words="no certificate yet"):
    enroll, keep, *_ = full_plan().steps
    why = (Reason("x", words),)
    steps = [replace(enroll, item=replace(enroll.item, name=f"web-{n}"), reasons=why) for n in range(changed)]
    steps += [replace(keep, item=replace(keep.item, name=f"kept-{n}")) for n in range(kept)]
    blocked = replace(enroll, item=replace(enroll.item, name="last"), verb=Verb.BLOCKED, request="")
    return Plan("plant", full_plan().at, (*steps, blocked))


@pytest.mark.parametrize(("changed", "kept"), [(0, 0), (10, 10), (1_000, 10), (10, 10_000), (20_000, 20_000)])
def test_it_fits_whatever_there_is_to_say(changed, kept):
    text = plan_markdown(plan_of(changed, kept))
    assert len(text) <= LIMIT
    lines = text.splitlines()
    assert lines[0] == "### Plan of <code>plant</code>"
    assert lines[2].startswith("**1 blocked")
    assert "<code>last</code>" in lines[6]  # what cannot be done comes first
    assert text.count("<details>") == text.count("</details>")


def test_what_is_left_out_is_counted():
    text = plan_markdown(plan_of(20_000, 3))
    shown = sum(line.startswith("| <code>+") for line in text.splitlines())
    assert f"… and {20_000 - shown} more that change something" in text
    assert shown > 300
    assert "unchanged" not in text.split("more that change")[1]


def test_one_endless_reason_does_not_eat_the_comment():
    text = plan_markdown(plan_of(5, 1, "x" * 200_000))
    assert len(text) <= LIMIT
    assert text.count("| <code>+") == 5


def test_nothing_is_left_out_where_everything_fits():
    text = plan_markdown(plan_of(5, 5))
    assert "more" not in text
    assert text.count("kept-") == 5


def rendered(text):
    """The HTML that a renderer of GitHub's Markdown makes of it."""
    return MarkdownIt("commonmark").enable("table").render(text)


@pytest.mark.parametrize("changed", [3, 20_000])
def test_it_is_a_table_when_it_is_rendered_and_the_rest_stands_below_it(changed):
    text = plan_markdown(plan_of(changed, 2, "it | says `much` <b>&</b> [more](x)"))
    html = rendered(text)
    rows = html.count("<tr>") - 1
    assert rows == text.count("\n| <code>")
    assert html.count("<td>") == 4 * rows
    assert "<b>" not in html
    assert "<a " not in html
    assert html.index("<strong>1 blocked") < html.index("<table>")
    if changed == 3:
        assert html.index("</table>") < html.index("<details>")
    else:
        assert html.index("</table>") < html.index("<p>… and ")
