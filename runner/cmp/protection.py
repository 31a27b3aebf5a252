"""How our messages are protected, and whose protection we accept (RFC 9810 §5.1.3).

Ours is a MAC with a shared secret, a MAC with a secret that a KEM gave (agreement.py), or a signature; a Peer says
which answers are believed.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from runner.asn1.parameters import DH_BASED_MAC, KEM_BASED_MAC
from runner.asn1.x509 import NULL_DN
from runner.cmp.message import protected_part, whole_message
from runner.errors import Unauthentic
from runner.pki.certificates import Certificate, readable_certificates
from runner.pki.extensions import (
    EXTENDED_KEY_USAGES,
    basic_constraints_in,
    extended_key_usages_in,
    key_usages_in,
    subject_key_identifier_in,
)
from runner.pki.mac_parameters import MacParameters, mac_algorithm, needs_nonce, with_nonce
from runner.pki.macs import SharedSecret, compute_mac, is_mac, verify_mac
from runner.pki.names import Name, common_name, directory_name, name_in_general_name, same_name
from runner.pki.paths import find_path
from runner.pki.servers import Tolerance
from runner.pki.signing import Signer, verify_signature
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.asn1.cmp import PKIHeader
    from runner.asn1.structures import Chosen
    from runner.cmp.message import Unverified
    from runner.pki.macs import AgreedSecret, KemSecret
    from runner.pki.opening import Decrypter

RFC_9045 = MacParameters()
"""SHA-256, HMAC-SHA256, 10 000 iterations."""
MAX_SIGNERS = 4
"""Certificates of one key that are tried: anybody may send along more."""
_mac_algorithm = lru_cache(maxsize=64)(mac_algorithm)


@frozen
class Presentation:
    """How we present ourselves where not as RFC 9483 §3.1 has it; None: as it has it.

    `sender` is a GeneralName (DER); an empty `sender_kid` is left out. `extra_certs` (DER) go along behind our own
    chain, in every message or, where `first_only`, in the first of a transaction.
    """

    sender: bytes | None = None
    sender_kid: bytes | None = None
    extra_certs: tuple[bytes, ...] = ()
    first_only: bool = False


@frozen
class MacProtection:
    """PasswordBasedMac or PBMAC1. The salt is drawn once for a secret and a run, so that one derived key serves it."""

    reference: bytes
    secret: SharedSecret
    salt: bytes
    parameters: MacParameters = RFC_9045
    presentation: Presentation = Presentation()

    def algorithm(self, sender_nonce: bytes) -> AlgorithmIdentifier:
        """The protectionAlg of the message with that senderNonce."""
        if needs_nonce(self.parameters):
            return with_nonce(self.parameters, self.salt, sender_nonce)
        return _mac_algorithm(self.parameters, self.salt)


@frozen
class SignatureProtection:
    """A signature by `signer`. `chain` begins with its certificate; the rest goes along in extraCerts."""

    signer: Signer = field(repr=False)
    chain: tuple[Certificate, ...]
    presentation: Presentation = Presentation()
    opener: Decrypter | None = field(default=None, repr=False)
    """The same key, where it can agree on secrets, too (DHBasedMac)."""


@frozen
class KemProtection:
    """A MAC with a secret that the CA encapsulated to our key (RFC 9810 §5.1.3.4). `chain` begins with its certificate.

    Until the secret is agreed on messages go out unprotected, with the certificate.
    """

    opener: Decrypter = field(repr=False)
    chain: tuple[Certificate, ...]
    secret: KemSecret | None = None
    presentation: Presentation = Presentation()


Protection = MacProtection | SignatureProtection | KemProtection


def sender_of(protection: Protection) -> bytes:
    """The sender (GeneralName, DER): CN=reference, or the signer's subject byte by byte (RFC 9483 §3.1)."""
    if protection.presentation.sender is not None:
        return protection.presentation.sender
    if not isinstance(protection, MacProtection):
        return directory_name(protection.chain[0].subject.der)
    return _named(protection.reference)


