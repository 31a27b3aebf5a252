"""The two hops of a relayed transaction, and the way back: the CA's answer made one for the requester.

An answer to a message whose protection we replaced is verified, and sealed again; one that the CA protected for the
requester itself passes as it is (RFC 9483 §5.2). The way there is in relay.py.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from runner.cmp.message import read_message
from runner.cmp.response import grants_implicit_confirm, refusal_in
from runner.cmp.validation import Expectation, verify_message
from runner.errors import Mismatch
from runner.ra.answering import P10_CERT_REQ_ID, REPLIES, relayed_header, seal
from runner.ra.reading import read_pki_message
from runner.values import frozen, replace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.asn1.cmp import PKIMessage
    from runner.asn1.structures import Chosen
    from runner.cmp.dialogue import Parties
    from runner.ra.cases import Policy
    from runner.ra.requesters import Requester

_FINAL = ("ip", "cp", "kup", "rp", "genp", "pkiconf")
AWAITED = {
    "ir": ("ip", "popdecc"),
    "cr": ("cp", "popdecc"),
    "kur": ("kup", "popdecc"),
    "p10cr": ("cp",),
    "rr": ("rp",),
    "genm": ("genp",),
    "certConf": ("pkiconf",),
    "pollReq": ("pollRep", *_FINAL),
    "popdecr": ("ip", "cp", "kup"),
    "error": ("pkiconf",),
}
"""What may answer what (RFC 9810 §5.3); an error may answer everything."""
_REJECTION, _WAITING = 2, 3


@frozen
class Office:
    """The RA: its policy, and the two of the CA's hop. `original`: origPKIMessage goes along."""

    policy: Policy
    parties: Parties
    original: bool = False


@frozen
class Relayed:
    """A transaction that passes through: the requester's last message, and what the CA got of it (`upstream`)."""

    transaction_id: bytes
    holder: str
    kind: str
    request: bytes = field(repr=False)
    upstream: bytes = field(default=b"", repr=False)
    answer: bytes = field(default=b"", repr=False)
    """What the requester was answered to `request`; empty: the CA has not answered yet."""
    keep: bool = False
    """The requester's own protection went along, and the CA's answers are for it."""
    converted: bool = False
    """A p10cr that went out as a cr: certReqId -1 here is 0 there."""
    nonces: tuple[bytes, ...] = ()
    """senderNonces of the requester, the newest first."""
    over: bool = False
    represented: bool = False
    """The RA talked to the CA in the requester's stead, to the end."""

    @property
    def is_open(self) -> bool:
        """Whether a request is under way to the CA."""
        return bool(self.upstream) and not self.answer


def renumbered(body: Chosen, old: int, new: int) -> Chosen:
    """The body with another certReqId, where it has one."""

    def other(part: Any) -> Any:
        return replace(part, cert_req_id=new) if part.cert_req_id == old else part

    if body.name in ("certConf", "pollReq", "pollRep"):
        return replace(body, value=tuple(map(other, body.value)))
    if body.name == "cp":
        return replace(body, value=replace(body.value, response=tuple(map(other, body.value.response))))
    return body


def give(relayed: Relayed, requester: Requester, octets: bytes, office: Office, now: datetime) -> Relayed:
    """The transaction with the CA's answer in it, made for the requester. ProtocolError: it is not one."""
    if relayed.keep:
        message = _passing(relayed, octets)
        return replace(relayed, answer=octets, over=_is_over(message))
    header = read_pki_message(relayed.request).header
    if header is None:
        raise ValueError("what is relayed is a PKIMessage")
    asked = read_pki_message(relayed.request).kind
    awaited = frozenset({*AWAITED[asked], "error"} - _of_others(relayed.kind))
    peer = office.parties.peer
    expectation = Expectation(header.pvno, relayed.transaction_id, relayed.nonces, awaited, peer.tolerates)
    message = verify_message(octets, expectation, peer, (), now).message
    body = renumbered(message.body, 0, P10_CERT_REQ_ID) if relayed.converted else message.body
    ours = relayed_header(message.header, header.sender, office.parties.protection, now)
    if body.name == "popdecc":  # the CA's name is in the challenge, too, and whoever answers it compares them
        ours = replace(ours, sender=message.header.sender)
    answer = seal(
        ours,
        body,
        requester,
        office.parties.protection,
        message.extra_certs,
    )
    return replace(relayed, answer=answer, over=_is_over(message))


def _of_others(kind: str) -> frozenset[str]:
    """Final answers that belong to another kind of request than the one that began the transaction."""
    return frozenset({*REPLIES.values(), "genp"}) - {REPLIES.get(kind, "genp")}


def _passing(relayed: Relayed, octets: bytes) -> PKIMessage:
    """An answer under the CA's own protection: whether it is good is for the requester to judge."""
    message = read_message(octets).message
    if message.header.transaction_id != relayed.transaction_id:
        raise Mismatch("the CA's answer belongs to another transaction")
    if message.header.recip_nonce not in relayed.nonces and message.body.name != "error":
        raise Mismatch("the CA's answer is not to this message", why="its recipNonce is another")
    return message


def _is_over(message: PKIMessage) -> bool:
    """Whether the CA awaits nothing more in this transaction."""
    body = message.body
    if body.name in ("pkiconf", "genp"):
        return True
    if body.name == "error":
        return refusal_in(body) is not None and body.value.pki_status_info.status == _REJECTION
    if body.name == "rp":
        return all(status.status != _WAITING for status in body.value.status)
    return body.name in ("ip", "cp", "kup") and (
        all(each.status.status == _REJECTION for each in body.value.response) or grants_implicit_confirm(message)
    )
