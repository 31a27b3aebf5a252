"""One PKI management operation as a state machine, sans IO (RFC 9810 §5.2, §5.3; RFC 9483 §4; dossier §3).

    start ─ ir cr p10cr kur rr ─▶ REQUESTED ─ ip cp kup ─▶ OFFERED ─ confirm ─▶ CONFIRMING ─ pkiconf ─▶ over
                                     │  ▲                     └─ implicitConfirm granted ─▶ over     │
                            waiting  ▼  │ pollRep                                            waiting ▼
                                   POLLING                                                        POLLING
              REQUESTED ─ popdecc ─ prove ─▶ PROVING, which goes on as REQUESTED does, with no second challenge
                                              REQUESTED ─ rp ─▶ over;   any state ─ error ─▶ over

What a POLLING transaction waits for is whatever the state that it came from waited for (delayed delivery of any
message, RFC 9483 §4.4).

ANSWERS is the whole table: what may come in which state, and who handles it. The Dialogue that goes in and comes
out (dialogue.py) holds in `request` the octets to send, or to send again. Sending, waiting and keeping are left to
the executor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.asn1.cmp import CertifiedKeyPair
from runner.asn1.structures import Chosen, encode
from runner.asn1.x509 import NULL_DN
from runner.cmp.dialogue import Dialogue, Done, Rejected, Send, State, Wait
from runner.cmp.framing import general_info_of, header_of
from runner.cmp.judging import judge
from runner.cmp.leniency import also_awaited, as_awaited, check_revoked
from runner.cmp.protection import protect
from runner.cmp.proving import CHALLENGE
from runner.cmp.request import CERT_REQ_ID, confirmation_body, poll_body, request_body
from runner.cmp.response import (
    GRANTED,
    Status,
    confirm_wait_time,
    error_status,
    grants_implicit_confirm,
    joined_text,
    status_of,
)
from runner.cmp.unsealing import certificate_in, challenged, response_body
from runner.cmp.validation import Expectation, verify_message
from runner.errors import BadCertificate, Malformed, Mismatch
from runner.pki.certificates import parse_certificate, readable_certificates
from runner.pki.names import directory_name
from runner.pki.servers import Tolerance
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.cmp import CertRepMessage, CertResponse, KeyRecRepContent, PKIMessage
    from runner.cmp.dialogue import Action, Challenged, Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order
    from runner.pki.signing import Signer

    Handler = Callable[["_Received"], tuple[Dialogue, Action]]

NONCE = 16
"""Octets of a transactionID and of a senderNonce."""
MAX_KNOWN_CERTIFICATES = 32
CHECK_AFTER = (1, 86_400)
"""checkAfter is taken into these bounds, in seconds."""
REPLIES = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup", "rr": "rp", "krr": "krp"}
WHOLE_MESSAGE = -1
"""The certReqId of a pollReq for a message that was put off as a whole (RFC 9483 §4.4)."""


def start(order: Order, parties: Parties, proof: Signer | None, now: datetime, entropy: Entropy) -> Dialogue:
    """Open a transaction: its first message is in `request`. `proof` is the private key to be certified."""
    transaction_id, nonce = entropy.octets(NONCE), entropy.octets(NONCE)
    recipient = directory_name(parties.recipient.der if parties.recipient else NULL_DN)
    about = order.certificate.fingerprint if order.certificate else ""
    blank = Dialogue(order.kind, State.REQUESTED, transaction_id, b"", nonce, nonce, recipient=recipient, about=about)
    implicit = parties.implicit_confirm and order.kind != "rr"
    header = replace(header_of(blank, parties, now), general_info=general_info_of(parties, implicit=implicit))
    return replace(blank, request=protect(header, request_body(order, proof, parties), parties.protection))


def _next(
    dialogue: Dialogue, state: State, body: Chosen, parties: Parties, now: datetime, entropy: Entropy
) -> Dialogue:
    """The dialogue with its next message made."""
    origin = dialogue.origin if state is State.POLLING and dialogue.state is State.POLLING else dialogue.state
    nonce = entropy.octets(NONCE)
    delayed = dialogue.delayed_nonce if state is State.POLLING else nonce
    fresh = replace(dialogue, state=state, origin=origin, nonce=nonce, delayed_nonce=delayed)
    return replace(fresh, request=protect(header_of(fresh, parties, now), body, parties.protection))


def poll(dialogue: Dialogue, parties: Parties, now: datetime, entropy: Entropy) -> Dialogue:
    """The next pollReq, in `request` (dossier §3.7)."""
    number = WHOLE_MESSAGE if dialogue.whole else dialogue.cert_req_id
    return _next(dialogue, State.POLLING, poll_body(number), parties, now, entropy)


def prove(
    dialogue: Dialogue, parties: Parties, asked: Challenged, now: datetime, entropy: Entropy
) -> tuple[Dialogue, Action]:
    """The answer to a challenge: popdecr, in `request` (RFC 9810 §5.2.8.3)."""
    return _next(dialogue, State.PROVING, response_body(asked.numbers), parties, now, entropy), Send()


def confirm(
    dialogue: Dialogue, parties: Parties, problem: BadCertificate | None, now: datetime, entropy: Entropy
) -> tuple[Dialogue, Action]:
    """Accept the offered certificate, or reject it with `problem`: certConf to send, or Done where none is awaited."""
    dialogue = replace(dialogue, refused=problem.what if problem else "")
    if dialogue.confirmed:
        return dialogue, Done(Status(dialogue.granted))
    body = confirmation_body(parse_certificate(dialogue.certificate), dialogue.cert_req_id, problem, parties.pvno)
    return _next(dialogue, State.CONFIRMING, body, parties, now, entropy), Send()


def receive(
    dialogue: Dialogue, octets: bytes, order: Order, parties: Parties, now: datetime
) -> tuple[Dialogue, Action]:
    """Take an answer. Raises ProtocolError (runner.errors) where it is not acceptable; the dialogue stays as it was."""
    awaited = also_awaited(dialogue.kind, parties.peer.tolerates) | frozenset(_handlers(dialogue, order))
    expectation = Expectation(parties.pvno, dialogue.transaction_id, _nonces(dialogue), awaited)
    verified = verify_message(octets, expectation, parties.peer, dialogue.extra_certs, now)
    verified = as_awaited(verified, dialogue.kind, REPLIES[dialogue.kind])
    header = verified.message.header
    dialogue = replace(
        dialogue,
        peer_nonce=header.sender_nonce or b"",
        recipient=header.sender,
        extra_certs=_known((*verified.message.extra_certs, *dialogue.extra_certs)),
    )
    handle = _handlers(dialogue, order)[verified.message.body.name]
    return handle(_Received(dialogue, verified, order, parties, now))


def _nonces(dialogue: Dialogue) -> tuple[bytes, ...]:
    """What recipNonce may repeat: our last senderNonce; of a delayed answer, that of the message put off, too."""
    return tuple(dict.fromkeys((dialogue.nonce, dialogue.delayed_nonce)))


def _handlers(dialogue: Dialogue, order: Order) -> dict[str, Handler]:
    """The rows of the table for this state and kind of request; those of its origin, too, while it polls."""
    polling = dialogue.state is State.POLLING
    rows = ANSWERS.get(dialogue.origin if polling else dialogue.state, {})
    rows = {**rows, **ANSWERS[State.POLLING]} if polling else rows
    others = {*REPLIES.values(), *(() if order.proof == CHALLENGE else ("popdecc",))} - {REPLIES[dialogue.kind]}
    return {body: handle for body, handle in rows.items() if body not in others}


def _known(certificates: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those to be remembered; the newest come first, and what nobody can read is forgotten at once."""
    certificates = (certificate.der for certificate in readable_certificates(certificates))
    return tuple(dict.fromkeys(certificates))[:MAX_KNOWN_CERTIFICATES]


