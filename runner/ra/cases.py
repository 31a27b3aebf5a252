"""One request before the RA: read, its sender known, its proof verified, amended, judged (RFC 9483 §5.2.3).

`look` is what a plan may do, which has no secrets: read and amend. `examine` is the whole, in the order in which
trust grows: who protected it, does the key's holder ask, what will the CA be asked, is that allowed.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2000, CMP_2021
from runner.errors import Malformed
from runner.ra.amending import Amendment, amended, amended_body, changes, vouched
from runner.ra.asked import Asked, AskedRevocation, asked_in
from runner.ra.forwarding import must_keep_protection
from runner.ra.proof import Proof, check_proof
from runner.ra.reading import OPENING
from runner.ra.refusal import Refusal
from runner.ra.requesters import UNPROTECTED, Requester, Trust, identify
from runner.ra.rules import Rules, judge
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from runner.asn1.cmp import PKIHeader
    from runner.asn1.structures import Chosen
    from runner.ra.amending import Change
    from runner.ra.reading import Submission

_LONGEST_MARK, _SHORTEST_NONCE = 64, 16


@frozen
class Policy:
    """How an RA treats requests: whom it knows, what it changes, what it approves, how it forwards."""

    trust: Trust = field(default_factory=Trust)
    amendment: Amendment = field(default_factory=Amendment)
    rules: Rules = field(default_factory=Rules)
    nested: bool = False
    """Protection is added and not replaced."""


@frozen
class Seen:
    """What can be seen of a request without a secret. `asked` is what will be asked of the CA, `before` what came."""

    submission: Submission
    before: Asked | AskedRevocation
    asked: Asked | AskedRevocation
    changes: tuple[Change, ...] = ()


@frozen
class Case:
    """A request that was verified. `body` is what goes to the CA; `keep`: its own protection has to go along."""

    seen: Seen
    requester: Requester
    proof: Proof | None
    body: Chosen
    keep: bool


def look(submission: Submission, amendment: Amendment) -> Seen:
    """What a request asks for and what the RA makes of it. Malformed where it is none that opens a transaction."""
    if submission.kind not in OPENING:
        raise Malformed(f"a message of the kind {submission.kind} opens no transaction")
    before = asked_in(submission)
    if isinstance(before, AskedRevocation):
        return Seen(submission, before, before)
    asked = before if submission.kind == "kur" else amended(before, amendment)
    return Seen(submission, before, asked, changes(before, asked))


def requester_of(submission: Submission, policy: Policy, now: datetime) -> Requester:
    """Who sent a request; who protected the innermost message where it is nested. Refusal where that is not known."""
    if submission.unverified is None:
        return UNPROTECTED
    check_header(submission.unverified.message.header)
    outer = identify(submission.unverified, policy.trust, now)
    if submission.inner is None:
        return outer
    if outer.certificate is None or not outer.is_ra:
        raise Refusal("notAuthorized", "nested messages are taken from an RA (cmcRA) only")
    return requester_of(submission.inner, policy, now)


def check_header(header: PKIHeader) -> None:
    """The marks that a transaction needs (RFC 9810 §5.1.1)."""
    if header.pvno not in (CMP_2000, CMP_2021):
        raise Refusal("unsupportedVersion", f"pvno {header.pvno}; this RA speaks 2 and 3")
    if not 0 < len(header.transaction_id or b"") <= _LONGEST_MARK:
        raise Refusal("badRequest", f"a transactionID of 1 to {_LONGEST_MARK} octets is needed")
    if not _SHORTEST_NONCE <= len(header.sender_nonce or b"") <= _LONGEST_MARK:
        raise Refusal("badSenderNonce", f"a senderNonce of {_SHORTEST_NONCE} to {_LONGEST_MARK} octets is needed")


def verify(submission: Submission, policy: Policy, now: datetime) -> Case:
    """A request with its protection and proof verified, and what would go to the CA. Refusal where one is not good."""
    requester = requester_of(submission, policy, now)
    try:
        seen = look(submission, policy.amendment)
    except Malformed as problem:
        raise Refusal("badDataFormat", f"{problem.what} {problem.why}".strip()) from problem
    if isinstance(seen.before, AskedRevocation):
        _may_revoke(requester)
        return Case(seen, requester, None, submission.body, policy.nested or submission.inner is not None)
    proof = check_proof(submission, seen.before, requester)
    kept = must_keep_protection(submission.kind, seen.before, proof, requester)
    keep = policy.nested or submission.inner is not None or kept
    if keep and submission.unverified is None:
        raise Refusal("badRequest", "a request that is no PKIMessage has no protection that could go along")
    if keep and seen.changes:
        raise Refusal("badCertTemplate", f"it would have to be changed, and its protection is kept: {seen.changes[0]}")
    return Case(seen, requester, proof, submission.body if keep else _body(seen, proof), keep)


def _may_revoke(requester: Requester) -> None:
    if requester == UNPROTECTED:
        raise Refusal("badMessageCheck", "a revocation is not protected by anybody")


def _body(seen: Seen, proof: Proof) -> Chosen:
    """What the CA is asked. raVerified where the proof does not cover it any more, or is one to the RA alone."""
    submission = seen.submission
    if seen.changes and isinstance(seen.asked, Asked):
        return amended_body(submission, seen.asked, "cr" if submission.body.name == "p10cr" else submission.body.name)
    return vouched(submission) if proof is Proof.SIGNED_TO_US else submission.body


def examine(submission: Submission, policy: Policy, used: Collection[str], now: datetime) -> Case:
    """`verify`, and then the rules. Refusal where the request does not go to the CA."""
    case = verify(submission, policy, now)
    judge(case.seen.asked, case.requester, policy.rules, used)
    return case
