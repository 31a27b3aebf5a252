"""What people read: golden texts at three widths, and the rules behind them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.samples import full_plan, full_run, issued, result, run_of, table_of

from runner.execute.results import Failure, Outcome
from runner.plan.steps import Plan
from runner.report.plan_markdown import plan_markdown
from runner.report.plan_text import plan_text
from runner.report.tables import Layout

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (60, 100, 200)


def expect(name: str, text: str) -> None:
    """`text` is what golden/NAME says. With CMP_BATCH_GOLDEN=write it is written there, and the test fails once."""
    path = GOLDEN / name
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{name} was written: look at what changed")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
def test_results_read_as_before(width):
    expect(f"results-{width}.txt", table_of(full_run(), Layout(width)))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_reads_as_before(width):
    expect(f"plan-{width}.txt", plan_text(full_plan(), Layout(width)))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_terminal_gets_a_table(width):
    layout = Layout(width, terminal=True, verbose=True)
    expect(f"terminal-{width}.txt", table_of(full_run(), layout) + plan_text(full_plan(), layout))


def test_a_plan_in_markdown_reads_as_before():
    expect("plan.md", plan_markdown(full_plan()))


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_asked(width, terminal):
    layout = Layout(width, terminal=terminal, verbose=True)
    text = table_of(full_run(), layout) + plan_text(full_plan(), layout)
    assert max(map(len, text.splitlines())) <= width


def test_widths_are_kept_within_reason():
    assert table_of(full_run(), Layout(7)) == table_of(full_run(), Layout(60))
    assert table_of(full_run(), Layout(9999)) == table_of(full_run(), Layout(200))


def test_colour_only_where_it_is_asked_for():
    coloured = table_of(full_run(), Layout(100, terminal=True, colour=True))
    plain = table_of(full_run(), Layout(100, terminal=True, colour=False))
    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain


def test_what_needs_attention_comes_first():
    lines = table_of(full_run(), Layout(100)).splitlines()
    outcomes = [line.split()[0] for line in lines[lines.index("") + 2 :][:7]]
    assert outcomes == ["failed", "failed", "unknown", "pending", "skipped", "issued", "updated"]


def test_unchanged_items_are_counted_unless_asked_for():
    assert "kept-1" not in table_of(full_run(), Layout(100))
    assert "2 unchanged (--verbose lists them)" in table_of(full_run(), Layout(100))
    assert "kept-1" in table_of(full_run(), Layout(100, verbose=True))
    assert "--verbose" not in table_of(full_run(), Layout(100, verbose=True))
    assert "web-3" not in plan_text(full_plan(), Layout(100))
    assert "web-3" in plan_text(full_plan(), Layout(100, verbose=True))


def test_one_cause_is_told_once_for_all_that_it_befell():
    failure = Failure("the CA is not reachable", next_step="look at the network")
    text = table_of(run_of(*(result(f"i-{n}", Outcome.FAILED, failure=failure) for n in range(8))), Layout(100))
    assert text.count("the CA is not reachable") == 1
    assert "failed: i-0, i-1, i-2, i-3, i-4 and 3 more" in text


def test_an_interrupted_run_says_so():
    assert "was interrupted" in table_of(replace(full_run(), interrupted=True), Layout(100))


def test_nothing_to_do_is_said():
    kept = tuple(step for step in full_plan().steps if not step.changes)
    plan = Plan("plant-7", full_plan().at, kept)
    assert plan_text(plan, Layout(100)).startswith("plan of plant-7: nothing to do, 2 unchanged\n")
    assert "| item |" not in plan_markdown(plan)
    assert "no items" in table_of(run_of(), Layout(100))


def test_a_passphrase_is_in_no_plan():
    assert "correct-horse" not in plan_text(full_plan(), Layout(200, verbose=True)) + plan_markdown(full_plan())


def test_ten_thousand_rows_are_plain_even_on_a_terminal():
    many = run_of(*(issued(f"web-{n}") for n in range(2000)))
    text = table_of(many, Layout(100, terminal=True, colour=True))
    assert "\x1b" not in text
    assert "web-1999" in text
