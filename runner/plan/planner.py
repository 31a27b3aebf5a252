"""From a Document, the inventory and the facts to a Plan: one Step for each item. Pure; the clock is an argument."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from runner.manifest.credentials import CertificateCredential
from runner.manifest.model import Enrollment
from runner.packing import Packed, packed
from runner.plan.case import Case, Known
from runner.plan.custody import with_custody
from runner.plan.needs import needs_of, refuse_cycles, relations_of
from runner.plan.pruning import left_over, pruning
from runner.plan.reasons import reasons_for
from runner.plan.relays import relay_steps
from runner.plan.spent import with_spent
from runner.plan.standing import crl_notes
from runner.plan.steps import Plan, Reason, Step, Verb
from runner.state.inventory import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from runner.manifest.model import AnyItem, Document
    from runner.manifest.tunnel import TunnelRequest
    from runner.plan.case import Planned
    from runner.plan.facts import Facts
    from runner.plan.needs import Relations
    from runner.state.inventory import Inventory, Open

Move = tuple[Verb, tuple[Reason, ...], tuple[str, ...], str]
"""What a step says beside its item."""
_SILENT = (Verb.KEEP, Verb.BLOCKED, Verb.REINSTALL, Verb.ADOPT)
"""Verbs that say nothing to a CA."""
_SENDS = {Verb.REKEY: "kur", Verb.RENEW: "kur", Verb.REVOKE: "rr", Verb.RECOVER: "krr", Verb.FETCH: "genm"}


def make_plan(
    document: Document,
    facts: Facts,
    inventory: Inventory,
    now: datetime,
    *,
    retry_unknown: bool = False,
    prune: bool = False,
    requests: Sequence[TunnelRequest] = (),
) -> Plan:
    """Decide every item, and every request that a tunnel found.

    `retry_unknown`: operations whose outcome is unknown are begun afresh, not repeated.

    `prune`: what is held and in no manifest is removed as its entry said (runner.plan.pruning).

    Raises BadInput where items wait for each other in a circle.
    """
    relations = relations_of(document)
    known = Known(
        facts=facts,
        inventory=inventory,
        now=now,
        makers=relations.makers,
        overwriters=relations.overwriters,
        updated=inventory.updated(),
        revoked=inventory.revoked(),
        retry_unknown=retry_unknown,
        names=frozenset((*document.authorities, *document.credentials)),
    )
    steps = with_spent(_steps(document, relations, known), inventory)
    of_items = packed(document.items).joined(_moves(steps), _made)
    left = left_over(document, facts, inventory, now, {request.name for request in requests})
    pruned = pruning(left) if prune else ()
    relayed = relay_steps(requests, document, known, relations.makers)
    orphans = _orphans(document, requests, inventory)
    every = of_items + Packed(chain(pruned, relayed))
    return Plan(document.name, now, every, orphans, left, prune, crl_notes(facts, now))


def _steps(document: Document, relations: Relations, known: Known) -> Iterator[Step]:
    needs: dict[str, tuple[str, ...]] = {}
    for item in document.items:
        if waits := needs_of(item, document, relations):
            needs[item.name] = waits
        decision = with_custody(item, reasons_for(Case(item, known)), document, known.facts)
        request = _request(item, decision.verb, document, known.inventory)
        yield Step(item, decision.verb, decision.reasons, waits, request)
    refuse_cycles(needs, document)


def _moves(steps: Iterable[Step]) -> Iterator[Move]:
    """What steps say beside the item. Thousands that follow each other say the same, and share it."""
    last: Move | None = None
    for step in steps:
        move = (step.verb, step.reasons, step.needs, step.request)
        if move != last:
            last = move
        yield last


def _made(item: Planned, move: Move) -> Step:
    return Step(item, *move)


def _orphans(document: Document, requests: Sequence[TunnelRequest], inventory: Inventory) -> tuple[Open, ...]:
    """Operations whose request may be out, of items that the manifests do not name (any more)."""
    if not inventory.open:
        return ()
    names = {item.name for item in chain(document.items, requests)}
    left = (operation for name, operation in inventory.open.items() if name not in names)
    return tuple(operation for operation in left if operation.stage is not Stage.KEYED)


def _request(item: AnyItem, verb: Verb, document: Document, inventory: Inventory) -> str:
    """The body type that goes out first: a csr → p10cr, a psk → ir, a certificate → cr, or as the entry says."""
    if verb in _SILENT:
        return ""
    if verb is Verb.RESUME:
        under_way = inventory.open.get(item.name)
        return under_way.kind if under_way else "pollReq"
    if verb in _SENDS:
        return _SENDS[verb]
    if isinstance(item, Enrollment) and (item.request or item.csr):
        return item.request or "p10cr"
    credential = document.credentials.get(item.credential or "")
    return "cr" if isinstance(credential, CertificateCredential) else "ir"
