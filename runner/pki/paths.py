"""Certification paths: from a certificate to a trust anchor, by the rules of RFC 5280 §6.1.

Checked: signatures, name chaining, validity, basicConstraints and path length, keyCertSign, name constraints, and
that no critical extension goes unread (policy constraints are not processed, hence refused when critical).
Revocation is left to others. Failures tell the most specific reason found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from runner.errors import Malformed, Unauthentic
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
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from runner.pki.certificates import Certificate

    Chain = tuple[Certificate, ...]

MAX_PATH = 8
"""Certificates in a path, both ends included."""
MAX_SIGNATURES = 64
"""Signatures that are verified in search of one path: honest certificates need a handful."""
_UNDERSTOOD = {
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    SUBJECT_ALT_NAME,
}
"""Critical extensions that are processed here or whose users process them."""


def find_path(
    target: Certificate, intermediates: Iterable[Certificate], anchors: Iterable[Certificate], now: datetime
) -> Chain:
    """The path from `target` (first) to one of `anchors` (last). Unauthentic, with the reason, where there is none.

    `intermediates` are untrusted: certificates that came with a message. An anchor needs not be self-signed.
    """
    trusted = tuple({c.der: c for c in anchors}.values())
    known = tuple({c.der: c for c in (*trusted, *intermediates)}.values())
    search = _Search(known, frozenset(c.der for c in trusted), now)
    path = search.extended((target,))
    if path is None:
        why = search.words or f"nothing that we trust issued it (issuer {target.issuer})"
        raise Unauthentic(f'no certification path for "{target.subject}"', why=why)
    return path


@mutable
class _Search:
    """A search for one path: what there is to choose from, and what was learned. Of all dead ends the deepest tells.

    Constraints on the whole path are judged once an anchor is reached, so that nobody unknown makes us work for them.
    """

    known: Chain
    trusted: frozenset[bytes]
    now: datetime
    depth: int = 0
    words: str = ""
    signatures: int = 0

    def extended(self, path: Chain) -> Chain | None:
        """`path` extended to an anchor, depth first."""
        words = self._obstacle(path)
        if words:
            self._note(len(path), words)
            return None
        return path if path[-1].der in self.trusted else self._continued(path)

    def _obstacle(self, path: Chain) -> str:
        anchored = path[-1].der in self.trusted
        words = _told(_unusable, path, self.now, anchored)
        if words:
            return words
        if anchored:
            return _told(_out_of_bounds, path)
        return f"the path is longer than {MAX_PATH} certificates" if len(path) == MAX_PATH else ""

    def _continued(self, path: Chain) -> Chain | None:
        last = path[-1]
        for issuer in _issuers(last, self.known):
            if any(_one_holder(issuer, certificate) for certificate in path):
                continue
            self.signatures += 1
            if self.signatures > MAX_SIGNATURES:
                self._note(MAX_PATH + 1, f"more than {MAX_SIGNATURES} certificates would have to be tried")
                return None
            if _is_signed_by(last, issuer):
                found = self.extended((*path, issuer))
                if found:
                    return found
            else:
                self._note(len(path), f'the signature on "{last.subject}" is not by "{issuer.subject}"')
        return None

    def _note(self, depth: int, words: str) -> None:
        if depth > self.depth:
            self.depth, self.words = depth, words


def _told(judge: Callable[..., str], path: Chain, *more: object) -> str:
    """What a judge says; an extension that cannot be read speaks against the certificate, too."""
    try:
        return judge(path, *more)
    except Malformed as problem:
        return f'"{path[-1].subject}" has an extension that cannot be read ({problem.what})'


def _one_holder(one: Certificate, other: Certificate) -> bool:
    """Whether two certificates are of one name and one key: a path needs no holder twice."""
    return one.public_key_info == other.public_key_info and same_name(one.subject.der, other.subject.der)


def _issuers(certificate: Certificate, candidates: Chain) -> Iterator[Certificate]:
    """The candidates whose name and key identifier fit the certificate's issuer."""
    for candidate in candidates:
        if same_name(candidate.subject.der, certificate.issuer.der) and _identifier_fits(certificate, candidate):
            yield candidate


def _identifier_fits(certificate: Certificate, candidate: Certificate) -> bool:
    try:
        wanted = authority_key_identifier_in(certificate.extensions)
        identifier = subject_key_identifier_in(candidate.extensions)
    except Malformed:
        return False
    return wanted is None or identifier is None or wanted == identifier


def _unusable(path: Chain, now: datetime, anchored: bool) -> str:  # noqa: FBT001 - passed on by _told
    """Why the last certificate of `path` may not stand there; empty where it may."""
    certificate, below = path[-1], path[:-1]
    if now < certificate.not_before:
        return f'"{certificate.subject}" is valid only from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC'
    if now > certificate.not_after:
        return f'"{certificate.subject}" expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC'
    for extension in certificate.extensions:
        if extension.critical and extension.extn_id not in _UNDERSTOOD:
            return f'"{certificate.subject}" has a critical extension that we do not know ({extension.extn_id})'
    return _unfit_to_issue(certificate, below, anchored=anchored) if below else ""


def _unfit_to_issue(issuer: Certificate, below: Chain, *, anchored: bool) -> str:
    constraints = basic_constraints_in(issuer.extensions)
    usages = key_usages_in(issuer.extensions)
    old_root = anchored and issuer.is_self_issued and not issuer.extensions  # X.509 v1, from before basicConstraints
    if not (constraints.ca or old_root):
        return f'"{issuer.subject}" is no CA (basicConstraints)'
    if usages is not None and "keyCertSign" not in usages:
        return f'"{issuer.subject}" may not sign certificates (keyUsage)'
    between = sum(not certificate.is_self_issued for certificate in below[1:])
    if constraints.path_len_constraint is not None and between > constraints.path_len_constraint:
        return f'the path below "{issuer.subject}" is longer than it allows (pathLenConstraint)'
    return ""


def _out_of_bounds(path: Chain) -> str:
    """Which certificate of a path bears a name that one above it may not issue for; empty where none does.

    Self-issued certificates are exempt, except the target (RFC 5280 §6.1.3 (b), (c)).
    """
    for above, issuer in enumerate(path[1:], start=1):
        for certificate in (path[0], *(c for c in path[1:above] if not c.is_self_issued)):
            violated = constraint_violated(issuer, certificate)
            if violated:
                return f'"{issuer.subject}" may not issue for {violated} (nameConstraints)'
    return ""


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    short = len(certificate.der) + len(issuer.der) < _REMEMBERED
    return (_ca_link if short and _told_ca(certificate) else _link)(certificate, issuer)


def _told_ca(certificate: Certificate) -> bool:
    try:
        return basic_constraints_in(certificate.extensions).ca
    except Malformed:
        return False


def _link(certificate: Certificate, issuer: Certificate) -> bool:
    return verify_signature(
        issuer.public_key_info, certificate.signature_algorithm, certificate.signature, certificate.tbs
    )


_REMEMBERED = 32_768
_ca_link = lru_cache(maxsize=256)(_link)
"""Links between CAs return with every certificate that they issue; each is verified once, unless it is huge."""
