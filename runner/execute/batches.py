"""Messages of several requesters that go to the CA in one nested message (RFC 9483 §5.2.2.2).

Each of them is in the journal by itself before it is handed in here; a batch that is cut off is nobody's loss, since
every message goes again in another. The CA's answers come back in one nested message, which is verified; an error
in its place befalls each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runner.cmp.response import error_status
from runner.cmp.validation import Expectation, verify_message
from runner.errors import ProtocolError, Unanswered
from runner.execute.line import Tally
from runner.execute.offices import office_of
from runner.ra.forwarding import answers_in, batch, fresh_marks

if TYPE_CHECKING:
    from runner.execute.desk import Desk
    from runner.manifest.tunnel import Tunnel
    from runner.ra.relayed import Relayed

GATHERING = 0.1
"""Seconds that a message waits for others to go with it."""
Place = tuple["Relayed", "asyncio.Future[bytes]"]


class Batch:
    """The messages of one tunnel that wait to go together."""

    def __init__(self, desk: Desk, tunnel: Tunnel) -> None:
        self._desk = desk
        self._tunnel = tunnel
        self._waiting: list[Place] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def exchange(self, relayed: Relayed, tally: Tally) -> bytes:
        """The answer to a message. Raises what the exchange of its batch raises; it may have been processed then."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((relayed, answer))
        if len(self._waiting) >= self._tunnel.batch:
            self._go()
        elif self._alarm is None:
            self._alarm = loop.call_later(GATHERING, self._go)
        tally.attempts += 1
        tally.doubt = True
        return await answer

    def _go(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        group, self._waiting = self._waiting, []
        task = asyncio.ensure_future(self._sent(group))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _sent(self, group: list[Place]) -> None:
        problem: Exception = Unanswered("the CA's answer to the batch has none to this message")
        found: dict[bytes, bytes] = {}
        try:
            found = await self._answers([relayed for relayed, _ in group])
        except Exception as raised:  # noqa: BLE001 - carried to everybody in it
            problem = raised
        for relayed, answer in group:
            if not answer.done() and relayed.transaction_id in found:
                answer.set_result(found[relayed.transaction_id])
            elif not answer.done():
                answer.set_exception(problem)

    async def _answers(self, group: list[Relayed]) -> dict[bytes, bytes]:
        """TransactionID → answer."""
        office, now = office_of(self._desk, self._tunnel), self._desk.clock.now()
        marks = fresh_marks(office.parties.pvno, self._desk.entropy)
        octets = batch([relayed.request for relayed in group], marks, office.parties, now)
        line = self._desk.access(self._tunnel.authority).line
        heard = await line.exchange(octets, Tally(), "nested")
        awaited = frozenset({"nested", "error"})
        peer = office.parties.peer
        expectation = Expectation(marks.pvno, marks.transaction_id, (marks.sender_nonce,), awaited, peer.tolerates)
        message = verify_message(heard, expectation, peer, (), self._desk.clock.now()).message
        if message.body.name == "error":
            raise ProtocolError(f"the CA refused the batch: {error_status(message.body.value)}")
        return answers_in(message, [relayed.transaction_id for relayed in group])


def batch_of(desk: Desk, tunnel: Tunnel) -> Batch:
    """The tunnel's batch on this desk."""
    return desk.batches.setdefault(tunnel.name, Batch(desk, tunnel))
