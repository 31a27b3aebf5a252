"""How this lab behaves where a CA has a choice, and the word with which it says no.

PKIStatusInfo and PKIFailureInfo are those of RFC 9810 §5.2.3. Which rule is broken when: checks.py and its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.asn1.cmp import FAIL_INFO, PKI_STATUS, PKIStatusInfo
from runner.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class LabRules:
    """The switches; as they stand, the lab grants what is well made, at once."""

    implicit_confirm: bool = True
    """Whether implicitConfirm is granted to those who ask for it."""
    validity_days: int = 365
    """Days that a certificate lives where the request does not say."""
    waiting_polls: int = 0
    """pollReqs that are answered by pollRep before an enrolment is granted; 0: it is granted at once."""
    check_after: int = 1
    """Seconds to wait between pollReqs. One that comes sooner is told the seconds that remain, and does not count."""
    reject_names: tuple[str, ...] = ()
    """Words that no subject may contain: enrolments that name one are rejected with notAuthorized."""


STANDARD_RULES = LabRules()


class Rejection(ProtocolError):
    """A request is not granted: `fail_info` names the bit of PKIFailureInfo, the words become statusString."""

    def __init__(self, fail_info: str, words: str) -> None:
        super().__init__(words)
        self.fail_info = fail_info


def status_info(status: str, *words: str) -> PKIStatusInfo:
    """PKIStatusInfo without failInfo, by the name of the status."""
    return PKIStatusInfo(status=PKI_STATUS.index(status), status_string=words)


def rejected(rejection: Rejection) -> PKIStatusInfo:
    """PKIStatusInfo of a rejection."""
    return PKIStatusInfo(
        status=PKI_STATUS.index("rejection"),
        status_string=(rejection.what,),
        fail_info=frozenset({FAIL_INFO.index(rejection.fail_info)}),
    )
