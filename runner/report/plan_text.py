"""A Plan for people: the summary, then what would change and why, as text for a terminal.

Everything foreign is cleaned here. Unchanged items are folded into a count, unless all are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.plan.steps import Verb
from runner.report.results_text import folded_note
from runner.report.sanitise import clean
from runner.report.tables import TIED, Layout, Row, render, wrapped

if TYPE_CHECKING:
    from runner.plan.steps import Plan, Step

_STYLES = {
    Verb.ENROLL: "green",
    Verb.REVOKE: "red",
    Verb.FORGET: "red",
    Verb.BLOCKED: "bold red",
    Verb.REISSUE: "yellow",
    Verb.REKEY: "yellow",
    Verb.RENEW: "yellow",
}
_HEADERS = ("", "item", "action", "why")
_COUNTED = {Verb.KEEP.value: "unchanged", Verb.BLOCKED.value: "blocked"}
"""How the summary counts verbs that are nothing to do."""
_PLACES = {Verb.BLOCKED.value: -1, Verb.KEEP.value: 1}
"""What the summary counts before and after all that is to be done."""


def plan_text(plan: Plan, layout: Layout) -> str:
    """The whole plan as text, ready to print."""
    shown = [step for step in blocked_first(plan) if layout.verbose or step.changes]
    rows = [Row(_cells(step), _STYLES.get(step.verb, "")) for step in shown]
    parts = (
        wrapped(f"plan of {clean(plan.name)}: {_tied(plan)}", layout, first="", rest="  ") + "\n",
        render(_HEADERS, rows, layout),
        folded_note(len(plan.steps) - len(shown)),
        "".join(f"{clean(line)}\n" for line in notes(plan)),
    )
    return "\n".join(part for part in parts if part)


def notes(plan: Plan) -> list[str]:
    """What a reader should know beside the steps; and what the state has and no manifest speaks of."""
    return [*plan.notes, *_orphaned(plan), *_left(plan)]


def _orphaned(plan: Plan) -> list[str]:
    """Operations under way that no manifest speaks of any more: nothing is done about them, and nobody is to forget."""
    return [
        f"under way, and in no manifest: {operation.item} ({operation.kind}, {operation.stage.value});"
        f" its key is {operation.key_path or 'nowhere'}"
        for operation in plan.orphans
    ]


_MOST_LEFT = 10
_PRUNES = {
    Verb.REVOKE: "--prune would revoke it",
    Verb.FORGET: "--prune would forget it",
    Verb.BLOCKED: "--prune cannot revoke it",
}


def _left(plan: Plan) -> list[str]:
    """What is held and in no manifest: a step of its own with --prune, and a line here without."""
    told = [left for left in plan.left if left.decision.verb is Verb.KEEP or not plan.pruned]
    lines = [
        "; ".join(filter(None, (f"{left.held.item}: {left.decision.reasons[0].text}", _PRUNES.get(left.decision.verb))))
        for left in told[:_MOST_LEFT]
    ]
    more = len(told) - _MOST_LEFT
    return [*lines, f"and {more} more that are held and in no manifest (status lists them)"] if more > 0 else lines


def blocked_first(plan: Plan) -> list[Step]:
    """The steps, those that cannot be done before the others."""
    return sorted(plan.steps, key=lambda step: step.verb is not Verb.BLOCKED)


def summary(plan: Plan) -> str:
    """How many items of which kind, in words."""
    counts = sorted(plan.counts().items(), key=lambda count: _PLACES.get(count[0], 0))
    counted = [f"{count} {_COUNTED.get(verb, f'to {verb}')}" for verb, count in counts]
    return ", ".join(counted if plan.changes else ["nothing to do", *counted])


def _tied(plan: Plan) -> str:
    return summary(plan).replace(" ", TIED).replace(f",{TIED}", ", ")


def _cells(step: Step) -> tuple[str, ...]:
    return (step.verb.mark, clean(step.item.name), clean(action(step)), clean(why(step)))


def action(step: Step) -> str:
    """The verb, the request that goes out, and to whom."""
    request = f" ({step.request})" if step.request else ""
    return f"{step.verb.value}{request} at {step.item.authority}"


def why(step: Step) -> str:
    """All reasons, and for whom the step waits."""
    reasons = [reason.text for reason in step.reasons]
    return "; ".join(reasons + ([f"after {', '.join(step.needs)}"] if step.needs else []))