@lru_cache(maxsize=64)
def _named(reference: bytes) -> bytes:
    """A reference value that is no text, as cryptlib's are none, names nobody: senderKID alone bears it."""
    text = reference.decode(errors="ignore")
    return directory_name(common_name(text).der if text and text.encode() == reference else NULL_DN)


def sender_kid_of(protection: Protection) -> bytes | None:
    """The senderKID: the reference value, or the signer's SubjectKeyIdentifier."""
    if protection.presentation.sender_kid is not None:
        return protection.presentation.sender_kid or None
    if not isinstance(protection, MacProtection):
        return subject_key_identifier_in(protection.chain[0].extensions)
    return protection.reference or None


def protect(header: PKIHeader, body: Chosen, protection: Protection) -> bytes:
    """The DER of the whole message; protectionAlg is put into the header, extraCerts behind a signature."""
    if isinstance(protection, MacProtection):
        algorithm = protection.algorithm(header.sender_nonce or b"")
        header = replace(header, protection_alg=algorithm)
        part = protected_part(header, body)
        certificates = _extra_certs(header, protection.presentation)
        return whole_message(part, compute_mac(protection.secret, algorithm, part), certificates)
    if isinstance(protection, KemProtection):
        return _with_kem(header, body, protection)
    header = replace(header, protection_alg=protection.signer.algorithm)
    part = protected_part(header, body)
    certificates = _extra_certs(header, protection.presentation, protection.chain)
    return whole_message(part, protection.signer.sign(part), certificates)


def _with_kem(header: PKIHeader, body: Chosen, ours: KemProtection) -> bytes:
    certificates = _extra_certs(header, ours.presentation, ours.chain)
    if ours.secret is None:
        return whole_message(protected_part(header, body), None, certificates)
    from runner.pki.kems import kem_mac_algorithm  # noqa: PLC0415 - few have a KEM key

    algorithm = kem_mac_algorithm()
    part = protected_part(replace(header, protection_alg=algorithm), body)
    return whole_message(part, compute_mac(ours.secret, algorithm, part), certificates)


def _extra_certs(header: PKIHeader, ours: Presentation, chain: tuple[Certificate, ...] = ()) -> tuple[bytes, ...]:
    """What goes along: a message that answers one is not the first of its transaction (RFC 9483 §3.3)."""
    if ours.first_only and header.recip_nonce is not None:
        return ()
    return tuple(dict.fromkeys((*(certificate.der for certificate in chain), *ours.extra_certs)))


@frozen
class Peer:
    """Whose answers we believe: who knows `secret`, and who signs with a path to `anchors` and may speak for the CA.

    `name` is the CA's DN where we know it; `accepts` are the kinds of protection that count at all, and `tolerates`
    what may be otherwise than the standards say.
    """

    secret: SharedSecret | None = None
    anchors: tuple[Certificate, ...] = ()
    name: Name | None = None
    accepts: frozenset[str] = frozenset({"mac", "signature"})
    tolerates: frozenset[Tolerance] = frozenset()
    kem_secret: KemSecret | None = None
    """What we encapsulated to the server's key: whoever has it is the server."""
    agreed: AgreedSecret | None = None
    """What our key and the server's agree on, for DHBasedMac."""


def check_protection(unverified: Unverified, peer: Peer, known: Iterable[bytes], now: datetime) -> Certificate | None:
    """Judge a received message's protection; returns the signer, None for a MAC. Unauthentic where it is not good.

    `known` are certificates (DER) cached from this transaction: candidates and intermediates, never anchors.
    """
    message = unverified.message
    algorithm, bits = message.header.protection_alg, message.protection
    if algorithm is None or bits is None:
        raise Unauthentic("the message is not protected")
    kind = "mac" if is_mac(algorithm) else "signature"
    if kind not in peer.accepts:
        raise Unauthentic(
            f"the message is protected by a {kind}, which the manifest does not accept",
            next_step="see the authority's `accept:`",
        )
    if kind == "mac":
        _check_mac(unverified, algorithm, bits, peer)
        return None
    return _check_signature(unverified, algorithm, bits, peer, (*message.extra_certs, *known), now)


