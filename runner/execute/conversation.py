"""A transaction, talked through: every message journalled before it is sent, every ending defined.

The core says what comes next; the line carries it; `note` makes it durable. What an ending means is decided here and
nowhere else:

    state of the transaction   no answer, or one that is not acceptable   an authentic no
    REQUESTED, PROVING         Unsure; Lost where nothing can have been    Lost; Unsure after an unanswered attempt
                               processed, or where somebody says no
    POLLING                    Parked                                      Lost; Unsure after an unanswered attempt
    CONFIRMING                 Unsure                                      Lost; Unsure after an unanswered attempt,
                                                                           Won where that was heard (certConfirmed)

A certificate that we reject ends as Lost in every case. A pollReq that is out is SENT with a moment (`check_after`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.cmp.dialogue import Challenged, Done, GivenUp, Offered, Rejected, Send, State, Wait
from runner.cmp.judging import judge
from runner.cmp.transaction import confirm, poll, prove, receive
from runner.errors import (
    BadCertificate,
    Busy,
    Claimed,
    Delayed,
    Malformed,
    NotCmp,
    NotSent,
    ProtocolError,
    TransportError,
    Unauthentic,
)
from runner.execute.endings import Lost, Parked, Unsure, Won, refusal, rejected_by_us
from runner.execute.line import Tally
from runner.execute.results import Failure
from runner.state.inventory import Stage
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.cmp.dialogue import Action, Dialogue, Parties
    from runner.cmp.request import Order
    from runner.errors import CmpBatchError
    from runner.execute.endings import Ending
    from runner.execute.line import Line

TRY_LATER = ("systemUnavail", "systemFailure")
"""failInfo that asks for another transaction later (dossier §3.13)."""
SHORTEST_WAIT = 1
"""Seconds between a pollReq and the next, where the CA goes on to say `waiting` and not how long."""


@dataclass(slots=True)
class Conversation:
    """One transaction and what it needs.

    `note(stage, dialogue, check_after, reference)` returns when the journal has it; `reference` is what the transport
    gave where it delivers the answer to the message that is out later. `keep(private key)` returns when a key that the
    CA made is durable. `rest(seconds)` waits for the CA's decision;
    `max_wait` is how many seconds one run may do so.
    """

    order: Order
    parties: Parties
    line: Line
    clock: Clock
    entropy: Entropy
    note: Callable[..., Awaitable[None]]
    max_wait: float
    keep: Callable[[bytes], Awaitable[None]]
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep
    tally: Tally = field(default_factory=Tally)
    offered: Offered | None = None
    reference: str = ""

    async def begin(self, dialogue: Dialogue) -> Ending:
        """Journal the request, then talk to the end."""
        await self.note(Stage.SENT, dialogue, None)
        return await self._talk(dialogue, Send())

    async def resume(
        self, dialogue: Dialogue, stage: Stage, check_after: datetime | None, reference: str = ""
    ) -> Ending:
        """Go on where another process stopped: repeat the message that may be out, or ask when it is time to."""
        self.tally.doubt = stage is not Stage.WAITING
        if dialogue.certificate:
            self.offered = self._judged_again(dialogue)
            await self._keep_key(self.offered)
            if dialogue.confirmed:
                return await self._talk(dialogue, self.offered)
        self.reference = reference
        if dialogue.state is not State.POLLING or stage is Stage.SENT or reference:
            return await self._talk(dialogue, Send())
        left = (check_after - self.clock.now()).total_seconds() if check_after else 0
        if left > 0:
            return await self._talk(dialogue, Wait(int(left) + 1, "the CA asked not to be asked before then"))
        return await self._talk(await self._poll(dialogue, check_after), Send())

    def _judged_again(self, dialogue: Dialogue) -> Offered:
        """What certConf says, or said, stands: time and trust may have changed since, the CA's mind does not."""
        offered = judge(dialogue, self.order, self.parties, self.clock.now())
        if dialogue.refused:
            return replace(offered, problem=offered.problem or BadCertificate(dialogue.refused))
        if offered.problem is None:
            return offered
        remark = f"it was accepted when it came; today: {offered.problem.what}"
        return replace(offered, problem=None, remarks=(*offered.remarks, remark))

    async def _talk(self, dialogue: Dialogue, action: Action) -> Ending:
        deadline = self.clock.monotonic() + self.max_wait
        while True:
            if isinstance(action, Send):
                dialogue, action, ending = await self._ask(dialogue, deadline)
                if ending is not None:
                    return ending
            elif isinstance(action, Wait):
                waited = await self._wait(dialogue, action, deadline)
                if isinstance(waited, Parked):
                    return waited
                dialogue, action = waited, Send()
            elif isinstance(action, Challenged):
                dialogue, action = prove(dialogue, self.parties, action, self.clock.now(), self.entropy)
                await self.note(Stage.SENT, dialogue, None)
            elif isinstance(action, Offered):
                dialogue, action = await self._decide(dialogue, action)
            else:
                return self._ending(dialogue, action)

    async def _ask(self, dialogue: Dialogue, deadline: float) -> tuple[Dialogue, Action, Ending | None]:
        try:
            answer = await self._answer(dialogue)
            answered, action = receive(dialogue, answer, self.order, self.parties, self.clock.now())
        except Delayed as later:
            return dialogue, Send(), await self._delayed(dialogue, later, deadline)
        except (TransportError, ProtocolError) as problem:
            return dialogue, Send(), await self._undelivered(dialogue, problem)
        self.reference = ""
        if isinstance(action, Wait | Challenged | Offered):
            self.tally.doubt = False
        return answered, action, None

    async def _answer(self, dialogue: Dialogue) -> bytes:
        """The answer to the message that is out, or now goes out."""
        if self.reference:
            return await self.line.poll(self.reference, self.tally)
        return await self.line.exchange(dialogue.request, self.tally, dialogue.kind)

    async def _delayed(self, dialogue: Dialogue, later: Delayed, deadline: float) -> Parked | None:
        """The transport has the message and no answer yet: what it gave to ask with is journalled before it is used."""
        self.reference = later.reference
        moment = self.clock.now() + timedelta(seconds=later.seconds)
        await self.note(Stage.WAITING, dialogue, moment, later.reference)
        if self.clock.monotonic() + later.seconds > deadline:
            return Parked(moment, f"{later.what}; {later.next_step}" if later.next_step else later.what)
        await self.rest(later.seconds)
        return None

    async def _undelivered(self, dialogue: Dialogue, problem: CmpBatchError) -> Ending:
        """A failure while the transport still owes us an answer changes nothing, unless it has forgotten about it."""
        if not self.reference or isinstance(problem, ProtocolError):
            return self._without_answer(dialogue, problem)
        if getattr(problem, "cause", "") != "poll-unknown":
            return Parked(self.clock.now(), f"{problem.what}: {problem.why}" if problem.why else problem.what)
        self.reference = ""
        await self.note(Stage.SENT, dialogue, None)
        return Unsure(Failure(problem.what, problem.why, problem.next_step))

    async def _wait(self, dialogue: Dialogue, wait: Wait, deadline: float) -> Dialogue | Parked:
        """The next pollReq, when it is time to ask again; Parked where that is beyond what this run may wait."""
        seconds = wait.seconds or (SHORTEST_WAIT if dialogue.state is State.POLLING else 0)
        moment = self.clock.now() + timedelta(seconds=seconds)
        waiting = dialogue
        if dialogue.state is not State.POLLING:
            waiting = replace(dialogue, state=State.POLLING, origin=dialogue.state)
        await self.note(Stage.WAITING, waiting, moment)
        if seconds and self.clock.monotonic() + seconds > deadline:
            return Parked(moment, wait.reason)
        await self.rest(seconds)
        return await self._poll(waiting, moment)

    async def _poll(self, dialogue: Dialogue, moment: datetime | None) -> Dialogue:
        asking = poll(dialogue, self.parties, self.clock.now(), self.entropy)
        await self.note(Stage.SENT, asking, moment or self.clock.now())
        return asking

    async def _decide(self, dialogue: Dialogue, offered: Offered) -> tuple[Dialogue, Action]:
        """Accept or reject what was offered; the decision is in the journal before the CA hears of it."""
        self.offered = offered
        dialogue, action = confirm(dialogue, self.parties, offered.problem, self.clock.now(), self.entropy)
        if isinstance(action, Send) or offered.private_key:
            await self.note(Stage.ISSUED, dialogue, None)
        await self._keep_key(offered)
        return dialogue, action

    async def _keep_key(self, offered: Offered) -> None:
        """The key comes first: a CA that hears of acceptance may forget it."""
        if offered.private_key and offered.problem is None:
            await self.keep(offered.private_key)

    def _ending(self, dialogue: Dialogue, action: Done | Rejected | GivenUp) -> Ending:
        if isinstance(action, GivenUp):
            return Lost(Failure(action.problem.what, action.problem.why, action.problem.next_step))
        if self.offered is not None and self.offered.problem is not None:
            return rejected_by_us(self.offered.problem, self.offered, confirmed=dialogue.confirmed)
        if isinstance(action, Done):
            status = self.offered.status if self.offered else action.status
            return Won(dialogue, status, self.offered)
        if self.tally.doubt:
            if self.offered is not None and "certConfirmed" in action.status.fail_info:
                return Won(dialogue, self.offered.status, self.offered)
            return Unsure(refusal(action), action.status)
        # Another transaction after a certificate came would be another certificate.
        later = not action.after_issue and any(bit in TRY_LATER for bit in action.status.fail_info)
        return Lost(refusal(action), action.status, later, dialogue.certificate if action.after_issue else b"")

    def _without_answer(self, dialogue: Dialogue, problem: CmpBatchError) -> Ending:
        unusable = isinstance(problem, Malformed | Unauthentic) and not isinstance(problem, Claimed)
        what = f"the CA's answer cannot be used: {problem.what}" if unusable else problem.what
        failure = Failure(what, problem.why, problem.next_step)
        if self.offered is not None and self.offered.problem is not None:
            return rejected_by_us(self.offered.problem, self.offered, confirmed=False)
        processed = self.tally.doubt or not isinstance(problem, _NOTHING_PROCESSED)
        if dialogue.state is State.POLLING:
            words = f"{problem.what}: {problem.why}" if problem.why else problem.what
            return Parked(self.clock.now(), words, doubt=processed)
        if dialogue.state is State.REQUESTED and not processed:
            return Lost(failure)
        return Unsure(failure)


_NOTHING_PROCESSED = (NotSent, NotCmp, Busy, Claimed)
"""Failures after which no CA is at work on the request. Claimed is among them although nothing proves it: see
.github/decisions, "unauthenticated refusals"."""
