"""Every check on what is received, as two ordered lists of small functions (RFC 9483 §3.5, §4.1.1).

MESSAGE_CHECKS make an Unverified message a Verified one, or raise. CERTIFICATE_CHECKS judge an issued certificate
before it is confirmed: they raise BadCertificate, and the failInfo in it goes into certConf. Remarks never refuse:
they tell a person what differs.
"""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2000
from runner.cmp.leniency import mac_before, with_mac_parameters
from runner.cmp.message import Verified, read_message
from runner.cmp.protection import check_protection
from runner.cmp.response import refusal_in
from runner.errors import BadCertificate, Claimed, Malformed, Mismatch, ProtocolError, Unauthentic
from runner.pki.extensions import basic_constraints_in
from runner.pki.paths import find_path
from runner.pki.profile import differences
from runner.pki.servers import Tolerance
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from runner.cmp.message import Unverified
    from runner.cmp.protection import Peer
    from runner.cmp.request import Order
    from runner.cmp.response import Status
    from runner.pki.certificates import Certificate
    from runner.pki.profile import Difference

MIN_NONCE = 16
CLOCK_SKEW = timedelta(minutes=5)
"""How far another's clock may be from ours before it is worth a word; a certificate may start this far ahead."""


@frozen
class Expectation:
    """What an answer must fit: our version and transactionID, our nonces that it may repeat, the bodies awaited."""

    pvno: int
    transaction_id: bytes
    """Empty where it is not known: then whatever it is, the protection and the key must fit."""
    nonces: tuple[bytes, ...]
    """senderNonces of ours that recipNonce may repeat; the newest first, which also must not come back as theirs."""
    awaited: frozenset[str]
    tolerates: frozenset[Tolerance]
    repeats_unknown: bool = False
    """The answer to a request that another tool made may come late, and repeat a nonce that we do not know."""
    request: bytes = field(default=b"", repr=False)
    """The message that is answered, as it went out: an answer may refer to its protection where that is tolerated."""


def verify_message(
    octets: bytes, expectation: Expectation, peer: Peer, known: Iterable[bytes], now: datetime
) -> Verified:
    """Octets → Verified, or a ProtocolError. An error or rejection that fails any check is raised as Claimed.

    `known` are certificates (DER) that came earlier in this transaction.
    """
    unverified = with_mac_parameters(read_message(octets), mac_before(expectation.request, peer.tolerates))
    try:
        for check in MESSAGE_CHECKS:
            check(unverified, expectation)
        vouched_for = not _passes_unprotected(unverified, peer.tolerates)
        at_hand = (*known, *_ca_certificates(unverified))
        signer = check_protection(unverified, peer, at_hand, now) if vouched_for else None
        for check in ANSWER_CHECKS:
            check(unverified, expectation)
    except ProtocolError as problem:
        refusal = refusal_in(unverified.message.body)
        if refusal is None:
            raise
        raise Claimed(
            f"the server says, and nothing proves that the CA does: {refusal}",
            why=f"{problem.what} ({problem.why})" if problem.why else problem.what,
            next_step=problem.next_step or _step_after(refusal, unverified),
            fail_info=refusal.fail_info,
            certificates=unverified.message.extra_certs,
        ) from problem
    return Verified(unverified.message, signer)


def _ca_certificates(unverified: Unverified) -> tuple[bytes, ...]:
    """Certificates in the body: a CA may send its signer's there alone (RSA Keon). Candidates, never anchors."""
    body = unverified.message.body
    if body.name in ("ip", "cp", "kup"):
        pubs: tuple[bytes, ...] = body.value.ca_pubs
        return pubs
    return ()


def _step_after(refusal: Status, unverified: Unverified) -> str:
    """What to do about a no that nobody vouches for. Our version is not lowered for it: anybody could ask for that."""
    if "unsupportedVersion" not in refusal.fail_info:
        return "check the credential and the CA's log; the key is kept"
    spoken = unverified.message.header.pvno
    return f"if the CA's operator agrees that it speaks version {spoken} alone, set the authority's `version: {spoken}`"


