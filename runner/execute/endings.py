"""How a transaction can end, and what an ending means: decided here and nowhere else.

    state of the transaction   no answer, or one that is not acceptable   an authentic no
    REQUESTED                  Unsure; Lost where nothing can have been    Lost; Unsure after an unanswered attempt
                               processed, or where somebody says no
    POLLING                    Parked; Unsure where the first answer left  Lost; Unsure after an unanswered attempt
                               this one out
    CONFIRMING                 Unsure                                      Lost; Unsure after an unanswered attempt,
                                                                           Won where that was heard (certConfirmed)

A certificate that we reject ends as Lost in every case; a CA that does not decide in time as GaveUp (patience.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2000
from runner.cmp.dialogue import Done, GivenUp, Rejected, State
from runner.errors import Busy, Claimed, Malformed, NotCmp, NotSent, Unauthentic
from runner.execute.results import Failure
from runner.pki.certificate_hashes import implied_hash
from runner.pki.certificates import parse_certificate
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from runner.asn1.cmp import InfoTypeAndValue
    from runner.cmp.dialogue import Dialogue, Offered
    from runner.cmp.response import Status
    from runner.errors import BadCertificate, CmpBatchError

UNSENT, SENT = "unsent", "sent"
"""Whether a message without an answer left us."""
TRY_LATER = ("systemUnavail", "systemFailure")
"""failInfo that asks for another transaction later (RFC 9810 §5.2.3)."""
_NOT_NOW = {"systemUnavail"}
"""failInfo that judges nothing: a certConf that was answered so has not been looked at, and goes again."""
_TOO_MUCH = frozenset({"badRequest", "badDataFormat", "badCertTemplate", "systemFailure"})
"""failInfo with which a CA may refuse a message for what all of its requests together are."""


@frozen
class Won:
    """The CA did what was asked and the transaction is over. `offered` is the certificate with its path."""

    dialogue: Dialogue
    status: Status
    offered: Offered | None = None
    told: tuple[InfoTypeAndValue, ...] = ()
    """What the CA answered to a question."""


@frozen
class Lost:
    """It came to nothing. `try_later`: the CA asks for another transaction; `aside`: a certificate to put aside.

    `alone`: the CA refused several requests in one message as such; each may be asked by itself.
    """

    failure: Failure
    status: Status | None = None
    try_later: bool = False
    aside: bytes = b""
    alone: bool = False
    unheard: str = ""
    """Where no authentic answer came: UNSENT, or SENT."""
    announced: tuple[bytes, ...] = ()
    """Certificates (DER) that came with an unprotected wrongIntegrity, among them perhaps that of a KEM's key."""


@frozen
class Unsure:
    """The CA may have acted and we cannot know."""

    failure: Failure
    status: Status | None = None


@frozen
class Parked:
    """The CA has not decided; it may be asked again after `check_after`. `doubt`: a pollReq may have been answered."""

    check_after: datetime
    words: str
    doubt: bool = False


@frozen
class GaveUp:
    """The CA has not decided, and was asked as often, or for as long, as the manifest allows."""

    failure: Failure
    status: Status | None = None


Ending = Won | Lost | Unsure | Parked | GaveUp


def ending(dialogue: Dialogue, action: Done | Rejected | GivenUp, offered: Offered | None, *, doubt: bool) -> Ending:
    """The ending of a transaction that is over. `doubt`: a message may have been processed and was not answered."""
    if isinstance(action, GivenUp):
        return Lost(Failure(action.problem.what, action.problem.why, action.problem.next_step))
    if offered is not None and offered.problem is not None:
        return _rejected_by_us(offered.problem, offered, confirmed=dialogue.confirmed)
    if isinstance(action, Done):
        return Won(dialogue, offered.status if offered else action.status, offered, action.told)
    if doubt and offered is not None and "certConfirmed" in action.status.fail_info:
        return Won(dialogue, offered.status, offered)
    if doubt or (action.after_issue and set(action.status.fail_info) == _NOT_NOW):
        return Unsure(_refusal(action, dialogue), action.status)
    # Another transaction after a certificate came would be another certificate.
    later = not action.after_issue and any(bit in TRY_LATER for bit in action.status.fail_info)
    alone = dialogue.of > 1 and action.whole and not (set(action.status.fail_info) - _TOO_MUCH)
    aside = dialogue.certificate if action.after_issue else b""
    return Lost(
        _refusal(action, dialogue), action.status, later and not alone, aside, alone=alone and not action.after_issue
    )


