"""Plans as data: what they count, what they print by, and the words for time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.ambient import NOON
from support.samples import full_plan

from runner.errors import BadInput
from runner.plan.steps import Plan, Verb
from runner.plan.targets import only
from runner.plan.words import spell_span, spell_time


def test_every_verb_has_a_mark_of_one_character():
    assert all(len(verb.mark) == 1 for verb in Verb)
    assert Verb.RENEW.mark == Verb.REKEY.mark
    others = [verb.mark for verb in Verb if verb is not Verb.RENEW]
    assert len(set(others)) == len(others)


def test_only_what_is_kept_changes_nothing():
    steps = full_plan().steps
    assert [step.verb.value for step in steps if not step.changes] == ["keep", "keep"]
    assert full_plan().changes
    assert not Plan("m", NOON, tuple(step for step in steps if step.verb is Verb.KEEP)).changes
    assert not Plan("m", NOON, ()).changes


def test_counts_are_in_the_order_of_the_verbs():
    assert list(full_plan().counts().items()) == [
        ("enroll", 1),
        ("rekey", 1),
        ("revoke", 1),
        ("keep", 2),
        ("blocked", 1),
    ]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=6, hours=23), "6 d"),
        (timedelta(days=1, hours=23), "47 h"),
        (timedelta(hours=1, minutes=59), "119 min"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(seconds=120), "2 min"),
        (timedelta(0), "0 s"),
    ],
)
def test_spans_are_said_in_the_largest_unit_that_fits_twice(span, words):
    assert spell_span(span) == words


def test_moments_are_said_in_utc():
    assert spell_time(NOON) == "2026-03-01 12:00 UTC"


def test_no_targets_mean_the_whole_plan():
    assert only(full_plan(), ()) == full_plan()


def test_targets_keep_the_order_of_the_manifest_and_what_they_need():
    assert [step.item.name for step in only(full_plan(), ["old-web-0", "web-2"]).steps] == [
        "web-2",
        "rotate-op",
        "old-web-0",
    ]


def test_a_need_that_is_not_in_the_plan_is_not_looked_for():
    steps = full_plan().steps[-1:]
    assert [*only(Plan("m", NOON, steps), ["old-web-0"]).steps] == [*steps]


def test_a_target_that_is_no_item_is_told_with_the_nearest():
    with pytest.raises(BadInput) as caught:
        only(full_plan(), ["web-11"])
    assert caught.value.next_step == "did you mean web-1?"
    with pytest.raises(BadInput) as caught:
        only(full_plan(), ["?"])
    assert "lists the items" in caught.value.next_step
