"""An RA that stands for the requester: a transaction of its own, talked to its end, and the final answer.

The journal has it as it has every transaction: killed anywhere, the next run goes on with the same octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cmp.response import Status
from runner.execute.endings import GaveUp, Lost, Unsure, Won
from runner.execute.handling import Answer
from runner.execute.members import Standing
from runner.execute.record import dialogue_of
from runner.execute.results import Failure, Outcome
from runner.pki.certificates import parse_certificate
from runner.plan.relays import FORWARDED, REFUSED
from runner.ra.cases import look
from runner.ra.representing import granted, order_of, rejected, represent
from runner.state.inventory import Stage
from runner.values import replace

if TYPE_CHECKING:
    from runner.execute.conversation import Conversation
    from runner.execute.endings import Ending
    from runner.execute.handling import Handling
    from runner.execute.results import Result
    from runner.ra.cases import Case
    from runner.ra.relayed import Relayed
    from runner.state.inventory import Open


async def stand_in(work: Handling, case: Case) -> Result:
    """Begin the transaction and talk it to its end."""
    represented = represent(case, work.office, work.desk.clock.now(), work.desk.entropy)
    work.remember(represented.relayed, represented.dialogue.kind)
    conversation = work.conversation(represented.order, represented.parties, represented.dialogue)
    await conversation.begin()
    return await _settle(work, _ending(work, conversation), represented.relayed)


def _ending(work: Handling, conversation: Conversation) -> Ending:
    """How the RA's part of it ended; there is no other."""
    work.record.sent(conversation.tally.attempts)
    ending = conversation.members[0].ending
    if ending is None:
        raise AssertionError("a conversation is over when every member has an ending")
    return ending


async def go_on(work: Handling, before: Open, relayed: Relayed) -> Result:
    """Go on with a transaction that another run began."""
    if work.submission is None:
        raise TypeError("a transaction is about a request")
    dialogue = dialogue_of(before)
    if before.stage is Stage.CONFIRMED:
        return await _won(work, Won(dialogue, Status(dialogue.granted)), relayed)
    order = replace(order_of(look(work.submission, work.standing.policy.amendment), dialogue.kind), wanted=None)
    header = work.submission.header
    both = work.office.parties if header is None else replace(work.office.parties, pvno=header.pvno)
    conversation = work.conversation(order, both, dialogue)
    await conversation.resume([Standing(before.stage, before.check_after, before.reference)])
    return await _settle(work, _ending(work, conversation), relayed)


async def _settle(work: Handling, ending: Ending, relayed: Relayed) -> Result:
    if isinstance(ending, Won):
        await work.record.enter(Stage.CONFIRMED, ending.dialogue)
        return await _won(work, ending, relayed)
    if isinstance(ending, Lost):
        return await _lost(work, ending, relayed)
    if isinstance(ending, Unsure):
        await work.record.stop(ending.failure.what, check_after=None)
        return work.result(Outcome.UNKNOWN, status=ending.status, failure=ending.failure)
    if isinstance(ending, GaveUp):
        await work.record.stop(ending.failure.what, stage=Stage.WAITING, check_after=None)
        return work.result(Outcome.FAILED, failure=ending.failure)
    await work.record.stop(ending.words, stage=Stage.SENT if ending.doubt else Stage.WAITING)
    words = f"ask again after {ending.check_after:%Y-%m-%d %H:%M:%S} UTC by running apply again"
    return work.result(Outcome.PENDING, failure=Failure("the CA has not decided yet", ending.words, words))


async def _won(work: Handling, ending: Won, relayed: Relayed) -> Result:
    dialogue, certificate = ending.dialogue, None
    if dialogue.certificate:
        certificate = parse_certificate(dialogue.certificate)
    if work.submission is None:
        raise TypeError("a transaction is about a request")
    outcome = (ending.status, certificate, dialogue.extra_certs)
    now, entropy = work.desk.clock.now(), work.desk.entropy
    octets = granted(work.submission, work.requester, outcome, work.office, now, entropy)
    answer = Answer(octets, FORWARDED, replace(relayed, answer=octets), certificate)
    await work.deliver(answer)
    remarks = ending.offered.remarks if ending.offered else ()
    return work.result(Outcome.FORWARDED, status=ending.status, certificate=certificate, warnings=remarks)


async def _lost(work: Handling, ending: Lost, relayed: Relayed) -> Result:
    """The CA's no is the requester's answer; what never reached a CA may be tried again."""
    status = ending.status
    if status is None or ending.try_later:
        work.free()
        await work.record.close(None, note=ending.failure.what)
        return work.result(Outcome.FAILED, status=status, failure=ending.failure)
    ours = status.status != "rejection"
    if ours:
        status = Status("rejection", ("systemFailure",), "the CA's certificate is not what was asked for")
    now = work.desk.clock.now()
    octets = rejected(work.submission, work.requester, status, work.office, now, work.desk.entropy)
    await work.deliver(Answer(octets, REFUSED, replace(relayed, answer=octets)))
    result = work.result(Outcome.FAILED, status=status, failure=ending.failure)
    return replace(result, status_from="ra") if ours else result
