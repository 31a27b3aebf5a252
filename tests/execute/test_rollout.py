"""The pace of a run: canaries, orders and windows; pure first, then with items that are really enrolled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.errors import Place
from runner.execute.results import Outcome, Result
from runner.execute.rollout import Rollout, rolled_out
from runner.execute.schedule import ANY_NUMBER, Schedule
from runner.manifest.calendar import Window
from runner.manifest.model import Revocation
from runner.manifest.rolling import parse_limit
from runner.manifest.rollout import Strategy
from runner.plan.facts import Facts
from runner.plan.steps import Step, Verb

THREE = """\
enrollments:
  - name: web-${n}
    for_each: {n: [1, 2, 3, 4]}
    subject: C=FI, CN=web-${n}
    key: generate://pkcs8@ec:p256/out/web-${n}
    output: out/web-${n}
"""
WEEKEND = Window(UTC, frozenset({5, 6}))
FRIDAY, SATURDAY = datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 28, 12, tzinfo=UTC)


def step(name, *needs, verb=Verb.REVOKE):
    item = Revocation(name=name, place=Place("m.yaml", 1, 1), authority="ca", certificate=f"{name}.crt")
    return Step(item, verb, (), needs)


def result(name, outcome=Outcome.REVOKED, bits=()):
    return Result(name, "revoke", outcome, fail_info=bits)


def ready(schedule):
    found = []
    while (following := schedule.next_ready()) is not None:
        found.append(following.item.name)
    return found


def scheduled(steps, **strategy):
    return Schedule(*rolled_out(steps, Strategy(**strategy), Facts()), ANY_NUMBER)


def test_canaries_go_first_and_the_rest_when_they_are_through():
    schedule = scheduled([*map(step, "abcd")], canary=2)
    assert ready(schedule) == ["a", "b"]
    schedule.finish(result("a"))
    assert ready(schedule) == []
    schedule.finish(result("b"))
    assert ready(schedule) == ["c", "d"]
    assert schedule.stops == ""


def test_what_needs_nothing_of_a_ca_is_not_held_back_and_no_canary():
    steps = [step("kept", verb=Verb.KEEP), step("a"), step("b"), step("open", verb=Verb.RESUME)]
    schedule = scheduled(steps, canary=1)
    assert ready(schedule) == ["kept", "open"]  # what an earlier run left open is the canary
    schedule.finish(result("open"))
    assert ready(schedule) == ["a", "b"]


def test_a_canary_waits_for_nobody():
    schedule = scheduled([step("late", "a"), step("a"), step("b")], canary=1)
    assert ready(schedule) == ["a"]
    schedule.finish(result("a"))
    assert set(ready(schedule)) == {"late", "b"}


@pytest.mark.parametrize(
    ("endings", "words"),
    [
        ([(Outcome.FAILED, ("badPOP",)), (Outcome.FAILED, ("badPOP",))], "all 2 of the canary failed alike (badPOP)"),
        ([(Outcome.FAILED, ("badPOP",)), (Outcome.FAILED, ())], "all 2 of the canary failed; nothing more"),
        ([(Outcome.FAILED, ()), (Outcome.UNKNOWN, ())], "all 2 of the canary failed; nothing more"),
        ([(Outcome.REVOKED, ()), (Outcome.PENDING, ())], "pending at the CA"),
        ([(Outcome.REVOKED, ()), (Outcome.FAILED, ("badPOP",))], ""),
        ([(Outcome.REVOKED, ()), (Outcome.UNCHANGED, ())], ""),
    ],
)
def test_what_the_canaries_came_to_decides(endings, words):
    schedule = scheduled([*map(step, "abcd")], canary=2)
    ready(schedule)
    for name, (outcome, bits) in zip("ab", endings, strict=True):
        schedule.finish(result(name, outcome, bits))
    assert words in schedule.stops
    assert bool(schedule.stops) == bool(words)


def test_nothing_new_is_begun_outside_of_the_windows():
    schedule = scheduled([step("a"), step("late", "a"), step("open", verb=Verb.RESUME)], windows=(WEEKEND,))
    assert schedule.skip_new(SATURDAY) == []
    skipped = schedule.skip_new(FRIDAY)
    assert [one.name for one in skipped] == ["a", "late"]
    assert "the next opens at 2026-11-28 00:00 UTC" in skipped[0].failure.why
    assert ready(schedule) == ["open"]


def test_without_windows_every_moment_is_good():
    assert Rollout().closed(FRIDAY) == ""
    assert Rollout(windows=(WEEKEND,)).closed(SATURDAY) == ""


@pytest.mark.parametrize(("text", "limit"), [("5", (5, None)), ("2%", (None, 0.02)), ("100%", (None, 1.0))])
def test_limits(text, limit):
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "101%", "-1", "2 %x", "many"])
def test_what_is_no_limit(text):
    with pytest.raises(ValueError, match="is no limit"):
        parse_limit(text)


def test_a_ca_that_refuses_the_canary_hears_of_nobody_else(stage):
    stage.write("strategy: {canary: 2}\n" + THREE)
    stage.play(stage.ca.rejects("badPOP"), stage.ca.rejects("badPOP"))
    run = stage.apply(parallel=4)
    assert [one.outcome for one in run.results] == [Outcome.FAILED] * 2 + [Outcome.SKIPPED] * 2
    assert {one.failure.why for one in run.results[2:]} == {
        "all 2 of the canary failed alike (badPOP); nothing more was sent"
    }
    assert len(stage.ca.sent) == 2


def test_those_whose_certificate_ends_soonest_go_first(stage):
    stage.write(THREE)
    assert set(stage.outcomes().values()) == {"issued"}
    stage.write("strategy: {order: earliest-expiry-first}\n" + THREE.replace("C=FI", "C=SE"))
    stage.path("out/web-1-0.crt").unlink()
    stage.path("out/web-1.prv").unlink()
    stage.apply(parallel=1)
    assert [one.name for one in stage.results] == ["web-2", "web-3", "web-4", "web-1"]