def _passes_unprotected(unverified: Unverified, tolerates: Collection[Tolerance]) -> bool:
    """Whether it bears no protection, brings no good news, and is of a kind that the manifest takes all the same."""
    message = unverified.message
    if message.protection is not None or message.header.protection_alg is not None:
        return False
    if message.body.name == "pkiconf":
        return Tolerance.UNPROTECTED_PKICONF in tolerates
    return Tolerance.UNPROTECTED_ERROR in tolerates and refusal_in(message.body) is not None


def _version(unverified: Unverified, expectation: Expectation) -> None:
    """The pvno is the one that we sent, except in error messages (RFC 9810 §7)."""
    header = unverified.message.header
    if Tolerance.OTHER_VERSION in expectation.tolerates and header.pvno >= CMP_2000:
        return
    if header.pvno != expectation.pvno and unverified.message.body.name != "error":
        raise Mismatch("the answer is of another protocol version", why=f"pvno {header.pvno}, not {expectation.pvno}")


def _transaction(unverified: Unverified, expectation: Expectation) -> None:
    found = unverified.message.header.transaction_id
    if expectation.transaction_id and found != expectation.transaction_id:
        told = "none" if found is None else found.hex()
        raise Mismatch(
            "the answer belongs to another transaction",
            why=f"transactionID {told}, not {expectation.transaction_id.hex()}",
        )


def _protection_is_whole(unverified: Unverified, expectation: Expectation) -> None:  # noqa: ARG001 - a check's shape
    message = unverified.message
    if (message.protection is None) != (message.header.protection_alg is None):
        raise Malformed("protection and protectionAlg do not come together")


def _sender_nonce(unverified: Unverified, expectation: Expectation) -> None:
    nonce = unverified.message.header.sender_nonce
    lenient = Tolerance.WEAK_SENDER_NONCE in expectation.tolerates
    if not lenient and (nonce is None or len(nonce) < MIN_NONCE):
        raise Unauthentic("the answer's senderNonce is missing or too short", why=f"{len(nonce or b'')} octets")
    if nonce in expectation.nonces:
        raise Unauthentic("the answer's senderNonce is our own", why="our message came back as its own answer")


def _recip_nonce(unverified: Unverified, expectation: Expectation) -> None:
    nonce = unverified.message.header.recip_nonce
    if nonce is None and Tolerance.MISSING_RECIP_NONCE in expectation.tolerates:
        return
    if expectation.repeats_unknown and unverified.message.body.name in ("ip", "cp", "kup"):
        return
    if nonce not in expectation.nonces:
        raise Mismatch("the answer's recipNonce is not the nonce that we sent", why="it answers another message")


def _body_type(unverified: Unverified, expectation: Expectation) -> None:
    name = unverified.message.body.name
    if name not in expectation.awaited:
        wanted = " or ".join(sorted(expectation.awaited)) or "nothing"
        raise Mismatch(f"the answer's body is {name}", why=f"{wanted} was expected")


MESSAGE_CHECKS = (_version, _transaction, _protection_is_whole)
"""Before the protection is judged: does the message claim to be ours at all?"""
ANSWER_CHECKS = (_sender_nonce, _recip_nonce, _body_type)
"""After it: is it fresh, and an answer to what we asked?"""


@frozen
class Issue:
    """An issued certificate with all that it is judged by. `granted` is the PKIStatus that it came with.

    `anchors` empty: no path can be checked. `intermediates` are untrusted.
    """

    certificate: Certificate
    order: Order
    granted: str
    intermediates: tuple[Certificate, ...]
    anchors: tuple[Certificate, ...]
    now: datetime
    tolerates: frozenset[Tolerance] = frozenset()


@frozen
class Accepted:
    """A certificate that passed: its path, itself alone where there are no anchors, and how it differs all the same."""

    path: tuple[Certificate, ...]
    differences: tuple[Difference, ...]


