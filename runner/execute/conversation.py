"""A transaction, talked through: every message journalled before it is sent, every ending defined.

The core says what comes next; the line carries it; `keep` makes it durable. One item has the transaction to itself, or
several share its messages: then each is handled by itself, and what is to be said is said for all at once. What an
ending means is in endings.py. A pollReq that is out is SENT with a moment (`check_after`).
"""

from __future__ import annotations

import asyncio
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from runner.cmp.dialogue import Challenged, Done, GivenUp, Offered, Rejected, Send, State, Tell, Wait
from runner.cmp.response import Status
from runner.cmp.transaction import Fellow, confirm, in_step, is_told, poll, prove, receive_together
from runner.errors import Claimed, Delayed, ProtocolError, TransportError
from runner.execute.endings import Parked, Unsure, Won, ending, without_answer, words_of
from runner.execute.line import Tally
from runner.execute.members import (
    SHORTEST_WAIT,
    Member,
    Standing,
    alike,
    in_turn,
    judged_again,
    keep_key,
    poll_from_now,
    taken_up,
    wait_from,
)
from runner.execute.patience import count_poll, no_longer, tired
from runner.execute.results import Failure
from runner.manifest.polling import USUAL
from runner.state.inventory import Stage
from runner.values import mutable, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.cmp.dialogue import Action, Dialogue, Parties
    from runner.errors import CmpBatchError
    from runner.execute.endings import Ending
    from runner.execute.line import Line
    from runner.manifest.polling import Polling


