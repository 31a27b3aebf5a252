"""How many certificates one apply asks for and revokes, held against the policy: pure, from a plan to breaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.manifest.policy import Policy
    from runner.plan.steps import Plan

_ISSUES = ("ir", "cr", "p10cr", "kur")


def limits_passed(plan: Plan, policy: Policy | None) -> Sequence[Diagnostic]:
    """What the plan does more often than the policy allows."""
    if policy is None:
        return ()
    requests = [step.request for step in plan.steps if step.changes]
    counts = {
        "max_issues": (
            sum(request in _ISSUES for request in requests),
            policy.max_issues,
            "certificates are asked for",
        ),
        "max_revocations": (requests.count("rr"), policy.max_revocations, "certificates are revoked"),
    }
    return tuple(
        Diagnostic(
            f"policy {rule}: {count} {what}, of {most} in one apply",
            policy.place,
            next_step="choose some of them with --target, or change the policy",
            severity=policy.severity(rule),
            rule=f"policy/{rule}",
        )
        for rule, (count, most, what) in counts.items()
        if most is not None and count > most
    )
