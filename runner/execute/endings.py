"""How a conversation with a CA ends, as data, and the words for it. Which one it is is decided in conversation.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.execute.results import Failure

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue, Offered, Rejected
    from runner.cmp.response import Status
    from runner.errors import BadCertificate


@dataclass(frozen=True, slots=True)
class Won:
    """The CA did what was asked and the transaction is over. `offered` is the certificate with its path."""

    dialogue: Dialogue
    status: Status
    offered: Offered | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """It came to nothing. `try_later`: the CA asks for another transaction; `aside`: a certificate to put aside."""

    failure: Failure
    status: Status | None = None
    try_later: bool = False
    aside: bytes = b""


@dataclass(frozen=True, slots=True)
class Unsure:
    """The CA may have acted and we cannot know."""

    failure: Failure
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """The CA has not decided; it may be asked again after `check_after`. `doubt`: a pollReq may have been answered."""

    check_after: datetime
    words: str
    doubt: bool = False


Ending = Won | Lost | Unsure | Parked


def rejected_by_us(problem: BadCertificate, offered: Offered, *, confirmed: bool) -> Lost:
    """We refuse the certificate; `confirmed`: the CA counts it as accepted all the same."""
    if not confirmed:
        return Lost(Failure(problem.what, problem.why, problem.next_step), offered.status)
    serial = f"{offered.certificate.serial:x}"
    told = f"the CA counts it as confirmed (implicitConfirm): have it revoked, serial number {serial}"
    return Lost(Failure(problem.what, problem.why, told), offered.status, aside=offered.certificate.der)


def refusal(action: Rejected) -> Failure:
    """The CA's own no, with what may be done about it."""
    what = f"the CA refused: {action.status}"
    if action.after_issue:
        return Failure(what, "it had issued the certificate and then did not accept our certConf", "ask the CA")
    step = _NEXT_STEPS.get(next(iter(action.status.fail_info), ""), "ask the CA's operator")
    return Failure(what, "its answer is authentic", step)


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
