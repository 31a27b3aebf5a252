"""The exit statuses of apply, as a table."""

from __future__ import annotations

import pytest
from support.samples import result, run_of

from runner.cli.exits import exit_code
from runner.execute.results import Outcome


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ("", 0),
        ("unchanged", 0),
        ("issued updated revoked recovered forwarded unchanged", 0),
        ("issued failed", 3),
        ("failed skipped", 3),
        ("skipped", 3),
        ("pending", 4),
        ("failed pending", 4),
        ("unknown", 5),
        ("failed pending unknown skipped issued", 5),
    ],
)
def test_the_highest_numbered_of_those_that_fit_wins(outcomes, status):
    results = [result(f"i-{n}", Outcome(word)) for n, word in enumerate(outcomes.split())]
    assert exit_code(run_of(*results)) == status
    assert exit_code(run_of(*results, interrupted=True)) == 130


def test_every_outcome_is_in_the_table_above():
    assert all(exit_code(run_of(result("i", outcome))) in (0, 3, 4, 5) for outcome in Outcome)
