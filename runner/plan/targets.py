"""`--target`: the part of a plan that some items and what they wait for make up.

Items are chosen by name (`web-1`), by a pattern (`web-*`), or by a label (`site=north`; patterns are taken there, too).
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from runner.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runner.plan.steps import Plan, Step

_WILD = frozenset("*?[")


def only(plan: Plan, targets: Sequence[str]) -> Plan:
    """The plan for `targets` and everything that they need; the whole plan where there are none.

    Raises BadInput for a target that chooses nothing, with the nearest that would.
    """
    if not targets:
        return plan
    steps = {step.item.name: step for step in plan.steps}
    waiting = [name for target in targets for name in chosen(target, steps)]
    wanted: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in steps and name not in wanted:
            wanted.add(name)
            waiting.extend(steps[name].needs)
    return replace(plan, steps=tuple(step for step in plan.steps if step.item.name in wanted))


def chosen(target: str, steps: Mapping[str, Step]) -> list[str]:
    """The names that one target chooses, at least one."""
    if "=" in target:
        return _labelled(target, steps)
    if target in steps:
        return [target]
    found = [name for name in steps if fnmatchcase(name, target)] if _WILD & set(target) else []
    if not found:
        raise BadInput(
            f"--target: there is no item {target}",
            next_step=_near(target, steps) or "cmp-batch plan --verbose lists the items",
        )
    return found


def _labelled(target: str, steps: Mapping[str, Step]) -> list[str]:
    label, _, pattern = target.partition("=")
    values = {name: step.item.labels[label] for name, step in steps.items() if label in step.item.labels}
    found = [name for name, value in values.items() if fnmatchcase(value, pattern)]
    if found:
        return found
    if not values:
        labels = dict.fromkeys(key for step in steps.values() for key in step.item.labels)
        step = _near(label, labels) or (f"there are: {', '.join(labels)}" if labels else "add labels: to the entries")
        raise BadInput(f"--target: no item has a label {label}", next_step=step)
    known = dict.fromkeys(values.values())
    step = _near(pattern, known) or f"there are: {', '.join(list(known)[:12])}"
    raise BadInput(f"--target: no item is labelled {target}", next_step=step)


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"did you mean {near[0]}?" if near else ""
