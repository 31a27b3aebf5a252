"""The word with which the lab says no. Which rule is broken when: checks.py and its neighbours.

PKIStatusInfo and PKIFailureInfo are those of RFC 9810 §5.2.3. How the lab behaves where it may choose: manners.py.
"""

from __future__ import annotations

from runner.asn1.cmp import FAIL_INFO, PKI_STATUS, PKIStatusInfo
from runner.errors import ProtocolError
from runner.lab.manners import Manners

LabRules = Manners
STANDARD_RULES = Manners()


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
