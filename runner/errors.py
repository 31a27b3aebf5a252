"""What can go wrong, as types: Diagnostics about a manifest, and the tree of errors that everything raises.

    CmpBatchError                 what, why and the next step; every subclass is one of these
    ├── BadInput                  the user's manifest, file or argument; carries Diagnostics; exit 1, nothing was sent
    ├── Refused                   a lock, a policy, a stale plan; exit 6
    ├── StateError                the state on disk cannot be read or written
    ├── KeyStoreError             a key or certificate file cannot be read, written or understood
    ├── SecretError               a secret's reference cannot be resolved
    ├── TransportError
    │   ├── NotSent               no octet of the request reached the peer: safe to try again
    │   ├── Unanswered            the request may have been read, no usable answer came: repeat the same octets or poll
    │   │   └── Busy              the peer says that it did not process the request (503, 429): repeat it later
    │   ├── NotCmp                something answered that does not speak CMP (HTML, 404): the request was not processed
    │   └── Delayed               the peer took the request, and gives its answer later to who asks with a reference
    └── ProtocolError             a message came and is not acceptable
        ├── Malformed             it is not the ASN.1 that it should be (badDataFormat)
        ├── Unauthentic           its protection is absent, wrong or by somebody we do not trust
        │   └── Claimed           the same, and it says no: an error or rejection to be shown, never believed
        ├── Mismatch              it belongs to another transaction, or answers something else
        └── BadCertificate        the certificate in it is not what we asked for: to be rejected in certConf

Nothing here imports anything of ours: errors are the ground floor.
"""

from __future__ import annotations

from enum import Enum

from runner.values import frozen


class Severity(Enum):
    """How grave a Diagnostic is."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Place:
    """A spot in a text file; line and column count from 1. Of a table's row, `cell` is the name of its column."""

    file: str
    line: int
    column: int
    cell: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.cell or self.column}"

    def __lt__(self, other: Place) -> bool:
        return (self.file, self.line, self.column, self.cell) < (other.file, other.line, other.column, other.cell)


@frozen
class Diagnostic:
    """One finding about the user's input: what, where, why, and the next step."""

    summary: str
    place: Place | None = None
    why: str = ""
    next_step: str = ""
    severity: Severity = Severity.ERROR
    rule: str = ""
    """What it is about, for programs: `yaml`, `schema/required`, `policy/max_lifetime`; empty: what was meant."""


class CmpBatchError(Exception):
    """The root: what happened, why, and what the person can do next."""

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step


class BadInput(CmpBatchError):
    """The user's input cannot be used; nothing was sent and nothing was written."""

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", diagnostics: tuple[Diagnostic, ...] = ()
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.diagnostics = diagnostics or (Diagnostic(what, why=why, next_step=next_step),)


class Refused(CmpBatchError):
    """We could, and we will not: somebody holds the lock, a policy forbids it, the plan is stale."""


class StateError(CmpBatchError):
    """The state on disk cannot be read or written."""


class KeyStoreError(CmpBatchError):
    """A key or certificate cannot be read, written or understood."""


class SecretError(CmpBatchError):
    """A secret's reference cannot be resolved; its value is never part of the words."""


class TransportError(CmpBatchError):
    """Octets did not make it to the peer and back."""

    def __init__(self, what: str, *, why: str = "", next_step: str = "", cause: str = "") -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.cause = cause
        """What kind of failure it is, in a word that never changes; `doctor` judges by it whose it is."""


class NotSent(TransportError):
    """No octet of the request reached the peer."""


class Unanswered(TransportError):
    """The request may have been read; no usable answer came back."""

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", cause: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(what, why=why, next_step=next_step, cause=cause)
        self.retry_after = retry_after
        """Seconds that the peer asked us to wait, where it said so (HTTP Retry-After)."""


class Busy(Unanswered):
    """The peer says that it has no time for the request now, and did not process it."""


class NotCmp(TransportError):
    """Something answered that does not speak CMP; no PKI management entity processed the request."""


class Delayed(TransportError):
    """The peer took the request and has no answer yet: `Transport.poll(reference)` asks for it after `seconds`."""

    def __init__(self, what: str, *, reference: str, seconds: float, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step, cause="delayed")
        self.reference = reference
        self.seconds = seconds


class ProtocolError(CmpBatchError):
    """A message came and is not acceptable."""


class Malformed(ProtocolError):
    """Octets that are not the ASN.1 they should be."""


class Unauthentic(ProtocolError):
    """A message whose protection is absent, wrong, or made by somebody we do not trust."""


class Claimed(Unauthentic):
    """An error or rejection that nobody vouches for: it is shown to the person and believed by nothing.

    `fail_info` and `certificates` (DER) are what it said and brought, just as little believed.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        next_step: str = "",
        fail_info: tuple[str, ...] = (),
        certificates: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.fail_info = fail_info
        self.certificates = certificates


class Mismatch(ProtocolError):
    """A message of another transaction, or an answer to another question."""


class BadCertificate(ProtocolError):
    """An issued certificate that is not what was asked for; `fail_info` says it to the CA in certConf."""

    def __init__(self, what: str, *, why: str = "", next_step: str = "", fail_info: str = "incorrectData") -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.fail_info = fail_info
