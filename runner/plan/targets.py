"""`--target`: the part of a plan that some items and what they wait for make up."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from runner.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.plan.steps import Plan


def only(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan for `names` and everything that they need; the whole plan where there are no names.

    Raises BadInput for a name that is no item, with the nearest that is.
    """
    steps = {step.item.name: step for step in plan.steps}
    for name in names:
        if name not in steps:
            near = get_close_matches(name, steps, 1)
            hint = f"did you mean {near[0]}?" if near else "cmp-batch plan --verbose lists the items"
            raise BadInput(f"--target: there is no item {name}", next_step=hint)
    wanted: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in steps and name not in wanted:
            wanted[name] = None
            waiting.extend(steps[name].needs)
    return replace(plan, steps=tuple(s for s in plan.steps if s.item.name in wanted)) if names else plan
