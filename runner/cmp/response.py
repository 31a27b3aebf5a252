"""What they say: the verdicts in ip, cp, kup, rp, error and pollRep, as plain data (RFC 9810 §5.2.3, §5.3).

Names of PKIStatus and failInfo are the standard's, printed verbatim. Nothing here judges.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from runner.asn1.cmp import CONFIRM_WAIT_TIME, FAIL_INFO, IMPLICIT_CONFIRM, PKI_STATUS
from runner.asn1.primitives import GENERALIZED_TIME
from runner.errors import Malformed
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.asn1.cmp import ErrorMsgContent, PKIMessage, PKIStatusInfo
    from runner.asn1.structures import Chosen

MAX_TEXT = 2_000
"""Characters of a server's text that are kept: it goes into journals and reports."""
GRANTED = ("accepted", "grantedWithMods")
"""The statuses that bring what was asked for."""


@frozen
class Status:
    """PKIStatusInfo in words: the status' name, the names of the failInfo bits, and the text that came with it."""

    status: str
    fail_info: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        bits = f" ({', '.join(self.fail_info)})" if self.fail_info else ""
        return f"{self.status}{bits}: {self.text}" if self.text else f"{self.status}{bits}"


def status_of(info: PKIStatusInfo, *more: str) -> Status:
    """The Status of a PKIStatusInfo; `more` are further texts of the same message."""
    known = 0 <= info.status < len(PKI_STATUS)
    return Status(
        status=PKI_STATUS[info.status] if known else f"status {info.status}",
        fail_info=fail_info_names(info.fail_info),
        text=joined_text((*info.status_string, *more)),
    )


def joined_text(texts: Iterable[str]) -> str:
    """A PKIFreeText as one text, cut where it is beyond all measure."""
    text = "; ".join(text for text in texts if text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def fail_info_names(bits: Iterable[int]) -> tuple[str, ...]:
    """The names of PKIFailureInfo bits, in their order."""
    return tuple(FAIL_INFO[bit] if bit < len(FAIL_INFO) else f"bit {bit}" for bit in sorted(bits))


def error_status(content: ErrorMsgContent) -> Status:
    """The Status in an error message, with its details and code in the text."""
    code = () if content.error_code is None else (f"errorCode {content.error_code}",)
    return status_of(content.pki_status_info, *content.error_details, *code)


def refusal_in(body: Chosen) -> Status | None:
    """The status of a body that says no: error, or a rejection in ip, cp, kup, rp or krp; None for every other body."""
    if body.name == "error":
        return error_status(body.value)
    if body.name in ("ip", "cp", "kup"):
        statuses = [response.status for response in body.value.response]
    elif body.name == "rp":
        statuses = list(body.value.status)
    elif body.name == "krp":
        statuses = [body.value.status]
    else:
        return None
    return next((status_of(info) for info in statuses if PKI_STATUS.index("rejection") == info.status), None)


def confirm_wait_time(message: PKIMessage) -> str:
    """Until when the CA waits for certConf (confirmWaitTime, RFC 9810 §5.1.1.2), ISO 8601; empty where it is unsaid."""
    for info in message.header.general_info:
        if info.info_type == CONFIRM_WAIT_TIME and info.info_value is not None:
            with suppress(Malformed):
                return GENERALIZED_TIME.decode(info.info_value).isoformat()
    return ""


def grants_implicit_confirm(message: PKIMessage) -> bool:
    """Whether the header grants implicitConfirm; EJBCA leaves its NULL out."""
    return any(info.info_type == IMPLICIT_CONFIRM for info in message.header.general_info)
