"""Enrolment: ir, cr, kur, p10cr, and what becomes of each certificate asked for (RFC 9810 §5.3.1, RFC 9483 §4.1).

Every CertReqMsg of a message is judged by itself. A certificate is UNCONFIRMED until certConf comes (confirming.py) or
implicitConfirm is granted; there is no time limit on that, and the lab revokes only what the requester rejects. While
a request waits, nothing is made; it is judged again when its time has come (polling.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import CMP_1999, CMP_2021, IMPLICIT_CONFIRM, CertifiedKeyPair, CertRepMessage, CertResponse
from runner.asn1.cms import DATA
from runner.asn1.structures import Chosen
from runner.errors import ProtocolError
from runner.lab.answers import Answer
from runner.lab.asked import asked_in, cert_req_ids
from runner.lab.challenges import challenge, popdecc
from runner.lab.keeping import decrypts, kept, seal_for
from runner.lab.manners import has_name
from runner.lab.proof import by_challenge, by_decryption
from runner.lab.received import Request, read
from runner.lab.records import IssuedCertificate, Part, Stage, Transaction, begun
from runner.lab.rules import Rejection, rejected, status_info
from runner.lab.senders import SecretSender
from runner.pki.certificates import parse_certificate
from runner.pki.encrypted_values import fresh_key, seal_encrypted_value
from runner.pki.envelopes import recipient_of_request, seal_envelope
from runner.pki.names import name_from_der
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.lab.issuing import Asked
    from runner.lab.office import Office

ANSWERS = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup"}
"""The body types of enrolment, and of their answers."""


def enrol(office: Office, request: Request) -> Answer:
    """An ir, cr, kur or p10cr: certificates, `waiting`, rejections. What is rejected altogether leaves no trace."""
    parts, certificates = [], []
    implicit = _implicit(office, request)
    for number, identifier in enumerate(cert_req_ids(office, request)):
        part, certificate = _decided(office, request, number, Part(identifier, Stage.WAITING), implicit=implicit)
        parts.append(part)
        certificates += [certificate] if certificate else []
    opening = request.received.octets if unfinished(parts) else b""
    transaction = begun(request, parts=tuple(parts), implicit=implicit, opening=opening)
    if any(part.refusal is None for part in parts):
        done = [part for part in parts if part.serial is not None and part.stage is Stage.DONE]
        office.change([*certificates, *office.superseded(done)], transaction)
    return told(office, request, transaction, transaction.parts)


def unfinished(parts: Sequence[Part]) -> bool:
    """Whether the message that opened a transaction is needed again for one of these parts."""
    return any(part.stage in (Stage.WAITING, Stage.CHALLENGED) or part.generated for part in parts)


def opening_of(request: Request, transaction: Transaction) -> Request:
    """The message that opened the transaction, where it was kept; answered as this one."""
    if not transaction.opening:
        return request
    return Request(read(transaction.opening), request.sender, request.nonce)


def _decided(
    office: Office, request: Request, number: int, part: Part, *, implicit: bool
) -> tuple[Part, IssuedCertificate | None]:
    """What becomes of one request when it comes."""
    try:
        asked = asked_in(office, request, number)
    except Rejection as rejection:
        return refused(part, rejection), None
    if request.kind != "p10cr" and by_challenge(request.content[number]):
        try:
            made, answer = challenge(office, request, asked.public_key, part.cert_req_id)
        except Rejection as rejection:
            return refused(part, rejection), None
        return replace(part, stage=Stage.CHALLENGED, challenge=made, number=answer), None
    return proceed(office, request, number, part, asked, implicit=implicit)


def proceed(
    office: Office, request: Request, number: int, part: Part, asked: Asked, *, implicit: bool
) -> tuple[Part, IssuedCertificate | None]:
    """The part once possession is proved, as far as it is proved before the certificate: it waits, or is decided."""
    if _waits(office, request, asked):
        return replace(part, stage=Stage.WAITING), None
    return issued(office, request, number, part, asked, implicit=implicit)


def refused(part: Part, rejection: Rejection) -> Part:
    """The part, rejected."""
    return Part(
        part.cert_req_id,
        Stage.DONE,
        refusal=(rejection.fail_info, rejection.what),
        polls=part.polls,
        next_poll=part.next_poll,
    )


def _waits(office: Office, request: Request, asked: Asked) -> bool:
    """Whether a request waits; CMP 1999 has no pollReq."""
    if not office.rules.waiting_polls or request.header.pvno == CMP_1999:
        return False
    names = office.rules.waiting_names
    return not names or has_name(name_from_der(asked.subject).text, names)


def issued(
    office: Office, request: Request, number: int, part: Part, asked: Asked, *, implicit: bool
) -> tuple[Part, IssuedCertificate | None]:
    """The certificate is made, as `request`, which opened the transaction, asks for it; or it is rejected."""
    try:
        encrypted = _encryption(office, request, number, asked)
        unlocks = fresh_key(office.entropy) if encrypted == CMP_1999 else b""
        part = replace(part, encrypted=encrypted, unlocks=unlocks)
        certificate, der = office.issue(asked, request.sender.holder, confirmed=implicit)
        _enclosed(office, part, der)
    except Rejection as rejection:
        return refused(part, rejection), None
    made = replace(
        part,
        stage=Stage.DONE if implicit else Stage.UNCONFIRMED,
        serial=certificate.serial,
        mods=asked.mods,
        generated=asked.generated != b"",
        replaces=asked.replaces,
        challenge=b"",
        number=0,
    )
    return made, certificate


def _encryption(office: Office, request: Request, number: int, asked: Asked) -> int:
    """The pvno by which the certificate is to be encrypted to its own key: that is how possession will be proved."""
    pvno = request.header.pvno
    if request.kind != "p10cr" and by_decryption(request.content[number]):
        return pvno
    unasked = office.rules.encrypted_certificates and not asked.generated and decrypts(asked.public_key, pvno)
    return pvno if unasked else 0


def _implicit(office: Office, request: Request) -> bool:
    """Whether implicitConfirm is granted: who has to open a certificate proves possession by certConf."""
    if request.header.pvno == CMP_1999 or office.rules.encrypted_certificates or not grants(office, request):
        return False
    return request.kind == "p10cr" or not any(by_decryption(message) for message in request.content)


def grants(office: Office, request: Request) -> bool:
    """Whether implicitConfirm is granted by the lab's manners."""
    asked = any(item.info_type == IMPLICIT_CONFIRM for item in request.header.general_info)
    return office.rules.implicit_confirm if asked else office.rules.implicit_unasked


