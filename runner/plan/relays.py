"""Requests that tunnels found: each is forwarded once, refused with an answer, or left alone; and why.

What a plan says of them it says without a secret: whether a request is protected by somebody whom the RA knows, and
whether possession is proved, shows when it is taken up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.tunnel import SEPARATOR, TunnelRequest
from runner.plan.case import Case, Decision, decide
from runner.plan.reasons import open_operation
from runner.plan.steps import Reason, Step, Verb
from runner.plan.words import spell_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from runner.manifest.model import Document
    from runner.plan.case import Known

FORWARDED, REFUSED = "forwarded", "refused"
"""What the state holds of a request that is done with."""


def unreadable(case: Case[TunnelRequest]) -> Decision | None:
    """The file is no file, a link, or too long: nothing is answered, since nothing was asked."""
    problem = case.facts.relay(case.item.name).problem
    return decide(Verb.BLOCKED, "request-unreadable", problem) if problem else None


def forwarded_before(case: Case[TunnelRequest]) -> Decision | None:
    """These octets were forwarded, under this name or another."""
    if case.held is None or case.held.outcome != FORWARDED or case.held.digest != case.item.digest:
        return None
    return decide(Verb.KEEP, "forwarded", f"forwarded on {spell_time(case.held.at)}")


def refused_before(case: Case[TunnelRequest]) -> Decision | None:
    """It was refused, and nothing that it was judged by has changed."""
    if case.held is None or case.held.outcome != REFUSED or case.held.digest != case.item.verdict:
        return None
    return decide(Verb.KEEP, "refused", f"refused on {spell_time(case.held.at)}")


def malformed(case: Case[TunnelRequest]) -> Decision | None:
    """It is no request."""
    words = case.facts.relay(case.item.name).malformed
    return decide(Verb.REFUSE, "malformed", words) if words else None


def without_template(case: Case[TunnelRequest]) -> Decision | None:
    """What the RA would make of it cannot be told: the certificate that is its template is no such thing."""
    words = case.facts.relay(case.item.name).unshaped
    return decide(Verb.BLOCKED, "template-unreadable", words) if words else None


def against_the_rules(case: Case[TunnelRequest]) -> Decision | None:
    """The tunnel's rules do not let it pass."""
    facts = case.facts.relay(case.item.name)
    if not facts.refused:
        return None
    return Decision(Verb.REFUSE, (Reason("asked", facts.asked), Reason("against-the-rules", facts.refused)))


def asked(case: Case[TunnelRequest]) -> Decision:
    """What it asks for, and what the RA changes in it."""
    facts = case.facts.relay(case.item.name)
    changes = tuple(Reason("changed", change) for change in facts.changes)
    approval = (Reason("to-be-approved", "somebody has to approve it"),) if case.item.tunnel.approval.ask else ()
    return Decision(Verb.FORWARD, (Reason("asked", facts.asked), *changes, *approval))


RULES: tuple[Callable[[Case[TunnelRequest]], Decision | None], ...] = (
    open_operation,  # what is under way goes first
    unreadable,
    forwarded_before,
    refused_before,
    malformed,
    without_template,
    against_the_rules,
    asked,
)


def relay_steps(
    requests: Iterable[TunnelRequest], document: Document, known: Known, makers: Mapping[str, str]
) -> tuple[Step, ...]:
    """The steps of requests; of the same octets under several names, the first is forwarded."""
    first = {
        (name.partition(SEPARATOR)[0], held.digest): name
        for name, held in known.inventory.held.items()
        if held.outcome == FORWARDED and held.relay
    }
    return tuple(_step(request, document, known, makers, first) for request in requests)


def _step(
    request: TunnelRequest,
    document: Document,
    known: Known,
    makers: Mapping[str, str],
    first: dict[tuple[str, str], str],
) -> Step:
    decision = next(found for rule in RULES if (found := rule(Case(request, known))) is not None)
    if decision.verb is Verb.FORWARD:
        name = first.setdefault((request.tunnel.name, request.digest), request.name)
        if name != request.name:
            decision = decide(Verb.KEEP, "same-octets", f'the same octets as "{name}"')
    operation = known.inventory.open.get(request.name)
    facts = known.facts.relay(request.name)
    kind = operation.kind if operation is not None and decision.verb is Verb.RESUME else facts.kind
    sends = decision.verb in (Verb.FORWARD, Verb.RESUME)
    return Step(request, decision.verb, decision.reasons, _needs(request, document, makers), kind if sends else "")


def _needs(request: TunnelRequest, document: Document, makers: Mapping[str, str]) -> tuple[str, ...]:
    """Items that make the RA's own certificate."""
    credential = document.credentials.get(request.credential or "")
    paths = [getattr(credential, "certificate", None), *request.tunnel.trust]
    return tuple(dict.fromkeys(makers[path] for path in paths if path is not None and path in makers))