@dataclass(frozen=True, slots=True)
class _Received:
    """What a handler gets: the dialogue, the verified answer, and what it is judged by."""

    dialogue: Dialogue
    verified: Verified
    order: Order
    parties: Parties
    now: datetime

    @property
    def message(self) -> PKIMessage:
        return self.verified.message


def _on_certificate_response(received: _Received) -> tuple[Dialogue, Action]:
    """ip, cp, kup: exactly one CertResponse, the one that we asked for (dossier §3.2 no. 3)."""
    content: CertRepMessage = received.message.body.value
    response = _only_response(content, received.dialogue.kind, received.parties.peer.tolerates)
    received = replace(received, dialogue=replace(received.dialogue, cert_req_id=response.cert_req_id))
    status = status_of(response.status)
    if status.status == "waiting":
        return _put_off(received.dialogue, status, whole=False)
    if status.status not in GRANTED:
        return received.dialogue, Rejected(status)
    pair = response.certified_key_pair
    if pair is None:
        raise Malformed(f"the answer says {status.status} and brings no certificate")
    return _offer(received, pair, content.ca_pubs, status)


def _put_off(dialogue: Dialogue, status: Status, *, whole: bool) -> tuple[Dialogue, Action]:
    """Poll: at once the first time, and never again without a pause, or a peer could keep us going in circles."""
    seconds = CHECK_AFTER[0] if dialogue.state is State.POLLING else 0
    return replace(dialogue, whole=whole), Wait(seconds, status.text)


