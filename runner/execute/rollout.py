"""The pace of a run: canaries first, in which order, and when nothing new may be begun. Pure bookkeeping.

Canaries are the first items that ask a CA for something; those that an earlier run left open come before others. While
they are under way the rest is held back. Where all of them failed, or one is still with the CA, the rest is not sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runner.execute.results import Outcome
from runner.manifest.model import Revocation
from runner.manifest.rollout import ALL_AT_ONCE
from runner.packing import Packed
from runner.plan.case import certificate_path_of
from runner.plan.seasons import opening
from runner.plan.steps import Verb
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.execute.results import Result
    from runner.manifest.calendar import Window
    from runner.manifest.rollout import Strategy
    from runner.plan.facts import Facts
    from runner.plan.steps import Step

_QUIET = frozenset({Verb.KEEP, Verb.BLOCKED, Verb.REINSTALL})
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@frozen
class Rollout:
    """A strategy applied to the steps of a plan."""

    canaries: frozenset[str] = frozenset()
    windows: tuple[Window, ...] = ()

    def holds_back(self, step: Step, results: Mapping[str, Result]) -> bool:
        """Whether a step has to wait for canaries that have no result yet."""
        if not self.canaries or step.item.name in self.canaries or not begins_anew(step):
            return False
        return any(name not in results for name in self.canaries)

    def verdict(self, results: Mapping[str, Result]) -> str:
        """Why the rest is not to be begun after the canaries; empty: it may, or they are still under way."""
        if not self.canaries or any(name not in results for name in self.canaries):
            return ""
        seen = [results[name] for name in self.canaries]
        if any(result.outcome is Outcome.PENDING for result in seen):
            return "the canary is pending at the CA; the rest goes when it is through"
        if any(result.outcome not in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.SKIPPED) for result in seen):
            return ""
        bits = {result.fail_info for result in seen}
        alike = f" alike ({', '.join(next(iter(bits)))})" if len(bits) == 1 and next(iter(bits)) else ""
        return f"all {len(seen)} of the canary failed{alike}; nothing more was sent"

    def closed(self, now: datetime) -> str:
        """Why nothing new may be begun at this moment; empty: it may."""
        if not self.windows:
            return ""
        following = opening(self.windows, now)
        if following is None or following <= now:
            return ""
        return f"outside of the windows of `strategy:`; the next opens at {following:%Y-%m-%d %H:%M} UTC"


def begins_anew(step: Step) -> bool:
    """Whether a step asks a CA for something new: what is under way, or only about files, needs no window."""
    return step.verb not in _QUIET and step.verb is not Verb.RESUME


def rolled_out(steps: Sequence[Step], strategy: Strategy, facts: Facts) -> tuple[Sequence[Step], Rollout]:
    """The steps in the order of the strategy, and the pace at which they go."""
    if strategy.order != ALL_AT_ONCE.order:
        ends = [_end_of(step, facts) for step in steps]
        steps = Packed(steps[at] for at in sorted(range(len(ends)), key=ends.__getitem__))
    return steps, Rollout(frozenset(_canaries(steps, strategy.canary)), strategy.windows)


def _canaries(steps: Sequence[Step], count: int) -> list[str]:
    """Those that wait for nothing in the plan."""
    if not count:
        return []
    moving = {step.item.name for step in steps if step.verb not in _QUIET}
    free = [step for step in steps if step.item.name in moving and not moving & set(step.needs)]
    free.sort(key=lambda step: step.verb is not Verb.RESUME)
    return [step.item.name for step in free[:count]]


def _end_of(step: Step, facts: Facts) -> datetime:
    """When the item's certificate ends; items that have none, or revoke one, come last."""
    found = None if isinstance(step.item, Revocation) else facts.certificate(certificate_path_of(step.item)).certificate
    return found.not_after if found else _FOR_EVER
