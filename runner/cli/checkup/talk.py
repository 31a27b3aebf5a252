"""What an answer to our genm says of the CA: that it speaks CMP, its clock, its protection, and what it can do."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

from runner.cli.checkup import findings as step
from runner.cli.checkup.findings import STEPS, Finding, Verdict
from runner.cmp.inquiry import answer_to, inquire, inquire_together
from runner.cmp.message import read_message
from runner.cmp.response import grants_implicit_confirm, refusal_in
from runner.cmp.validation import CLOCK_SKEW
from runner.errors import Claimed, Malformed, Mismatch, ProtocolError, TransportError
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from runner.ambient import Clock, Entropy
    from runner.asn1.cmp import PKIMessage
    from runner.cmp.dialogue import Parties
    from runner.cmp.inquiry import Inquiry
    from runner.cmp.response import Status
    from runner.transports.base import Transport

_REFUSALS = {
    "unsupportedVersion": (step.GENM, step.YOU, "set the authority's `version:`"),
    "wrongAuthority": (step.GENM, step.YOU, "check the authority's `name:`"),
    "badDataFormat": (step.GENM, step.CA, "look at the CA's log for what it cannot read"),
    "systemUnavail": (step.GENM, step.CA, "ask again later"),
    "systemFailure": (step.GENM, step.CA, "look at the CA's log"),
    "badTime": (step.CLOCK, step.YOU, "compare the clocks of this machine and of the CA"),
    "badMessageCheck": (
        step.PROTECTION,
        step.YOU,
        "compare the credential's reference number and secret with the CA's",
    ),
    "wrongIntegrity": (step.PROTECTION, step.YOU, "the CA wants the other kind of credential"),
    "badAlg": (step.PROTECTION, step.YOU, "the CA does not take this way of protection"),
    "signerNotTrusted": (step.PROTECTION, step.YOU, "the CA does not know the credential's certificate"),
    "notAuthorized": (step.PROTECTION, step.YOU, "ask the CA's operator to let this credential in"),
    "certRevoked": (step.PROTECTION, step.YOU, "use a credential whose certificate is not revoked"),
}
"""failInfo of an error that answers our question → the step that it is about, whose it is, the next step."""
_CAUSE = {"unsupportedVersion": "version"}
_CLOCKS_AGREE = 60.0
"""Seconds: two clocks of the CA's side that are so near to each other say the same."""

Seen = list[tuple[Finding, str]]
"""Findings with the cause of each failure."""


class Means(Protocol):
    """The clock and the chance of an examination."""

    clock: Clock
    entropy: Entropy


def skipped(behind: str) -> Seen:
    """The steps behind one that failed."""
    left = STEPS[STEPS.index(behind) + 1 :]
    return [(Finding(name, Verdict.SKIPPED, f"{behind} comes first"), "") for name in left]


async def judge(
    inquiry: Inquiry, answer: bytes, parties: Parties | None, means: Means, transport: Transport, date: str
) -> Seen:
    """The steps from genm on. `date` is what HTTP's Date said, empty where it said nothing."""
    try:
        message = read_message(answer).message
    except Malformed as problem:
        finding = Finding(
            step.GENM, Verdict.FAILED, "the answer is no PKIMessage", problem.what, step.CA, "look at the CA's log"
        )
        return [(finding, "malformed"), *skipped(step.GENM)]
    talk = _Talk(inquiry, answer, message, parties, means, transport, date)
    found: Seen = []
    for name, look in _LOOKS.items():
        finding, cause = await look(talk)
        found.append((finding, cause))
        if finding.verdict is Verdict.FAILED:
            return [*found, *skipped(name)]
    return found


@frozen
class _Talk:
    """An answer, read and not yet believed, and what it is judged by."""

    inquiry: Inquiry
    answer: bytes
    message: PKIMessage
    parties: Parties | None
    means: Means
    transport: Transport
    date: str

    @property
    def refusal(self) -> Status | None:
        return refusal_in(self.message.body)

    def refused_about(self, name: str) -> tuple[Finding, str] | None:
        """The finding of a step that the CA's refusal is about."""
        status = self.refusal
        for bit in status.fail_info if status else ():
            about, whose, next_step = _REFUSALS.get(bit, ("", "", ""))
            if about == name:
                what = f"the CA says {status}"
                return Finding(name, Verdict.FAILED, what, whose=whose, next_step=next_step), _CAUSE.get(bit, bit)
        return None


async def _genm(talk: _Talk) -> tuple[Finding, str]:
    if refused := talk.refused_about(step.GENM):
        return refused
    name = talk.message.body.name
    if name == "genp":
        count = len(talk.message.body.value)
        return Finding(step.GENM, Verdict.OK, f"genp with {count} answers" if count != 1 else "genp with 1 answer"), ""
    if name == "error":
        what = f"it speaks CMP, and refuses the question: {talk.refusal}"
        return Finding(step.GENM, Verdict.NOTE, what, next_step="many CAs answer no genm; enrolling shows more"), ""
    finding = Finding(step.GENM, Verdict.FAILED, f"the answer is a {name}", "genp was expected", step.CA, "ask the CA")
    return finding, "body"


