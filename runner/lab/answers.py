"""An answer: its content, and how it becomes a protected PKIMessage (RFC 9810 §5.1).

Who proved the shared secret is answered under that secret, with the hashes and the iterationCount of the request
and our own salt, who sent a ciphertext for the lab's KEM key under what is in it; everybody else is answered with the
CA's signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.asn1.algorithms import AlgorithmIdentifier, PBMParameter
from runner.asn1.cmp import (
    CERTIFICATES,
    CMP_1999,
    CMP_2000,
    IMPLICIT_CONFIRM,
    PKI_BODY,
    ErrorMsgContent,
    InfoTypeAndValue,
    PKIHeader,
)
from runner.asn1.der import SEQUENCE_TAG, tlv
from runner.asn1.parameters import PBMAC1, PBKDF2Params, PBMAC1Params
from runner.asn1.primitives import BIT_STRING, NULL
from runner.asn1.structures import Chosen, Explicit, decode, encode
from runner.asn1.x509 import NULL_DN
from runner.lab.rules import Rejection, in_old_words, rejected
from runner.lab.senders import SecretSender
from runner.pki.kems import kem_mac_algorithm
from runner.pki.macs import KemSecret, compute_mac
from runner.pki.names import directory_name
from runner.values import frozen, replace

if TYPE_CHECKING:
    from runner.lab.office import Office
    from runner.lab.senders import Sender

_PROTECTION = Explicit(0, BIT_STRING)
_EXTRA_CERTS = Explicit(1, CERTIFICATES)
_IMPLICIT_CONFIRM = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=NULL.encode(None))
NOBODY = PKIHeader(pvno=CMP_2000, sender=directory_name(NULL_DN), recipient=directory_name(NULL_DN))
"""The header that stands for one that cannot be read."""


@frozen
class Answer:
    """A body, by type and value, and whether implicitConfirm is granted."""

    kind: str
    content: Any = None
    implicit: bool = False
    bare: bool = False
    """Whether it goes out without protection …"""
    extra_certs: tuple[bytes, ...] = ()
    """… and which certificates then go with it."""


PKICONF = Answer("pkiconf")
SILENCE = Answer("")
"""No answer at all, as CMP 1999 has it for a conf."""


def error(rejection: Rejection) -> Answer:
    """An error message."""
    return Answer("error", ErrorMsgContent(pki_status_info=rejected(rejection)))


def seal(office: Office, asked: PKIHeader, sender: Sender, nonce: bytes, answer: Answer, secret: bytes = b"") -> bytes:
    """The answer to a message with the header `asked`, as octets; none for SILENCE.

    `secret` is what the requester encapsulated to the lab's own KEM key; it protects, where there is one.
    """
    if answer == SILENCE:
        return b""
    if _version(office, asked) == CMP_1999:
        answer = replace(answer, content=in_old_words(answer.content))
    if answer.bare or (answer.kind == "error" and office.rules.unprotected_errors):
        certificates = _EXTRA_CERTS.encode(answer.extra_certs) if answer.extra_certs else b""
        return tlv(SEQUENCE_TAG, _header(office, asked, nonce, answer, None, None) + certificates)
    if secret:
        return _with_kem(office, asked, KemSecret(secret, asked.transaction_id or b""), nonce, answer)
    if isinstance(sender, SecretSender) and not office.rules.signed_answers:
        return _with_mac(office, asked, sender, nonce, answer)
    return _with_signature(office, asked, nonce, answer)


def _with_mac(office: Office, asked: PKIHeader, sender: SecretSender, nonce: bytes, answer: Answer) -> bytes:
    algorithm = _own_salt(office, sender.algorithm)
    header = _header(office, asked, nonce, answer, algorithm, sender.reference)
    mac = compute_mac(office.secret, algorithm, tlv(SEQUENCE_TAG, header))
    link = _EXTRA_CERTS.encode(office.chain) if office.root_update is not None else b""
    return tlv(SEQUENCE_TAG, header + _PROTECTION.encode(mac) + link)


def _with_kem(office: Office, asked: PKIHeader, secret: KemSecret, nonce: bytes, answer: Answer) -> bytes:
    algorithm = kem_mac_algorithm()
    header = _header(office, asked, nonce, answer, algorithm, None)
    mac = compute_mac(secret, algorithm, tlv(SEQUENCE_TAG, header))
    return tlv(SEQUENCE_TAG, header + _PROTECTION.encode(mac) + _EXTRA_CERTS.encode(office.chain))


def _own_salt(office: Office, theirs: AlgorithmIdentifier) -> AlgorithmIdentifier:
    if theirs.algorithm == PBMAC1:
        return _own_pbkdf2_salt(office, theirs)
    parameters = decode(PBMParameter, theirs.parameters or b"")
    ours = PBMParameter(
        salt=office.salt, owf=parameters.owf, iteration_count=parameters.iteration_count, mac=parameters.mac
    )
    return AlgorithmIdentifier(algorithm=theirs.algorithm, parameters=encode(ours))


def _own_pbkdf2_salt(office: Office, theirs: AlgorithmIdentifier) -> AlgorithmIdentifier:
    outer = decode(PBMAC1Params, theirs.parameters or b"")
    inner = decode(PBKDF2Params, outer.key_derivation_func.parameters or b"")
    derivation = replace(outer.key_derivation_func, parameters=encode(replace(inner, salt=office.salt)))
    return replace(theirs, parameters=encode(replace(outer, key_derivation_func=derivation)))


def _with_signature(office: Office, asked: PKIHeader, nonce: bytes, answer: Answer) -> bytes:
    signer = office.issuer.signer
    part = _header(office, asked, nonce, answer, signer.algorithm, office.issuer.key_identifier)
    signature = _PROTECTION.encode(signer.sign(tlv(SEQUENCE_TAG, part)))
    return tlv(SEQUENCE_TAG, part + signature + _EXTRA_CERTS.encode(office.chain))


def _header(
    office: Office,
    asked: PKIHeader,
    nonce: bytes,
    answer: Answer,
    algorithm: AlgorithmIdentifier | None,
    kid: bytes | None,
) -> bytes:
    """Header and body, one after the other."""
    header = PKIHeader(
        pvno=_version(office, asked),
        sender=office.issuer.general_name,
        recipient=asked.sender,
        message_time=office.now(),
        protection_alg=algorithm,
        sender_kid=kid,
        recip_kid=asked.sender_kid if asked.pvno == CMP_1999 else None,
        transaction_id=asked.transaction_id,
        sender_nonce=nonce,
        recip_nonce=asked.sender_nonce,
        general_info=(_IMPLICIT_CONFIRM,) if answer.implicit else (),
    )
    return encode(header) + PKI_BODY.encode(Chosen(answer.kind, answer.content))


def _version(office: Office, asked: PKIHeader) -> int:
    """The pvno of an answer: the nearest that is spoken."""
    return min(office.rules.versions, key=lambda spoken: abs(spoken - asked.pvno))
