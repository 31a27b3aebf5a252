"""The transactions of a tunnel that is served, as its journal has them, and which of them may be forgotten.

Whoever comes again within a month finds its transaction. One of which nothing was heard for longer goes, and so do the
oldest where there are too many: those that are over first. A reference number that is good for one request stays in
the journal for good: there are no more of them than the tunnel has secrets.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.cmp.message import read_message
from runner.errors import StateError
from runner.manifest.tunnel import SEPARATOR
from runner.plan.relays import FORWARDED
from runner.ra.record import from_record, to_record
from runner.ra.requesters import BY_REFERENCE
from runner.ra.telling import certificate_in
from runner.state.inventory import Held, Open, Stage
from runner.state.journal import Change

if TYPE_CHECKING:
    from datetime import datetime

    from runner.manifest.tunnel import Tunnel
    from runner.ra.relayed import Relayed
    from runner.state.inventory import Inventory

MOST_KNOWN = 10_000
"""Transactions that are remembered."""
KEPT_FOR = timedelta(days=30)
"""How long a transaction is remembered after its last message."""


class Transactions:
    """What is known, by transactionID, in the order of the last message."""

    def __init__(self, tunnel: Tunnel, inventory: Inventory) -> None:
        self._tunnel = tunnel
        self._known = _remembered(inventory, tunnel)

    def get(self, identifier: bytes) -> Relayed | None:
        """The transaction with that transactionID."""
        found = self._known.get(identifier)
        return found[0] if found is not None else None

    def under_way(self) -> list[Relayed]:
        """Those whose last message the CA has not answered yet."""
        return [relayed for relayed, _ in self._known.values() if relayed.is_open]

    def name(self, relayed: Relayed) -> str:
        """The item that it is in the journal."""
        return f"{self._tunnel.name}{SEPARATOR}{relayed.transaction_id.hex()}"

    def remember(self, relayed: Relayed, run: str, now: datetime) -> Change | None:
        """The transaction as it is now, and what the journal is to be told; None: that is no news."""
        if self.get(relayed.transaction_id) == relayed:
            return None
        self._known.pop(relayed.transaction_id, None)
        self._known[relayed.transaction_id] = (relayed, now)
        name, record = self.name(relayed), to_record(relayed)
        if not relayed.over:
            stage = Stage.SENT if relayed.is_open else Stage.WAITING
            going = Open(name, name, relayed.kind, digest_of(relayed.request), stage, now, relay=record)
            return Change(name, run, going, at=now)
        certificate = certificate_in(read_message(relayed.answer).message.body)
        der = certificate.der if certificate is not None else None
        held = Held(
            item=name, digest=digest_of(relayed.request), outcome=FORWARDED, at=now, certificate=der, relay=record
        )
        return Change(name, run, None, held=held, at=now)

    def forget(self, run: str, now: datetime) -> list[Change]:
        """Forget what is old or too much; what the journal is to be told."""
        gone = [relayed for relayed, at in self._known.values() if at < now - KEPT_FOR]
        surplus = len(self._known) - len(gone) - MOST_KNOWN
        if surplus > 0:
            young = [relayed for relayed, at in self._known.values() if at >= now - KEPT_FOR]
            gone += sorted(young, key=lambda relayed: not relayed.over)[:surplus]
        for relayed in gone:
            del self._known[relayed.transaction_id]
        names = [self.name(relayed) for relayed in gone if not self._is_used_up(relayed)]
        return [Change(name, run, None, drop=True, at=now) for name in names]

    def _is_used_up(self, relayed: Relayed) -> bool:
        """Whether it is the proof that a secret has had its one request."""
        return self._tunnel.approval.once and relayed.holder.startswith(BY_REFERENCE)


def digest_of(octets: bytes) -> str:
    """How a message is called in the journal."""
    return sha256(octets).hexdigest()


def _remembered(inventory: Inventory, tunnel: Tunnel) -> dict[bytes, tuple[Relayed, datetime]]:
    """The transactions that the journal knows."""
    found: dict[bytes, tuple[Relayed, datetime]] = {}
    rows: list[Held | Open] = [*inventory.held.values(), *inventory.open.values()]
    for row in sorted(rows, key=lambda row: row.at):
        if row.relay and row.item.startswith(tunnel.name + SEPARATOR):
            try:
                relayed = from_record(row.relay)
            except ValueError as problem:
                raise StateError(f"the record of {row.item} cannot be read", next_step="restore a backup") from problem
            found.pop(relayed.transaction_id, None)
            found[relayed.transaction_id] = (relayed, row.at)
    return found
