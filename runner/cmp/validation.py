"""Every check on what is received, as two ordered lists of small functions (dossier §3.1, §3.2(5), §7).

MESSAGE_CHECKS make an Unverified message a Verified one, or raise. CERTIFICATE_CHECKS judge an issued certificate
before it is confirmed: they raise BadCertificate, and the failInfo in it goes into certConf. REMARKS never refuse:
they tell a person what differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.cmp.message import Verified, read_message
from runner.cmp.protection import check_protection
from runner.cmp.response import refusal_in
from runner.errors import BadCertificate, Claimed, Malformed, Mismatch, ProtocolError, Unauthentic
from runner.pki.extensions import (
    alt_names_in,
    basic_constraints_in,
    extended_key_usage_name,
    extended_key_usages_in,
    key_usages_in,
)
from runner.pki.names import same_name
from runner.pki.paths import find_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from runner.cmp.message import Unverified
    from runner.cmp.protection import Peer
    from runner.cmp.request import Order
    from runner.pki.certificates import Certificate

MIN_NONCE = 16
CLOCK_SKEW = timedelta(minutes=5)
"""How far another's clock may be from ours before it is worth a word; a certificate may start this far ahead."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must fit: our version and transactionID, our nonces that it may repeat, the bodies awaited."""

    pvno: int
    transaction_id: bytes
    nonces: tuple[bytes, ...]
    """senderNonces of ours that recipNonce may repeat; the newest first, which also must not come back as theirs."""
    awaited: frozenset[str]


def verify_message(
    octets: bytes, expectation: Expectation, peer: Peer, known: Iterable[bytes], now: datetime
) -> Verified:
    """Octets → Verified, or a ProtocolError. An error or rejection that fails any check is raised as Claimed.

    `known` are certificates (DER) that came earlier in this transaction.
    """
    unverified = read_message(octets)
    try:
        for check in MESSAGE_CHECKS:
            check(unverified, expectation)
        signer = check_protection(unverified, peer, known, now)
        for check in ANSWER_CHECKS:
            check(unverified, expectation)
    except ProtocolError as problem:
        refusal = refusal_in(unverified.message.body)
        if refusal is None:
            raise
        raise Claimed(
            f"the server says, and nothing proves that the CA does: {refusal}",
            why=f"{problem.what} ({problem.why})" if problem.why else problem.what,
            next_step=problem.next_step or "check the credential and the CA's log; the key is kept",
        ) from problem
    return Verified(unverified.message, signer)


def _version(unverified: Unverified, expectation: Expectation) -> None:
    """The pvno is the one that we sent, except in error messages (dossier §3.1 no. 3)."""
    header = unverified.message.header
    if header.pvno != expectation.pvno and unverified.message.body.name != "error":
        raise Mismatch("the answer is of another protocol version", why=f"pvno {header.pvno}, not {expectation.pvno}")


def _transaction(unverified: Unverified, expectation: Expectation) -> None:
    found = unverified.message.header.transaction_id
    if found != expectation.transaction_id:
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
    if nonce is None or len(nonce) < MIN_NONCE:
        raise Unauthentic("the answer's senderNonce is missing or too short", why=f"{len(nonce or b'')} octets")
    if nonce in expectation.nonces:
        raise Unauthentic("the answer's senderNonce is our own", why="our message came back as its own answer")


def _recip_nonce(unverified: Unverified, expectation: Expectation) -> None:
    if unverified.message.header.recip_nonce not in expectation.nonces:
        raise Mismatch("the answer's recipNonce is not the nonce that we sent", why="it answers another message")


def _body_type(unverified: Unverified, expectation: Expectation) -> None:
    name = unverified.message.body.name
    if name not in expectation.awaited:
        wanted = " or ".join(sorted(expectation.awaited))
        raise Mismatch(f"the answer is a {name}", why=f"{wanted} was expected")


MESSAGE_CHECKS = (_version, _transaction, _protection_is_whole)
"""Before the protection is judged: does the message claim to be ours at all?"""
ANSWER_CHECKS = (_sender_nonce, _recip_nonce, _body_type)
"""After it: is it fresh, and an answer to what we asked?"""


@dataclass(frozen=True, slots=True)
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


def check_certificate(issue: Issue) -> tuple[Certificate, ...]:
    """Judge an issued certificate; returns its path (itself alone where there are no anchors).

    Raises BadCertificate with the first reason to refuse it.
    """
    for check in CERTIFICATE_CHECKS:
        check(issue)
    if not issue.anchors:
        return (issue.certificate,)
    try:
        return find_path(issue.certificate, issue.intermediates, issue.anchors, issue.now)
    except ProtocolError as problem:
        raise BadCertificate(
            problem.what, why=problem.why, next_step="check the authority's `trust:`", fail_info="signerNotTrusted"
        ) from problem