def told(office: Office, request: Request, transaction: Transaction, parts: Sequence[Part]) -> Answer:
    """The ip, cp or kup about these parts; or the popdecc, where challenges are to be answered first.

    To a newcomer who shares the secret, the CA's own certificate goes with it (RFC 9810 §5.3.2).
    """
    challenged = [part for part in parts if part.stage is Stage.CHALLENGED]
    if challenged:
        return popdecc(challenged)
    opening = opening_of(request, transaction)
    responses = [_response(office, opening, transaction.parts.index(part), part) for part in parts]
    if office.rules.reordered:
        responses.reverse()
    if office.rules.withheld and len(responses) > 1:
        responses.pop()
    out = any(part.serial is not None for part in parts)
    newcomer = out and office.rules.ca_pubs and transaction.kind == "ir" and isinstance(request.sender, SecretSender)
    content = CertRepMessage(ca_pubs=(office.issuer.certificate.der,) if newcomer else (), response=tuple(responses))
    return Answer(ANSWERS[transaction.kind], content, implicit=transaction.implicit and out)


def _response(office: Office, opening: Request, number: int, part: Part) -> CertResponse:
    if part.refusal is not None:
        return CertResponse(cert_req_id=part.cert_req_id, status=rejected(Rejection(*part.refusal)))
    if part.stage is Stage.WAITING:
        return CertResponse(cert_req_id=part.cert_req_id, status=status_info("waiting"))
    if part.serial is None:
        raise Rejection("badRequest", "this transaction was ended")
    certificate = _enclosed(office, part, office.storage.certificate(part.serial))
    key = seal_for(office, opening, opening.content[number], kept(office, part.serial)) if part.generated else None
    pair = CertifiedKeyPair(cert_or_enc_cert=certificate, private_key=key)
    status = status_info("grantedWithMods" if part.mods else "accepted", *part.mods)
    return CertResponse(cert_req_id=part.cert_req_id, status=status, certified_key_pair=pair)


def _enclosed(office: Office, part: Part, der: bytes) -> Chosen:
    """CertOrEncCert: as it is, in an EncryptedValue (CMP 2000, RSA alone), or in an EnvelopedData (CMP 2021)."""
    if not part.encrypted:
        return Chosen("certificate", der)
    key = parse_certificate(der).public_key_info
    try:
        if part.encrypted < CMP_2021:
            value = seal_encrypted_value(der, key, office.entropy, key=part.unlocks or None)
            sealed = Chosen("encryptedValue", value)
        else:
            to = recipient_of_request(key, part.cert_req_id)
            sealed = Chosen("envelopedData", seal_envelope(DATA, der, to, office.entropy))
    except ProtocolError as problem:
        raise Rejection("badPOP", f"nothing can be encrypted to this key: {problem.what}") from problem
    return Chosen("encryptedCert", ENCRYPTED_KEY.encode(sealed))


def refuse_cross_certification(office: Office, request: Request) -> Answer:
    """A ccr (RFC 9810 §5.3.11): every certificate that it asks for is rejected."""
    rejection = rejected(Rejection("notAuthorized", "this CA certifies no other CA"))
    responses = tuple(CertResponse(cert_req_id=n, status=rejection) for n in cert_req_ids(office, request))
    return Answer("ccp", CertRepMessage(response=responses))


def enrolled(office: Office, request: Request, transaction: Transaction) -> Answer:
    """What the transaction has come to, told once more."""
    return told(office, request, transaction, transaction.parts)
