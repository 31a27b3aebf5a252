"""A Plan as a comment for a pull request: GitHub's Markdown, with everything foreign shown literally.

The summary comes first, then what changes with its reasons, what is blocked before the rest; what stays as it is is
folded. A comment holds so many characters and no more: what does not fit is left out from the bottom, and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.plan_text import action, blocked_first, notes, summary, why
from runner.report.sanitise import markdown_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runner.plan.steps import Plan, Step

LIMIT = 65_536
"""Characters of a comment, as GitHub takes it."""
_RESERVED = 400
"""Characters that are kept free for saying what was left out."""
_LONGEST = 2_000
"""Characters of one cell; a name can have thousands."""
_HEAD = ("| | item | action | why |", "|---|---|---|---|")


def plan_markdown(plan: Plan, limit: int = LIMIT) -> str:
    """The comment, of at most `limit` characters."""
    changed = [step for step in blocked_first(plan) if step.changes]
    kept = [step for step in plan.steps if not step.changes]
    page = _Page(limit - _RESERVED)
    page.add([f"### Plan of {_code(plan.name)}", "", f"**{summary(plan)}**", ""])
    if changed:
        page.add(_HEAD)
        page.add_some((_row(step) for step in changed), len(changed), "that change something")
    page.add_some((f"- {_code(line)}" for line in notes(plan)), len(notes(plan)), "notes")
    if kept and page.add([f"<details><summary>{len(kept)} unchanged</summary>", ""]):
        page.add_some((f"- {_code(step.item.name)}" for step in kept), len(kept), "unchanged")
        page.lines += ["</details>", ""]
    return "\n".join(page.lines)


class _Page:
    """Lines, as many as fit."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._room = room

    def add(self, lines: Sequence[str]) -> bool:
        """Add lines, all or none; whether they fitted."""
        size = sum(len(line) + 1 for line in lines)
        if size > self._room:
            return False
        self._room -= size
        self.lines += lines
        return True

    def add_some(self, lines: Iterable[str], count: int, what: str) -> None:
        """Add lines from the top while they fit, and say how many of `count` did not; then a blank one."""
        shown = 0
        for line in lines:
            if not self.add([line]):
                break
            shown += 1
        if shown < count:
            self._room = 0  # nothing below may slip in where this did not fit
            self.lines += ["", f"… and {count - shown} more {what}: `cmp-batch plan` lists them all"]
        if count:
            self.lines.append("")


def _row(step: Step) -> str:
    return f"| {' | '.join(map(_code, (step.verb.mark, step.item.name, action(step), why(step))))} |"


def _code(text: str) -> str:
    return markdown_code(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
