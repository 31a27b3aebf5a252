"""Who may start when, who is skipped and why, and when to stop starting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Place
from runner.execute.results import Outcome, Result
from runner.execute.rollout import Rollout
from runner.execute.schedule import ANY_NUMBER, GOOD, Schedule, Tolerance
from runner.manifest.model import Revocation
from runner.plan.steps import Step, Verb


def step(name, *needs):
    item = Revocation(name=name, place=Place("m.yaml", 1, 1), authority="ca", certificate=f"{name}.crt")
    return Step(item, Verb.REVOKE, (), needs)


def result(name, outcome=Outcome.REVOKED):
    return Result(name, "revoke", outcome)


def ready(schedule):
    """The names of all that may start now."""
    found = []
    while (following := schedule.next_ready()) is not None:
        found.append(following.item.name)
    return found


def told(results):
    return [(one.name, one.outcome.value, one.failure.why if one.failure else "") for one in results]


def test_what_needs_nothing_starts_in_the_order_of_the_manifest():
    schedule = Schedule([step("c"), step("a"), step("b")], Rollout(), ANY_NUMBER)
    assert ready(schedule) == ["c", "a", "b"]


def test_what_waits_starts_when_the_last_of_its_needs_is_met():
    schedule = Schedule([step("late", "a", "b"), step("a"), step("b")], Rollout(), ANY_NUMBER)
    assert ready(schedule) == ["a", "b"]
    schedule.finish(result("b"))
    assert ready(schedule) == []
    schedule.finish(result("a"))
    assert ready(schedule) == ["late"]


def test_a_need_that_is_not_in_the_plan_holds_nobody_up():
    assert ready(Schedule([step("a", "elsewhere")], Rollout(), ANY_NUMBER)) == ["a"]


@pytest.mark.parametrize("outcome", sorted(GOOD, key=lambda outcome: outcome.value))
def test_good_outcomes_let_others_start(outcome):
    schedule = Schedule([step("a"), step("b", "a")], Rollout(), ANY_NUMBER)
    ready(schedule)
    assert told(schedule.finish(result("a", outcome))) == [("a", outcome.value, "")]
    assert ready(schedule) == ["b"]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.PENDING, Outcome.SKIPPED])
def test_others_skip_what_waits_and_say_for_whom_it_waited(outcome):
    schedule = Schedule([step("a"), step("b", "a"), step("c", "b"), step("free")], Rollout(), ANY_NUMBER)
    ready(schedule)
    ended = {"failed": "has failed", "skipped": "was skipped"}.get(outcome.value, f"is {outcome.value}")
    assert told(schedule.finish(result("a", outcome))) == [
        ("a", outcome.value, ""),
        ("b", "skipped", f'it waits for "a", which {ended}'),
        ("c", "skipped", 'it waits for "b", which was skipped'),
    ]
    assert not schedule.is_over
    schedule.finish(result("free"))
    assert schedule.is_over


def test_one_cause_is_told_once():
    schedule = Schedule(
        [step("a"), step("b"), step("late", "a", "b"), step("later", "late", "a")], Rollout(), ANY_NUMBER
    )
    ready(schedule)
    first = schedule.finish(result("a", Outcome.FAILED))
    second = schedule.finish(result("b", Outcome.FAILED))
    assert [one.name for one in first] == ["a", "late", "later"]
    assert [one.name for one in second] == ["b"]


def test_what_was_skipped_is_not_started_when_its_other_needs_are_met():
    schedule = Schedule([step("a"), step("b"), step("late", "a", "b")], Rollout(), ANY_NUMBER)
    ready(schedule)
    schedule.finish(result("a", Outcome.FAILED))
    schedule.finish(result("b"))
    assert ready(schedule) == []


def test_a_chain_may_be_longer_than_the_stack():
    chain = [step("0"), *(step(str(n), str(n - 1)) for n in range(1, 5000))]
    schedule = Schedule(chain, Rollout(), ANY_NUMBER)
    ready(schedule)
    assert len(schedule.finish(result("0", Outcome.FAILED))) == 5000
    assert schedule.is_over


@pytest.mark.parametrize(
    ("tolerance", "failures", "items", "exceeded"),
    [
        (ANY_NUMBER, 1000, 1000, False),
        (Tolerance(count=0), 0, 10, False),
        (Tolerance(count=0), 1, 10, True),
        (Tolerance(count=3), 3, 10, False),
        (Tolerance(count=3), 4, 10, True),
        (Tolerance(share=0.1), 1, 10, False),
        (Tolerance(share=0.1), 2, 10, True),
        (Tolerance(share=1.0), 10, 10, False),
    ],
)
def test_how_many_may_fail(tolerance, failures, items, exceeded):
    assert tolerance.exceeded(failures, items) is exceeded


def test_skipped_and_pending_items_are_no_failures():
    schedule = Schedule([step("a"), step("b", "a"), step("c")], Rollout(), Tolerance(count=1))
    ready(schedule)
    schedule.finish(result("a", Outcome.FAILED))
    schedule.finish(result("c", Outcome.PENDING))
    assert not schedule.stops


def test_unknown_items_are():
    schedule = Schedule([step("a"), step("b")], Rollout(), Tolerance(count=1))
    schedule.finish(result("a", Outcome.UNKNOWN))
    schedule.finish(result("b", Outcome.FAILED))
    assert schedule.stops


def test_the_rest_is_skipped_but_for_what_runs():
    schedule = Schedule([step("running"), step("ready"), step("late", "running")], Rollout(), ANY_NUMBER)
    schedule.next_ready()
    assert told(schedule.skip_rest("enough", ["running"])) == [
        ("ready", "skipped", "enough"),
        ("late", "skipped", "enough"),
    ]
    assert ready(schedule) == []
    schedule.finish(result("running"))
    assert schedule.is_over
    assert ready(schedule) == []


@given(st.data())
def test_whatever_fails_every_step_has_exactly_one_result_and_starts_after_its_needs(data):
    count = data.draw(st.integers(1, 12))
    needs = {n: data.draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set() for n in range(count)}
    order = data.draw(st.permutations(range(count)))
    schedule = Schedule([step(str(n), *map(str, needs[n])) for n in order], Rollout(), ANY_NUMBER)
    running, seen, good = [], [], set()
    while not schedule.is_over:
        for name in ready(schedule):
            assert {str(need) for need in needs[int(name)]} <= good
            running.append(name)
        name = running.pop(data.draw(st.integers(0, len(running) - 1)))
        outcome = data.draw(st.sampled_from([Outcome.REVOKED, Outcome.FAILED, Outcome.PENDING]))
        good |= {name} if outcome in GOOD else set()
        seen += [one.name for one in schedule.finish(result(name, outcome))]
    assert sorted(seen, key=int) == [str(n) for n in range(count)]
    assert running == []


def test_what_has_its_result_is_let_go_of_and_results_come_in_the_order_of_the_plan():
    schedule = Schedule([step("c"), step("a"), step("b", "a")], Rollout(), ANY_NUMBER, "abc")
    schedule.finish(result("c"))
    assert [each.item.name for each in schedule.steps] == ["a", "b"]
    schedule.finish(result("a", Outcome.FAILED))
    assert (list(schedule.steps), schedule.is_over) == ([], True)
    assert [each.name for each in schedule.all_results()] == ["a", "b", "c"]
