"""A Plan for people: the summary, then what would change and why, as text for a terminal or Markdown for a review.

Everything foreign is cleaned here. Unchanged items are folded into a count, unless all are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.plan.steps import Verb
from runner.report.results_text import folded_note
from runner.report.sanitise import clean, markdown_code
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
    shown = [step for step in _blocked_first(plan) if layout.verbose or step.changes]
    rows = [Row(_cells(step), _STYLES.get(step.verb, "")) for step in shown]
    parts = (
        wrapped(f"plan of {clean(plan.name)}: {_tied(plan)}", layout, first="", rest="  ") + "\n",
        render(_HEADERS, rows, layout),
        folded_note(len(plan.steps) - len(shown)),
        "".join(f"{clean(line)}\n" for line in (*_orphaned(plan), *_left(plan))),
    )
    return "\n".join(part for part in parts if part)


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


def _blocked_first(plan: Plan) -> list[Step]:
    return sorted(plan.steps, key=lambda step: step.verb is not Verb.BLOCKED)


def _summary(plan: Plan) -> str:
    counts = sorted(plan.counts().items(), key=lambda count: _PLACES.get(count[0], 0))
    counted = [f"{count} {_COUNTED.get(verb, f'to {verb}')}" for verb, count in counts]
    return ", ".join(counted if plan.changes else ["nothing to do", *counted])


def _tied(plan: Plan) -> str:
    return _summary(plan).replace(" ", TIED).replace(f",{TIED}", ", ")


def _cells(step: Step) -> tuple[str, ...]:
    return (step.verb.mark, clean(step.item.name), clean(_action(step)), clean(_why(step)))


def _action(step: Step) -> str:
    request = f" ({step.request})" if step.request else ""
    return f"{step.verb.value}{request} at {step.item.authority}"


def _why(step: Step) -> str:
    reasons = [reason.text for reason in step.reasons]
    return "; ".join(reasons + ([f"after {', '.join(step.needs)}"] if step.needs else []))


def plan_markdown(plan: Plan) -> str:
    """The plan as a comment for a pull request: GitHub's Markdown, with everything foreign shown literally."""
    changed = [step for step in _blocked_first(plan) if step.changes]
    kept = [step for step in plan.steps if not step.changes]
    lines = [f"### Plan of {markdown_code(plan.name)}", "", f"**{_summary(plan)}**", ""]
    if changed:
        lines += ["| | item | action | why |", "|---|---|---|---|", *map(_markdown_row, changed), ""]
    if kept:
        names = [f"- {markdown_code(step.item.name)}" for step in kept]
        lines += [f"<details><summary>{len(kept)} unchanged</summary>", "", *names, "", "</details>", ""]
    lines += [f"- {markdown_code(line)}" for line in (*_orphaned(plan), *_left(plan))]
    return "\n".join(lines)


def _markdown_row(step: Step) -> str:
    cells = (step.verb.mark, step.item.name, _action(step), _why(step))
    return f"| {' | '.join(markdown_code(cell) for cell in cells)} |"
