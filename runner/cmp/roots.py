"""Roots that a CA sends along in caPubs: which of them may become trust anchors (RFC 9810 §5.3.2; RFC 9483 §4.1.1).

Only those of an ip, only where the message was protected by a secret that was agreed on out of band or signed by whom
the manifest names to speak for trust, only self-signed CA certificates that are valid today, and never the root under
which the message itself was signed: nobody vouches for himself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.parameters import DH_BASED_MAC, KEM_BASED_MAC
from runner.errors import ProtocolError
from runner.pki.certificates import readable_certificates
from runner.pki.extensions import basic_constraints_in
from runner.pki.paths import find_path
from runner.pki.signing import verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue
    from runner.cmp.message import Verified
    from runner.pki.certificates import Certificate

BY_SECRET = "secret"  # noqa: S105 - a word of the journal
"""`vouched` of a message under the MAC of a shared secret; of a signed one it is the signer's SHA-256 (hex)."""


@frozen
class OfferedRoot:
    """A certificate of caPubs; `refused` says why it becomes no anchor, empty: it may."""

    certificate: Certificate
    refused: str = ""


def voucher_of(verified: Verified) -> str:
    """By whose word a message's caPubs came; empty: by nobody's whose word makes anchors."""
    if verified.signer is not None:
        return verified.signer.fingerprint
    protection = verified.message.header.protection_alg
    agreed_online = protection is None or protection.algorithm in (KEM_BASED_MAC, DH_BASED_MAC)
    return "" if agreed_online else BY_SECRET


def offered_roots(dialogue: Dialogue, speaker: Certificate | None, now: datetime) -> tuple[OfferedRoot, ...]:
    """Every self-issued certificate of caPubs, judged. `speaker`: whose signature the manifest lets bring anchors."""
    found = (each for each in readable_certificates(dialogue.ca_pubs) if each.is_self_issued)
    return tuple(OfferedRoot(each, _refusal(dialogue, each, speaker, now)) for each in found)


def _refusal(dialogue: Dialogue, root: Certificate, speaker: Certificate | None, now: datetime) -> str:
    if dialogue.kind != "ir":
        return f"it came in the answer to {dialogue.kind}; only an ip brings roots"
    return _unvouched(dialogue, root, speaker, now) or unfit_root(root, now)


def _unvouched(dialogue: Dialogue, root: Certificate, speaker: Certificate | None, now: datetime) -> str:
    if dialogue.vouched == BY_SECRET:
        return ""
    if speaker is None or dialogue.vouched != speaker.fingerprint:
        return "neither a shared secret protected the message nor a signature of trust_signer"
    if _leads_to(speaker, root, dialogue.extra_certs, now):
        return "it is the root of the certificate that signed the message: nobody vouches for himself"
    return ""


def _leads_to(speaker: Certificate, root: Certificate, along: tuple[bytes, ...], now: datetime) -> bool:
    try:
        find_path(speaker, readable_certificates(along), (root,), now)
    except ProtocolError:
        return speaker.der == root.der
    return True


def unfit_root(root: Certificate, now: datetime) -> str:
    """Why a certificate is no root that may be trusted today; empty: it is one."""
    if not (root.is_self_issued and signed_by(root, root) and basic_constraints_in(root.extensions).ca):
        return "it is no self-signed CA certificate"
    if not root.not_before <= now <= root.not_after:
        return "it is not valid today"
    return ""


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the key of `issuer` signed `certificate`; their names are not looked at."""
    key, algorithm = issuer.public_key_info, certificate.signature_algorithm
    return verify_signature(key, algorithm, certificate.signature, certificate.tbs)
