"""What we say: the bodies of ir, cr, p10cr, kur, rr, certConf, pollReq (RFC 9810 §5.3).

An Order is what is wanted, as data; the functions turn it into body and proof. Headers and protection are put
around by transaction.py and protection.py.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import CMP_1999, CMP_2021, FAIL_INFO, PKI_STATUS, CertStatus, PKIStatusInfo, PollReq, RevDetails
from runner.asn1.crmf import (
    OLD_CERT_ID,
    CertId,
    CertReqMsg,
    CertRequest,
    CertTemplate,
    Control,
    OptionalValidity,
    RegInfo,
)
from runner.asn1.structures import Chosen, encode
from runner.asn1.x509 import X509_V3
from runner.cmp.proving import SIGNATURE_WITH_INPUT, proof_for
from runner.pki.certificate_hashes import confirmation_hash
from runner.pki.extensions import (
    extended_key_usage,
    invalidity_date,
    key_usage,
    reason_code,
    subject_alt_name,
)
from runner.pki.names import directory_name
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from runner.asn1.cmp import InfoTypeAndValue
    from runner.asn1.x509 import Extension
    from runner.cmp.dialogue import Parties
    from runner.errors import BadCertificate
    from runner.pki.certificates import Certificate
    from runner.pki.names import Name
    from runner.pki.profile import Profile
    from runner.pki.signing import Signer

CERT_REQ_ID = 0
"""RFC 9483 §4.1.1: the one request in a message is number 0."""
REASON_FLAGS = {
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 7,
    "aACompromise": 8,
}
"""CRLReason → its bit among ReasonFlags (RFC 5280 §4.2.1.13)."""


@frozen
class Order:
    """One PKI management operation: `kind` is ir, cr, p10cr, kur, rr or genm, the body type that goes out first.

    `wanted`, `validity` and `public_key_info` belong to requests for a certificate; `csr` (DER) is what a p10cr
    carries, made from `wanted` where there is none; `controls` and `reg_info` go along with a CertRequest.
    `certificate` is the one to update (kur) or to revoke (rr); to revoke, its `issuer` and `serial` are enough.
    `reason` is a CRLReason name, `invalid_since` an invalidityDate.
    """

    kind: str
    wanted: Profile | None = None
    public_key_info: bytes = field(default=b"", repr=False)
    proof: str = ""
    """The proof-of-possession, by its name in proving.py; empty: what the key can do."""
    validity: OptionalValidity | None = None
    made_by_ca: tuple[str, ...] = ()
    """Central key generation: the kinds of key that are taken, `rsa` or `ec:p256`. `public_key_info` is then a wish."""
    csr: bytes = field(default=b"", repr=False)
    controls: tuple[Control, ...] = field(default=(), repr=False)
    reg_info: tuple[RegInfo, ...] = field(default=(), repr=False)
    names_old: bool = True
    """Whether a kur names the certificate that it replaces (oldCertID)."""
    certificate: Certificate | None = None
    issuer: Name | None = None
    serial: int = 0
    reason: str = "unspecified"
    invalid_since: datetime | None = None
    questions: tuple[InfoTypeAndValue, ...] = ()
    """What a genm asks for."""
    transaction_id: bytes = b""
    """Of a pollReq with which we begin: the transaction that another tool began."""


@frozen
class Request:
    """An Order with what answering for it takes: the private key to be certified, where it signs, and who asks.

    `parties` matter where the template names nobody and the proof has to.
    """

    order: Order
    proof: Signer | None = field(default=None, repr=False)
    parties: Parties | None = None


def request_body(requests: Sequence[Request]) -> Chosen:
    """The body of the first message, for orders of one kind; their certReqIds, or places in an rr, count from 0."""
    first = requests[0].order
    if first.kind == "rr":
        return Chosen("rr", tuple(_revocation(each.order, each.parties) for each in requests))
    if first.kind == "genm":
        return Chosen("genm", first.questions)
    if first.kind == "p10cr":
        return Chosen("p10cr", first.csr or _made_request(first, requests[0].proof))
    return Chosen(first.kind, tuple(_message(number, each) for number, each in enumerate(requests, CERT_REQ_ID)))


def _message(number: int, asked: Request) -> CertReqMsg:
    order = asked.order
    request = CertRequest(cert_req_id=number, cert_template=_template(order, asked.parties), controls=_controls(order))
    proof = proof_for(request, order, asked.proof, asked.parties)
    return CertReqMsg(cert_req=request, popo=proof, reg_info=order.reg_info)


def _made_request(order: Order, proof: Signer | None) -> bytes:
    """A PKCS #10 request from what is wanted, signed by the key (RFC 2986)."""
    if order.wanted is None or proof is None:
        raise ValueError("p10cr needs a request, or what is wanted and a key that signs")
    from runner.pki.certification_requests import make_request  # noqa: PLC0415 - few ask by p10cr

    return make_request(order.wanted.subject.der, _extensions(order.wanted), proof)


