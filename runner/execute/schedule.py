"""Who may start when: needs first, then the order of the manifest; and when to stop starting.

Pure bookkeeping; executor.py runs what is ready. One cause is told once: dependents of what went wrong are skipped
and say for whom they waited.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from runner.execute.results import Failure, Outcome, Result
from runner.execute.rollout import begins_anew
from runner.packing import PackedDict, packed
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from runner.execute.rollout import Rollout
    from runner.plan.steps import Step

GOOD = frozenset(Outcome) - {Outcome.PENDING, Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED}
"""Outcomes that those who waited may build upon."""
_ENDED = {Outcome.FAILED: "has failed", Outcome.SKIPPED: "was skipped"}


@frozen
class Tolerance:
    """How many items may fail before no more are started: a number, or a share (0 to 1) of all; None: any number."""

    count: int | None = None
    share: float | None = None

    def exceeded(self, failures: int, items: int) -> bool:
        """Whether that many failures among that many items are too many."""
        if self.count is not None:
            return failures > self.count
        return self.share is not None and failures > self.share * items


ANY_NUMBER = Tolerance()


class Schedule:
    """The steps of a plan, handed out as their needs are met, and let go of as they end: what is left are results.

    `order` is that of the plan, where the rollout has another.
    """

    def __init__(
        self, steps: Iterable[Step], rollout: Rollout, tolerance: Tolerance, order: Iterable[str] = ()
    ) -> None:
        steps = packed(steps)
        names, wanted = [], {}
        for step in steps:
            names.append(step.item.name)
            if step.needs:
                wanted[step.item.name] = step.needs
        self._steps = steps.by(names)
        """Those that have no result yet."""
        self._order = tuple(order) or tuple(self._steps)
        self._rollout = rollout
        self._held_back: list[str] = []
        within = ((name, self._steps.keys() & needs) for name, needs in wanted.items())
        self._missing = {name: needs for name, needs in within if needs}
        self._followers: dict[str, list[str]] = {}
        for name, needs in self._missing.items():
            for need in needs:
                self._followers.setdefault(need, []).append(name)
        self._ready = deque(name for name in self._steps if name not in self._missing)
        self._tolerance = tolerance
        self._failures = 0
        self.results: PackedDict[str, Result] = PackedDict()

    @property
    def is_over(self) -> bool:
        """Whether every step has its result."""
        return not self._steps

    @property
    def steps(self) -> Iterable[Step]:
        """Those that have no result yet."""
        return self._steps.values()

    def all_results(self) -> Sequence[Result]:
        """In the order of the plan, when it is over."""
        return self.results.in_order(self._order)

    @property
    def stops(self) -> str:
        """Why nothing more may be started; empty: it may."""
        if self._tolerance.exceeded(self._failures, len(self._order)):
            return "too many items failed (--max-failures, or max_failures of strategy:)"
        return self._rollout.verdict(self.results)

    def next_ready(self) -> Step | None:
        """The next step to start; None where all that are left wait, or are held back."""
        while self._ready:
            name = self._ready.popleft()
            if not self._rollout.holds_back(step := self._steps[name], self.results):
                return step
            self._held_back.append(name)
        return None

    def _let_go(self) -> None:
        """Take up again those who were held back, if that is over."""
        if self._held_back and not self._rollout.holds_back(self._steps[self._held_back[0]], self.results):
            self._ready.extendleft(reversed(self._held_back))
            self._held_back.clear()

    def skip_new(self, now: datetime) -> list[Result]:
        """Results for all that would be begun anew now, outside of the windows of the rollout; none within them."""
        why = self._rollout.closed(now)
        waiting = [*self._ready, *self._held_back] if why else []
        names = dict.fromkeys(name for name in waiting if begins_anew(self._steps[name]))
        if not names:
            return []
        self._ready = deque(name for name in waiting if name not in names)
        self._held_back.clear()
        return [result for name in names for result in self._skipped(name, why)]

    def _skipped(self, name: str, why: str) -> list[Result]:
        return [] if name in self.results else self.finish(skip(self._steps[name], why))

    def finish(self, result: Result) -> list[Result]:
        """Take a result; returns it and those of the steps that it causes to be skipped."""
        self._ended(result)
        self._failures += result.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
        self._let_go()
        if result.outcome in GOOD:
            self._release(result.name, self._followers.get(result.name, ()))
            return [result]
        finished = [result]
        for cause in finished:  # grows while it is gone through: a chain may be longer than Python's stack
            why = f'it waits for "{cause.name}", which {_ENDED.get(cause.outcome, f"is {cause.outcome.value}")}'
            waiting = (name for name in self._followers.get(cause.name, ()) if name not in self.results)
            finished.extend(self._ended(skip(self._steps[name], why)) for name in waiting)
        return finished

    def _release(self, name: str, followers: Iterable[str]) -> None:
        for follower in followers:
            self._missing[follower].discard(name)
            if not self._missing[follower] and follower not in self.results:
                self._ready.append(follower)

    def skip_rest(self, why: str, running: Iterable[str]) -> list[Result]:
        """Results for all that has not been started, `running` excepted."""
        self._ready.clear()
        self._held_back.clear()
        busy = set(running)
        left = [name for name in self._steps if name not in busy]
        return [self._ended(skip(self._steps[name], why)) for name in left]

    def _ended(self, result: Result) -> Result:
        self.results[result.name] = result
        if result.name in self._steps:
            del self._steps[result.name]
        return result


def skip(step: Step, why: str) -> Result:
    """The Result of a step that was not started."""
    failure = Failure("not started", why, "run apply again when the cause is mended")
    return Result(step.item.name, step.verb.value, Outcome.SKIPPED, failure=failure)
