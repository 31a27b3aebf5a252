"""What a plan says of keys that are not ours alone: the CA makes one, keeps a copy (RFC 9483 §4.1.6), or brings roots.

Of a copy that goes along, whom it is encrypted to: his name and fingerprint (§7 no. 13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.model import Enrollment, Update
from runner.plan.steps import Reason, Verb
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.manifest.model import AnyItem, Authority, Document
    from runner.plan.case import Decision
    from runner.plan.facts import Facts

_REQUESTS = (Verb.ENROLL, Verb.REKEY, Verb.RENEW, Verb.REISSUE)


def with_custody(item: AnyItem, decision: Decision, document: Document, facts: Facts) -> Decision:
    """The decision; where a request goes out, with what becomes of the private key among its reasons."""
    if not isinstance(item, Enrollment | Update) or decision.verb not in _REQUESTS:
        return decision
    more = (*_custody(item, document, facts), *_trust(item, document.authorities[item.authority]))
    return replace(decision, reasons=(*decision.reasons, *more)) if more else decision


def _trust(item: Enrollment | Update, authority: Authority) -> Iterator[Reason]:
    """A plan tells beforehand that a file of anchors may change; which roots come, only the CA knows."""
    if authority.trust_file is not None and isinstance(item, Enrollment) and item.request in ("", "ir"):
        yield Reason("trust", f"roots that an ip brings (caPubs) are added to {authority.trust_file}")


def _custody(item: Enrollment | Update, document: Document, facts: Facts) -> Iterator[Reason]:
    if item.generation:
        yield Reason("central", "the CA makes the key, and keeps a copy" if item.backup else "the CA makes the key")
    elif item.backup:
        keeper = _keeper(document.authorities[item.authority], facts)
        yield Reason("backup", f"its private key is backed up for {keeper}")


def _keeper(authority: Authority, facts: Facts) -> str:
    if authority.asks_keeper:
        return "whom the CA names when it is asked (caProtEncCert)"
    certificate = facts.certificate(authority.keeper).certificate
    if certificate is None:
        return f"the owner of {authority.keeper}, which is not there yet"
    return f'"{certificate.subject}" (SHA-256 {certificate.fingerprint})'
