"""Confirmation: certConf, and errors from a requester who gives up (RFC 9810 §5.3.18, §5.3.21; RFC 9483 §4.1.1)."""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import TYPE_CHECKING

from runner.asn1.algorithms import ECDSA_SIGNATURES, ED448, ED25519, HASHES, RSA_SIGNATURES
from runner.asn1.cmp import CMP_1999, CMP_2021, PKI_STATUS, CertStatus
from runner.lab.answers import PKICONF, SILENCE, Answer
from runner.lab.records import IssuedCertificate, Part, Stage, State, Transaction, moved
from runner.lab.rules import Rejection
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import CRL_REASONS
from runner.values import replace

if TYPE_CHECKING:
    from runner.lab.office import Office
    from runner.lab.received import Request

_ACCEPTED = (PKI_STATUS.index("accepted"), PKI_STATUS.index("grantedWithMods"))
_REJECTION = PKI_STATUS.index("rejection")
_HASHED_WITH = {**RSA_SIGNATURES, **ECDSA_SIGNATURES, ED25519: "sha512"}
_ED448_OCTETS = 64
_UNSPECIFIED = CRL_REASONS["unspecified"]


def confirm(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A certConf: certificates are confirmed; or, where they are rejected, revoked. An empty one rejects all."""
    if request.header.pvno < CMP_2021 and any(status.hash_alg is not None for status in request.content):
        raise Rejection("badRequest", "hashAlg is of CMP version 3")
    verdicts = _verdicts(office, request.content, transaction)
    parts = tuple(replace(p, stage=Stage.DONE) if p.cert_req_id in verdicts else p for p in transaction.parts)
    changed = [
        replace(certificate, state=State.CONFIRMED) if accepted else office.revoked_now(certificate, _UNSPECIFIED)
        for certificate, accepted in verdicts.values()
    ]
    taken = [part for part in parts if verdicts.get(part.cert_req_id, (None, False))[1]]
    office.change([*changed, *office.superseded(taken)], moved(transaction, request, parts=parts))
    return PKICONF


def confirm_as_of_old(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A conf of CMP 1999 (RFC 2510 §3.3.16): all certificates are confirmed, and nothing is answered."""
    if request.header.pvno != CMP_1999:
        raise Rejection("badRequest", "pkiconf is not taken here")
    pairs = [(part, _unconfirmed(office, part)) for part in _out(transaction)]
    changed = [replace(certificate, state=State.CONFIRMED) for _, certificate in pairs]
    parts = tuple(replace(part, stage=Stage.DONE) for part in transaction.parts)
    office.change([*changed, *office.superseded([part for part, _ in pairs])], moved(transaction, request, parts=parts))
    return SILENCE


def _verdicts(
    office: Office, statuses: tuple[CertStatus, ...], transaction: Transaction
) -> dict[int, tuple[IssuedCertificate, bool]]:
    """By certReqId: the certificate, and whether it is accepted."""
    if not statuses:
        out = _out(transaction)
        left = [part for part in out if part.stage is Stage.UNCONFIRMED] or out
        return {part.cert_req_id: (_unconfirmed(office, part), False) for part in left}
    verdicts = {status.cert_req_id: _verdict(office, status, transaction) for status in statuses}
    if len(verdicts) != len(statuses):
        raise Rejection("badRequest", "certConf names a certificate twice")
    return verdicts


def _verdict(office: Office, status: CertStatus, transaction: Transaction) -> tuple[IssuedCertificate, bool]:
    """The certificate that a CertStatus is about, and whether it is accepted."""
    found = [part for part in _out(transaction) if part.cert_req_id == status.cert_req_id]
    if not found:
        raise Rejection("badRequest", "certConf is not about a certificate that was issued")
    certificate = _unconfirmed(office, found[0])
    if not compare_digest(status.cert_hash, _hash(office, status, certificate)):
        raise Rejection("badCertId", "certHash is not the hash of the certificate")
    return certificate, _accepts(status)


def _out(transaction: Transaction) -> list[Part]:
    """The parts of which certificates are out."""
    out = [part for part in transaction.parts if part.serial is not None and transaction.kind != "rr"]
    if not out:
        raise Rejection("badRequest", "there is no certificate to confirm in this transaction")
    return out


def _unconfirmed(office: Office, part: Part) -> IssuedCertificate:
    certificate = office.ledger.certificate(part.serial or 0)
    if certificate is None or certificate.state is State.REVOKED:
        raise Rejection("certRevoked", "the certificate is revoked")
    if part.stage is Stage.DONE:
        raise Rejection("certConfirmed", "the certificate was confirmed already")
    return certificate


def _accepts(status: CertStatus) -> bool:
    info = status.status_info
    if info is None or info.status in _ACCEPTED:
        return True
    if info.status != _REJECTION:
        raise Rejection("badRequest", "certConf neither accepts nor rejects")
    return False


def _hash(office: Office, status: CertStatus, certificate: IssuedCertificate) -> bytes:
    """The certHash as it should be: by hashAlg, else by the certificate's signature algorithm."""
    der = office.storage.certificate(certificate.serial)
    if status.hash_alg is None:
        return _hash_that_goes_without_saying(der)
    name = HASHES.get(status.hash_alg.algorithm)
    if name is None:
        raise Rejection("badAlg", f"hashAlg {status.hash_alg.algorithm} is not known here")
    return hashlib.new(name, der).digest()


def _hash_that_goes_without_saying(der: bytes) -> bytes:
    """RFC 9481 §2.2, §3.3: the hash of the signature algorithm; SHA-512 and SHAKE256 for EdDSA; ML-DSA has none."""
    algorithm = parse_certificate(der).signature_algorithm.algorithm
    if algorithm == ED448:
        return hashlib.shake_256(der).digest(_ED448_OCTETS)
    if algorithm not in _HASHED_WITH:
        raise Rejection("badAlg", "the certificate's signature algorithm names no hash: hashAlg is needed")
    return hashlib.new(_HASHED_WITH[algorithm], der).digest()


def abandon(office: Office, request: Request, transaction: Transaction) -> Answer:
    """An error from the requester: what was issued and not confirmed is revoked, what waits is forgotten."""
    known = [office.ledger.certificate(part.serial or 0) for part in transaction.parts]
    changed = [office.revoked_now(c, _UNSPECIFIED) for c in known if c is not None and c.state is State.UNCONFIRMED]
    parts = tuple(replace(part, stage=Stage.DONE) for part in transaction.parts)
    office.change(changed, moved(transaction, request, parts=parts, opening=b""))
    return PKICONF
