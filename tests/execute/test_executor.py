"""Many items at once: how many, in which order, what a signal does, and what a broken journal does."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest
from support import stage as staging
from support.stage import Stage

from runner.cli.exits import FAILED, INTERRUPTED, OK, PENDING, UNKNOWN, exit_code
from runner.errors import StateError
from runner.execute import executor, operation, running
from runner.execute.executor import GRACE
from runner.execute.results import Outcome, summary_of
from runner.execute.schedule import Tolerance

ROW = '  - {{name: w-{n}, subject: "CN=w-{n}", key: "generate://pkcs8@ed25519/out/w-{n}", output: out/w-{n}{more}}}\n'


def rows(count, more=""):
    return "enrollments:\n" + "".join(ROW.format(n=n, more=more) for n in range(count))


@pytest.fixture
def many(stage):
    return stage.write(rows(6), limits="retries: 0, concurrency: 50")


def test_the_parallel_limit_is_kept(many, monkeypatch):
    most, now = [], set()

    async def counted(step, desk, rest, later, real=running.run_step):
        now.add(step.item.name)
        most.append(len(now))
        try:
            return await real(step, desk, rest, later)
        finally:
            now.discard(step.item.name)

    monkeypatch.setattr(executor, "run_step", counted)
    many.apply(parallel=2)
    assert max(most) == 2
    assert len(most) == 6


def test_one_at_a_time_is_the_order_of_the_manifest(many):
    many.apply(parallel=1)
    assert [result.name for result in many.results] == [f"w-{n}" for n in range(6)]


def test_results_come_in_manifest_order_whatever_came_first(many):
    many.play(many.ca.busy(), many.ca.busy())
    run = many.apply(parallel=6)
    assert [result.name for result in run.results] == [f"w-{n}" for n in range(6)]
    assert run.counts()["failed"] == 2


def test_a_run_knows_when_it_was(many):
    many.write(rows(1), limits="retries: 1").play(many.ca.busy(30))
    run = many.apply()
    assert 30 <= (run.finished - run.started).total_seconds() < 31
    assert (run.id, run.manifest, run.interrupted) == ("run", "m", False)


def test_every_result_is_heard_of_once(many):
    many.apply()
    assert sorted(result.name for result in many.results) == [f"w-{n}" for n in range(6)]


def test_who_waits_for_the_ca_gives_its_place_to_another(ruled):
    """Design §5, promise 5: a poll holds no worker."""
    stage = ruled(waiting_polls=1, check_after=600).write(rows(4), max_wait="1h")
    run = stage.apply(parallel=1)
    assert [result.outcome for result in run.results] == [Outcome.ISSUED] * 4
    assert stage.clock.monotonic() < 1200  # not four times ten minutes, one after the other


def test_hundreds_that_wait_hold_no_task_no_operation_and_no_place(ruled):
    stage = ruled(waiting_polls=2, check_after=600).write(rows(200), max_wait="1h")
    alive, seen = weakref.WeakSet(), []

    def look():
        gc.collect()
        seen.append((len(asyncio.all_tasks(stage.loop)), len(alive)))

    with pytest.MonkeyPatch.context() as patch:
        real = operation.Operation.__init__
        patch.setattr(operation.Operation, "__init__", lambda self, *a: (alive.add(self), real(self, *a))[1])
        stage.loop.call_at(300, look)
        stage.loop.call_at(900, look)
        run = stage.apply(parallel=3)
    assert [result.outcome for result in run.results] == [Outcome.ISSUED] * 200
    assert seen == [(2, 0)] * 2  # the run itself, and who listens for a signal
    assert len(stage.inventory.open) == 0
    assert {result.attempts for result in run.results} == {5}  # ir, three times pollReq, certConf
    assert all(1200 <= result.duration < 1300 for result in run.results)


def test_who_waits_does_so_only_as_long_as_the_authority_says_in_all(ruled):
    stage = ruled(waiting_polls=9, check_after=600).write(rows(2), max_wait="25m")
    run = stage.apply(parallel=1)
    assert [result.outcome for result in run.results] == [Outcome.PENDING] * 2
    assert 1200 <= stage.clock.monotonic() < 1500
    assert stage.outcomes() == {"w-0": "pending", "w-1": "pending"}  # the next run begins to wait anew


def test_a_signal_does_not_wait_for_who_waits(ruled):
    stage = ruled(waiting_polls=9, check_after=600).write(rows(3), max_wait="1h")
    run = stage.apply(stop=100)
    assert stage.clock.monotonic() < 101
    assert [result.outcome for result in run.results] == [Outcome.SKIPPED] * 3
    assert run.interrupted
    assert {open_.stage.value for open_ in stage.inventory.open.values()} == {"waiting"}


def test_whose_time_has_come_goes_before_who_is_new(ruled):
    stage = ruled(waiting_polls=1, check_after=600).write(rows(2), max_wait="1h")
    stage.edit("output: out/w-1}", "output: out/w-1, depends_on: [w-0]}")
    assert [result.outcome for result in stage.apply(parallel=1).results] == [Outcome.ISSUED] * 2
    assert [result.name for result in stage.results] == ["w-0", "w-1"]


def test_dependents_wait_and_are_skipped_with_the_cause(many):
    many.edit("output: out/w-1}", "output: out/w-1, depends_on: [w-0]}")
    many.edit("output: out/w-2}", "output: out/w-2, depends_on: [w-1]}")
    run = many.play(many.ca.refuses("badRequest")).apply()
    results = {result.name: result for result in run.results}
    assert results["w-0"].outcome is Outcome.FAILED
    assert results["w-1"].failure.why == 'it waits for "w-0", which has failed'
    assert results["w-2"].failure.why == 'it waits for "w-1", which was skipped'
    assert run.counts() == {**dict.fromkeys(run.counts(), 0), "failed": 1, "skipped": 2, "issued": 3}


class TestTooManyFailures:
    """--max-failures."""

    def test_nothing_more_is_started(self, many):
        many.play(many.ca.refuses("badRequest"), many.ca.refuses("badRequest"))
        run = many.apply(parallel=1, tolerance=Tolerance(count=1))
        assert [result.outcome.value for result in run.results] == ["failed"] * 2 + ["skipped"] * 4
        assert "--max-failures" in run.results[-1].failure.why
        assert many.ca.kinds == ["ir", "ir"]

    def test_what_is_under_way_is_finished(self, many):
        many.play(many.ca.refuses("badRequest"))
        run = many.apply(parallel=2, tolerance=Tolerance(count=0))
        assert [result.outcome.value for result in run.results] == ["failed", "issued"] + ["skipped"] * 4

    def test_blocked_items_count_and_nothing_is_begun_behind_them(self, many):
        many.path("out").mkdir()
        many.path("out/w-0.prv").touch()
        run = many.apply(tolerance=Tolerance(count=0))
        assert [result.outcome.value for result in run.results] == ["failed"] + ["skipped"] * 5
        assert many.ca.sent == []


class TestSignals:
    """The first signal."""

    def test_what_is_on_the_wire_may_finish_and_nothing_more_is_started(self, many):
        many.write(rows(3), limits="retries: 1").play(many.ca.busy(5))
        run = many.apply(parallel=1, stop=1)
        assert [result.outcome.value for result in run.results] == ["issued", "skipped", "skipped"]
        assert run.interrupted
        assert run.results[1].failure.why == "a signal ended this run"
        assert exit_code(run) == INTERRUPTED

    def test_the_grace_has_an_end_and_the_journal_has_the_rest(self, many):
        many.write(rows(2), limits="retries: 1").play(many.ca.busy(100))
        run = many.apply(parallel=1, stop=1)
        assert [result.outcome.value for result in run.results] == ["skipped", "skipped"]
        assert run.results[0].failure.what == "cut off by a signal"
        assert many.clock.monotonic() == pytest.approx(1 + GRACE)
        assert many.verbs() == {"w-0": "resume", "w-1": "enroll"}
        assert many.outcomes() == {"w-0": "issued", "w-1": "issued"}
        assert many.ca.issued == 2

    def test_who_waits_for_the_ca_is_cut_off_too(self, ruled):
        stage = ruled(waiting_polls=1, check_after=1000).write(rows(1), max_wait="1h")
        assert stage.apply(stop=5).results[0].failure.what == "cut off by a signal"
        assert stage.codes() == {"w-0": ["open-waiting"]}

    def test_a_signal_after_the_last_item_interrupts_nothing(self, many):
        many.write(rows(1), limits="retries: 1").play(many.ca.busy(5))
        run = many.apply(stop=1)
        assert run.results[0].outcome is Outcome.ISSUED
        assert not run.interrupted
        assert exit_code(run) == OK


class TestBrokenJournal:
    """Where nothing can be kept, nothing goes on."""

    def test_it_is_raised_and_nothing_more_is_sent(self, many, monkeypatch):
        heard = []

        def broken(self, journal, group):
            heard.extend(change.stage for changes in group for change in changes)
            if "sent" in heard:
                raise StateError("the disk is gone")

        monkeypatch.setattr(Stage, "_recorded", broken)
        with pytest.raises(StateError, match="gone"):
            many.apply(parallel=2)
        assert many.ca.sent == []

    def test_nobody_is_left_running(self, many, monkeypatch):
        def broken(self, journal, changes):
            raise StateError("the disk is gone")

        monkeypatch.setattr(Stage, "_recorded", broken)
        with pytest.raises(StateError):
            many.apply()
        assert asyncio.all_tasks(many.loop) == set()


def test_steps_that_wait_for_each_other_are_a_mistake_and_not_an_endless_loop(many, monkeypatch):
    def circle(*arguments, real=staging.make_plan, **options):
        plan = real(*arguments, **options)
        return replace(plan, steps=tuple(replace(step, needs=("w-0",)) for step in plan.steps))

    monkeypatch.setattr(staging, "make_plan", circle)
    with pytest.raises(AssertionError, match="wait for each other"):
        many.apply()


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ((), OK),
        (("refuses",), FAILED),
        (("drops",), UNKNOWN),
        (("waits",), PENDING),
        (("refuses", "waits"), PENDING),
        (("drops", "waits", "refuses"), UNKNOWN),
    ],
)
def test_the_exit_status_that_a_run_comes_to(many, script, status):
    acts = {
        "refuses": many.ca.refuses("badRequest"),
        "drops": many.ca.drops,
        "waits": many.ca.waits(),
    }
    polled = [many.ca.still_waits(600)] * script.count("waits")
    many.write(rows(max(1, len(script))), limits="retries: 0", max_wait="0s")
    run = many.play(*[acts[name] for name in script], *polled).apply(parallel=50)
    assert exit_code(run) == status


def test_everything_blocked_is_a_failure_and_not_bad_input(many):
    many.path("out").mkdir()
    for n in range(6):
        many.path(f"out/w-{n}.prv").touch()
    run = many.apply()
    assert run.counts()["failed"] == 6
    assert exit_code(run) == FAILED
    assert "exists and is not ours" in run.results[0].failure.why
    assert run.results[0].failure.next_step == f"mend the cause; the entry is at {many.document().items[0].place}"


def test_what_is_kept_says_what_is_kept(many):
    many.apply()
    (kept, *_) = many.apply().results
    assert kept.outcome is Outcome.UNCHANGED
    assert kept.certificate == summary_of(many.certificate("out/w-0-0.crt"))
    assert (kept.operation, str(kept.key_spec), kept.attempts) == ("keep", "ed25519", 0)
    assert kept.status_text.startswith("good until")


def test_an_operation_is_let_go_of_when_it_is_over(many, monkeypatch):
    """Memory does not grow by what was done: only results stay."""
    alive = []
    real = operation.Operation.__init__

    def remembered(self, *arguments):
        real(self, *arguments)
        alive.append(weakref.ref(self))

    monkeypatch.setattr(operation.Operation, "__init__", remembered)
    many.apply(parallel=2)
    gc.collect()
    assert [ref for ref in alive if ref() is not None] == []
    assert len(alive) == 6
