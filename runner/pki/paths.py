"""Certification paths: from a certificate to a trust anchor, by the rules of RFC 5280 §6.1.

Checked: signatures, name chaining, validity, basicConstraints and path length, keyCertSign, name constraints, and
that no critical extension goes unread (policy constraints are not processed, hence refused when critical).
Revocation is left to others. Failures tell the most specific reason found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from runner.errors import Unauthentic
from runner.pki.extensions import (
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    SUBJECT_ALT_NAME,
    authority_key_identifier_in,
    basic_constraints_in,
    key_usages_in,
    subject_key_identifier_in,
)
from runner.pki.name_constraints import constraint_violated
from runner.pki.names import same_name
from runner.pki.signing import verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from runner.pki.certificates import Certificate

MAX_PATH = 8
"""Certificates in a path, both ends included."""
_UNDERSTOOD = {
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    SUBJECT_ALT_NAME,
}
"""Critical extensions that are processed here or whose users process them."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a path came to nothing; the deepest one is told."""

    depth: int
    words: str


def find_path(
    target: Certificate, intermediates: Iterable[Certificate], anchors: Iterable[Certificate], now: datetime
) -> tuple[Certificate, ...]:
    """The path from `target` (first) to one of `anchors` (last). Unauthentic, with the reason, where there is none.

    `intermediates` are untrusted: certificates that came with a message. An anchor needs not be self-signed.
    """
    refusals = [_Refusal(0, f"nothing that we trust issued it (issuer {target.issuer})")]
    known = tuple({c.der: c for c in intermediates}.values())
    path = _extend((target,), known, tuple(anchors), now, refusals)
    if path is None:
        deepest = max(refusals, key=lambda refusal: refusal.depth)
        raise Unauthentic(f'no certification path for "{target.subject}"', why=deepest.words)
    return path


def _extend(
    path: tuple[Certificate, ...],
    intermediates: tuple[Certificate, ...],
    anchors: tuple[Certificate, ...],
    now: datetime,
    refusals: list[_Refusal],
) -> tuple[Certificate, ...] | None:
    """`path` extended to an anchor, depth first; every dead end leaves its words in `refusals`."""
    last = path[-1]
    words = _unusable(path, now)
    if words:
        refusals.append(_Refusal(len(path), words))
        return None
    if any(last.der == anchor.der for anchor in anchors):
        return path
    if len(path) == MAX_PATH:
        refusals.append(_Refusal(len(path), f"the path is longer than {MAX_PATH} certificates"))
        return None
    for issuer in _issuers(last, (*anchors, *intermediates)):
        if issuer in path:
            continue
        if not _is_signed_by(last, issuer):
            refusals.append(_Refusal(len(path), f'the signature on "{last.subject}" is not by "{issuer.subject}"'))
            continue
        found = _extend((*path, issuer), intermediates, anchors, now, refusals)
        if found:
            return found
    return None


def _issuers(certificate: Certificate, candidates: tuple[Certificate, ...]) -> Iterator[Certificate]:
    """The candidates whose name and key identifier fit the certificate's issuer."""
    wanted = authority_key_identifier_in(certificate.extensions)
    for candidate in candidates:
        if not same_name(candidate.subject.der, certificate.issuer.der):
            continue
        identifier = subject_key_identifier_in(candidate.extensions)
        if wanted is None or identifier is None or wanted == identifier:
            yield candidate


def _unusable(path: tuple[Certificate, ...], now: datetime) -> str:
    """Why the last certificate of `path` may not stand there; empty where it may."""
    certificate, below = path[-1], path[:-1]
    if now < certificate.not_before:
        return f'"{certificate.subject}" is valid only from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC'
    if now > certificate.not_after:
        return f'"{certificate.subject}" expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC'
    for extension in certificate.extensions:
        if extension.critical and extension.extn_id not in _UNDERSTOOD:
            return f'"{certificate.subject}" has a critical extension that we do not know ({extension.extn_id})'
    return _unfit_to_issue(certificate, below) if below else ""


def _unfit_to_issue(issuer: Certificate, below: tuple[Certificate, ...]) -> str:
    constraints = basic_constraints_in(issuer.extensions)
    usages = key_usages_in(issuer.extensions)
    if not constraints.ca:
        return f'"{issuer.subject}" is no CA (basicConstraints)'
    if usages is not None and "keyCertSign" not in usages:
        return f'"{issuer.subject}" may not sign certificates (keyUsage)'
    between = sum(not certificate.is_self_issued for certificate in below[1:])
    if constraints.path_len_constraint is not None and between > constraints.path_len_constraint:
        return f'the path below "{issuer.subject}" is longer than it allows (pathLenConstraint)'
    for certificate in below:
        violated = constraint_violated(issuer, certificate)
        if violated:
            return f'"{issuer.subject}" may not issue for {violated} (nameConstraints)'
    return ""


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    if basic_constraints_in(certificate.extensions).ca:
        return _ca_link(certificate, issuer)
    return _link(certificate, issuer)


def _link(certificate: Certificate, issuer: Certificate) -> bool:
    return verify_signature(
        issuer.public_key_info, certificate.signature_algorithm, certificate.signature, certificate.tbs
    )


_ca_link = lru_cache(maxsize=256)(_link)
"""Links between CAs return with every certificate that they issue; each is verified once."""
