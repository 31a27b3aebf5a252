"""One request of somebody else's, end to end: judged, forwarded, answered, remembered. Its trouble is its Result's.

The journal has the request, and what goes to the CA, before anything is sent. Killed anywhere in between, the next
run goes on with the same octets: nothing is enrolled twice. A transaction that the RA may represent is talked to its
end (standing_in.py); a message whose protection has to go along is passed on (passing.py).
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.cmp.response import Status
from runner.errors import CmpBatchError, Malformed
from runner.execute.gather import read_request
from runner.execute.handling import Answer, Handling
from runner.execute.passing import pass_on
from runner.execute.results import Failure, Outcome
from runner.execute.standing_in import go_on, stand_in
from runner.manifest.tunnel import SEPARATOR
from runner.pki.certificates import parse_certificate
from runner.plan.relays import FORWARDED
from runner.plan.steps import Verb
from runner.ra.cases import examine, requester_of
from runner.ra.proof import Proof
from runner.ra.reading import read_submission
from runner.ra.refusal import Refusal
from runner.ra.relay import Forward, forwarded
from runner.ra.representing import confirmed
from runner.ra.requesters import UNPROTECTED
from runner.state.inventory import Stage
from runner.values import replace

if TYPE_CHECKING:
    from runner.execute.results import Result
    from runner.ra.reading import Submission
    from runner.ra.relayed import Relayed
    from runner.ra.requesters import Requester
    from runner.state.inventory import Held, Open

FOLLOWING = ("certConf", "pollReq")
"""What a requester may say next, as another file."""


class Relaying(Handling):
    """One request under way, as a step is run."""

    async def run(self) -> Result:
        """Take it up, or go on with it."""
        return await _run(self)


async def _run(work: Handling) -> Result:
    """Take it up, or go on with it."""
    if work.step.verb is Verb.RESUME and work.record.before is not None:
        return await _resume(work, work.record.before)
    octets = read_request(work.item.path)
    if sha256(octets).hexdigest() != work.item.content:
        raise CmpBatchError("the request has changed since it was looked at", next_step="run apply again")
    try:
        return await _taken(work, octets)
    except Malformed as problem:
        words = f"not a request: {problem.what} {problem.why}".strip()
        return await work.refuse(Refusal("badDataFormat", words), octets)
    except Refusal as refusal:
        return await work.refuse(refusal, octets)


async def _taken(work: Handling, octets: bytes) -> Result:
    work.submission = submission = read_submission(octets)
    policy, now = work.standing.policy, work.desk.clock.now()
    work.requester = requester_of(submission, policy, now)
    if submission.kind in FOLLOWING:
        return await _follow(work, submission, work.requester)
    case = examine(submission, policy, work.standing.used, now)
    if policy.rules.ask and (waiting := _asked(work)) is not None:
        return waiting
    if work.requester.secret is not None:
        work.standing.used.add(work.requester.holder)
    if not case.keep and case.proof not in (Proof.LATER, Proof.CHALLENGED):
        return await stand_in(work, case)
    if submission.unverified is None:
        raise Refusal("badPOP", "nobody is there to open the certificate: send the request as a PKIMessage")
    return await pass_on(work, forwarded(submission, work.requester, work.office, None, (), now), Stage.SENT)


def _asked(work: Handling) -> Result | None:
    """What a person has said about it; None: go ahead."""
    said = work.desk.approvals.get(work.item.digest)
    if said is None:
        step = "run apply on a terminal, where it asks"
        return work.result(Outcome.PENDING, failure=Failure("nobody has approved it yet", work.told(), step))
    if not said:
        raise Refusal("notAuthorized", "the request was not approved")
    return None


async def _resume(work: Handling, before: Open) -> Result:
    relayed = work.relayed_in(before.relay)
    work.submission = submission = read_submission(relayed.request)
    with suppress(Refusal):  # it was identified when it came; without its secret, the answer is signed
        work.requester = requester_of(submission, work.standing.policy, work.desk.clock.now())
    if relayed.represented:
        return await go_on(work, before, relayed)
    return await pass_on(work, Forward(relayed, work.requester or UNPROTECTED), before.stage)


async def _follow(work: Handling, submission: Submission, requester: Requester) -> Result:
    """A certConf or pollReq: of a transaction that this tunnel has forwarded, by the same requester."""
    known = _transaction(work, submission, requester)
    if known is None or not known[1].represented:
        relayed = known[1] if known is not None else None
        now = work.desk.clock.now()
        return await pass_on(work, forwarded(submission, requester, work.office, relayed, (), now), Stage.SENT)
    certificate = known[0].certificate
    if submission.kind != "certConf" or certificate is None:
        raise Refusal("badRequest", "the transaction is over, and its answer was given")
    found, now = parse_certificate(certificate), work.desk.clock.now()
    octets = confirmed(submission, found, requester, work.office, now, work.desk.entropy)
    await work.deliver(Answer(octets, FORWARDED, replace(known[1], request=submission.octets, answer=octets)))
    return work.result(Outcome.FORWARDED, status=Status("accepted"))


def _transaction(work: Handling, submission: Submission, requester: Requester) -> tuple[Held, Relayed] | None:
    """What the state holds of the transaction that a message goes on with: the last that was said in it."""
    header, start = submission.innermost.header, work.item.tunnel.name + SEPARATOR
    found: list[tuple[Held, Relayed]] = []
    for name, held in work.desk.inventory.held.items():
        if held.relay and name.startswith(start) and header is not None:
            relayed = work.relayed_in(held.relay)
            if (relayed.transaction_id, relayed.holder) == (header.transaction_id, requester.holder):
                found.append((held, relayed))
    return max(found, key=lambda each: each[0].at, default=None)
