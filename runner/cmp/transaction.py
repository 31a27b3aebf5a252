"""One PKI management operation as a state machine, sans IO (RFC 9810 §5.2, §5.3; RFC 9483 §4; dossier §3).

    start ─ ir cr kur rr ─▶ REQUESTED ─ ip cp kup ─▶ OFFERED ─ confirm ─▶ CONFIRMING ─ pkiconf ─▶ over
                               │  ▲                     └─ implicitConfirm granted ─▶ over
                      waiting  ▼  │ pollRep
                             POLLING                  REQUESTED ─ rp ─▶ over;   any state ─ error ─▶ over

ANSWERS is the whole table: what may come in which state, and who handles it. The Dialogue that goes in and comes
out (dialogue.py) holds in `request` the octets to send, or to send again. Sending, waiting and keeping are left to
the executor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import IMPLICIT_CONFIRM, PKI_STATUS, InfoTypeAndValue, PKIHeader
from runner.asn1.x509 import NULL_DN
from runner.cmp.dialogue import Dialogue, Done, Offered, Rejected, Send, State, Wait
from runner.cmp.protection import MacProtection, protect, sender_kid_of, sender_of
from runner.cmp.request import CERT_REQ_ID, confirmation_body, poll_body, request_body
from runner.cmp.response import GRANTED, Status, grants_implicit_confirm, refusal_in, status_of
from runner.cmp.validation import Expectation, Issue, check_certificate, remarks_on, verify_message
from runner.errors import BadCertificate, Malformed, Mismatch
from runner.pki.certificates import parse_certificate
from runner.pki.names import directory_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.cmp import CertRepMessage, PKIMessage
    from runner.asn1.structures import Chosen
    from runner.cmp.dialogue import Action, Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order
    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

NONCE = 16
"""Octets of a transactionID and of a senderNonce."""
MAX_KNOWN_CERTIFICATES = 32
CHECK_AFTER = (1, 86_400)
"""checkAfter is taken into these bounds, in seconds."""
REPLIES = {"ir": "ip", "cr": "cp", "kur": "kup", "rr": "rp"}


def start(order: Order, parties: Parties, proof: Signer | None, now: datetime, entropy: Entropy) -> Dialogue:
    """Open a transaction: its first message is in `request`. `proof` is the private key to be certified."""
    transaction_id, nonce = entropy.octets(NONCE), entropy.octets(NONCE)
    recipient = directory_name(parties.recipient.der if parties.recipient else NULL_DN)
    about = order.certificate.fingerprint if order.certificate else ""
    blank = Dialogue(order.kind, State.REQUESTED, transaction_id, b"", nonce, nonce, recipient=recipient, about=about)
    implicit = parties.implicit_confirm and order.kind != "rr"
    confirm = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL)
    header = replace(_header(blank, parties, now), general_info=(confirm,) if implicit else ())
    return replace(blank, request=protect(header, request_body(order, proof), parties.protection))


def _header(dialogue: Dialogue, parties: Parties, now: datetime) -> PKIHeader:
    return PKIHeader(
        pvno=parties.pvno,
        sender=sender_of(parties.protection),
        recipient=dialogue.recipient,
        message_time=now,
        sender_kid=sender_kid_of(parties.protection),
        transaction_id=dialogue.transaction_id,
        sender_nonce=dialogue.nonce,
        recip_nonce=dialogue.peer_nonce or None,
    )


def _next(
    dialogue: Dialogue, state: State, body: Chosen, parties: Parties, now: datetime, entropy: Entropy
) -> Dialogue:
    """The dialogue with its next message made."""
    fresh = replace(dialogue, state=state, nonce=entropy.octets(NONCE))
    return replace(fresh, request=protect(_header(fresh, parties, now), body, parties.protection))


def poll(dialogue: Dialogue, parties: Parties, now: datetime, entropy: Entropy) -> Dialogue:
    """The next pollReq, in `request` (dossier §3.7)."""
    return _next(dialogue, State.POLLING, poll_body(dialogue.cert_req_id), parties, now, entropy)


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
    nonces = tuple(dict.fromkeys((dialogue.nonce, dialogue.first_nonce)))
    expectation = Expectation(parties.pvno, dialogue.transaction_id, nonces, _awaited(dialogue))
    verified = verify_message(octets, expectation, parties.peer, dialogue.extra_certs, now)
    header = verified.message.header
    dialogue = replace(
        dialogue,
        peer_nonce=header.sender_nonce or b"",
        recipient=header.sender,
        extra_certs=_known((*dialogue.extra_certs, *verified.message.extra_certs)),
    )
    handle = ANSWERS[dialogue.state][verified.message.body.name]
    return handle(_Received(dialogue, verified, order, parties, now))


def _awaited(dialogue: Dialogue) -> frozenset[str]:
    """The bodies of the table that answer this kind of request."""
    others = frozenset(REPLIES.values()) - {REPLIES[dialogue.kind]}
    return frozenset(ANSWERS.get(dialogue.state, {})) - others


def _known(certificates: Iterable[bytes]) -> tuple[bytes, ...]:
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
    if len(content.response) != 1 or content.response[0].cert_req_id != CERT_REQ_ID:
        numbers = ", ".join(str(response.cert_req_id) for response in content.response) or "none"
        raise Mismatch("the answer is not about our one request", why=f"certReqId: {numbers}; {CERT_REQ_ID} was asked")
    response = content.response[0]
    status = status_of(response.status)
    if response.status.status == PKI_STATUS.index("waiting"):
        return received.dialogue, Wait(0, status.text)
    if status.status not in GRANTED:
        return received.dialogue, Rejected(status)
    pair = response.certified_key_pair
    if pair is None or pair.cert_or_enc_cert.name != "certificate":
        raise Malformed(f"the answer says {status.status} and brings no certificate that we can read")
    return _offer(received, pair.cert_or_enc_cert.value, content.ca_pubs, status)


def _offer(received: _Received, der: bytes, ca_pubs: tuple[bytes, ...], status: Status) -> tuple[Dialogue, Action]:
    dialogue = replace(
        received.dialogue,
        state=State.OFFERED,
        certificate=der,
        granted=status.status,
        confirmed=grants_implicit_confirm(received.message),
        ca_pubs=ca_pubs,
        extra_certs=_known((*ca_pubs, *received.dialogue.extra_certs)),
    )
    return dialogue, judge(dialogue, received.order, received.parties, received.now, status)


def judge(dialogue: Dialogue, order: Order, parties: Parties, now: datetime, status: Status | None = None) -> Offered:
    """The certificate in an OFFERED (or later) dialogue, judged by every check of dossier §3.2(5)."""
    certificate = parse_certificate(dialogue.certificate)
    intermediates = tuple(parse_certificate(der) for der in dialogue.extra_certs)
    anchors = parties.peer.anchors or _mac_protected_roots(dialogue, parties)
    issue = Issue(certificate, order, dialogue.granted, intermediates, anchors, now)
    status = status or Status(dialogue.granted)
    try:
        path = check_certificate(issue)
    except BadCertificate as problem:
        return Offered(certificate, (certificate,), status, (), problem)
    return Offered(certificate, path, status, remarks_on(issue), None)


def _mac_protected_roots(dialogue: Dialogue, parties: Parties) -> tuple[Certificate, ...]:
    """Self-signed caPubs of an ip under our own secret may vouch for this one certificate (dossier §3.2 no. 6a).

    They are not installed, and they never judge signatures on messages.
    """
    if dialogue.kind != "ir" or not isinstance(parties.protection, MacProtection):
        return ()
    offered = (parse_certificate(der) for der in dialogue.ca_pubs)
    return tuple(certificate for certificate in offered if certificate.is_self_issued)


def _on_revocation_response(received: _Received) -> tuple[Dialogue, Action]:
    """rp: one status for our one request (dossier §3.6); what is revoked already is what we wanted."""
    content = received.message.body.value
    if len(content.status) != 1:
        raise Mismatch("the answer is not about our one request", why=f"{len(content.status)} statuses came")
    status = status_of(content.status[0])
    if status.status == "waiting":
        raise Mismatch("the CA put the revocation off", why=str(status))
    revoked_before = status.status == "rejection" and status.fail_info == ("certRevoked",)
    done = status.status in (*GRANTED, "revocationWarning", "revocationNotification") or revoked_before
    return received.dialogue, Done(status) if done else Rejected(status)


def _on_poll_reply(received: _Received) -> tuple[Dialogue, Action]:
    entries = {entry.cert_req_id: entry for entry in received.message.body.value}
    entry = entries.get(received.dialogue.cert_req_id)
    if entry is None:
        raise Mismatch("the pollRep is not about our request", why=f"certReqId: {sorted(entries)}")
    low, high = CHECK_AFTER
    return received.dialogue, Wait(min(max(entry.check_after, low), high), "; ".join(entry.reason))


def _on_confirmation(received: _Received) -> tuple[Dialogue, Action]:
    return received.dialogue, Done(Status(received.dialogue.granted))


def _on_error(received: _Received) -> tuple[Dialogue, Action]:
    status = refusal_in(received.message.body)
    if status is None:
        raise Malformed("an error message without a status")
    if status.status == "waiting":
        raise Mismatch("the CA put the whole message off", why=str(status))
    return received.dialogue, Rejected(status, after_issue=received.dialogue.state is State.CONFIRMING)


_REPLY_HANDLERS: dict[str, Callable[[_Received], tuple[Dialogue, Action]]] = {
    "ip": _on_certificate_response,
    "cp": _on_certificate_response,
    "kup": _on_certificate_response,
    "rp": _on_revocation_response,
    "error": _on_error,
}
ANSWERS: dict[State, dict[str, Callable[[_Received], tuple[Dialogue, Action]]]] = {
    State.REQUESTED: _REPLY_HANDLERS,
    State.POLLING: {**_REPLY_HANDLERS, "pollRep": _on_poll_reply},
    State.CONFIRMING: {"pkiconf": _on_confirmation, "error": _on_error},
}
"""State → body type → handler (dossier §3.1, permitted answers). What is not here is refused."""
