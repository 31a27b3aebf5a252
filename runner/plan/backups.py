"""What a plan says of a private key that will go along with a request: whom it is encrypted to (dossier §7 no. 13)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.manifest.model import Enrollment, Update
from runner.plan.steps import Reason, Verb

if TYPE_CHECKING:
    from runner.manifest.model import AnyItem, Authority, Document
    from runner.plan.case import Decision
    from runner.plan.facts import Facts

_REQUESTS = (Verb.ENROLL, Verb.REKEY, Verb.RENEW, Verb.REISSUE)


def with_backup(item: AnyItem, decision: Decision, document: Document, facts: Facts) -> Decision:
    """The decision; where the private key will go along, with the keeper's name and fingerprint among its reasons."""
    if not isinstance(item, Enrollment | Update) or not item.backup or decision.verb not in _REQUESTS:
        return decision
    keeper = _keeper(document.authorities[item.authority], facts)
    words = f"its private key is backed up for {keeper}"
    return replace(decision, reasons=(*decision.reasons, Reason("backup", words)))


def _keeper(authority: Authority, facts: Facts) -> str:
    if authority.asks_keeper:
        return "whom the CA names when it is asked (caProtEncCert)"
    certificate = facts.certificate(authority.keeper).certificate
    if certificate is None:
        return f"the owner of {authority.keeper}, which is not there yet"
    return f'"{certificate.subject}" (SHA-256 {certificate.fingerprint})'
