"""One item's part in a conversation: where it stands, what comes next, and how the journal left it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from runner.cmp.dialogue import Offered, Send, State, Wait
from runner.cmp.judging import judge
from runner.cmp.unsealing import opened_again
from runner.errors import BadCertificate, ProtocolError
from runner.execute.endings import Unsure
from runner.execute.results import Failure
from runner.state.inventory import Stage
from runner.values import frozen, mutable, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from runner.cmp.dialogue import Action, Dialogue, Parties
    from runner.cmp.request import Order
    from runner.execute.endings import Ending

SHORTEST_WAIT = 1
"""Seconds between a pollReq and the next, where the CA goes on to say `waiting` and not how long."""


@mutable
class Member:
    """One item's part in a transaction. `change(stage, dialogue, check_after, reference)` is what the journal is told.

    `reference` is what the transport gave where it delivers the answer to the message that is out later.
    """

    order: Order
    parties: Parties
    dialogue: Dialogue
    change: Callable[..., Any]
    keep_key: Callable[[bytes], Awaitable[None]]
    """Makes a private key durable that came from the CA."""
    trial: Callable[[Offered], Awaitable[BadCertificate | None]] | None = None
    """Puts the certificate to the test before the CA hears of it; what is wrong with it, if anything is."""
    action: Action = field(default_factory=Send)
    offered: Offered | None = None
    ending: Ending | None = None

    ended: Callable[[Ending], None] = lambda _: None
    """Hears of its ending as soon as it has one: the others may take their time."""

    def end(self, ending: Ending) -> None:
        """Nothing more happens to this one."""
        self.ending = ending
        self.ended(ending)


@frozen
class Standing:
    """Where the journal has a member: `reference` is the transport's, where the answer is delivered later."""

    stage: Stage
    check_after: datetime | None = None
    reference: str = ""

    @property
    def forsaken(self) -> bool:
        """Whether an earlier run gave up asking."""
        return self.stage is Stage.WAITING and self.check_after is None


def judged_again(member: Member, now: datetime) -> Offered:
    """What certConf says, or said, stands: time and trust may have changed since, the CA's mind does not.

    Where conf cannot be made any more, for want of the key that opened the certificate, the member ends in doubt.
    """
    try:
        member.dialogue = opened_again(member.dialogue, member.parties)
    except ProtocolError as problem:
        why = f"the certificate came encrypted, and its key opens it no more: {problem.what}"
        step = "nothing was confirmed; ask the CA what became of the certificate"
        member.end(Unsure(Failure("the certificate can no longer be confirmed", why, step)))
    offered = judge(member.dialogue, member.order, member.parties, now)
    if member.dialogue.refused:
        return replace(offered, problem=offered.problem or BadCertificate(member.dialogue.refused))
    if offered.problem is None:
        return offered
    remark = f"it was accepted when it came; today: {offered.problem.what}"
    return replace(offered, problem=None, remarks=(*offered.remarks, remark))


def poll_from_now(members: Sequence[Member], now: datetime) -> None:
    """Those that the CA puts off poll from now on for what they have been waiting for."""
    for member in members:
        if member.dialogue.state is not State.POLLING:
            member.dialogue = replace(member.dialogue, state=State.POLLING, origin=member.dialogue.state)
    wait_from(members, now)


def wait_from(members: Sequence[Member], now: datetime) -> None:
    """They wait since now, unless they have waited before."""
    for member in members:
        member.dialogue = replace(member.dialogue, waits_since=member.dialogue.waits_since or now.isoformat())


def waits(member: Member, standing: Standing) -> bool:
    """Whether the journal left it to wait, and not with a message out."""
    polling = member.dialogue.state is State.POLLING and not member.dialogue.confirmed
    return polling and standing.stage is not Stage.SENT and not standing.reference


def taken_up(both: Sequence[tuple[Member, Standing]], now: datetime) -> tuple[list[Member], datetime | None]:
    """Those that were told to wait wait on; returned are those to be asked for now, and when that was due."""
    waiting = [(member, standing.check_after) for member, standing in both if waits(member, standing)]
    for member, moment in waiting:
        left = (moment - now).total_seconds() if moment else 0
        member.action = Wait(max(int(left) + 1, SHORTEST_WAIT), "the CA asked not to be asked before then")
    if waiting and len(waiting) == len(both) and all(moment is None or moment <= now for _, moment in waiting):
        return alike(in_turn([member for member, _ in waiting])), waiting[0][1]
    return [], None


def alike(members: Sequence[Member]) -> list[Member]:
    """Those that wait for what the first waits for: one pollReq is about one message that was put off."""
    first = members[0].dialogue
    return [each for each in members if (each.dialogue.origin, each.dialogue.whole) == (first.origin, first.whole)]


def in_turn(members: Sequence[Member]) -> list[Member]:
    """Those that are asked for now: who was left out comes last, as a CA may end the transaction over the question."""
    return [member for member in members if not member.dialogue.left_out] or list(members)


async def keep_key(member: Member, offered: Offered) -> None:
    """The key comes first: a CA that hears of acceptance may forget it."""
    if offered.private_key and offered.problem is None:
        await member.keep_key(offered.private_key)
