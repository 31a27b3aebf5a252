"""Whether a plan may be carried out: held against the policy's limits, and against what lies in files.

Used by `cmp-batch apply` and by runner.api alike; nothing is printed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Refused, Severity
from runner.plan.contents import contents_refused
from runner.plan.limits import limits_passed

if TYPE_CHECKING:
    from runner.cli.surveying import Situation
    from runner.errors import Diagnostic


def objections(situation: Situation) -> tuple[Diagnostic, ...]:
    """What the policy has against the plan, errors and warnings."""
    plan, document = situation.plan, situation.document
    return (*limits_passed(plan, document.policy), *contents_refused(plan, document, situation.facts))


def refuse_against_policy(situation: Situation) -> tuple[Diagnostic, ...]:
    """The warnings. Refused for the first thing that is more than that."""
    found = objections(situation)
    for each in found:
        if each.severity is Severity.ERROR:
            where = f"{each.place}: {each.why}" if each.why else f"the policy at {each.place} says so"
            raise Refused(each.summary, why=where, next_step=each.next_step)
    return found
