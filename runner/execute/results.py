"""What came of a run, as data: one Result for each item, and the Run around them."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.pki.keyspecs import key_spec_of
from runner.plan.case import certificate_path_of, key_path_of
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.cmp.response import Status
    from runner.execute.hooks import HookRun
    from runner.keystores.base import StoredKey
    from runner.pki.certificates import Certificate
    from runner.pki.keyspecs import KeySpec
    from runner.plan.steps import Step, Verb


class Outcome(Enum):
    """How an item ended (the words of the report's schema)."""

    ISSUED = "issued"
    UPDATED = "updated"
    REVOKED = "revoked"
    RECOVERED = "recovered"
    FETCHED = "fetched"
    FORWARDED = "forwarded"
    UNCHANGED = "unchanged"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Failure:
    """What went wrong, why, and the next step."""

    what: str
    why: str = ""
    next_step: str = ""


@frozen
class CertificateSummary:
    """What reports say of a certificate: text and numbers alone, so that no result keeps its DER in memory."""

    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    sha256: bytes = field(repr=False)
    """Over the DER; half as long as the text of it."""

    @property
    def fingerprint(self) -> str:
        """The same in lower-case hex."""
        return self.sha256.hex()


@frozen
class Result:
    """The end of one item in this run."""

    name: str
    operation: str
    """The verb of the plan's step."""
    outcome: Outcome
    certificate: CertificateSummary | None = None
    certificate_path: str | None = None
    key_path: str | None = None
    key_spec: KeySpec | None = None
    pki_status: str | None = None
    """PKIStatus as the CA gave it: `accepted`, `rejection`, … (RFC 9810 §5.2.3)."""
    fail_info: tuple[str, ...] = ()
    status_text: str = ""
    status_from: str = "ca"
    """Whose PKIStatus that is: `ca`, or `ra` where a tunnel of ours gave it."""
    warnings: tuple[str, ...] = ()
    attempts: int = 0
    """Messages sent, repeats included."""
    duration: float = 0.0
    """Seconds."""
    ended: datetime | None = None
    """When; None where it was never begun."""
    failure: Failure | None = None
    hooks: tuple[HookRun, ...] = ()
    """What came of the commands around it."""


@frozen
class Run:
    """One apply. `interrupted`: a signal ended it before every item had its turn."""

    id: str
    manifest: str
    started: datetime
    finished: datetime
    results: Sequence[Result]
    interrupted: bool = False

    def counts(self) -> dict[str, int]:
        """How many results there are of each outcome, zeros included."""
        found = Counter(result.outcome for result in self.results)
        return {outcome.value: found[outcome] for outcome in Outcome}


def summary_of(certificate: Certificate | None) -> CertificateSummary | None:
    """A certificate in short; None where there is none."""
    if certificate is None:
        return None
    return CertificateSummary(
        subject=certificate.subject.text,
        issuer=certificate.issuer.text,
        serial=certificate.serial,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        sha256=sha256(certificate.der).digest(),
    )


def spec_of(certificate: Certificate | None, key: StoredKey | None = None) -> KeySpec | None:
    """The kind of a certificate's key, not read where it is `key`; None where there is none that we know."""
    if certificate is not None and key is not None and certificate.public_key_info == key.public_key_info:
        return key.spec
    try:
        return key_spec_of(certificate.public_key_info) if certificate else None
    except Malformed:
        return None


def answered_result(
    name: str,
    verb: Verb,
    outcome: Outcome,
    status: Status | None,
    certificate: Certificate | None,
    key: StoredKey | None = None,
) -> Result:
    """The Result of an item that an authority was asked about: what it said (`status`), and what came of it.

    `key` is the one that was to be certified, where it is at hand.
    """
    return Result(
        name=name,
        operation=verb.value,
        outcome=outcome,
        certificate=summary_of(certificate),
        key_spec=spec_of(certificate, key),
        pki_status=status.status if status else None,
        fail_info=status.fail_info if status else (),
        status_text=status.text if status else "",
    )


def unchanged_result(
    step: Step, certificate: Certificate | None, *, warnings: tuple[str, ...] = (), status_text: str = ""
) -> Result:
    """The Result of a step that asks no CA for anything."""
    return Result(
        name=step.item.name,
        operation=step.verb.value,
        outcome=Outcome.UNCHANGED,
        certificate=summary_of(certificate),
        certificate_path=certificate_path_of(step.item),
        key_path=key_path_of(step.item),
        key_spec=spec_of(certificate),
        warnings=warnings,
        status_text=status_text,
    )
