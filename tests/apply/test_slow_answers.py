"""Answers that leave the lab late: timeouts, and what the next try or the next apply makes of them."""

from __future__ import annotations

import pytest
from support.site import entries, entry

from runner.errors import BadInput
from runner.lab.manners import parse_manners


def lab(manners, limits="timeout: 10s, retries: 0"):
    return f'authorities: {{lab: {{url: "lab:", lab: {{{manners}}}, limits: {{{limits}}}}}}}\n'


def test_an_answer_that_comes_too_late_leaves_the_item_unknown_and_the_next_apply_finishes_it(site):
    late = lab("slow_seconds: 30, slow_answers: 1", "timeout: 1s, retries: 0")
    done = site.write(late + entries(entry())).apply()
    assert done.outcomes == {"web": "unknown"}, done.items
    assert "no answer in time" in done.error("web")
    done = site.write(lab("") + entries(entry())).apply()
    assert done.outcomes == {"web": "issued"}, done.items


def test_the_next_try_is_quicker(site):
    late = lab("slow_seconds: 30, slow_answers: 1", "timeout: 1s, retries: 2")
    done = site.write(late + entries(entry())).apply()
    assert done.outcomes == {"web": "issued"}, done.items


def test_a_slow_answer_is_an_answer(site):
    done = site.write(lab("slow_seconds: 1, slow_answers: 1") + entries(entry())).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert done.items["web"]["duration_seconds"] >= 1


def test_there_is_an_end_to_slowness():
    with pytest.raises(BadInput):
        parse_manners(["slow_seconds=61"])
