"""One PKI management operation as a state machine, sans IO (RFC 9810 §5.2, §5.3; RFC 9483 §4).

    start ─ ir cr p10cr kur rr ─▶ REQUESTED ─ ip cp kup ─▶ OFFERED ─ confirm ─▶ CONFIRMING ─ pkiconf ─▶ over
                                     │  ▲                     └─ implicitConfirm granted ─▶ over     │
                            waiting  ▼  │ pollRep                                            waiting ▼
                                   POLLING                                                        POLLING
              REQUESTED ─ popdecc ─ prove ─▶ PROVING, which goes on as REQUESTED does, with no second challenge
                                              REQUESTED ─ rp ─▶ over;   any state ─ error ─▶ over

What a POLLING transaction waits for is whatever the state that it came from waited for (delayed delivery of any
message, RFC 9483 §4.4).

Several orders may share a message, and so a transaction (RFC 4211 §3): each has a Dialogue of its own, and one order
alone is the case of one. What may come in which state is in answers.py. The Dialogue that goes in and comes out
(dialogue.py) holds in `request` the octets to send, or to send again. Sending, waiting and keeping are left to the
executor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_1999
from runner.asn1.structures import Chosen
from runner.asn1.x509 import NULL_DN
from runner.cmp.answers import POLL_REQ, REPLIES, WHOLE_MESSAGE, Received, handlers_for, remembered
from runner.cmp.dialogue import Dialogue, Done, Opening, Send, State, Tell
from runner.cmp.framing import general_info_of, header_of
from runner.cmp.leniency import also_awaited, as_awaited
from runner.cmp.protection import MacProtection, protect
from runner.cmp.request import CERT_REQ_ID, Request, cert_status, poll_body, request_body
from runner.cmp.response import Status
from runner.cmp.unsealing import response_body
from runner.cmp.validation import Expectation, verify_message
from runner.errors import ProtocolError
from runner.pki.certificates import parse_certificate
from runner.pki.macs import SharedSecret
from runner.pki.names import directory_name
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.cmp.dialogue import Action, Challenged, Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order
    from runner.errors import BadCertificate
    from runner.pki.signing import Signer


NONCE = 16
"""Octets of a transactionID and of a senderNonce."""


def start(order: Order, parties: Parties, proof: Signer | None, now: datetime, entropy: Entropy) -> Dialogue:
    """Open a transaction for one order: its first message is in `request`. `proof` is the key to be certified."""
    return start_together((Request(order, proof, parties),), parties, now, entropy)[0]


def start_together(
    requests: Sequence[Request], parties: Parties, now: datetime, entropy: Entropy, opening: Opening | None = None
) -> tuple[Dialogue, ...]:
    """Open one transaction for several orders of one kind (RFC 4211 §3): a Dialogue for each, with the same message.

    `opening` is what was agreed on before (agreement.py).
    """
    if requests[0].order.kind == POLL_REQ:
        return (_taken_over(requests[0].order, parties, now, entropy),)
    opening, nonce, kind = opening or Opening(entropy.octets(NONCE)), entropy.octets(NONCE), requests[0].order.kind
    recipient = opening.recipient or directory_name(parties.recipient.der if parties.recipient else NULL_DN)
    blank = Dialogue(
        kind,
        State.REQUESTED,
        opening.transaction_id,
        b"",
        nonce,
        nonce,
        peer_nonce=opening.peer_nonce,
        recipient=recipient,
        of=len(requests),
        kem_ciphertext=opening.ciphertext,
    )
    implicit = parties.implicit_confirm and kind not in ("rr", "genm") and parties.pvno > CMP_1999
    header = header_of(blank, nonce, parties, now, general_info_of(parties, implicit=implicit))
    message = protect(header, request_body(requests), parties.protection)
    certificates = [asked.order.certificate for asked in requests]
    return tuple(
        replace(blank, request=message, cert_req_id=number, about=certificate.fingerprint if certificate else "")
        for number, certificate in enumerate(certificates, CERT_REQ_ID)
    )


def _taken_over(order: Order, parties: Parties, now: datetime, entropy: Entropy) -> Dialogue:
    """A transaction that another tool began: what was asked there is not known, and a pollReq is our first message."""
    nonce = entropy.octets(NONCE)
    recipient = directory_name(parties.recipient.der if parties.recipient else NULL_DN)
    blank = Dialogue(
        POLL_REQ,
        State.POLLING,
        order.transaction_id,
        b"",
        nonce,
        nonce,
        recipient=recipient,
        polls=1,
        waits_since=now.isoformat(),
    )
    if not order.transaction_id:  # the transport has a reference to its answer, which says the transactionID
        return blank
    message = protect(header_of(blank, nonce, parties, now), poll_body((blank.cert_req_id,)), parties.protection)
    return replace(blank, request=message)


def _next(
    dialogues: Sequence[Dialogue], state: State, body: Chosen, parties: Parties, now: datetime, entropy: Entropy
) -> tuple[Dialogue, ...]:
    """The dialogues, which share a transaction, with their next message made."""
    nonce = entropy.octets(NONCE)
    message = protect(header_of(dialogues[0], nonce, parties, now), body, parties.protection)
    return tuple(
        replace(
            dialogue,
            state=state,
            origin=dialogue.origin if state is dialogue.state is State.POLLING else dialogue.state,
            nonce=nonce,
            delayed_nonce=dialogue.delayed_nonce if state is State.POLLING else nonce,
            request=message,
            polls=dialogue.polls + 1 if state is State.POLLING else 0,
            waits_since=dialogue.waits_since if state is State.POLLING else "",
        )
        for dialogue in dialogues
    )


def poll(dialogues: Sequence[Dialogue], parties: Parties, now: datetime, entropy: Entropy) -> tuple[Dialogue, ...]:
    """The next pollReq, in `request`, for those of a transaction that wait (RFC 9810 §5.3.22)."""
    whole = any(dialogue.whole for dialogue in dialogues)
    numbers = (WHOLE_MESSAGE,) if whole else [dialogue.cert_req_id for dialogue in dialogues]
    return _next(dialogues, State.POLLING, poll_body(numbers), parties, now, entropy)


def prove(
    dialogue: Dialogue, parties: Parties, asked: Challenged, now: datetime, entropy: Entropy
) -> tuple[Dialogue, Action]:
    """The answer to a challenge: popdecr, in `request` (RFC 9810 §5.2.8.3)."""
    return _next((dialogue,), State.PROVING, response_body(asked.numbers), parties, now, entropy)[0], Send()


def confirm(
    decisions: Sequence[tuple[Dialogue, BadCertificate | None]], parties: Parties, now: datetime, entropy: Entropy
) -> tuple[tuple[Dialogue, Action], ...]:
    """Accept each offered certificate, or reject it with a problem: one certConf for all; Done where none is awaited.

    In the order of `decisions`. RFC 2510 has conf in its place, which is sent where nothing is rejected.
    """
    dialogues = [_decided(dialogue, problem.what if problem else "") for dialogue, problem in decisions]
    if parties.pvno == CMP_1999 and not any(dialogue.refused for dialogue in dialogues):
        return tuple((dialogue, Tell()) for dialogue in _told(dialogues, parties, now))
    if dialogues[0].confirmed or parties.pvno == CMP_1999:
        return tuple((dialogue, Done(Status(dialogue.granted))) for dialogue in dialogues)
    statuses = tuple(
        cert_status(parse_certificate(dialogue.certificate), dialogue.cert_req_id, problem, parties.pvno)
        for dialogue, problem in decisions
    )
    asking = _next(dialogues, State.CONFIRMING, Chosen("certConf", statuses), parties, now, entropy)
    return tuple((dialogue, Send()) for dialogue in asking)


def _decided(dialogue: Dialogue, refused: str) -> Dialogue:
    return dialogue if dialogue.refused == refused else replace(dialogue, refused=refused)


def is_told(dialogue: Dialogue, parties: Parties) -> bool:
    """Whether the message that is out is conf of RFC 2510, which is not answered."""
    return parties.pvno == CMP_1999 and dialogue.state is State.CONFIRMING


def _told(dialogues: Sequence[Dialogue], parties: Parties, now: datetime) -> tuple[Dialogue, ...]:
    """Conf: under our own nonce again, which the ip repeated.

    Where certificates came encrypted, the keys that opened them are the MAC's, one behind the other.
    """
    ours, keys = parties.protection, b"".join(dialogue.symmetric_key for dialogue in dialogues)
    if keys and isinstance(ours, MacProtection):
        ours = replace(ours, secret=SharedSecret(keys))
    message = protect(header_of(dialogues[0], dialogues[0].nonce, parties, now), Chosen("pkiconf", None), ours)
    return tuple(
        replace(
            dialogue, state=State.CONFIRMING, origin=dialogue.state, request=message, symmetric_key=b"", encrypted=b""
        )
        for dialogue in dialogues
    )


@frozen
class Fellow:
    """One of those who share a message: where it stands, what it asked for, and who talks (with its own opener)."""

    dialogue: Dialogue
    order: Order
    parties: Parties


def receive(
    dialogue: Dialogue, octets: bytes, order: Order, parties: Parties, now: datetime
) -> tuple[Dialogue, Action]:
    """Take an answer. Raises ProtocolError (runner.errors) where it is not acceptable; the dialogue stays as it was."""
    (heard,) = receive_together((Fellow(dialogue, order, parties),), octets, now)
    if isinstance(heard, ProtocolError):
        raise heard
    return heard


def receive_together(
    fellows: Sequence[Fellow], octets: bytes, now: datetime
) -> tuple[tuple[Dialogue, Action] | ProtocolError, ...]:
    """Take the answer to a message that several share: for each what comes next, or what is wrong with its part.

    Raises ProtocolError where the answer is not acceptable as a whole. The order is that of `fellows`.
    """
    first = fellows[0]
    kind, tolerates = first.dialogue.kind, first.parties.peer.tolerates
    awaited = also_awaited(kind, tolerates) | frozenset(handlers_for(first.dialogue, first.order))
    expectation = Expectation(
        first.parties.pvno,
        first.dialogue.transaction_id,
        _nonces(first.dialogue),
        awaited,
        tolerates,
        repeats_unknown=kind == POLL_REQ and first.dialogue.origin is State.REQUESTED,
        request=first.dialogue.request,
    )
    verified = verify_message(octets, expectation, first.parties.peer, first.dialogue.extra_certs, now)
    verified = as_awaited(verified, kind, REPLIES.get(kind, ""))
    return tuple(_heard(fellow, verified, now) for fellow in fellows)


def _heard(fellow: Fellow, verified: Verified, now: datetime) -> tuple[Dialogue, Action] | ProtocolError:
    header = verified.message.header
    dialogue = replace(
        fellow.dialogue,
        transaction_id=fellow.dialogue.transaction_id or header.transaction_id or b"",
        peer_nonce=header.sender_nonce or b"",
        recipient=header.sender,
        extra_certs=remembered((*verified.message.extra_certs, *fellow.dialogue.extra_certs)),
    )
    handle = handlers_for(dialogue, fellow.order)[verified.message.body.name]
    try:
        return handle(Received(dialogue, verified, fellow.order, fellow.parties, now))
    except ProtocolError as problem:
        return problem


def in_step(dialogue: Dialogue, with_: Dialogue) -> Dialogue:
    """The dialogue, which waits, after others of its transaction have exchanged a message."""
    return replace(dialogue, peer_nonce=with_.peer_nonce, recipient=with_.recipient, extra_certs=with_.extra_certs)


def _nonces(dialogue: Dialogue) -> tuple[bytes, ...]:
    """What recipNonce may repeat: our last senderNonce; of a delayed answer, that of the message put off, too."""
    return tuple(dict.fromkeys((dialogue.nonce, dialogue.delayed_nonce)))
