"""The word with which an RA says no: a bit of PKIFailureInfo and words for the requester (RFC 9810 §5.2.3)."""

from __future__ import annotations

from runner.errors import ProtocolError


class Refusal(ProtocolError):
    """A request is not forwarded: `fail_info` names the bit of PKIFailureInfo, the words become statusString."""

    def __init__(self, fail_info: str, words: str) -> None:
        super().__init__(words)
        self.fail_info = fail_info
