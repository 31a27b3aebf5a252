"""`--target`: the part of a plan that some items and what they wait for make up.

Items are chosen by name (`web-1`), by a pattern (`web-*`), or by a label (`site=north`; patterns are taken there, too).
A tunnel's name, or a label of it, chooses all requests that it has found, and will find.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.manifest.tunnel import SEPARATOR
from runner.packing import Packed
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runner.manifest.tunnel import Tunnel
    from runner.plan.steps import Plan, Step


def watched(tunnels: Sequence[Tunnel], targets: Sequence[str]) -> tuple[Tunnel, ...]:
    """The tunnels, of which those alone are watched that `targets` choose."""
    return tuple(
        replace(each, watch=each.watch and any(_is_chosen(each, target) for target in targets)) for each in tunnels
    )


def _is_chosen(tunnel: Tunnel, target: str) -> bool:
    return _fits(target, tunnel.name, {**tunnel.labels, "tunnel": tunnel.name})


def _fits(target: str, name: str, labels: Mapping[str, str]) -> bool:
    label, equals, pattern = target.partition("=")
    return fnmatchcase(labels[label], pattern) if equals and label in labels else fnmatchcase(name, target)


def only(plan: Plan, targets: Sequence[str], tunnels: Sequence[Tunnel] = ()) -> Plan:
    """The plan for `targets` and everything that they need; the whole plan where there are none.

    `tunnels` are those of the manifest. Raises BadInput for a target that chooses nothing, with the nearest that would.
    """
    if not targets:
        return plan
    steps = {step.item.name: step for step in plan.steps}
    waiting = [name for target in targets for name in chosen(target, steps, tunnels)]
    wanted: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in steps and name not in wanted:
            wanted.add(name)
            waiting.extend(steps[name].needs)
    return replace(plan, steps=Packed(step for step in plan.steps if step.item.name in wanted))


def chosen(target: str, steps: Mapping[str, Step], tunnels: Sequence[Tunnel] = ()) -> list[str]:
    """The names that one target chooses: at least one, unless it chooses one of `tunnels` that has no request yet."""
    whole = {tunnel.name for tunnel in tunnels if _is_chosen(tunnel, target)}
    found = [
        name
        for name, step in steps.items()
        if name.partition(SEPARATOR)[0] in whole or _fits(target, name, step.item.labels)
    ]
    if not found and not whole:
        raise _nothing(target, steps, tunnels)
    return found


def _nothing(target: str, steps: Mapping[str, Step], tunnels: Sequence[Tunnel]) -> BadInput:
    label, equals, pattern = target.partition("=")
    if not equals:
        names = [*steps, *(tunnel.name for tunnel in tunnels)]
        step = _near(target, names) or "cmp-batch plan --verbose lists the items"
        return BadInput(f"--target: there is no item {target}", next_step=step)
    everybody = [*(step.item.labels for step in steps.values()), *(tunnel.labels for tunnel in tunnels)]
    known = dict.fromkeys(labels[label] for labels in everybody if label in labels)
    if known:
        step = _near(pattern, known) or f"there are: {', '.join(list(known)[:12])}"
        return BadInput(f"--target: no item is labelled {target}", next_step=step)
    labels = dict.fromkeys(key for each in everybody for key in each)
    step = _near(label, labels) or (f"there are: {', '.join(labels)}" if labels else "add labels: to the entries")
    return BadInput(f"--target: no item has a label {label}", next_step=step)


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"did you mean {near[0]}?" if near else ""
