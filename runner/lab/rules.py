"""The word with which the lab says no. Which rule is broken when: checks.py and its neighbours.

PKIStatusInfo and PKIFailureInfo are those of RFC 9810 §5.2.3. How the lab behaves where it may choose: manners.py.
"""

from __future__ import annotations

from typing import Any

from runner.asn1.cmp import (
    FAIL_INFO,
    PKI_STATUS,
    CertRepMessage,
    CertResponse,
    ErrorMsgContent,
    PKIStatusInfo,
    RevRepContent,
)
from runner.errors import ProtocolError
from runner.lab.manners import Manners
from runner.values import replace

LabRules = Manners
STANDARD_RULES = Manners()
_LAST_OLD_BIT = FAIL_INFO.index("badPOP")


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


def in_old_words(content: Any) -> Any:
    """The content of an answer with the bits of failInfo that CMP 1999 has (RFC 2510 §3.2.3): others are badRequest."""
    if isinstance(content, PKIStatusInfo):
        bits = frozenset(bit if bit <= _LAST_OLD_BIT else FAIL_INFO.index("badRequest") for bit in content.fail_info)
        return replace(content, fail_info=bits)
    if isinstance(content, tuple):
        return tuple(in_old_words(each) for each in content)
    if isinstance(content, ErrorMsgContent):
        return replace(content, pki_status_info=in_old_words(content.pki_status_info))
    if isinstance(content, CertRepMessage):
        return replace(content, response=in_old_words(content.response))
    if isinstance(content, CertResponse | RevRepContent):
        return replace(content, status=in_old_words(content.status))
    return content
