"""Answers that a transport delivers later: the reference is in the journal before it is used, and outlives us."""

from __future__ import annotations

import pytest
from support.courier import Trip

from runner.errors import NotCmp, Unanswered
from runner.execute.endings import Lost, Parked, Unsure, Won
from runner.state.inventory import Stage


@pytest.fixture
def trip(hours):
    return Trip(hours)


def test_both_messages_come_back_later(trip):
    trip.ca.rounds = 3
    assert isinstance(trip.begin(), Won)
    assert trip.ca.kinds == ["ir", "certConf"]
    assert trip.ca.polled == ["ref-1"] * 3 + ["ref-2"] * 3


def test_the_reference_is_in_the_journal_before_it_is_used(trip):
    trip.begin()
    waiting = [entry for entry in trip.journal if entry[0] is Stage.WAITING]
    assert [(reference, polls) for *_, reference, polls in waiting] == [("ref-1", 0), ("ref-2", 1)]


def test_beyond_the_time_of_this_run_it_is_parked_and_another_process_goes_on(trip):
    assert isinstance(trip.begin(max_wait=0.0), Parked)
    assert trip.ca.polled == []
    assert isinstance(trip.resume(max_wait=0.0), Parked)
    assert trip.ca.kinds == ["ir", "certConf"]
    assert isinstance(trip.resume(max_wait=0.0), Won)
    assert trip.ca.polled == ["ref-1", "ref-2"]
    assert trip.ca.issued == 1


def test_a_wire_that_fails_meanwhile_changes_nothing(trip):
    trip.ca.problems = [Unanswered("down")]
    assert isinstance(trip.begin(), Parked)
    assert trip.journal[-1][3] == "ref-1"
    assert isinstance(trip.resume(), Won)


def test_a_reference_that_is_forgotten_leaves_the_outcome_unknown_and_the_request_to_repeat(trip):
    trip.ca.problems = [NotCmp("who?", cause="poll-unknown")]
    assert isinstance(trip.begin(), Unsure)
    stage, dialogue, _, reference, _ = trip.journal[-1]
    assert (stage, reference) == (Stage.SENT, "")
    assert isinstance(trip.resume(), Won)
    assert trip.ca.sent[1][2] == dialogue.request


def test_an_authentic_no_that_came_late_is_a_no(trip):
    trip.ca.script = [trip.ca.rejects("badPOP")]
    assert isinstance(trip.begin(), Lost)
