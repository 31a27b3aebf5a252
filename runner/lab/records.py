"""What the lab remembers of certificates and transactions, as data, and as the JSON that ledger.py keeps.

A transaction is about one certificate or several: each is a Part with a fate of its own (RFC 9810 §5.3.1, §5.3.22).
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from runner.values import frozen, replace

if TYPE_CHECKING:
    from runner.lab.received import Request

WHOLE = -1
"""certReqId of a pollReq or pollRep about a whole message (RFC 9810 §5.3.22)."""


class State(Enum):
    """What a certificate is worth."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"


class Stage(Enum):
    """What a part of a transaction waits for."""

    WAITING = "waiting"
    """The CA has not decided; pollReq is next."""
    UNCONFIRMED = "unconfirmed"
    """The certificate is out; certConf is next."""
    CHALLENGED = "challenged"
    """A challenge is out; popdecr is next."""
    DONE = "done"


@frozen
class IssuedCertificate:
    """A certificate that the lab made: `fingerprint` is the SHA-256 of its DER, `reason` a CRLReason."""

    serial: int
    fingerprint: bytes
    state: State
    revoked_at: datetime | None = None
    reason: int = 0
    ra: bool = False
    """Whether its holder is an RA whom the lab trusts."""
    archived_for: str = ""
    """Whose private key the archive has for it (senders.py); empty where nobody gets it back."""


@frozen
class Part:
    """One certificate that was asked for, or (rr) that is to be revoked; or a whole answer that is late (WHOLE)."""

    cert_req_id: int
    stage: Stage
    serial: int | None = None
    encrypted: int = 0
    """The pvno by which the certificate is encrypted to its own key; 0: it goes out as it is."""
    unlocks: bytes = field(default=b"", repr=False)
    """The symmetric key that opens it, where the MAC of conf is made from that (CMP 1999)."""
    mods: tuple[str, ...] = ()
    """What was granted otherwise than asked."""
    refusal: tuple[str, str] | None = None
    """The bit of PKIFailureInfo and the words with which it was rejected."""
    generated: bool = False
    """Whether the private key, which the lab made, goes out with the certificate."""
    replaces: int = 0
    """The serial number of the certificate that this one is an update of."""
    challenge: bytes = field(default=b"", repr=False)
    """The Challenge (DER) that is out …"""
    number: int = field(default=0, repr=False)
    """… and what answers it."""
    polls: int = 0
    """pollReqs that counted."""
    next_poll: datetime | None = None
    """When the next pollReq counts."""


@frozen
class Transaction:
    """One dialogue, by its transactionID."""

    identifier: bytes
    kind: str
    """The body type that opened it."""
    holder: str
    """Who opened it, and alone may go on (senders.py)."""
    opened_by: bytes
    """SHA-256 of the message that opened it …"""
    latest: bytes
    """… and of the one that was answered last: the same octets once more get the same answer."""
    nonces: tuple[bytes, ...]
    """The senderNonces of our answers to `latest`: one, or more where it came again. Any of them may have arrived."""
    parts: tuple[Part, ...] = ()
    """In the order of the request."""
    implicit: bool = False
    """Whether implicitConfirm is granted where certificates go out."""
    opening: bytes = field(default=b"", repr=False)
    """The message that opened it, while it may be needed again."""
    whole: Part | None = None
    """Where an answer as a whole is late, or was: how far it has come …"""
    delayed: bytes = field(default=b"", repr=False)
    """… and the message that it answers."""
    theirs: bytes = field(default=b"", repr=False)
    """The secret from a KEM that protects the messages of who opened it …"""
    ours: bytes = field(default=b"", repr=False)
    """… and the one that protects our answers (kems.py)."""


def begun(request: Request, **more: Any) -> Transaction:
    """The transaction that a message opens."""
    opened = Transaction(
        identifier=request.identifier,
        kind=request.kind,
        holder=request.sender.holder,
        opened_by=request.digest,
        latest=request.digest,
        nonces=(),
        theirs=request.sender.secret,
        ours=request.ours,
        **more,
    )
    return moved(opened, request)


