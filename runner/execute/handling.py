"""What is under way with one request: its record in the journal, who sent it, and its answer.

The answer is written before the journal lets go of the request. What becomes of it is decided in relaying.py,
standing_in.py and passing.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cmp.response import Status
from runner.errors import CmpBatchError
from runner.execute.conversation import Conversation
from runner.execute.desk import Installation
from runner.execute.members import Member
from runner.execute.offices import office_of
from runner.execute.record import Record
from runner.execute.results import Failure, Outcome, Result, answered_result
from runner.keystores.files import NewFile
from runner.manifest.tunnel import TunnelRequest, verdict_of
from runner.pki.certificates import to_pem
from runner.plan.relays import FORWARDED, REFUSED
from runner.plan.steps import Verb
from runner.ra.reading import header_alone
from runner.ra.record import from_record, to_record
from runner.ra.representing import refused
from runner.state.inventory import Held
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.cmp.dialogue import Dialogue, Parties
    from runner.cmp.request import Order
    from runner.execute.desk import Desk
    from runner.execute.policies import Standing
    from runner.pki.certificates import Certificate
    from runner.plan.steps import Step
    from runner.ra.reading import Submission
    from runner.ra.refusal import Refusal
    from runner.ra.relayed import Office, Relayed
    from runner.ra.requesters import Requester
    from runner.state.inventory import Open


async def _no_key(octets: bytes) -> None:
    """A key that the CA made for a requester does not pass through a transaction of ours: such requests go nested."""


@frozen
class Answer:
    """What is written for the requester, and what is remembered: an outcome of the state's, and the transaction."""

    octets: bytes
    held: str
    relayed: Relayed | None = None
    certificate: Certificate | None = None


class Handling:
    """One request under way."""

    def __init__(
        self,
        step: Step,
        desk: Desk,
        rest: Callable[[float], Awaitable[None]],
        before: Open | None = None,
        until: float = 0.0,
    ) -> None:
        if not isinstance(step.item, TunnelRequest):
            raise TypeError(f"{step.item.name} is no request")
        self.verb = step.verb
        self.step = step if before is None else replace(step, verb=Verb.RESUME)
        self.until = until
        """How long it may wait for its CA, by the monotonic clock; 0: it has not begun to."""
        self.item = step.item
        self.desk = desk
        self.rest = rest
        self.record = Record(self.step, desk, before)
        self.submission: Submission | None = None
        self.requester: Requester | None = None

    @property
    def standing(self) -> Standing:
        """What the tunnel judges by."""
        return self.desk.standings[self.item.tunnel.name]

    @property
    def office(self) -> Office:
        """The RA in front of the tunnel's authority."""
        return office_of(self.desk, self.item.tunnel)

    def told(self) -> str:
        """What the request asks for, in words."""
        return self.desk.facts.relay(self.item.name).asked

    def remember(self, relayed: Relayed, kind: str) -> None:
        """Journalled with the next transition."""
        self.record.last = replace(self.record.last, relay=to_record(relayed), kind=kind)

    def conversation(self, order: Order, both: Parties, dialogue: Dialogue) -> Conversation:
        """A transaction of the RA's own, which nobody shares: its marks are a requester's."""
        access, now = self.desk.access(self.item.authority), self.desk.clock.monotonic()
        self.until = self.until or now + access.authority.polling.max_wait
        return Conversation(
            members=(Member(order, both, dialogue, self.record.change, _no_key),),
            line=access.line,
            clock=self.desk.clock,
            entropy=self.desk.entropy,
            keep=self.desk.record,
            max_wait=self.until - now,
            rest=self.rest,
            polling=access.authority.polling,
        )

    def relayed_in(self, text: str) -> Relayed:
        """What the journal remembers of a transaction."""
        try:
            return from_record(text)
        except ValueError as problem:
            step = "restore a backup of the state"
            raise CmpBatchError(f"the journal's record of {self.item.name} cannot be read", next_step=step) from problem

    def free(self) -> None:
        """The secret of a request that went nowhere is as good as before."""
        if self.requester is not None:
            self.standing.used.discard(self.requester.holder)

    async def refuse(self, refusal: Refusal, octets: bytes) -> Result:
        """Answer with a refusal of the RA's own."""
        inmost = self.submission.innermost if self.submission is not None else None
        header = inmost.header if inmost is not None else header_alone(octets)
        kind, now = inmost.kind if inmost is not None else "", self.desk.clock.now()
        answer = refused(header, kind, self.requester, refusal, self.office, now, self.desk.entropy)
        await self.deliver(Answer(answer, REFUSED))
        status = Status("rejection", (refusal.fail_info,), refusal.what)
        failure = Failure(f"refused: {refusal.what}", self.told(), f"its answer is {Path(self.item.answer).name}")
        return replace(self.result(Outcome.FAILED, status=status, failure=failure), status_from="ra")

    async def deliver(self, answer: Answer) -> None:
        """Write what the requester gets, then let go of the request."""
        files = [NewFile(Path(self.item.answer), answer.octets)] if self._speaks_cmp(answer) else []
        if answer.certificate is not None:
            files.append(NewFile(Path(self.item.certificate), to_pem(answer.certificate.der)))
        await self.desk.installations.do(Installation(tuple(files), ()))
        digest = self.record.last.digest
        held = Held(
            item=self.item.name,
            digest=digest if answer.held == FORWARDED else verdict_of(digest, self.item.tunnel),
            outcome=answer.held,
            at=self.desk.clock.now(),
            certificate=answer.certificate.der if answer.certificate else None,
            certificate_path=self.item.certificate if answer.certificate else None,
            relay=to_record(answer.relayed) if answer.relayed is not None else "",
            authority=self.item.authority,
            credential=self.item.credential or "",
        )
        await self.record.close(held)

    def failure(self, problem: CmpBatchError) -> Failure:
        """What went wrong, in words."""
        return Failure(problem.what, problem.why, problem.next_step)

    def _speaks_cmp(self, answer: Answer) -> bool:
        """Whether there is a CMP answer: to a PKIMessage, and to whatever is refused."""
        return answer.held == REFUSED or self.submission is None or self.submission.form == "pkimessage"

    def result(
        self,
        outcome: Outcome,
        *,
        status: Status | None = None,
        certificate: Certificate | None = None,
        warnings: tuple[str, ...] = (),
        failure: Failure | None = None,
    ) -> Result:
        """The request's Result with everything that is known so far."""
        return replace(
            answered_result(self.item.name, self.verb, outcome, status, certificate),
            certificate_path=self.item.certificate if certificate else None,
            warnings=warnings,
            attempts=self.record.last.attempts,
            failure=failure,
        )
