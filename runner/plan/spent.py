"""What a plan can say of one-time secrets without reading any: whose was used before.

What is in the row today, apply sees; a new one there is as good as the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.plan.steps import Reason, Step, Verb
from runner.plan.words import spell_time
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.state.inventory import Inventory, Spent


def with_spent(steps: Iterable[Step], inventory: Inventory) -> Iterable[Step]:
    """The steps; those that want another one-time secret than the one that was used have that among their reasons."""
    last: dict[str, Spent] = {each.item: each for each in sorted(inventory.spent.values(), key=lambda one: one.at)}
    return (_told(step, last) for step in steps) if last else steps


def _told(step: Step, last: Mapping[str, Spent]) -> Step:
    spent = last.get(step.item.name)
    if spent is None or step.verb is Verb.RESUME or not step.request or step.request == "kur":
        return step
    words = f"its one-time secret was used on {spell_time(spent.at)}: apply wants a new one in the row"
    return replace(step, reasons=(*step.reasons, Reason("secret-spent", words)))
