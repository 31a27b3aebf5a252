"""What the RA answers: a CA's answer under protection that the requester accepts, or a word of its own.

With a MAC where the requester used one, by the same secret; signed by the RA otherwise. An answer that the CA
protected for the requester itself, as to a nested message, is passed on untouched (RFC 9483 §5.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, PASSWORD_BASED_MAC, PBMParameter
from runner.asn1.cmp import (
    FAIL_INFO,
    IMPLICIT_CONFIRM,
    PKI_STATUS,
    CertifiedKeyPair,
    CertRepMessage,
    CertResponse,
    ErrorMsgContent,
    InfoTypeAndValue,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
    RevRepContent,
)
from runner.asn1.parameters import GMACS, PBMAC1, PBMAC1Params
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import NULL_DN
from runner.cmp.message import protected_part
from runner.cmp.protection import RFC_9045, MacProtection, protect, sender_of
from runner.cmp.transaction import NONCE
from runner.pki.macs import compute_mac
from runner.pki.names import directory_name
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.cmp.protection import Protection
    from runner.cmp.response import Status
    from runner.ra.refusal import Refusal
    from runner.ra.requesters import Requester

REPLIES = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup", "rr": "rp"}
P10_CERT_REQ_ID = -1
"""certReqId in the answer to a p10cr (RFC 9483 §4.1.4)."""


def seal(
    header: PKIHeader, body: Chosen, requester: Requester | None, ours: Protection, extra_certs: Sequence[bytes] = ()
) -> bytes:
    """A message to the requester. None, or one without a secret: it is signed by the RA's credential.

    Where that is a secret that the RA shares with the CA, the message goes out unprotected: nobody here could verify a
    MAC by it, and whoever collects such MACs could try to guess it.
    """
    if requester is not None and requester.secret is not None and requester.algorithm is not None:
        algorithm = _answering(requester.algorithm)
        header = replace(header, sender_kid=requester.reference)
        if algorithm is None:
            mac = MacProtection(requester.reference, requester.secret, (header.sender_nonce or b"")[:16], RFC_9045)
            algorithm = mac.algorithm(header.sender_nonce or b"")
        header = replace(header, protection_alg=algorithm)
        bits = compute_mac(requester.secret, algorithm, protected_part(header, body))
        return encode(PKIMessage(header=header, body=body, protection=bits, extra_certs=tuple(extra_certs)))
    if isinstance(ours, MacProtection):
        return encode(
            PKIMessage(header=replace(header, protection_alg=None), body=body, extra_certs=tuple(extra_certs))
        )
    octets = protect(header, body, ours)
    message = decode(PKIMessage, octets)
    certificates = tuple(dict.fromkeys((*message.extra_certs, *extra_certs)))[:32]
    return encode(replace(message, extra_certs=certificates))


def _answering(algorithm: AlgorithmIdentifier) -> AlgorithmIdentifier | None:
    """The requester's own MAC, which it can surely judge; None where using it twice would give its key away (GMAC)."""
    if algorithm.algorithm == PASSWORD_BASED_MAC:
        inner = decode(PBMParameter, algorithm.parameters or b"").mac
    elif algorithm.algorithm == PBMAC1:
        inner = decode(PBMAC1Params, algorithm.parameters or b"").message_auth_scheme
    else:
        return None
    return None if inner.algorithm in GMACS else algorithm


def answer_header(asked: PKIHeader | None, ours: Protection, now: datetime, entropy: Entropy) -> PKIHeader:
    """The header of an answer of the RA's own to a message; `asked` None: nothing of it could be read."""
    nobody = directory_name(NULL_DN)
    return PKIHeader(
        pvno=asked.pvno if asked is not None and asked.pvno in (1, 2, 3) else 2,
        sender=sender_of(ours),
        recipient=asked.sender if asked is not None else nobody,
        message_time=now,
        transaction_id=_short(asked.transaction_id) if asked is not None else None,
        sender_nonce=entropy.octets(NONCE),
        recip_nonce=_short(asked.sender_nonce) if asked is not None else None,
    )


def _short(mark: bytes | None) -> bytes | None:
    """A mark of a stranger's is given back, unless it is absurdly long."""
    return mark if mark is not None and len(mark) <= 64 else None  # noqa: PLR2004 - four times the usual


def relayed_header(theirs: PKIHeader, recipient: bytes, ours: Protection, now: datetime) -> PKIHeader:
    """The header of the CA's answer under our protection: its marks stay, sender and protection are ours."""
    return replace(
        theirs,
        sender=sender_of(ours),
        recipient=recipient,
        message_time=now,
        sender_kid=None,
        protection_alg=None,
    )


def refusal_body(kind: str, refusal: Refusal) -> Chosen:
    """A rejection in the answer that belongs to the request; an error message for every other kind."""
    info = PKIStatusInfo(
        status=PKI_STATUS.index("rejection"),
        status_string=(refusal.what,),
        fail_info=frozenset({FAIL_INFO.index(refusal.fail_info)}),
    )
    return status_body(kind, info)


def status_body(kind: str, info: PKIStatusInfo, certificate: bytes = b"", ca_pubs: tuple[bytes, ...] = ()) -> Chosen:
    """The answer to a request of `kind` with a status and, where it was granted, the certificate."""
    reply = REPLIES.get(kind)
    if reply is None:
        return Chosen("error", ErrorMsgContent(pki_status_info=info))
    if reply == "rp":
        return Chosen("rp", RevRepContent(status=(info,)))
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", certificate)) if certificate else None
    number = P10_CERT_REQ_ID if kind == "p10cr" else 0
    response = CertResponse(cert_req_id=number, status=info, certified_key_pair=pair)
    return Chosen(reply, CertRepMessage(ca_pubs=ca_pubs, response=(response,)))


def info_of(status: Status) -> PKIStatusInfo:
    """The PKIStatusInfo that a Status was read from."""
    known = PKI_STATUS.index(status.status) if status.status in PKI_STATUS else PKI_STATUS.index("rejection")
    bits = frozenset(FAIL_INFO.index(name) for name in status.fail_info if name in FAIL_INFO)
    return PKIStatusInfo(status=known, status_string=(status.text,) if status.text else (), fail_info=bits)


def implicitly_confirmed(header: PKIHeader) -> PKIHeader:
    """The header of an answer after which no certConf is awaited."""
    item = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL)
    return replace(header, general_info=(item,))
