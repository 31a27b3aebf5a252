"""What the lab remembers: the certificates that it issued, and where its transactions stand.

Every step is one line of JSON that holds the whole new state of a certificate, of a transaction, or of both, so that
a crash leaves the step done or undone. The lines, read again in order, give the same memory. Where they are kept
is the storage's concern (storage.py).

Of a certificate, serial number, fingerprint and state stay in memory for good. Of transactions, the
MAX_TRANSACTIONS that moved last: an older one is forgotten, and its messages are those of a stranger.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from runner.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_TRANSACTIONS = 10_000
_compact = json.JSONEncoder(separators=(",", ":")).encode


class State(Enum):
    """What a certificate is worth."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"


class Stage(Enum):
    """What a transaction waits for."""

    WAITING = "waiting"
    """The CA has not decided; pollReq is next."""
    UNCONFIRMED = "unconfirmed"
    """The certificate is out; certConf is next."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that the lab made: `fingerprint` is the SHA-256 of its DER, `reason` a CRLReason."""

    serial: int
    fingerprint: bytes
    state: State
    revoked_at: datetime | None = None
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Transaction:
    """One dialogue, by its transactionID."""

    identifier: bytes
    kind: str
    """The body type that opened it."""
    holder: str
    """Who opened it, and alone may go on (senders.py)."""
    cert_req_id: int
    opened_by: bytes
    """SHA-256 of the message that opened it …"""
    latest: bytes
    """… and of the one that was answered last: the same octets once more get the same answer."""
    nonces: tuple[bytes, ...]
    """The senderNonces of our answers to `latest`: one, or more where it came again. Any of them may have arrived."""
    stage: Stage
    serial: int | None = None
    implicit: bool = False
    """Whether implicitConfirm was granted."""
    encrypted: int = 0
    """The pvno by which the certificate is encrypted to its own key; 0: it goes out as it is."""
    mods: tuple[str, ...] = ()
    """What was granted otherwise than asked."""
    polls: int = 0
    """pollReqs that counted."""
    next_poll: datetime | None = None
    """When the next pollReq counts."""
    request: bytes = b""
    """The message that opened it, while the CA has not decided."""


class Ledger:
    """The memory; `append` makes a line durable before anything is remembered."""

    def __init__(self, lines: Iterable[str], append: Callable[[str], None]) -> None:
        self._append = append
        self._certificates: dict[int, IssuedCertificate] = {}
        self._transactions: dict[bytes, Transaction] = {}
        self.crl_number = 0
        """The number of the CRL that was published last."""
        for number, line in enumerate(lines, 1):
            self._remember(_read(number, line))

    def certificate(self, serial: int) -> IssuedCertificate | None:
        """What is known of the certificate with this serial number."""
        return self._certificates.get(serial)

    def certificates(self) -> Iterable[IssuedCertificate]:
        """All certificates, in the order of issue."""
        return self._certificates.values()

    def transaction(self, identifier: bytes) -> Transaction | None:
        """The transaction with this transactionID, while it is remembered."""
        return self._transactions.get(identifier)

    def record(self, *entries: IssuedCertificate | Transaction) -> None:
        """The new state of a certificate, a transaction, or both: one step."""
        self._write(_Line(*entries))

    def next_crl_number(self) -> int:
        """A number for a CRL that no CRL has had."""
        self._write(_Line(crl_number=self.crl_number + 1))
        return self.crl_number

    def _write(self, line: _Line) -> None:
        self._append(line.text())
        self._remember(line)

    def _remember(self, line: _Line) -> None:
        for entry in line.entries:
            if isinstance(entry, IssuedCertificate):
                self._certificates[entry.serial] = entry
            else:
                self._transactions.pop(entry.identifier, None)
                self._transactions[entry.identifier] = entry
        while len(self._transactions) > MAX_TRANSACTIONS:
            self._transactions.pop(next(iter(self._transactions)))
        self.crl_number = max(self.crl_number, line.crl_number)


class _Line:
    """One line: entries under the names of their kinds, and the number of a CRL."""

    __slots__ = ("crl_number", "entries")

    def __init__(self, *entries: IssuedCertificate | Transaction, crl_number: int = 0) -> None:
        self.entries = entries
        self.crl_number = crl_number

    def text(self) -> str:
        told: dict[str, Any] = {"crl": self.crl_number} if self.crl_number else {}
        for entry in self.entries:
            if isinstance(entry, IssuedCertificate):
                told["certificate"] = _certificate_told(entry)
            else:
                told["transaction"] = _transaction_told(entry)
        return _compact(told)


def _read(number: int, text: str) -> _Line:
    """A line from its text; StateError where it is none of ours."""
    try:
        told = json.loads(text)
        readers = (("certificate", _certificate_read), ("transaction", _transaction_read))
        return _Line(*(read(told[kind]) for kind, read in readers if kind in told), crl_number=told.get("crl", 0))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StateError(
            "the lab's ledger cannot be read",
            why=f"line {number} is not one that a lab wrote",
            next_step="put the right file back, or begin a lab in a new folder",
        ) from problem


def _certificate_told(entry: IssuedCertificate) -> dict[str, Any]:
    told: dict[str, Any] = {
        "serial": f"{entry.serial:x}",
        "sha256": entry.fingerprint.hex(),
        "state": entry.state.value,
    }
    if entry.revoked_at is not None:
        told |= {"revoked_at": entry.revoked_at.isoformat(), "reason": entry.reason}
    return told


def _certificate_read(told: dict[str, Any]) -> IssuedCertificate:
    return IssuedCertificate(
        serial=int(told["serial"], 16),
        fingerprint=bytes.fromhex(told["sha256"]),
        state=State(told["state"]),
        revoked_at=_moment(told.get("revoked_at")),
        reason=told.get("reason", 0),
    )


def _transaction_told(entry: Transaction) -> dict[str, Any]:
    return {
        "id": entry.identifier.hex(),
        "kind": entry.kind,
        "holder": entry.holder,
        "cert_req_id": entry.cert_req_id,
        "opened_by": entry.opened_by.hex(),
        "latest": entry.latest.hex(),
        "nonces": [nonce.hex() for nonce in entry.nonces],
        "stage": entry.stage.value,
        "serial": None if entry.serial is None else f"{entry.serial:x}",
        "implicit": entry.implicit,
        "encrypted": entry.encrypted,
        "mods": entry.mods,
        "polls": entry.polls,
        "next_poll": None if entry.next_poll is None else entry.next_poll.isoformat(),
        "request": entry.request.hex(),
    }


def _transaction_read(told: dict[str, Any]) -> Transaction:
    return Transaction(
        identifier=bytes.fromhex(told["id"]),
        kind=told["kind"],
        holder=told["holder"],
        cert_req_id=told["cert_req_id"],
        opened_by=bytes.fromhex(told["opened_by"]),
        latest=bytes.fromhex(told["latest"]),
        nonces=tuple(bytes.fromhex(nonce) for nonce in told["nonces"]),
        stage=Stage(told["stage"]),
        serial=None if told["serial"] is None else int(told["serial"], 16),
        implicit=told["implicit"],
        encrypted=told.get("encrypted", 0),
        mods=tuple(told["mods"]),
        polls=told["polls"],
        next_poll=_moment(told["next_poll"]),
        request=bytes.fromhex(told["request"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