def check_certificate(issue: Issue) -> Accepted:
    """Judge an issued certificate. Raises BadCertificate with the first reason to refuse it."""
    try:
        for check in CERTIFICATE_CHECKS:
            check(issue)
        found = _differences(issue)
        _refuse_other_names(issue, found)
    except Malformed as problem:
        raise BadCertificate("the certificate cannot be read in all its parts", why=problem.what) from problem
    return Accepted(_path(issue), found)


def _path(issue: Issue) -> tuple[Certificate, ...]:
    if not issue.anchors:
        return (issue.certificate,)
    moment = max(issue.now, issue.certificate.not_before)  # the CA's clock may be ahead: _validity says how far
    try:
        return find_path(issue.certificate, issue.intermediates, issue.anchors, moment)
    except ProtocolError as problem:
        raise BadCertificate(
            problem.what, why=problem.why, next_step="check the authority's `trust:`", fail_info="signerNotTrusted"
        ) from problem


def _own_key(issue: Issue) -> None:
    if _key_is_unknown(issue):
        return
    if issue.certificate.public_key_info != issue.order.public_key_info:
        raise BadCertificate(
            "the certificate is for another key than ours",
            why="its public key is not the one in the request",
            next_step="nothing was installed; ask the CA why it issued this certificate",
            fail_info="badCertTemplate",
        )


def _key_is_unknown(issue: Issue) -> bool:
    """What another tool asked for, and nobody has told us for which key."""
    return issue.order.kind == "pollReq" and not issue.order.public_key_info


def _serial(issue: Issue) -> None:
    if issue.certificate.serial <= 0:
        raise BadCertificate("the certificate's serial number is not positive", why=str(issue.certificate.serial))


def _validity(issue: Issue) -> None:
    certificate, now = issue.certificate, issue.now
    if now > certificate.not_after:
        raise BadCertificate("the certificate has already expired", why=f"notAfter {certificate.not_after:%F %T} UTC")
    if certificate.not_before - now > CLOCK_SKEW:
        raise BadCertificate(
            "the certificate is not valid yet",
            why=f"notBefore {certificate.not_before:%F %T} UTC, and it is {now:%F %T} UTC here",
            next_step="compare the clocks of this machine and of the CA",
        )


def _no_ca(issue: Issue) -> None:
    asked = issue.order.wanted is not None and basic_constraints_in(issue.order.wanted.further).ca
    if basic_constraints_in(issue.certificate.extensions).ca and not asked:
        raise BadCertificate("the certificate is for a CA, which nobody asked for", fail_info="badCertTemplate")


CERTIFICATE_CHECKS = (_own_key, _serial, _validity, _no_ca)


def _refuse_other_names(issue: Issue, differences: tuple[Difference, ...]) -> None:
    """A status of accepted means: names exactly as asked. A kur keeps its subject whatever the status."""
    named = issue.granted == "accepted" and Tolerance.OTHER_SUBJECT not in issue.tolerates
    strict = {"subject", "alt_names"} if named else _kur_fields(issue)
    for difference in differences:
        if difference.field in strict:
            raise BadCertificate(
                "the certificate is not what was asked for",
                why=difference.text,
                next_step="correct the template if the CA is right",
                fail_info="badCertTemplate",
            )


def _kur_fields(issue: Issue) -> set[str]:
    return {"subject"} if issue.order.kind == "kur" else set()


def _differences(issue: Issue) -> tuple[Difference, ...]:
    return () if issue.order.wanted is None else differences(issue.order.wanted, issue.certificate)


def remarks_on(issue: Issue, differences: tuple[Difference, ...]) -> tuple[str, ...]:
    """What a person should know about a certificate that is acceptable: how it differs from what was asked for."""
    remarks = tuple(f"the certificate's {difference.text}" for difference in differences)
    if _key_is_unknown(issue):
        remarks = ("whose key the certificate is for was not checked: the entry has no `key:`", *remarks)
    if issue.anchors:
        return remarks
    return ("the certificate's issuer was not checked: the authority has no `trust:`", *remarks)