@mutable
class Conversation:
    """One transaction and what it needs.

    `keep(changes)` returns when the journal has them, all or none; `rest(seconds)` waits for the CA's decision;
    `max_wait` is how many seconds one run may do so, `polling` the limits over all runs.
    """

    members: Sequence[Member]
    line: Line
    clock: Clock
    entropy: Entropy
    keep: Callable[[list[Any]], Awaitable[None]]
    max_wait: float
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep
    polling: Polling = USUAL
    tally: Tally = field(default_factory=Tally)
    reference: str = ""
    _deadline: float = 0.0

    @property
    def _parties(self) -> Parties:
        """Who talks: the same for all but for the key that opens what comes encrypted."""
        return self.members[0].parties

    async def begin(self) -> None:
        """Journal the requests, then talk until every member has its ending."""
        stage, moment = (Stage.WAITING, self.clock.now()) if self.reference else (Stage.SENT, None)
        await self._note(stage, self.members, moment, self.reference)
        await self._talk()

    async def resume(self, standings: Sequence[Standing]) -> None:
        """Go on where another process stopped: repeat the message that may be out, or ask when it is time to.

        `standings` are those of the members, in their order. Of one transaction one message is out at a time.
        """
        self.tally.doubt = any(standing.stage is not Stage.WAITING for standing in standings)
        both = list(zip(self.members, standings, strict=True))
        for member, standing in both:
            self.reference = self.reference or standing.reference
            if member.dialogue.certificate:
                member.offered = judged_again(member, self.clock.now())
                await keep_key(member, member.offered)
                if member.dialogue.confirmed or member.dialogue.state is State.OFFERED:
                    member.action = member.offered
        await self._give_up([member for member, standing in both if standing.forsaken])
        due, moment = taken_up([each for each in both if each[0].ending is None], self.clock.now())
        if due:
            await self._poll(due, moment)
        await self._talk()

    async def _give_up(self, members: Sequence[Member], words: str = "") -> bool:
        """Those about whom the CA was asked often or long enough end, if there are any; `words` are its last."""
        endings = tired(members, self.polling, self.clock.now(), words)
        if endings:
            await self._note(Stage.WAITING, [member for member, _ in endings], None, self.reference)
        for member, enough in endings:
            member.end(enough)
        return bool(endings)

    async def _note(
        self, stage: Stage, members: Sequence[Member], check_after: datetime | None = None, reference: str = ""
    ) -> None:
        await self.keep(self._changes(stage, members, check_after, reference))

    def _changes(
        self, stage: Stage, members: Sequence[Member], check_after: datetime | None = None, reference: str = ""
    ) -> list[Any]:
        return [member.change(stage, member.dialogue, check_after, reference) for member in members]

    async def _talk(self) -> None:
        """What has ended, ends; then answers are heard, offers decided, and last the CA is waited for."""
        self._deadline = self.clock.monotonic() + self.max_wait
        steps = (self._end, self._ask, self._prove, self._decide, self._wait)
        while live := [(_TURNS[type(member.action)], member) for member in self.members if member.ending is None]:
            first = min(turn for turn, _ in live)
            await steps[first]([member for turn, member in live if turn == first])

    async def _end(self, members: Sequence[Member]) -> None:
        """What is over, ends. Where others go on, the journal has it first: the CA forgets what was said before."""
        doubt = self.tally.doubt
        endings = [
            (member, ending(member.dialogue, member.action, member.offered, doubt=doubt))
            for member in members
            if isinstance(member.action, _OVER)
        ]
        won = [member for member, what in endings if isinstance(what, Won) and member.dialogue.certificate]
        if won and any(member.ending is None and member not in members for member in self.members):
            await self._note(Stage.CONFIRMED, won)
        for member, what in endings:
            member.end(what)

    async def _ask(self, out: Sequence[Member]) -> None:
        members = [member for member in out if member.dialogue.request == out[0].dialogue.request]
        try:
            heard = await self._heard([Fellow(each.dialogue, each.order, each.parties) for each in members])
        except Delayed as later:
            await self._delayed(members, later)
            return
        except (TransportError, ProtocolError) as problem:
            await self._undelivered(members, problem)
            return
        self.reference = ""
        for member, answer in zip(members, heard, strict=True):
            if isinstance(answer, ProtocolError):
                member.end(self._without_answer(member, answer))
            else:
                member.dialogue, member.action = answer
                self.tally.doubt &= not isinstance(member.action, Wait | Challenged | Offered)
        self._keep_in_step(members)

    def _keep_in_step(self, heard: Sequence[Member]) -> None:
        """Those who wait meanwhile go on from the message that came last."""
        last = heard[0].dialogue
        for member in self.members:
            if member.ending is None and member not in heard:
                member.dialogue = in_step(member.dialogue, last)

    async def _heard(self, fellows: list[Fellow]) -> tuple[tuple[Dialogue, Action] | ProtocolError, ...]:
        """What is said to all of them. RFC 2510 has nothing to say to conf: whatever comes, but a no, is as good."""
        dialogue, now = fellows[0].dialogue, self.clock.now
        if not is_told(dialogue, self._parties):
            return receive_together(fellows, await self._answer(dialogue), now())
        octets = await self.line.tell(dialogue.request, self.tally, dialogue.kind)
        silence = tuple((each.dialogue, Done(Status(each.dialogue.granted))) for each in fellows)
        try:
            return receive_together(fellows, octets, now()) if octets else silence
        except Claimed:
            raise
        except ProtocolError:
            return silence

    async def _answer(self, dialogue: Dialogue) -> bytes:
        """The answer to the message that is out, or now goes out."""
        if self.reference:
            return await self.line.poll(self.reference, self.tally)
        return await self.line.exchange(dialogue.request, self.tally, dialogue.kind)

    async def _delayed(self, members: Sequence[Member], later: Delayed) -> None:
        """The transport has the message and no answer yet: what it gave to ask with is journalled before it is used."""
        self.reference = later.reference
        wait_from(members, self.clock.now())
        if await self._give_up(members, later.what):
            return
        count_poll(members)
        seconds = no_longer(later.seconds, members, self.polling, self.clock.now())
        moment = self.clock.now() + timedelta(seconds=seconds)
        await self._note(Stage.WAITING, members, moment, later.reference)
        if self.clock.monotonic() + seconds > self._deadline:
            words = f"{later.what}; {later.next_step}" if later.next_step else later.what
            for member in members:
                member.end(Parked(moment, words))
            return
        await self.rest(seconds)

    async def _undelivered(self, members: Sequence[Member], problem: CmpBatchError) -> None:
        """A failure while the transport still owes us an answer changes nothing, unless it has forgotten about it."""
        if not self.reference or isinstance(problem, ProtocolError):
            for member in members:
                member.end(self._without_answer(member, problem))
        elif getattr(problem, "cause", "") != "poll-unknown" or not members[0].dialogue.request:
            for member in members:
                member.end(Parked(self.clock.now(), words_of(problem)))
        else:
            self.reference = ""
            await self._note(Stage.SENT, members)
            for member in members:
                member.end(Unsure(Failure(problem.what, problem.why, problem.next_step)))

    def _without_answer(self, member: Member, problem: CmpBatchError) -> Ending:
        doubt, now = self.tally.doubt, self.clock.now()
        return without_answer(member.dialogue, problem, member.offered, now, doubt=doubt)

    async def _prove(self, members: Sequence[Member]) -> None:
        for member in members:
            if isinstance(member.action, Challenged):
                now = self.clock.now()
                member.dialogue, member.action = prove(member.dialogue, self._parties, member.action, now, self.entropy)
        await self._note(Stage.SENT, members)

    async def _decide(self, members: Sequence[Member]) -> None:
        """Accept or reject what was offered; the decisions are in the journal before the CA hears of them."""
        decisions = []
        for member in members:
            if isinstance(member.action, Offered):
                member.offered = await self._tried(member, member.action)
                decisions.append((member.dialogue, member.offered.problem))
        answers = confirm(decisions, self._parties, self.clock.now(), self.entropy)
        for member, answer in zip(members, answers, strict=True):
            member.dialogue, member.action = answer
        offers = [member.offered for member in members if member.offered is not None]
        if isinstance(members[0].action, _OUT) or any(offered.private_key for offered in offers):
            await self.keep([*self._changes(Stage.ISSUED, members), *self._put_off()])
        for member, offered in zip(members, offers, strict=True):
            await keep_key(member, offered)

    def _put_off(self) -> list[Any]:
        """What the journal is told of those that the same answer left to wait."""
        fresh = [each for each in self._waiting() if each.dialogue.state is not State.POLLING]
        poll_from_now(fresh, self.clock.now())
        return self._changes(Stage.WAITING, fresh, self.clock.now())

    def _waiting(self) -> list[Member]:
        return [each for each in self.members if each.ending is None and isinstance(each.action, Wait)]

    async def _tried(self, member: Member, offered: Offered) -> Offered:
        """The offer after its trial, where one is asked for; it is in the journal before anything is put in place."""
        if member.trial is None or offered.problem is not None:
            return offered
        await self._note(Stage.ISSUED, [member])
        await keep_key(member, offered)
        return replace(offered, problem=await member.trial(offered))

    async def _wait(self, waiting: Sequence[Member]) -> None:
        """The next pollReq, when it is time to ask again; Parked where that is beyond what this run may wait."""
        members = in_turn(waiting)
        waits = [member.action for member in members if isinstance(member.action, Wait)]
        polled = members[0].dialogue.state is State.POLLING
        poll_from_now(members, self.clock.now())
        if await self._give_up(members, waits[0].reason):
            return
        asked = max(wait.seconds for wait in waits) or (SHORTEST_WAIT if polled else 0)
        seconds = no_longer(asked, members, self.polling, self.clock.now())
        moment = self.clock.now() + timedelta(seconds=seconds)
        await self._note(Stage.WAITING, members, moment)
        if seconds and self.clock.monotonic() + seconds > self._deadline:
            for member, wait in zip(members, waits, strict=True):
                member.end(Parked(moment, wait.reason))
            return
        await self.rest(seconds)
        await self._poll(alike(members), moment)

    async def _poll(self, members: Sequence[Member], moment: datetime | None) -> None:
        asking = poll([member.dialogue for member in members], self._parties, self.clock.now(), self.entropy)
        for member, dialogue in zip(members, asking, strict=True):
            member.dialogue, member.action = dialogue, Send()
        await self._note(Stage.SENT, members, moment or self.clock.now())


_OVER = (Done, Rejected, GivenUp)
_OUT = (Send, Tell)
_TURNS = {kind: turn for turn, kinds in enumerate((_OVER, _OUT, (Challenged,), (Offered,), (Wait,))) for kind in kinds}
"""Whose turn comes first, by what is to be done with them."""