def moved(transaction: Transaction, request: Request, **more: Any) -> Transaction:
    """The transaction after this message is answered; one that was kept back is not late any more."""
    if request.late is not None:
        more |= {"whole": replace(request.late, stage=Stage.DONE), "delayed": request.received.octets}
    return replace(transaction, latest=request.answers_to, nonces=(request.nonce,), **more)


def certificate_told(entry: IssuedCertificate) -> dict[str, Any]:
    """A certificate as JSON."""
    told: dict[str, Any] = {
        "serial": f"{entry.serial:x}",
        "sha256": entry.fingerprint.hex(),
        "state": entry.state.value,
    }
    if entry.revoked_at is not None:
        told |= {"revoked_at": entry.revoked_at.isoformat(), "reason": entry.reason}
    if entry.ra:
        told["ra"] = True
    if entry.archived_for:
        told["archived_for"] = entry.archived_for
    return told


def certificate_read(told: dict[str, Any]) -> IssuedCertificate:
    """A certificate from its JSON; KeyError, TypeError or ValueError where it is none."""
    return IssuedCertificate(
        serial=int(told["serial"], 16),
        fingerprint=bytes.fromhex(told["sha256"]),
        state=State(told["state"]),
        revoked_at=_moment(told.get("revoked_at")),
        reason=told.get("reason", 0),
        ra=told.get("ra", False),
        archived_for=told.get("archived_for", ""),
    )


def transaction_told(entry: Transaction) -> dict[str, Any]:
    """A transaction as JSON."""
    return {
        "id": entry.identifier.hex(),
        "kind": entry.kind,
        "holder": entry.holder,
        "opened_by": entry.opened_by.hex(),
        "latest": entry.latest.hex(),
        "nonces": [nonce.hex() for nonce in entry.nonces],
        "parts": [_part_told(part) for part in entry.parts],
        "implicit": entry.implicit,
        "opening": entry.opening.hex(),
        "whole": None if entry.whole is None else _part_told(entry.whole),
        "delayed": entry.delayed.hex(),
        "theirs": entry.theirs.hex(),
        "ours": entry.ours.hex(),
    }


def transaction_read(told: dict[str, Any]) -> Transaction:
    """A transaction from its JSON; KeyError, TypeError or ValueError where it is none."""
    return Transaction(
        identifier=bytes.fromhex(told["id"]),
        kind=told["kind"],
        holder=told["holder"],
        opened_by=bytes.fromhex(told["opened_by"]),
        latest=bytes.fromhex(told["latest"]),
        nonces=tuple(bytes.fromhex(nonce) for nonce in told["nonces"]),
        parts=tuple(_part_read(part) for part in told["parts"]),
        implicit=told["implicit"],
        opening=bytes.fromhex(told["opening"]),
        whole=None if told["whole"] is None else _part_read(told["whole"]),
        delayed=bytes.fromhex(told["delayed"]),
        theirs=bytes.fromhex(told.get("theirs", "")),
        ours=bytes.fromhex(told.get("ours", "")),
    )


def _part_told(part: Part) -> dict[str, Any]:
    return {
        "cert_req_id": part.cert_req_id,
        "stage": part.stage.value,
        "serial": None if part.serial is None else f"{part.serial:x}",
        "encrypted": part.encrypted,
        "unlocks": part.unlocks.hex(),
        "mods": part.mods,
        "refusal": part.refusal,
        "generated": part.generated,
        "replaces": f"{part.replaces:x}",
        "challenge": part.challenge.hex(),
        "number": part.number,
        "polls": part.polls,
        "next_poll": None if part.next_poll is None else part.next_poll.isoformat(),
    }


def _part_read(told: dict[str, Any]) -> Part:
    refusal = told["refusal"]
    return Part(
        cert_req_id=told["cert_req_id"],
        stage=Stage(told["stage"]),
        serial=None if told["serial"] is None else int(told["serial"], 16),
        encrypted=told["encrypted"],
        unlocks=bytes.fromhex(told.get("unlocks", "")),
        mods=tuple(told["mods"]),
        refusal=None if refusal is None else (refusal[0], refusal[1]),
        generated=told["generated"],
        replaces=int(told["replaces"], 16),
        challenge=bytes.fromhex(told["challenge"]),
        number=told["number"],
        polls=told["polls"],
        next_poll=_moment(told["next_poll"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
