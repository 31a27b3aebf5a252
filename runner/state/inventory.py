"""What we hold, as plain data: one Held for each item that was done, one Open for each that is under way.

The journal fills it from SQLite; the planner reads it. Nothing here knows where it is kept.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Stage(Enum):
    """How far an operation has come: the journal's states, each with one defined continuation.

    KEYED       the key is durable, nothing was sent          → start afresh with that key
    SENT        the request is journalled and may be out      → repeat the same octets
    WAITING     the CA said `waiting`                         → poll
    ISSUED      a verified answer brought a certificate       → send (or repeat) certConf
    CONFIRMED   the transaction is over at the CA             → install what was issued
    """

    KEYED = "keyed"
    SENT = "sent"
    WAITING = "waiting"
    ISSUED = "issued"
    CONFIRMED = "confirmed"


@frozen
class Held:
    """An item that was brought to its end: what came of it and which files it owns."""

    item: str
    digest: str
    """The entry's digest when it was done."""
    outcome: str
    """`issued`, `updated`, `revoked`, `forwarded`, `refused`, or `adopted`: it was there before us."""
    at: datetime
    certificate: bytes | None = None
    """DER."""
    certificate_path: str | None = None
    key_path: str | None = None
    key_digest: str | None = None
    """SHA-256 of the key file where a passphrase seals it (hex); a plain key is compared by its public half."""
    replaces: str | None = None
    """SHA-256 fingerprint (hex) of the certificate that this one updated, or that was revoked."""
    stores: str = ""
    """The key stores that were written, one path a line: these may be written again, and no others."""
    chain: bytes = field(default=b"", repr=False)
    """The CA certificates of its path, DER after DER, the issuer first; empty where they are not known."""
    seals: str = ""
    """The key stores as they were written, `SHA-256 path`, one a line."""
    authority: str = ""
    credential: str = ""
    on_remove: str = "keep"
    """What --prune does when no manifest speaks of it any more: `revoke`, `forget` or `keep`."""
    relay: str = field(default="", repr=False)
    """What an RA remembers of a request that it forwarded (runner.ra.record), opaque here."""


@frozen
class Open:
    """An operation that is under way, with what is needed to continue it.

    `dialogue` is the transaction's own record (runner.cmp.transaction.to_record), opaque here.
    """

    item: str
    operation: str
    """The operation's id, unique in the journal."""
    kind: str
    """`ir`, `cr`, `kur` or `rr`."""
    digest: str
    stage: Stage
    at: datetime
    attempts: int = 0
    transaction_id: str = ""
    """Hex."""
    key_path: str | None = None
    """Where the new key is now (perhaps a staging file)."""
    note: str = ""
    """Why it stopped, in words."""
    check_after: datetime | None = None
    dialogue: str = field(default="", repr=False)
    reference: str = ""
    """What the transport gave to ask for the answer with, where the answer is delivered later."""
    stores: str = ""
    """The key stores that this operation writes, one path a line; named here before anything is written."""
    relay: str = field(default="", repr=False)
    """The request of somebody else's that is on its way to the CA (runner.ra.record), opaque here."""
    spends: str = ""
    """The mark of the one-time secret that this transaction uses up: spent from the moment that it is `sent`."""

    @property
    def given_up(self) -> bool:
        """Whether the CA has not decided and is not asked any more: there is no time to ask again after."""
        return self.stage is Stage.WAITING and self.check_after is None


@frozen
class Spent:
    """A one-time secret that was used: by which operation, for which item, when."""

    item: str
    operation: str
    at: datetime


@frozen
class Inventory:
    """All that the state knows, by item name."""

    held: Mapping[str, Held] = field(default_factory=dict)
    open: Mapping[str, Open] = field(default_factory=dict)
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """One-time secrets that were used, by their marks (runner.keystores.marks)."""

    def updated(self) -> Mapping[str, Held]:
        """Fingerprint of a certificate that was updated → who holds its successor."""
        return {h.replaces: h for h in self.held.values() if h.replaces and h.outcome == "updated"}

    def revoked(self) -> Mapping[str, Held]:
        """Fingerprint of a certificate that we revoked → the item that did."""
        return {h.replaces: h for h in self.held.values() if h.replaces and h.outcome == "revoked"}
