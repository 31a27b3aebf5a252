"""`polling: {max_polls, give_up_after}`: a CA that never decides is given up, over as many runs as it takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.ambient import NOON
from support.courier import Trip

from runner.execute.endings import GaveUp, Won
from runner.execute.results import Outcome
from runner.manifest.polling import Polling
from runner.state.inventory import Stage

HOUR = 3600


@pytest.fixture
def slow(ruled):
    """A CA that wants to be asked once an hour, and decides at the fourth time."""
    return ruled(waiting_polls=3, check_after=HOUR)


def limited(stage, limits, max_wait="10s"):
    stage.edit(f"max_wait: {max_wait}", f"max_wait: {max_wait}, {limits}")
    return stage


def later(stage, seconds=HOUR):
    stage.loop.jump(seconds)
    return stage.result()


def test_so_many_polls_over_several_runs(slow):
    stage = limited(slow.write(ONE, max_wait="10s"), "max_polls: 3")
    assert stage.result().outcome is Outcome.PENDING  # asked at once
    assert later(stage).outcome is Outcome.PENDING
    result = later(stage)
    assert result.outcome is Outcome.FAILED
    assert stage.ca.kinds == ["ir", *["pollReq"] * 3]
    assert "asked 3 times since 2026-03-01 12:00:00 UTC" in result.failure.why
    assert "max_polls" in result.failure.why
    assert "--retry-unknown" in result.failure.next_step
    assert stage.inventory.open["web"].stage is Stage.WAITING


def test_what_was_given_up_is_not_asked_again_until_more_is_allowed(slow):
    stage = limited(slow.write(ONE, max_wait="10s"), "max_polls: 3")
    for _ in range(3):
        result = later(stage)
    assert result.outcome is Outcome.FAILED
    sent = len(stage.ca.sent)
    assert "given up" in stage.plan().steps[0].reasons[0].text
    assert later(stage).outcome is Outcome.FAILED
    assert len(stage.ca.sent) == sent
    stage.edit("max_polls: 3", "max_polls: 9")
    assert later(stage).outcome is Outcome.ISSUED
    assert stage.ca.issued == 1


def test_what_was_given_up_can_be_begun_afresh_with_the_same_key(slow):
    stage = limited(slow.write(ONE, max_wait="10s"), "max_polls: 1")
    assert stage.result().outcome is Outcome.FAILED
    key = stage.path("out/web.prv").read_bytes()
    assert stage.verbs() == {"web": "resume"}
    assert stage.verbs(retry_unknown=True) == {"web": "enroll"}
    stage.apply(retry_unknown=True)
    assert stage.ca.kinds == ["ir", "pollReq", "ir", "pollReq"]
    assert stage.path("out/web.prv").read_bytes() == key


def test_so_long_and_a_last_time_when_the_time_is_over(slow):
    stage = limited(slow.write(ONE, max_wait="1d"), "give_up_after: 90m", "1d")
    result = stage.result()
    assert result.outcome is Outcome.FAILED
    assert "give_up_after" in result.failure.why
    assert stage.ca.kinds == ["ir", *["pollReq"] * 3]
    assert stage.clock.now() == NOON + timedelta(minutes=90)


def test_who_comes_back_late_asks_once_more(ruled):
    stage = limited(ruled(waiting_polls=1, check_after=HOUR).write(ONE, max_wait="10s"), "give_up_after: 2h")
    assert stage.result().outcome is Outcome.PENDING
    assert later(stage, 30 * 86_400).outcome is Outcome.ISSUED


def test_every_answer_has_its_own_count(ruled):
    """What waited for the certificate is no reason to give up on the confirmation."""
    stage = ruled(waiting_polls=1, check_after=1, delays=("certConf",), delay_polls=1)
    limited(stage.write(ONE, max_wait="1d"), "max_polls: 2", "1d")
    assert stage.result().outcome is Outcome.ISSUED
    assert stage.ca.kinds.count("pollReq") == 4


def test_without_limits_it_is_asked_for_ever(slow):
    stage = slow.write(ONE, max_wait="10s")
    assert [later(stage, 400 * 86_400).outcome for _ in range(4)][-1] is Outcome.ISSUED


def test_an_answer_that_the_transport_brings_later_counts_too(hours):
    trip = Trip(hours, rounds=4)
    ending = trip.begin(polling=Polling(max_polls=2))
    assert isinstance(ending, GaveUp)
    assert trip.ca.polled == ["ref-1"] * 2
    assert isinstance(trip.resume(polling=Polling(max_polls=2)), GaveUp)
    assert trip.ca.polled == ["ref-1"] * 2
    assert isinstance(trip.resume(), Won)


ONE = """\
enrollments:
  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""