async def _clock(talk: _Talk) -> tuple[Finding, str]:
    if refused := talk.refused_about(step.CLOCK):
        return refused
    here, told, date = talk.means.clock.now(), talk.message.header.message_time, _moment(talk.date)
    if told is None and date is None:
        return Finding(step.CLOCK, Verdict.SKIPPED, "the answer says no time"), ""
    skew = (told or date or here) - here
    if abs(skew) <= CLOCK_SKEW:
        return Finding(step.CLOCK, Verdict.OK, f"{abs(skew).total_seconds():.0f} s apart"), ""
    two_agree = told is not None and date is not None and abs((told - date).total_seconds()) < _CLOCKS_AGREE
    whose = step.YOU if two_agree else step.CA
    what = f"the CA's clock is {_span(skew)} of ours"
    why = "the server's HTTP clock agrees with the CA's" if two_agree else "only one clock over there says so"
    next_step = "set the clock that is wrong: certificates and messages are judged by it"
    return Finding(step.CLOCK, Verdict.FAILED, what, why, whose, next_step), "clock"


def _moment(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


def _span(skew: timedelta) -> str:
    seconds = abs(skew).total_seconds()
    words = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - an hour
    return f"{words} {'ahead' if skew.total_seconds() > 0 else 'behind'}"


async def _protection(talk: _Talk) -> tuple[Finding, str]:
    if talk.parties is None:
        return Finding(step.PROTECTION, Verdict.SKIPPED, "no credential is known for this authority"), ""
    if refused := talk.refused_about(step.PROTECTION):
        return refused
    try:
        verified = answer_to(talk.inquiry, talk.answer, talk.parties, talk.means.clock.now())
    except Claimed as problem:
        note = Finding(step.PROTECTION, Verdict.NOTE, "its error is not protected: shown, not believed", problem.why)
        return note, ""
    except ProtocolError as problem:
        ours = talk.message.protection is not None and not isinstance(problem, Mismatch)
        whose = step.YOU if ours else step.CA
        step_next = problem.next_step or "compare the credential and `trust:` with what the CA has"
        return Finding(step.PROTECTION, Verdict.FAILED, problem.what, problem.why, whose, step_next), "protection"
    by = "a MAC with our secret" if verified.signer is None else f"a signature of “{verified.signer.subject}”"
    return Finding(step.PROTECTION, Verdict.OK, f"verified: {by}"), ""


async def _implicit(talk: _Talk) -> tuple[Finding, str]:
    if talk.parties is None or talk.message.body.name != "genp":
        return Finding(step.IMPLICIT, Verdict.SKIPPED, "there is no protected genp to tell from"), ""
    now, means = talk.means.clock.now(), talk.means
    inquiry = inquire(talk.parties, now, means.entropy, implicit_confirm=True)
    granted = await _granted(talk, inquiry)
    if granted:
        return Finding(step.IMPLICIT, Verdict.OK, "granted in the header of genp"), ""
    what = "genp does not show it; the first enrolment with `implicit_confirm: true` will"
    return Finding(step.IMPLICIT, Verdict.NOTE, what), ""


async def _granted(talk: _Talk, inquiry: Inquiry) -> bool:
    try:
        answer = await talk.transport.exchange(inquiry.request, "genm")
        return grants_implicit_confirm(read_message(answer).message)
    except (TransportError, ProtocolError):
        return False


async def _batching(talk: _Talk) -> tuple[Finding, str]:
    if talk.parties is None or talk.message.body.name != "genp":
        return Finding(step.BATCHING, Verdict.SKIPPED, "there is no protected genp to tell from"), ""
    now, means, parties = talk.means.clock.now(), talk.means, talk.parties
    pair = [inquire(parties, now, means.entropy) for _ in range(2)]
    batch = inquire_together(parties, pair, now, means.entropy)
    try:
        name = read_message(await talk.transport.exchange(batch.request, "nested")).message.body.name
    except (TransportError, ProtocolError) as problem:
        return Finding(step.BATCHING, Verdict.NOTE, "it takes one message at a time", problem.what), ""
    if name == "nested":
        return Finding(step.BATCHING, Verdict.OK, "it answers nested messages"), ""
    return Finding(step.BATCHING, Verdict.NOTE, f"it takes one message at a time: {name} answers a nested one"), ""


_LOOKS = {
    step.GENM: _genm,
    step.CLOCK: _clock,
    step.PROTECTION: _protection,
    step.IMPLICIT: _implicit,
    step.BATCHING: _batching,
}
"""What is looked at, in order; the first failure ends it."""