def _own_key(issue: Issue) -> None:
    if issue.certificate.public_key_info != issue.order.public_key_info:
        raise BadCertificate(
            "the certificate is for another key than ours",
            why="its public key is not the one in the request",
            next_step="nothing was installed; ask the CA why it issued this certificate",
            fail_info="badCertTemplate",
        )


def _serial(issue: Issue) -> None:
    if issue.certificate.serial <= 0:
        raise BadCertificate("the certificate's serial number is not positive", why=str(issue.certificate.serial))


def _validity(issue: Issue) -> None:
    certificate, now = issue.certificate, issue.now
    if now > certificate.not_after:
        raise BadCertificate("the certificate has already expired", why=f"notAfter {certificate.not_after:%F %T} UTC")
    if now < certificate.not_before - CLOCK_SKEW:
        raise BadCertificate(
            "the certificate is not valid yet",
            why=f"notBefore {certificate.not_before:%F %T} UTC, and it is {now:%F %T} UTC here",
            next_step="compare the clocks of this machine and of the CA",
        )


def _no_ca(issue: Issue) -> None:
    if basic_constraints_in(issue.certificate.extensions).ca:
        raise BadCertificate("the certificate is for a CA, which nobody asked for", fail_info="badCertTemplate")


def _subject(issue: Issue) -> None:
    """A kur keeps its subject; a status of accepted means: exactly as asked."""
    wanted, found = issue.order.wanted, issue.certificate.subject
    if wanted is None or not wanted.subject.text or same_name(found.der, wanted.subject.der):
        return
    if issue.granted == "accepted" or issue.order.kind == "kur":
        raise BadCertificate(
            "the certificate is for another subject",
            why=f'"{found}", not "{wanted.subject}"',
            next_step="correct `subject:` if the CA is right",
            fail_info="badCertTemplate",
        )


def _alt_names(issue: Issue) -> None:
    wanted = {name.der for name in issue.order.wanted.alt_names} if issue.order.wanted else set()
    found = {name.der: name for name in alt_names_in(issue.certificate.extensions)}
    if not wanted or issue.granted != "accepted" or set(found) == wanted:
        return
    raise BadCertificate(
        "the certificate has other alternative names than were asked for",
        why=", ".join(map(str, found.values())) or "it has none",
        next_step="correct `alt_names:` if the CA is right",
        fail_info="badCertTemplate",
    )


CERTIFICATE_CHECKS = (_own_key, _serial, _validity, _no_ca, _subject, _alt_names)


def remarks_on(issue: Issue) -> tuple[str, ...]:
    """What a person should know about a certificate that is acceptable: how it differs from what was asked for."""
    return tuple(words for remark in REMARKS if (words := remark(issue)))


def _path_unchecked(issue: Issue) -> str:
    return "" if issue.anchors else "the certificate's issuer was not checked: the authority has no `trust:`"


def _other_subject(issue: Issue) -> str:
    wanted, found = issue.order.wanted, issue.certificate.subject
    if wanted is None or not wanted.subject.text or same_name(found.der, wanted.subject.der):
        return ""
    return f'the CA changed the subject to "{found}"'


def _other_alt_names(issue: Issue) -> str:
    names = alt_names_in(issue.certificate.extensions)
    wanted = issue.order.wanted
    if wanted is None or {n.der for n in names} == {n.der for n in wanted.alt_names}:
        return ""
    return f"the certificate's alternative names are {', '.join(map(str, names)) or 'none'}"


def _other_key_usage(issue: Issue) -> str:
    found = key_usages_in(issue.certificate.extensions)
    wanted = issue.order.wanted.key_usage if issue.order.wanted else ()
    if not wanted or found == frozenset(wanted):
        return ""
    return f"the certificate's keyUsage is {', '.join(sorted(found or ())) or 'absent'}"


def _other_extended_key_usage(issue: Issue) -> str:
    found = extended_key_usages_in(issue.certificate.extensions) or frozenset()
    wanted = issue.order.wanted.extended_key_usage if issue.order.wanted else ()
    if not wanted or found == frozenset(wanted):
        return ""
    names = sorted(extended_key_usage_name(oid) for oid in found)
    return f"the certificate's extendedKeyUsage is {', '.join(names) or 'absent'}"


REMARKS = (_path_unchecked, _other_subject, _other_alt_names, _other_key_usage, _other_extended_key_usage)
