"""Where operations meet that may share a message: `batching:` of an authority (RFC 4211 §3, RFC 9810 §5.3).

An operation that goes alone passes through at once. Others wait until as many have come as one message takes, or until
nobody has come for a moment, and then have one transaction together; each gets an ending of its own. Operations that
another process left in the middle of a shared transaction find each other again by its transactionID.
"""

from __future__ import annotations

import asyncio
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from runner.cmp.framing import as_begun
from runner.cmp.request import Request
from runner.cmp.transaction import start_together
from runner.execute.agreeing import agreed, agrees, rebound
from runner.execute.conversation import Conversation
from runner.execute.members import Member, Standing
from runner.execute.record import dialogue_of, with_secrets
from runner.values import frozen, mutable, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from typing import Any

    from runner.cmp.dialogue import Dialogue, Offered, Parties
    from runner.errors import BadCertificate
    from runner.execute.desk import Desk
    from runner.execute.endings import Ending
    from runner.execute.groundwork import Prepared
    from runner.execute.line import Tally
    from runner.state.inventory import Open

PATIENCE = 0.25
"""Seconds without a newcomer after which those who are there go."""


@frozen
class Ticket:
    """An operation that wants to talk to an authority. `before` is where another process left it, if one did."""

    authority: str
    prepared: Prepared
    change: Callable[..., Any]
    keep_key: Callable[[bytes], Awaitable[None]]
    trial: Callable[[Offered], Awaitable[BadCertificate | None]] | None
    rest: Callable[[float], Awaitable[None]]
    max_wait: float
    before: Open | None = None


@frozen
class Told:
    """What came of it, which may be an exception, and how many messages that took."""

    outcome: Ending | Exception
    messages: int


@mutable
class _Party:
    """Those who have come for one message."""

    tickets: list[Ticket] = field(default_factory=list)
    answers: list[asyncio.Future[Told]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Lobby:
    """One for a run."""

    def __init__(self) -> None:
        self._parties: dict[Hashable, _Party] = {}
        self._talks: set[asyncio.Task[None]] = set()

    async def talk(self, desk: Desk, ticket: Ticket, key: Hashable = None, size: int = 1) -> Told:
        """Talk alone (no `key`), or together with at most `size` in all who come with the same key."""
        if key is None or size == 1:
            told: list[Told] = []
            await _talk(desk, [ticket], lambda _, what: told.append(what))
            return told[0]
        party = self._parties.setdefault(key, _Party())
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        party.tickets.append(ticket)
        party.answers.append(answer)
        if party.timer is not None:
            party.timer.cancel()
        if len(party.tickets) >= size:
            self._go(desk, key)
        else:
            party.timer = asyncio.get_running_loop().call_later(PATIENCE, self._go, desk, key)
        return await answer

    def _go(self, desk: Desk, key: Hashable) -> None:
        party = self._parties.pop(key)
        talk = asyncio.ensure_future(self._answered(desk, party))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        for answer in party.answers:
            answer.add_done_callback(lambda done: talk.cancel() if done.cancelled() else None)

    async def _answered(self, desk: Desk, party: _Party) -> None:
        """Everybody's answer, as soon as it is known. Who is cut off by a signal cuts off the talk."""

        def tell(number: int, told: Told) -> None:
            if not party.answers[number].done():
                party.answers[number].set_result(told)

        try:
            await _talk(desk, party.tickets, tell)
        except Exception as problem:  # noqa: BLE001 - nobody may wait for ever
            for number in range(len(party.tickets)):
                tell(number, Told(problem, 0))


async def _talk(desk: Desk, tickets: list[Ticket], tell: Callable[[int, Told], None]) -> None:
    """One conversation; `tell` hears what came of each ticket, by its number.

    What is raised in it befalls those who have no ending yet.
    """
    standings = [Standing(b.stage, b.check_after, b.reference) for ticket in tickets if (b := ticket.before)]
    members = _resumed(tickets) if standings else await _begun(desk, tickets)
    conversation = Conversation(
        members=members,
        line=desk.access(tickets[0].authority).line,
        clock=desk.clock,
        entropy=desk.entropy,
        keep=desk.record,
        max_wait=max(ticket.max_wait for ticket in tickets),
        rest=tickets[0].rest,
        reference=tickets[0].prepared.reference if not standings else "",
        polling=desk.access(tickets[0].authority).authority.polling,
    )
    for number, member in enumerate(members):
        member.ended = partial(_told, tell, number, conversation.tally)  # not all of it: it holds its members
    problem: Exception = AssertionError("a conversation is over when every member has an ending")
    try:
        await (conversation.resume(standings) if standings else conversation.begin())
    except Exception as raised:  # noqa: BLE001 - carried to everybody whom it befell
        problem = raised
    for number, member in enumerate(members):
        if member.ending is None:
            tell(number, Told(problem, conversation.tally.attempts))


def _told(tell: Callable[[int, Told], None], number: int, tally: Tally, what: Ending) -> None:
    tell(number, Told(what, tally.attempts))


async def _begun(desk: Desk, tickets: list[Ticket]) -> list[Member]:
    prepared = [ticket.prepared for ticket in tickets]
    both, opening = prepared[0].parties, None
    if agrees(both):  # then it is alone
        both, opening = await agreed(both, desk.access(tickets[0].authority).line, desk.clock, desk.entropy)
        prepared = [replace(prepared[0], parties=both)]
    requests = [Request(each.order, each.key.signer if each.key else None, each.parties) for each in prepared]
    dialogues = start_together(requests, both, desk.clock.now(), desk.entropy, opening)
    together = zip(tickets, prepared, dialogues, strict=True)
    return [_member(ticket, each.parties, dialogue) for ticket, each, dialogue in together]


def _resumed(tickets: list[Ticket]) -> list[Member]:
    open_ones = [(ticket, ticket.before) for ticket in tickets if ticket.before is not None]
    dialogues = [(t, with_secrets(dialogue_of(before), t.prepared.order.controls)) for t, before in open_ones]
    return [
        _member(t, as_begun(rebound(t.prepared.parties, dialogue), dialogue), dialogue) for t, dialogue in dialogues
    ]


def _member(ticket: Ticket, parties: Parties, dialogue: Dialogue) -> Member:
    return Member(ticket.prepared.order, parties, dialogue, ticket.change, ticket.keep_key, ticket.trial)
