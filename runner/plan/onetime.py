"""Updates and revocations: entries that are carried out once, and again when they have changed.

Rules of reasons.py, in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.plan.case import Case, Decision, decide
from runner.plan.pairs import in_the_way, owns_key, owns_output
from runner.plan.steps import Verb
from runner.plan.words import spell_span, spell_time

if TYPE_CHECKING:
    from runner.manifest.model import Poll, Recovery, Revocation, Update


def result_lost(case: Case[Update]) -> Decision | None:
    """The update was made as it stands, and its certificate's file is missing or damaged."""
    if not case.as_done or case.held_certificate is None or case.present is not None:
        return None
    if case.output.exists:
        words = f"the certificate file is damaged: {case.output.problem}"
        return decide(Verb.REINSTALL, "certificate-damaged", f"{words}; the state has it")
    return decide(Verb.REINSTALL, "certificate-missing", "the certificate file is missing; the state has it")


def output_in_the_way(case: Case[Update]) -> Decision | None:
    """The update's certificate would take the place of a file that is not ours, and no certificate."""
    if not case.output.exists or case.present is not None or owns_output(case):
        return None
    return in_the_way(case)


def done_before(case: Case[Any]) -> Decision | None:
    """The entry was carried out as it stands."""
    if not case.as_done or case.held is None:
        return None
    return decide(Verb.KEEP, "done", f"{case.held.outcome} on {spell_time(case.held.at)}")


def nothing_to_work_on(case: Case[Any]) -> Decision | None:
    """The certificate to update or revoke: there, or about to be made by an item before."""
    path = case.item.certificate
    facts = case.facts.certificate(path)
    if path is None or facts.certificate is not None or path in case.known.makers:
        return None
    words = facts.problem or "there is no such file"
    return decide(Verb.BLOCKED, "certificate-missing", f"the certificate {path} cannot be read: {words}")


def update_too_late(case: Case[Update]) -> Decision | None:
    """A certificate that has expired signs nothing."""
    certificate = case.facts.certificate(case.item.certificate).certificate
    if certificate is None or certificate.not_after > case.now:
        return None
    words = f"{case.item.certificate} expired {spell_span(case.now - certificate.not_after)} ago and cannot sign a kur"
    return decide(Verb.BLOCKED, "expired", words)


def new_key_in_the_way(case: Case[Update]) -> Decision | None:
    """The new key would take the place of one that we did not make."""
    key = case.item.new_key
    if key is None or not key.generates or owns_key(case, key.path):
        return None
    if not case.facts.key(key.path).exists or case.facts.key(key.path).unseen:
        return None
    return decide(Verb.BLOCKED, "key-in-the-way", f"{key.path} exists and is not ours; choose another name for new_key")


def update_asked(case: Case[Update]) -> Decision | None:
    """It was not made yet, or the entry has changed."""
    verb = Verb.RENEW if case.item.new_key is None else Verb.REKEY
    return decide(verb, "asked", _first_time(case, "this update was not made yet"))


def successor_in_its_place(case: Case[Revocation]) -> Decision | None:
    """The file holds, or will hold, the successor: what would be revoked depends on the hour."""
    updater = case.known.overwriters.get(case.item.certificate or "")
    if updater is None:
        return None
    words = f'"{updater}" puts the successor into {case.item.certificate}; give it another output, or name a copy here'
    return decide(Verb.BLOCKED, "successor-in-its-place", words)


def revocation_asked(case: Case[Revocation]) -> Decision | None:
    """It was not made yet, or the entry has changed."""
    text = f"{_first_time(case, 'not revoked yet')} (reason {case.item.reason})"
    return decide(Verb.REVOKE, "asked", text)


def recovery_asked(case: Case[Recovery]) -> Decision | None:
    """It was not made yet, or the entry has changed."""
    return decide(Verb.RECOVER, "asked", _first_time(case, "these keys were not recovered yet"))


def poll_asked(case: Case[Poll]) -> Decision | None:
    """It was not asked for yet, or the entry has changed."""
    item = case.item
    told = item.transaction_id.hex() if item.reference is None else f"of reference {item.reference}"
    words = f"the request {told} was left pending elsewhere"
    return decide(Verb.RESUME, "asked", _first_time(case, words))


def _first_time(case: Case[Any], words: str) -> str:
    return words if case.held is None else "the entry has changed since it was carried out"
