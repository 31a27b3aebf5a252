"""A transaction, talked through: every message journalled before it is sent, every ending defined.

The core says what comes next; the line carries it; `note` makes it durable. What an ending means is decided here and
nowhere else:

    state of the transaction   no answer, or one that is not acceptable   an authentic no
    REQUESTED                  Unsure; Lost where nothing can have been    Lost; Unsure after an unanswered attempt
                               processed, or where somebody says no
    POLLING                    Parked                                      Lost
    CONFIRMING                 Unsure                                      Lost; Unsure after an unanswered attempt
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.cmp.dialogue import Dialogue, Done, Offered, Rejected, Send, State, Wait
from runner.cmp.transaction import confirm, judge, poll, receive
from runner.errors import Busy, Claimed, CmpBatchError, NotCmp, NotSent, ProtocolError, TransportError
from runner.execute.line import Tally
from runner.execute.results import Failure
from runner.state.inventory import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.cmp.dialogue import Action, Parties
    from runner.cmp.request import Order
    from runner.cmp.response import Status
    from runner.errors import BadCertificate
    from runner.execute.line import Line

TRY_LATER = ("systemUnavail", "systemFailure")
"""failInfo that asks for another transaction later (dossier §3.13)."""


@dataclass(frozen=True, slots=True)
class Won:
    """The CA did what was asked and the transaction is over. `offered` is the certificate with its path."""

    dialogue: Dialogue
    status: Status
    offered: Offered | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """It came to nothing. `try_later`: the CA asks for another transaction; `aside`: a certificate to put aside."""

    failure: Failure
    status: Status | None = None
    try_later: bool = False
    aside: bytes = b""


@dataclass(frozen=True, slots=True)
class Unsure:
    """The CA may have acted and we cannot know."""

    failure: Failure
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """The CA has not decided; it may be asked again after `check_after`."""

    check_after: datetime
    words: str


Ending = Won | Lost | Unsure | Parked


@dataclass(slots=True)
class Conversation:
    """One transaction and what it needs. `note(stage, dialogue, check_after)` returns when the journal has it."""

    order: Order
    parties: Parties
    line: Line
    clock: Clock
    entropy: Entropy
    note: Callable[[Stage, Dialogue, datetime | None], Awaitable[None]]
    max_wait: float
    tally: Tally = field(default_factory=Tally)
    offered: Offered | None = None

    async def begin(self, dialogue: Dialogue) -> Ending:
        """Journal the request, then talk to the end."""
        await self.note(Stage.SENT, dialogue, None)
        return await self._talk(dialogue, Send())

    async def resume(self, dialogue: Dialogue) -> Ending:
        """Go on where another process stopped: repeat the message that may be out, or poll."""
        self.tally.doubt = dialogue.state is not State.POLLING
        if dialogue.certificate:
            self.offered = judge(dialogue, self.order, self.parties, self.clock.now())
        if dialogue.state is State.POLLING:
            return await self._talk(dialogue, Wait(0, ""))
        return await self._talk(dialogue, Send())

    async def _talk(self, dialogue: Dialogue, action: Action) -> Ending:
        deadline = self.clock.monotonic() + self.max_wait
        while True:
            if isinstance(action, Send):
                dialogue, action, ending = await self._ask(dialogue)
                if ending is not None:
                    return ending
            elif isinstance(action, Wait):
                parked = await self._wait(dialogue, action, deadline)
                if parked is not None:
                    return parked
                dialogue, action = poll(dialogue, self.parties, self.clock.now(), self.entropy), Send()
            elif isinstance(action, Offered):
                dialogue, action = await self._decide(dialogue, action)
            else:
                return self._ending(dialogue, action)

    async def _ask(self, dialogue: Dialogue) -> tuple[Dialogue, Action, Ending | None]:
        try:
            answer = await self.line.exchange(dialogue.request, self.tally)
            answered, action = receive(dialogue, answer, self.order, self.parties, self.clock.now())
        except (TransportError, ProtocolError) as problem:
            return dialogue, Send(), self._without_answer(dialogue, problem)
        if isinstance(action, Wait | Offered):
            self.tally.doubt = False
        return answered, action, None

    async def _wait(self, dialogue: Dialogue, action: Wait, deadline: float) -> Parked | None:
        """Sleep until it is time to ask again; Parked where that is beyond what this run may wait."""
        moment = self.clock.now() + timedelta(seconds=action.seconds)
        if action.seconds == 0:
            return None
        await self.note(Stage.WAITING, dialogue, moment)
        if self.clock.monotonic() + action.seconds > deadline:
            return Parked(moment, action.reason)
        await asyncio.sleep(action.seconds)
        return None

    async def _decide(self, dialogue: Dialogue, offered: Offered) -> tuple[Dialogue, Action]:
        """Accept or reject what was offered; the decision is in the journal before the CA hears of it."""
        self.offered = offered
        dialogue, action = confirm(dialogue, self.parties, offered.problem, self.clock.now(), self.entropy)
        await self.note(Stage.ISSUED if isinstance(action, Send) else Stage.CONFIRMED, dialogue, None)
        return dialogue, action

    def _ending(self, dialogue: Dialogue, action: Done | Rejected) -> Ending:
        if self.offered is not None and self.offered.problem is not None:
            return _rejected_by_us(self.offered.problem, self.offered, confirmed=dialogue.confirmed)
        if isinstance(action, Done):
            status = self.offered.status if self.offered else action.status
            return Won(dialogue, status, self.offered)
        if action.after_issue and self.tally.doubt and "certConfirmed" in action.status.fail_info:
            return Won(dialogue, action.status, self.offered)
        failure = _refusal(action)
        if self.tally.doubt:
            return Unsure(failure, action.status)
        later = any(bit in TRY_LATER for bit in action.status.fail_info)
        return Lost(failure, action.status, later, dialogue.certificate if action.after_issue else b"")

    def _without_answer(self, dialogue: Dialogue, problem: CmpBatchError) -> Ending:
        failure = Failure(problem.what, problem.why, problem.next_step)
        if self.offered is not None and self.offered.problem is not None:
            return _rejected_by_us(self.offered.problem, self.offered, confirmed=False)
        if dialogue.state is State.POLLING:
            words = f"{problem.what}: {problem.why}" if problem.why else problem.what
            return Parked(self.clock.now(), words)
        if dialogue.state is State.REQUESTED and not self.tally.doubt and isinstance(problem, _NOTHING_PROCESSED):
            return Lost(failure)
        return Unsure(failure)


_NOTHING_PROCESSED = (NotSent, NotCmp, Busy, Claimed)
"""Failures after which no CA is at work on the request. Claimed is among them although nothing proves it: see
.github/decisions, "unauthenticated refusals"."""


def _rejected_by_us(problem: BadCertificate, offered: Offered, *, confirmed: bool) -> Lost:
    told = "the CA counts it as confirmed (implicitConfirm): have it revoked" if confirmed else problem.next_step
    return Lost(Failure(problem.what, problem.why, told), offered.status)


def _refusal(action: Rejected) -> Failure:
    what = f"the CA refused: {action.status}"
    if action.after_issue:
        return Failure(what, "it had issued the certificate and then did not accept our certConf", "ask the CA")
    return Failure(
        what, "its answer is authentic", _NEXT_STEPS.get(_first(action.status.fail_info), "ask the CA's operator")
    )


def _first(bits: tuple[str, ...]) -> str:
    return bits[0] if bits else ""


_NEXT_STEPS = {
    "badMessageCheck": "compare the credential with what the CA has",
    "badTime": "compare the clocks of this machine and of the CA",
    "badCertTemplate": "compare the template with what the CA allows",
    "badPOP": "the CA wants another proof-of-possession",
    "badAlg": "the CA wants another key type or another protection",
    "signerNotTrusted": "the CA does not know the credential's certificate",
    "notAuthorized": "the credential may not ask for this",
    "certRevoked": "use another certificate: the CA has revoked this one",
    "systemUnavail": "run again later",
    "systemFailure": "run again later",
    "transactionIdInUse": "run again",
    "unsupportedVersion": "set the authority's `version:`",
}
