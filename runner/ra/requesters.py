"""Who sent a message to the RA: somebody with a secret of its table, or the holder of a certificate that it trusts.

RFC 9810 §5.1.3, §8. A reference number that is not in the table costs the same work
and gets the same words as a wrong MAC, so that nobody learns here which ones exist.
"""

from __future__ import annotations

from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING

from runner.cmp.protection import MAX_SIGNERS, signers_of
from runner.errors import Malformed, Unauthentic
from runner.pki.certificates import Certificate, readable_certificates
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usages_in, key_usages_in
from runner.pki.macs import SharedSecret, is_mac, verify_mac
from runner.pki.names import name_in_general_name, same_name
from runner.pki.paths import find_path
from runner.ra.refusal import Refusal
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.cmp.message import Unverified

MAX_ITERATIONS = 100_000
"""The most hashing that a stranger's message may ask for."""
BY_REFERENCE = "reference "
"""How a holder's name begins who has a shared secret."""
_NOBODY = SharedSecret(b"nobody's", MAX_ITERATIONS)


@frozen
class Trust:
    """Whom the RA knows: shared secrets by reference number, and the anchors that signers' certificates lead to."""

    secrets: Mapping[bytes, SharedSecret] = field(default_factory=dict)
    anchors: tuple[Certificate, ...] = ()


@frozen
class Requester:
    """Who it is. With a `secret`, `algorithm` is how the message proved it; else `certificate` is who signed it."""

    holder: str
    secret: SharedSecret | None = field(default=None, repr=False)
    reference: bytes = b""
    algorithm: AlgorithmIdentifier | None = None
    certificate: Certificate | None = None

    @property
    def is_ra(self) -> bool:
        """Whether its certificate is an RA's (cmcRA)."""
        purposes = extended_key_usages_in(self.certificate.extensions) if self.certificate else None
        return EXTENDED_KEY_USAGES["cmcRA"] in (purposes or ())


UNPROTECTED = Requester("")
"""Whoever wrote a PKCS #10 request or bare CertReqMessages: the proof-of-possession is all that is known."""


def identify(unverified: Unverified, trust: Trust, now: datetime) -> Requester:
    """Who made a message. Refusal where its protection is absent, wrong, or by somebody whom the RA does not know."""
    message = unverified.message
    algorithm, bits = message.header.protection_alg, message.protection
    if algorithm is None or bits is None:
        raise Refusal("badMessageCheck", "the message is not protected")
    try:
        if is_mac(algorithm):
            return _by_secret(unverified, algorithm, bits, trust)
        return _by_signature(unverified, algorithm, bits, trust, now)
    except (Unauthentic, Malformed) as problem:
        raise Refusal("badAlg", f"the protection cannot be judged: {problem.what}") from problem


def _by_secret(unverified: Unverified, algorithm: AlgorithmIdentifier, mac: bytes, trust: Trust) -> Requester:
    reference = unverified.message.header.sender_kid or b""
    secret = trust.secrets.get(reference)
    if not verify_mac(secret or _NOBODY, algorithm, mac, unverified.protected) or secret is None:
        raise Refusal("badMessageCheck", "the reference number is not known, or the MAC is not by its secret")
    return Requester(f"{BY_REFERENCE}{reference.hex()}", secret, reference, algorithm)


def _by_signature(
    unverified: Unverified, algorithm: AlgorithmIdentifier, bits: bytes, trust: Trust, now: datetime
) -> Requester:
    if not trust.anchors:
        raise Refusal("signerNotTrusted", "signed messages are not taken here")
    certificates = readable_certificates(unverified.message.extra_certs)
    refusal = Refusal("badMessageCheck", "no certificate in extraCerts verifies the signature")
    for signer in islice(signers_of(unverified, algorithm, bits, (*trust.anchors, *certificates)), MAX_SIGNERS):
        try:
            _may_sign(signer, unverified.message.header.sender)
            find_path(signer, certificates, trust.anchors, now)
        except Unauthentic as problem:
            refusal = Refusal("signerNotTrusted", f"the signer is not trusted: {problem.what}")
        except Refusal as problem:
            refusal = problem
        else:
            return Requester(f"certificate {signer.fingerprint}", certificate=signer)
    raise refusal


def _may_sign(signer: Certificate, sender: bytes) -> None:
    usages = key_usages_in(signer.extensions)
    if usages is not None and "digitalSignature" not in usages:
        raise Refusal("signerNotTrusted", "the signer's keyUsage lacks digitalSignature")
    name = name_in_general_name(sender)
    if name is None or not same_name(name, signer.subject.der):
        raise Refusal("badMessageCheck", "the sender is not the subject of the signer's certificate")