def _only_response(content: CertRepMessage, kind: str, tolerates: Collection[Tolerance]) -> CertResponse:
    """The one CertResponse. A p10cr has no certReqId of its own: -1 by the book, 0 by many (dossier §3.3)."""
    allowed = (CERT_REQ_ID, WHOLE_MESSAGE) if kind == "p10cr" else (CERT_REQ_ID,)
    lenient = Tolerance.OTHER_CERT_REQ_ID in tolerates
    if len(content.response) != 1 or (content.response[0].cert_req_id not in allowed and not lenient):
        numbers = ", ".join(str(response.cert_req_id) for response in content.response) or "none"
        raise Mismatch("the answer is not about our one request", why=f"certReqId: {numbers}; {CERT_REQ_ID} was asked")
    return content.response[0]


def _offer(
    received: _Received, pair: CertifiedKeyPair, ca_pubs: tuple[bytes, ...], status: Status
) -> tuple[Dialogue, Action]:
    dialogue = replace(
        received.dialogue,
        state=State.OFFERED,
        certificate=certificate_in(pair, received.parties),
        private_key=(pair.private_key or b"") if received.order.made_by_ca else b"",
        key_is_signed_for=received.verified.signer is not None,
        granted=status.status,
        confirmed=grants_implicit_confirm(received.message),
        confirm_by=confirm_wait_time(received.message),
        ca_pubs=ca_pubs,
        extra_certs=_known((*ca_pubs, *received.dialogue.extra_certs)),
    )
    return dialogue, judge(dialogue, received.order, received.parties, received.now, status)


def _on_revocation_response(received: _Received) -> tuple[Dialogue, Action]:
    """rp: one status for our one request (dossier §3.6); what is revoked already is what we wanted."""
    content = received.message.body.value
    if len(content.status) != 1:
        raise Mismatch("the answer is not about our one request", why=f"{len(content.status)} statuses came")
    check_revoked(content, received.order, received.parties.peer.tolerates)
    status = status_of(content.status[0])
    if status.status == "waiting":
        return _put_off(received.dialogue, status, whole=True)
    revoked_before = status.status == "rejection" and status.fail_info == ("certRevoked",)
    done = status.status in (*GRANTED, "revocationWarning", "revocationNotification") or revoked_before
    return received.dialogue, Done(status) if done else Rejected(status)


def _on_recovery_response(received: _Received) -> tuple[Dialogue, Action]:
    """krp: one status for all; the history is kept as it came, a certificate for our new key is judged as any other."""
    content: KeyRecRepContent = received.message.body.value
    status = status_of(content.status)
    if status.status == "waiting":
        return _put_off(received.dialogue, status, whole=True)
    if status.status not in GRANTED:
        return received.dialogue, Rejected(status)
    history, known = map(encode, content.key_pair_hist), _known((*content.ca_certs, *received.dialogue.extra_certs))
    dialogue = replace(received.dialogue, history=tuple(history), extra_certs=known, granted=status.status)
    if content.new_sig_cert is None or not received.order.public_key_info:
        return dialogue, Done(status)
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", content.new_sig_cert))
    return _offer(replace(received, dialogue=dialogue), pair, (), status)


def _on_poll_reply(received: _Received) -> tuple[Dialogue, Action]:
    entries = {entry.cert_req_id: entry for entry in received.message.body.value}
    dialogue = received.dialogue
    entry = entries.get(WHOLE_MESSAGE if dialogue.whole else dialogue.cert_req_id)
    if entry is None:
        raise Mismatch("the pollRep is not about our request", why=f"certReqId: {sorted(entries)}")
    low, high = CHECK_AFTER
    return dialogue, Wait(min(max(entry.check_after, low), high), joined_text(entry.reason))


def _on_confirmation(received: _Received) -> tuple[Dialogue, Action]:
    return received.dialogue, Done(Status(received.dialogue.granted))


def _on_error(received: _Received) -> tuple[Dialogue, Action]:
    status = error_status(received.message.body.value)
    if status.status == "waiting":
        return _put_off(received.dialogue, status, whole=True)
    confirming = State.CONFIRMING in (received.dialogue.state, received.dialogue.origin)
    return received.dialogue, Rejected(status, after_issue=confirming)


_CERTIFICATES: dict[str, Handler] = dict.fromkeys(("ip", "cp", "kup"), _on_certificate_response)
ANSWERS: dict[State, dict[str, Handler]] = {
    State.REQUESTED: {
        **_CERTIFICATES,
        "popdecc": lambda got: (got.dialogue, challenged(got.verified, got.parties)),
        "rp": _on_revocation_response,
        "krp": _on_recovery_response,
        "error": _on_error,
    },
    State.PROVING: {**_CERTIFICATES, "error": _on_error},
    State.POLLING: {"pollRep": _on_poll_reply, "error": _on_error},
    State.CONFIRMING: {"pkiconf": _on_confirmation, "error": _on_error},
}
"""State → body type → handler (dossier §3.1, permitted answers). What is not here is refused.

A POLLING transaction takes the rows of the state that it came from as well.
"""