def _check_mac(unverified: Unverified, algorithm: AlgorithmIdentifier, bits: bytes, peer: Peer) -> None:
    others = {KEM_BASED_MAC: peer.kem_secret, DH_BASED_MAC: peer.agreed}
    secret = others.get(algorithm.algorithm, peer.secret)
    if secret is None:
        raise Unauthentic(
            "the message is protected by a shared secret, and this exchange has none",
            why="our request was not protected by one; an answer with a MAC proves nothing to us",
        )
    if not verify_mac(secret, algorithm, bits, unverified.protected):
        raise Unauthentic(
            "the message's MAC is wrong",
            why="the CA used another secret than ours, or the message was changed on its way",
            next_step="compare the credential's reference number and secret with the CA's",
        )


def _check_signature(
    unverified: Unverified,
    algorithm: AlgorithmIdentifier,
    bits: bytes,
    peer: Peer,
    known: Iterable[bytes],
    now: datetime,
) -> Certificate:
    if not peer.anchors:
        raise Unauthentic(
            "the message is signed, and nothing is configured to judge signatures by",
            next_step="name the CA's certificate in the authority's `trust:`",
        )
    certificates = readable_certificates(known)
    refusals: list[Unauthentic] = []
    allow_sha1 = Tolerance.SHA1_SIGNATURES in peer.tolerates
    signers = signers_of(unverified, algorithm, bits, (*peer.anchors, *certificates), allow_sha1=allow_sha1)
    for signer in islice(signers, MAX_SIGNERS):
        try:
            return _accepted(signer, certificates, peer, now)
        except Unauthentic as refusal:
            refusals.append(refusal)
    raise refusals[0] if refusals else Unauthentic("no certificate at hand verifies the message's signature")


def _accepted(signer: Certificate, certificates: tuple[Certificate, ...], peer: Peer, now: datetime) -> Certificate:
    """The certificate whose key made the signature, if it may sign what the CA says. Unauthentic where not."""
    usages = key_usages_in(signer.extensions)
    lenient = Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE in peer.tolerates
    if usages is not None and "digitalSignature" not in usages and not lenient:
        raise Unauthentic(f'"{signer.subject}" may not sign messages', why="its keyUsage lacks digitalSignature")
    find_path(signer, certificates, peer.anchors, now)
    if not speaks_for_ca(signer, peer):
        raise Unauthentic(
            f'"{signer.subject}" signed the answer and is not known to speak for the CA',
            why="it is neither configured, nor a CA, nor an RA or CA server by its extended key usage (cmcCA, cmcRA)",
            next_step="name its certificate in the authority's `certificate:` if it is the right one",
        )
    return signer


def signers_of(
    unverified: Unverified,
    algorithm: AlgorithmIdentifier,
    bits: bytes,
    candidates: tuple[Certificate, ...],
    *,
    allow_sha1: bool = False,
) -> Iterator[Certificate]:
    """The candidates whose key verifies; those that senderKID and sender point at are tried first.

    One key may have several certificates, and an old one among them must not spoil the answer.
    """
    header = unverified.message.header
    sender = name_in_general_name(header.sender)

    def likelihood(candidate: Certificate) -> tuple[bool, bool]:
        fits_kid = subject_key_identifier_in(candidate.extensions) == header.sender_kid
        return not fits_kid, sender is None or not same_name(candidate.subject.der, sender)

    for candidate in sorted(candidates, key=likelihood):
        key = candidate.public_key_info
        if verify_signature(key, algorithm, bits, unverified.protected, allow_sha1=allow_sha1):
            yield candidate


def speaks_for_ca(signer: Certificate, peer: Peer) -> bool:
    """A certificate of the same PKI is not enough: an end entity must not pass for the CA (RFC 9810 §4.5)."""
    if Tolerance.OTHER_SENDER in peer.tolerates or any(signer.der == anchor.der for anchor in peer.anchors):
        return True
    if peer.name is not None and same_name(signer.subject.der, peer.name.der):
        return True
    purposes = extended_key_usages_in(signer.extensions) or frozenset()
    servers = {EXTENDED_KEY_USAGES["cmcCA"], EXTENDED_KEY_USAGES["cmcRA"]}
    return basic_constraints_in(signer.extensions).ca or bool(purposes & servers)
