"""An RA for devices that speak CMP: messages come one by one, pass through to the CA, and their answers back.

What goes to the CA is in the journal before it goes, and its answer before the device has it. A device that asks again
in the same octets gets the same answer, and a process that was killed finishes with the CA what was under way: no
request is lost, and none reaches the CA in two forms. Whatever the octets are, `respond` answers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from runner.cmp.message import read_message
from runner.errors import CmpBatchError, ProtocolError, TransportError
from runner.execute.line import Tally
from runner.execute.offices import office_of
from runner.execute.transactions import Transactions, digest_of
from runner.ra.cases import requester_of
from runner.ra.reading import header_alone, read_pki_message
from runner.ra.refusal import Refusal
from runner.ra.relay import Forward, Reply, take, transaction_id_in, unavailable
from runner.ra.relayed import give
from runner.ra.representing import refused
from runner.ra.requesters import UNPROTECTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.execute.desk import Desk
    from runner.manifest.tunnel import Tunnel
    from runner.ra.relayed import Relayed

MOST_UNDER_WAY = 64
"""Messages that are on their way to the CA at once; others are told systemUnavail."""

TIDYING = 3600
"""Seconds between two looks at what may be forgotten."""


class Service:
    """A tunnel that is served. `tell` gets a line about each message, for whoever runs it."""

    def __init__(self, desk: Desk, tunnel: Tunnel, tell: Callable[[str], None]) -> None:
        self._desk = desk
        self._tunnel = tunnel
        self._tell = tell
        self._office = office_of(desk, tunnel)
        self._known = Transactions(tunnel, desk.inventory)
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._under_way = 0

    async def catch_up(self) -> None:
        """Finish with the CA what was under way when the process before this one ended."""
        for relayed in self._known.under_way():
            requester = UNPROTECTED
            with suppress(Refusal):
                submission = read_pki_message(relayed.request)
                requester = requester_of(submission, self._office.policy, self._desk.clock.now())
            await self._passed(Forward(relayed, requester))

    async def respond(self, octets: bytes) -> bytes:
        """The answer to whatever came."""
        if self._under_way >= MOST_UNDER_WAY:
            return self._busy(octets)
        self._under_way += 1
        identifier = transaction_id_in(octets)
        turn = self._turns.setdefault(identifier, asyncio.Lock())
        try:
            async with turn:
                return await self._answered(octets, identifier)
        finally:
            self._under_way -= 1

    def _busy(self, octets: bytes) -> bytes:
        refusal = Refusal("systemUnavail", "too many messages are under way; try again later")
        now, entropy = self._desk.clock.now(), self._desk.entropy
        return refused(header_alone(octets), "", None, refusal, self._office, now, entropy)

    async def _answered(self, octets: bytes, identifier: bytes) -> bytes:
        used = self._desk.standings[self._tunnel.name].used
        now, entropy = self._desk.clock.now(), self._desk.entropy
        taken = take(octets, self._office, self._known.get(identifier), used, now, entropy)
        if isinstance(taken, Reply):
            if taken.refused:
                self._tell(f"refused: {taken.refused} ({digest_of(octets)[:12]})")
            return taken.octets
        if taken.requester.secret is not None:
            used.add(taken.requester.holder)
        return await self._passed(taken)

    async def _passed(self, taken: Forward) -> bytes:
        """To the CA and back; both ways durable first."""
        relayed = taken.relayed
        await self._remember(relayed)
        line = self._desk.access(self._tunnel.authority).line
        try:
            octets = await line.exchange(relayed.upstream, Tally(), relayed.kind)
            relayed = give(relayed, taken.requester, octets, self._office, self._desk.clock.now())
        except (TransportError, ProtocolError) as problem:
            self._tell(f"{self._known.name(relayed)}: {problem.what}: {problem.why}")
            now, entropy = self._desk.clock.now(), self._desk.entropy
            return unavailable(relayed, self._office, taken.requester, "the CA gave no answer; try again", now, entropy)
        await self._remember(relayed)
        self._tell(f"{self._known.name(relayed)}: {relayed.kind} of {relayed.holder or 'nobody'}: {_kind_of(relayed)}")
        return relayed.answer

    async def tidy(self) -> None:
        """Let go of what is old or too much, now and again."""
        while True:
            if gone := self._known.forget(self._desk.run, self._desk.clock.now()):
                await self._desk.record(gone)
            await asyncio.sleep(TIDYING)

    async def _remember(self, relayed: Relayed) -> None:
        """The transaction as it is now is durable when this returns."""
        if (change := self._known.remember(relayed, self._desk.run, self._desk.clock.now())) is not None:
            await self._desk.record([change])


def _kind_of(relayed: Relayed) -> str:
    with suppress(CmpBatchError):
        return read_message(relayed.answer).message.body.name
    return "an answer"
