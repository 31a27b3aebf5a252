"""Who made a message: somebody who knows the shared secret, the holder of a certificate of ours, or a stranger.

RFC 9810 §5.1.3, §8.2. A message is judged by its own protection and by what the lab issued. Whether a certificate
is still good, and what its holder may ask for, is judged later (checks.py): an answer may have to be given again to
somebody whose certificate was revoked by it.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.asn1.parameters import KEM_BASED_MAC, PBMAC1
from runner.errors import Malformed, Unauthentic
from runner.lab.rules import Rejection
from runner.pki.certificates import Certificate, parse_certificate
from runner.pki.macs import KemSecret, SharedSecret, verify_mac
from runner.pki.names import directory_name
from runner.pki.signing import SIGNATURE_ALGORITHMS, verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.lab.office import Office
    from runner.lab.received import Received
    from runner.lab.records import Transaction


@frozen
class SecretSender:
    """Somebody who knows the shared secret; `algorithm` is how this message proves it."""

    reference: bytes
    algorithm: AlgorithmIdentifier
    secret = b""

    @property
    def holder(self) -> str:
        """Who it is, as the ledger writes it."""
        return f"reference {self.reference.hex()}"


@frozen
class CertificateSender:
    """The holder of the key of a certificate that the lab issued, in whatever state that is."""

    certificate: Certificate
    secret: bytes = field(default=b"", repr=False)
    """What the lab encapsulated to the key, where it is a KEM's (kems.py)."""

    @property
    def holder(self) -> str:
        """Who it is, as the ledger writes it."""
        return f"{_SERIAL}{self.certificate.serial:x}"


@frozen
class Stranger:
    """Somebody whose protection says nothing, and what is wrong with it."""

    rejection: Rejection
    holder: str = "stranger"
    secret = b""


Sender = SecretSender | CertificateSender | Stranger
_SERIAL = "certificate "


def identify(office: Office, received: Received) -> Sender:
    """Who made the message."""
    try:
        return _by_protection(office, received)
    except Rejection as rejection:
        return Stranger(rejection)
    except (Unauthentic, Malformed) as problem:
        return Stranger(Rejection("badAlg", f"{problem.what} {problem.why}".strip()))


def _by_protection(office: Office, received: Received) -> Sender:
    algorithm, protection = received.header.protection_alg, received.message.protection
    if algorithm is None or protection is None:
        raise Rejection("badMessageCheck", "the message is not protected")
    if algorithm.algorithm in (PASSWORD_BASED_MAC, PBMAC1):
        return _by_secret(office, received, algorithm, protection)
    if algorithm.algorithm in SIGNATURE_ALGORITHMS:
        return _by_signature(office, received, algorithm, protection)
    if algorithm.algorithm == KEM_BASED_MAC:
        return _by_kem(office, received, algorithm, protection)
    raise Rejection("badAlg", f"protection by {algorithm.algorithm} is not known here")


def _by_secret(office: Office, received: Received, algorithm: AlgorithmIdentifier, mac: bytes) -> SecretSender:
    reference = received.header.sender_kid
    known = reference == office.reference
    secret = _secret(office, received)
    if not verify_mac(secret, algorithm, mac, received.protected_part) or reference is None or not known:
        raise Rejection("badMessageCheck", "the reference is not known, or the MAC is not by its secret")
    return SecretSender(reference, algorithm)


def _secret(office: Office, received: Received) -> SharedSecret:
    """The shared secret; for a conf of CMP 1999 the keys that open the certificates, where these came encrypted.

    RFC 2510 §3.2.8.
    """
    if received.message.body.name != "pkiconf":
        return office.secret
    transaction = office.ledger.transaction(received.header.transaction_id or b"")
    keys = b"" if transaction is None else b"".join(part.unlocks for part in transaction.parts)
    return SharedSecret(keys) if keys else office.secret


def _by_signature(
    office: Office, received: Received, algorithm: AlgorithmIdentifier, signature: bytes
) -> CertificateSender:
    ours = list(_signer_candidates(office, received))
    if not ours:
        raise Rejection("signerNotTrusted", "no certificate of this CA is in extraCerts")
    for certificate in ours:
        if verify_signature(certificate.public_key_info, algorithm, signature, received.protected_part):
            return _under_its_name(received, CertificateSender(certificate))
    raise Rejection("badMessageCheck", "the signature is not by the key of a certificate in extraCerts")


def _under_its_name(received: Received, sender: CertificateSender) -> CertificateSender:
    if received.header.sender != directory_name(sender.certificate.subject.der):
        raise Rejection("badMessageCheck", "the sender is not the subject of the certificate that protects")
    return sender


def _by_kem(office: Office, received: Received, algorithm: AlgorithmIdentifier, mac: bytes) -> CertificateSender:
    transaction = office.ledger.transaction(received.header.transaction_id or b"")
    if transaction is None or not transaction.theirs:
        raise Rejection("badMessageCheck", "no secret was agreed on by a KEM in this transaction")
    secret = KemSecret(transaction.theirs, transaction.identifier)
    if not verify_mac(secret, algorithm, mac, received.protected_part):
        raise Rejection("badMessageCheck", "the MAC is not by the secret that was agreed on by a KEM")
    return _under_its_name(received, CertificateSender(_opener(office, transaction), transaction.theirs))


def _signer_candidates(office: Office, received: Received) -> Iterator[Certificate]:
    """The certificates of ours in extraCerts, wherever they stand; else that of who opened the transaction."""
    found = False
    for certificate in issued_here(office, received):
        found = True
        yield certificate
    transaction = office.ledger.transaction(received.header.transaction_id or b"")
    if not found and transaction is not None and transaction.holder.startswith(_SERIAL):
        yield _opener(office, transaction)


def _opener(office: Office, transaction: Transaction) -> Certificate:
    """The certificate of who opened a transaction by one."""
    return parse_certificate(office.storage.certificate(int(transaction.holder.removeprefix(_SERIAL), 16)))


def issued_here(office: Office, received: Received) -> Iterator[Certificate]:
    """The certificates in extraCerts that the lab issued."""
    for der in received.message.extra_certs:
        certificate = _ours(office, der)
        if certificate is not None:
            yield certificate


def _ours(office: Office, der: bytes) -> Certificate | None:
    """A certificate, if it is octet for octet one that the lab issued."""
    try:
        certificate = parse_certificate(der)
    except Malformed:
        return None
    known = office.ledger.certificate(certificate.serial)
    if known is None or known.fingerprint != hashlib.sha256(der).digest():
        return None
    return certificate
