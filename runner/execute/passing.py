"""A message that goes to the CA with the requester's own protection, and the answer that comes for the requester.

One exchange: what the requester says next, certConf or pollReq, is its next file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from runner.cmp.message import read_message
from runner.cmp.response import refusal_in
from runner.errors import Busy, Delayed, NotCmp, NotSent, ProtocolError, TransportError
from runner.execute.batches import batch_of
from runner.execute.handling import Answer
from runner.execute.line import Tally
from runner.execute.results import Failure, Outcome
from runner.plan.relays import FORWARDED, REFUSED
from runner.ra.relay import Reply
from runner.ra.relayed import give
from runner.ra.telling import certificate_in
from runner.state.inventory import Stage

if TYPE_CHECKING:
    from runner.errors import CmpBatchError
    from runner.execute.handling import Handling
    from runner.execute.results import Result
    from runner.ra.relay import Forward
    from runner.ra.relayed import Relayed


async def pass_on(work: Handling, taken: Forward | Reply, stage: Stage) -> Result:
    """One message with the requester's own protection around it, and the answer to it."""
    if isinstance(taken, Reply):
        await work.deliver(Answer(taken.octets, FORWARDED))
        return work.result(Outcome.FORWARDED)
    relayed, tally = taken.relayed, Tally()
    if stage is not Stage.CONFIRMED:
        work.remember(relayed, relayed.kind)
        if work.record.before is None:
            await work.record.enter(Stage.SENT)
        try:
            octets = await _exchange(work, relayed, tally)
            relayed = give(relayed, taken.requester, octets, work.office, work.desk.clock.now())
        except Delayed as later:
            return await _delayed(work, later)
        except (TransportError, ProtocolError) as problem:
            return await _undelivered(work, problem, tally)
        finally:
            work.record.sent(tally.attempts)
        work.remember(relayed, relayed.kind)
        await work.record.enter(Stage.CONFIRMED)
    message = read_message(relayed.answer).message
    refusal, certificate = refusal_in(message.body), certificate_in(message.body)
    await work.deliver(Answer(relayed.answer, REFUSED if refusal else FORWARDED, relayed, certificate))
    if refusal is not None:
        return work.result(Outcome.FAILED, status=refusal, failure=Failure(f"the CA refused: {refusal}"))
    return work.result(Outcome.FORWARDED, certificate=certificate)


async def _exchange(work: Handling, relayed: Relayed, tally: Tally) -> bytes:
    line, before = work.desk.access(work.item.authority).line, work.record.before
    if before is not None and before.reference:
        return await line.poll(before.reference, tally)
    if relayed.keep and work.item.tunnel.batch > 1 and relayed.nonces[1:] == ():
        return await batch_of(work.desk, work.item.tunnel).exchange(relayed, tally)
    return await line.exchange(relayed.upstream, tally, relayed.kind)


async def _delayed(work: Handling, later: Delayed) -> Result:
    moment = work.desk.clock.now() + timedelta(seconds=later.seconds)
    await work.record.stop(later.what, stage=Stage.SENT, check_after=moment, reference=later.reference)
    failure = Failure("the CA has not decided yet", later.what, "run apply again later")
    return work.result(Outcome.PENDING, failure=failure)


async def _undelivered(work: Handling, problem: CmpBatchError, tally: Tally) -> Result:
    failure = Failure(problem.what, problem.why, problem.next_step or "run apply again: it repeats the message")
    if tally.doubt or not isinstance(problem, NotSent | NotCmp | Busy):
        await work.record.stop(problem.what)
        return work.result(Outcome.UNKNOWN, failure=failure)
    work.free()
    await work.record.close(None, note=problem.what)
    return work.result(Outcome.FAILED, failure=failure)