def _template(order: Order, parties: Parties | None) -> CertTemplate:
    if order.wanted is None:
        raise ValueError(f"{order.kind} needs to know what is wanted")
    return CertTemplate(
        version=X509_V3 if parties is not None and parties.template_version else None,
        subject=None if order.proof == SIGNATURE_WITH_INPUT else order.wanted.subject.der,
        public_key=order.public_key_info or None,
        validity=None if order.validity is None else encode(order.validity),
        extensions=_extensions(order.wanted),
    )


def _extensions(wanted: Profile) -> tuple[Extension, ...]:
    found: list[Extension] = []
    if wanted.alt_names:
        found.append(subject_alt_name(wanted.alt_names, critical=not wanted.subject.text))
    if wanted.key_usage:
        found.append(key_usage(wanted.key_usage))
    if wanted.extended_key_usage:
        found.append(extended_key_usage(wanted.extended_key_usage))
    return (*found, *wanted.further)


def _controls(order: Order) -> tuple[Control, ...]:
    """The order's own controls and, of a kur, oldCertID (RFC 4211 §6.5)."""
    if order.kind != "kur" or order.certificate is None or not order.names_old:
        return order.controls
    return (Control(type=OLD_CERT_ID, value=encode(_cert_id(order.certificate))), *order.controls)


def _cert_id(certificate: Certificate) -> CertId:
    return CertId(issuer=directory_name(certificate.issuer.der), serial_number=certificate.serial)


def _revocation(order: Order, parties: Parties | None) -> RevDetails:
    """The certificate by issuer and serial number alone; a reason always (RFC 9483 §4.2)."""
    issuer = order.certificate.issuer if order.certificate else order.issuer
    serial = order.certificate.serial if order.certificate else order.serial
    if issuer is None:
        raise ValueError("rr needs the certificate to revoke, or its issuer and serial number")
    details = CertTemplate(serial_number=serial, issuer=issuer.der)
    if parties is not None and parties.pvno == CMP_1999:
        return _as_of_1999(details, order)
    since = () if order.invalid_since is None else (invalidity_date(order.invalid_since),)
    return RevDetails(cert_details=details, crl_entry_details=(reason_code(order.reason), *since))


def _as_of_1999(details: CertTemplate, order: Order) -> RevDetails:
    """RFC 2510 has fields for reason and date; a reason that is none of its flags is an extension there, too."""
    flag = REASON_FLAGS.get(order.reason)
    return RevDetails(
        cert_details=details,
        revocation_reason=frozenset() if flag is None else frozenset({flag}),
        bad_since_date=order.invalid_since,
        crl_entry_details=(reason_code(order.reason),) if order.reason == "removeFromCRL" else (),
    )


def cert_status(certificate: Certificate, cert_req_id: int, problem: BadCertificate | None, pvno: int) -> CertStatus:
    """One certificate in certConf: accepted, or rejected with failInfo and words of `problem` (RFC 9810 §5.3.18)."""
    digest, named = confirmation_hash(certificate)
    algorithm = AlgorithmIdentifier(algorithm=named) if named and pvno >= CMP_2021 else None
    status = None if problem is None else _rejection(problem)
    return CertStatus(cert_hash=digest, cert_req_id=cert_req_id, status_info=status, hash_alg=algorithm)


def _rejection(problem: BadCertificate) -> PKIStatusInfo:
    return PKIStatusInfo(
        status=PKI_STATUS.index("rejection"),
        status_string=(problem.what,),
        fail_info=frozenset({FAIL_INFO.index(problem.fail_info)}),
    )


def poll_body(cert_req_ids: Iterable[int]) -> Chosen:
    """The body of pollReq (RFC 9810 §5.3.22)."""
    return Chosen("pollReq", tuple(PollReq(cert_req_id=number) for number in cert_req_ids))
