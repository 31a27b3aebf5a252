"""The inventory for people and monitoring: each item with what is held for it, how it stands, and what comes next.

A Status is made from a Plan and what the plan was made from; nothing is looked at again. Pure.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from runner.manifest.model import Enrollment
from runner.pki.certificates import parse_certificate
from runner.plan.case import certificate_path_of
from runner.plan.seasons import planned
from runner.plan.steps import Reason, Verb
from runner.state.inventory import Stage
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.plan.facts import Facts
    from runner.plan.steps import Plan, Step
    from runner.state.inventory import Held, Inventory, Open

YEAR = 365
"""Days that a forecast looks ahead."""


class Condition(Enum):
    """How an item stands."""

    GOOD = "good"
    """As the manifest says."""
    DUE = "due"
    """To be renewed now."""
    DRIFT = "drift"
    """The certificate or its files are not what the manifest says."""
    MISSING = "missing"
    """There is no certificate that could be used."""
    EXPIRED = "expired"
    PENDING = "pending"
    """The CA has the request, and has not decided."""
    UNKNOWN = "unknown"
    """The CA may have acted; the next apply finds out what can be found out."""
    OPEN = "open"
    """An operation was cut off; the next apply continues it."""
    TO_DO = "to do"
    """An update or a revocation that was not made yet."""
    DONE = "done"
    """An update or a revocation that was made."""
    BLOCKED = "blocked"
    ORPHAN = "orphan"
    """Held, or under way, and in no manifest."""


@frozen
class Row:
    """One item. `renewal`: when it is planned to be renewed (None: never, or nobody said)."""

    item: str
    authority: str
    condition: Condition
    reasons: tuple[Reason, ...] = ()
    certificate: Certificate | None = None
    path: str | None = None
    renewal: datetime | None = None
    verb: Verb | None = None
    """What the next apply would do; None for an orphan."""


@frozen
class Status:
    """All rows, in the order of the manifests, orphans last; and the renewals to come, by day."""

    name: str
    at: datetime
    rows: tuple[Row, ...]
    forecast: tuple[tuple[date, int], ...]
    """Every day from today on for a year, with how many renewals are planned on it; what is due is today's."""

    def counts(self) -> dict[str, int]:
        """How many rows there are of each condition, zeros included."""
        found = Counter(row.condition for row in self.rows)
        return {condition.value: found[condition] for condition in Condition}


def status_of(plan: Plan, facts: Facts, inventory: Inventory) -> Status:
    """The Status that a plan, made without --prune, and its sources show."""
    rows = [_row(step, facts, inventory, plan.at) for step in plan.steps]
    rows += [_left(left.held, left.decision.reasons) for left in plan.left]
    rows += [_under_way(operation) for operation in plan.orphans]
    return Status(plan.name, plan.at, tuple(rows), tuple(_forecast(rows, plan.at)))


def _row(step: Step, facts: Facts, inventory: Inventory, now: datetime) -> Row:
    item, path = step.item, certificate_path_of(step.item)
    certificate = facts.certificate(path).certificate
    renews = isinstance(item, Enrollment) and item.renew_before is not None and certificate is not None
    return Row(
        item=item.name,
        authority=item.authority,
        condition=_condition(step, inventory.open.get(item.name), certificate, now),
        reasons=step.reasons,
        certificate=certificate,
        path=path,
        renewal=planned(certificate, item) if renews and certificate and isinstance(item, Enrollment) else None,
        verb=step.verb,
    )


def _condition(step: Step, operation: Open | None, certificate: Certificate | None, now: datetime) -> Condition:
    if step.verb is Verb.RESUME and operation is not None:
        return _of_operation(operation)
    if step.verb is Verb.BLOCKED:
        return Condition.BLOCKED
    if not isinstance(step.item, Enrollment):
        return _ONE_TIME.get(step.verb, Condition.TO_DO)
    if certificate is None or (certificate.not_after <= now and step.verb is not Verb.KEEP):
        return Condition.MISSING if certificate is None else Condition.EXPIRED
    due = any(reason.code in ("due", "successor-due") for reason in step.reasons)
    return _BY_VERB.get(step.verb, Condition.DUE if due else Condition.DRIFT)


_ONE_TIME = {Verb.KEEP: Condition.DONE, Verb.REINSTALL: Condition.DRIFT}
_BY_VERB = {Verb.KEEP: Condition.GOOD, Verb.ADOPT: Condition.GOOD}


def _of_operation(operation: Open) -> Condition:
    if operation.given_up:
        return Condition.UNKNOWN
    if operation.stage is Stage.WAITING or operation.check_after is not None:
        return Condition.PENDING
    doubtful = operation.stage in (Stage.SENT, Stage.ISSUED) and bool(operation.note)
    return Condition.UNKNOWN if doubtful else Condition.OPEN


def _left(held: Held, reasons: tuple[Reason, ...]) -> Row:
    certificate = parse_certificate(held.certificate) if held.certificate else None
    return Row(held.item, held.authority, Condition.ORPHAN, reasons, certificate, held.certificate_path)


def _under_way(operation: Open) -> Row:
    words = f"under way ({operation.kind}, {operation.stage.value}), and in no manifest"
    return Row(operation.item, "", Condition.ORPHAN, (Reason("under-way", words),))


def _forecast(rows: list[Row], now: datetime) -> Iterator[tuple[date, int]]:
    today = now.date()
    days = Counter(max(row.renewal.date(), today) for row in rows if row.renewal is not None)
    for day in (today + timedelta(days=n) for n in range(YEAR)):
        yield day, days[day]