def without_answer(
    dialogue: Dialogue, problem: CmpBatchError, offered: Offered | None, now: datetime, *, doubt: bool
) -> Ending:
    """The ending of a transaction whose message found no answer, or none that can be used."""
    unusable = isinstance(problem, Malformed | Unauthentic) and not isinstance(problem, Claimed)
    what = f"the CA's answer cannot be used: {problem.what}" if unusable else problem.what
    failure = Failure(what, problem.why, problem.next_step)
    if offered is not None and offered.problem is not None:
        return _rejected_by_us(offered.problem, offered, confirmed=False)
    processed = doubt or not isinstance(problem, _NOTHING_PROCESSED)
    if dialogue.left_out:
        return Unsure(failure)
    if dialogue.state is State.POLLING:
        return Parked(now, words_of(problem), doubt=processed)
    if dialogue.state is State.REQUESTED and not processed:
        return Lost(failure, announced=_announced(problem), unheard=UNSENT if isinstance(problem, NotSent) else SENT)
    return Unsure(failure)


def _announced(problem: CmpBatchError) -> tuple[bytes, ...]:
    """A server announces its KEM certificate by an error that nobody vouches for (RFC 9810 §5.1.3.4)."""
    return problem.certificates if isinstance(problem, Claimed) and "wrongIntegrity" in problem.fail_info else ()


def words_of(problem: CmpBatchError) -> str:
    """What happened and why, in one line."""
    return f"{problem.what}: {problem.why}" if problem.why else problem.what


_NOTHING_PROCESSED = (NotSent, NotCmp, Busy, Claimed)
"""Failures after which no CA is at work on the request. Claimed is among them although nothing proves it: see
.github/decisions, "unauthenticated refusals"."""


def _rejected_by_us(problem: BadCertificate, offered: Offered, *, confirmed: bool) -> Lost:
    if not confirmed:
        return Lost(Failure(problem.what, problem.why, problem.next_step), offered.status)
    serial = f"{offered.certificate.serial:x}"
    told = f"the CA counts it as confirmed (implicitConfirm): have it revoked, serial number {serial}"
    return Lost(Failure(problem.what, problem.why, told), offered.status, aside=offered.certificate.der)


def _refusal(action: Rejected, dialogue: Dialogue) -> Failure:
    what = f"the CA refused: {action.status}"
    if action.after_issue:
        unsaid = action.pvno == CMP_2000 and _names_no_hash(dialogue.certificate)
        step = (
            "set the authority's `version: 3`: only there certConf says which hash it has" if unsaid else "ask the CA"
        )
        return Failure(what, "it had issued the certificate and then did not accept our certConf", step)
    if "unsupportedVersion" in action.status.fail_info and action.pvno:
        return Failure(
            what, "its answer is authentic", f"set the authority's `version: {action.pvno}`; it says so itself"
        )
    step = _NEXT_STEPS.get(next(iter(action.status.fail_info), ""), "ask the CA's operator")
    return Failure(what, "its answer is authentic", step)


def _names_no_hash(certificate: bytes) -> bool:
    return implied_hash(parse_certificate(certificate).signature_algorithm) is None


_NEXT_STEPS = {
    "badMessageCheck": "compare the credential with what the CA has",
    "badTime": "compare the clocks of this machine and of the CA",
    "badCertTemplate": "compare the template with what the CA allows",
    "badPOP": "the CA wants another proof-of-possession",
    "badAlg": "the CA wants another key type or another protection",
    "signerNotTrusted": "the CA does not know the credential's certificate",
    "notAuthorized": "the credential may not ask for this",
    "certRevoked": "use another certificate: the CA has revoked this one",
    "systemUnavail": "run again later",
    "systemFailure": "run again later",
    "transactionIdInUse": "run again",
    "unsupportedVersion": "set the authority's `version:`",
}
