"""What may come in which state of a transaction, and what follows: one table and its handlers (RFC 9810 §5.3).

ANSWERS is the whole table. A handler gets one Dialogue with a verified answer, and says what becomes of it; where
several requests share a message, each Dialogue is handled by itself. Verifying, and making messages, is in
transaction.py.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_1999, CertifiedKeyPair
from runner.asn1.structures import Chosen, encode
from runner.cmp.dialogue import Dialogue, Done, Rejected, State, Wait
from runner.cmp.judging import judge
from runner.cmp.leniency import check_revoked
from runner.cmp.proving import CHALLENGE
from runner.cmp.request import CERT_REQ_ID
from runner.cmp.response import (
    GRANTED,
    Status,
    confirm_wait_time,
    error_status,
    grants_implicit_confirm,
    joined_text,
    status_of,
)
from runner.cmp.roots import voucher_of
from runner.cmp.unsealing import certificate_in, challenged
from runner.errors import Malformed, Mismatch
from runner.pki.certificates import readable_certificates
from runner.pki.servers import Tolerance
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from runner.asn1.cmp import CertRepMessage, CertResponse, KeyRecRepContent, PKIMessage
    from runner.cmp.dialogue import Action, Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order

    Handler = Callable[["Received"], tuple[Dialogue, Action]]

MAX_KNOWN_CERTIFICATES = 32
CHECK_AFTER = (1, 86_400)
"""checkAfter is taken into these bounds, in seconds."""
REPLIES = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup", "rr": "rp", "krr": "krp", "genm": "genp"}
POLL_REQ = "pollReq"
"""The kind of a dialogue that another tool began; a certificate may come in answer to whatever it asked."""
_UNREAD = {("rejection", (bit,)) for bit in ("badRequest", "badDataFormat")}
"""Status and failInfo with which a CA may reject each of several requests because it takes one at a time."""
WHOLE_MESSAGE = -1
"""The certReqId of a pollReq for a message that was put off as a whole (RFC 9483 §4.4)."""


@frozen
class Received:
    """What a handler gets: the dialogue, the verified answer, and what it is judged by."""

    dialogue: Dialogue
    verified: Verified
    order: Order
    parties: Parties
    now: datetime

    @property
    def message(self) -> PKIMessage:
        """The answer itself."""
        return self.verified.message


def _on_certificate_response(received: Received) -> tuple[Dialogue, Action]:
    """ip, cp, kup: the CertResponse that answers our request (RFC 9810 §5.3.4, §5.3.22)."""
    content: CertRepMessage = received.message.body.value
    response = _own_response(content, received.dialogue, received.parties.peer.tolerates)
    if response is None:
        return _not_yet(replace(received.dialogue, left_out=received.dialogue.state is not State.POLLING))
    if response.cert_req_id != received.dialogue.cert_req_id:
        received = replace(received, dialogue=replace(received.dialogue, cert_req_id=response.cert_req_id))
    status = status_of(response.status)
    if status.status == "waiting":
        return _put_off(received, status, whole=False)
    if status.status not in GRANTED:
        return received.dialogue, Rejected(status, whole=_none_was_read(content, received.dialogue))
    pair = response.certified_key_pair
    if pair is None:
        raise Malformed(f"the answer says {status.status} and brings no certificate")
    return _offer(received, pair, content.ca_pubs, status)


def _none_was_read(content: CertRepMessage, dialogue: Dialogue) -> bool:
    """Whether each of several requests was rejected for its form, alike: then it may be that of the message."""
    statuses = [status_of(response.status) for response in content.response]
    alike = {(status.status, status.fail_info) for status in statuses}
    return 1 < dialogue.of == len(statuses) and len(alike) == 1 and alike <= _UNREAD


def _put_off(received: Received, status: Status, *, whole: bool) -> tuple[Dialogue, Action]:
    """Poll: at once the first time, and never again without a pause, or a peer could keep us going in circles."""
    if received.parties.pvno == CMP_1999:
        raise Mismatch("the CA has not decided, and CMP version 1 has no way to ask it again", why=status.text)
    seconds = CHECK_AFTER[0] if received.dialogue.state is State.POLLING else 0
    return replace(received.dialogue, whole=whole), Wait(seconds, status.text)


def _not_yet(dialogue: Dialogue) -> tuple[Dialogue, Action]:
    """An answer about others of this transaction: ours goes on waiting."""
    return dialogue, Wait(CHECK_AFTER[0], "the CA has answered others of this message, and not yet this one")


def _own_response(content: CertRepMessage, dialogue: Dialogue, tolerates: Collection[Tolerance]) -> CertResponse | None:
    """The CertResponse with our certReqId; None where it may still come: answers come in parts.

    One that the first answer leaves out is asked for; where that is no use, nobody knows what became of it.

    A p10cr has no certReqId of its own: -1 by the book (RFC 9483 §4.1.4), 0 by many.
    """
    if dialogue.of == len(content.response) == 1 and Tolerance.OTHER_CERT_REQ_ID in tolerates:
        return content.response[0]
    asked = range(CERT_REQ_ID, CERT_REQ_ID + dialogue.of)
    numbers = [response.cert_req_id for response in content.response]
    allowed = (*asked, WHOLE_MESSAGE) if dialogue.kind in ("p10cr", POLL_REQ) else asked
    if any(number not in allowed for number in numbers) or len(set(numbers)) < len(numbers):
        raise _not_ours(numbers, dialogue)
    ours = allowed if dialogue.of == 1 else (dialogue.cert_req_id,)
    own = [response for response in content.response if response.cert_req_id in ours]
    if len(own) == 1:
        return own[0]
    if dialogue.of > 1 and not dialogue.left_out and (numbers or dialogue.state is State.POLLING):
        return None
    raise _not_ours(numbers, dialogue)


def _not_ours(numbers: Sequence[int], dialogue: Dialogue) -> Mismatch:
    told = ", ".join(map(str, numbers)) or "none"
    what = "the answer is not about our one request" if dialogue.of == 1 else "the answer is not about our requests"
    asked = f"{CERT_REQ_ID} was" if dialogue.of == 1 else f"{dialogue.cert_req_id} of {dialogue.of} was"
    return Mismatch(what, why=f"certReqId: {told}; {asked} asked")


def _offer(
    received: Received, pair: CertifiedKeyPair, ca_pubs: tuple[bytes, ...], status: Status
) -> tuple[Dialogue, Action]:
    opened = certificate_in(pair, received.parties)
    for_conf = bool(opened.key) and received.parties.pvno == CMP_1999
    dialogue = replace(
        received.dialogue,
        state=State.OFFERED,
        certificate=opened.content,
        symmetric_key=opened.key if for_conf else b"",
        encrypted=bytes(pair.cert_or_enc_cert.value) if for_conf else b"",
        private_key=(pair.private_key or b"") if received.order.made_by_ca else b"",
        key_is_signed_for=received.verified.signer is not None,
        granted=status.status,
        confirmed=grants_implicit_confirm(received.message),
        confirm_by=confirm_wait_time(received.message),
        ca_pubs=ca_pubs,
        vouched=voucher_of(received.verified) if ca_pubs else "",
        extra_certs=remembered((*ca_pubs, *received.dialogue.extra_certs)),
    )
    return dialogue, judge(dialogue, received.order, received.parties, received.now, status)


def _on_revocation_response(received: Received) -> tuple[Dialogue, Action]:
    """rp: a status for each request, in their order (RFC 9810 §5.3.10); what is revoked already is what we wanted."""
    content, dialogue = received.message.body.value, received.dialogue
    if len(content.status) != dialogue.of:
        asked = "one request" if dialogue.of == 1 else f"{dialogue.of} requests"
        raise Mismatch(f"the answer is not about our {asked}", why=f"{len(content.status)} statuses came")
    if dialogue.of == 1:
        check_revoked(content, received.order, received.parties.peer.tolerates)
    status = status_of(content.status[dialogue.cert_req_id - CERT_REQ_ID])
    if status.status == "waiting":
        return _put_off(received, status, whole=True)
    revoked_before = status.status == "rejection" and status.fail_info == ("certRevoked",)
    done = status.status in (*GRANTED, "revocationWarning", "revocationNotification") or revoked_before
    return received.dialogue, Done(status) if done else Rejected(status)


def _on_recovery_response(received: Received) -> tuple[Dialogue, Action]:
    """krp: one status for all; the history is kept as it came, a certificate for our new key is judged as any other."""
    content: KeyRecRepContent = received.message.body.value
    status = status_of(content.status)
    if status.status == "waiting":
        return _put_off(received, status, whole=True)
    if status.status not in GRANTED:
        return received.dialogue, Rejected(status)
    history, known = map(encode, content.key_pair_hist), remembered((*content.ca_certs, *received.dialogue.extra_certs))
    dialogue = replace(received.dialogue, history=tuple(history), extra_certs=known, granted=status.status)
    if content.new_sig_cert is None or not received.order.public_key_info:
        return dialogue, Done(status)
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", content.new_sig_cert))
    return _offer(replace(received, dialogue=dialogue), pair, (), status)


def _on_poll_reply(received: Received) -> tuple[Dialogue, Action]:
    entries = {entry.cert_req_id: entry for entry in received.message.body.value}
    dialogue = received.dialogue
    entry = entries.get(WHOLE_MESSAGE if dialogue.whole else dialogue.cert_req_id)
    if entry is None and dialogue.of > 1 and not (dialogue.whole or dialogue.left_out):
        return _not_yet(dialogue)
    if entry is None:
        raise Mismatch("the pollRep is not about our request", why=f"certReqId: {sorted(entries)}")
    low, high = CHECK_AFTER
    wait = Wait(min(max(entry.check_after, low), high), joined_text(entry.reason))
    return replace(dialogue, left_out=False), wait


def _on_confirmation(received: Received) -> tuple[Dialogue, Action]:
    return received.dialogue, Done(Status(received.dialogue.granted))


def _on_error(received: Received) -> tuple[Dialogue, Action]:
    status = error_status(received.message.body.value)
    if status.status == "waiting":
        return _put_off(received, status, whole=True)
    if received.dialogue.left_out:
        raise Mismatch("the answer is not about all of our requests", why=f"asked for this one, the CA says: {status}")
    if _is_under_no_number(received.dialogue):
        afresh = replace(received.dialogue, cert_req_id=WHOLE_MESSAGE, peer_nonce=b"")  # a no is no part of it
        return afresh, Wait(0, f"certReqId {CERT_REQ_ID}: {status}")
    confirming = State.CONFIRMING in (received.dialogue.state, received.dialogue.origin)
    pvno = received.message.header.pvno
    return received.dialogue, Rejected(status, after_issue=confirming, whole=True, pvno=pvno)


def _is_under_no_number(dialogue: Dialogue) -> bool:
    """Whether what another tool asked for may have been a p10cr, whose certReqId is -1 (RFC 9483 §4.1.4)."""
    first = dialogue.request and dialogue.polls == 1 and dialogue.cert_req_id == CERT_REQ_ID
    return dialogue.kind == POLL_REQ and dialogue.state is State.POLLING and bool(first)


_CERTIFICATES: dict[str, Handler] = dict.fromkeys(("ip", "cp", "kup"), _on_certificate_response)
ANSWERS: dict[State, dict[str, Handler]] = {
    State.REQUESTED: {
        **_CERTIFICATES,
        "popdecc": lambda got: (got.dialogue, challenged(got.verified, got.parties)),
        "rp": _on_revocation_response,
        "krp": _on_recovery_response,
        "genp": lambda got: (got.dialogue, Done(Status("accepted"), got.message.body.value)),
        "error": _on_error,
    },
    State.PROVING: {**_CERTIFICATES, "error": _on_error},
    State.POLLING: {"pollRep": _on_poll_reply, "error": _on_error},
    State.CONFIRMING: {"pkiconf": _on_confirmation, "error": _on_error},
}
"""State → body type → handler (RFC 9810 §5.3, RFC 9483 §4). What is not here is refused.

A POLLING transaction takes the rows of the state that it came from as well.
"""


def handlers_for(dialogue: Dialogue, order: Order) -> dict[str, Handler]:
    """The rows of the table for this state and kind of request; those of its origin, too, while it polls."""
    return _rows(dialogue.state, dialogue.origin, dialogue.kind, order.proof == CHALLENGE)


@lru_cache(maxsize=256)
def _rows(state: State, origin: State, kind: str, challenged: bool) -> dict[str, Handler]:  # noqa: FBT001 - by order
    polling = state is State.POLLING
    rows = ANSWERS.get(origin if polling else state, {})
    rows = {**rows, **ANSWERS[State.POLLING]} if polling else rows
    ours = set(_CERTIFICATES) if kind == POLL_REQ else {REPLIES[kind]}
    others = {*REPLIES.values(), *(() if challenged else ("popdecc",))} - ours
    return {body: handle for body, handle in rows.items() if body not in others}


def remembered(certificates: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those to be remembered; the newest come first, and what nobody can read is forgotten at once."""
    certificates = (certificate.der for certificate in readable_certificates(certificates))
    return tuple(dict.fromkeys(certificates))[:MAX_KNOWN_CERTIFICATES]
