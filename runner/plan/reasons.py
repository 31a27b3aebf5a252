"""Why something must be done: ordered lists of small pure functions over one item's Case; the first that speaks wins.

Each rule answers with a Decision, or None: nothing to say. The lists at the end read as checklists. Serial numbers,
dates and key identifiers are never a reason; what the CA granted with modifications is not drift either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.manifest.model import Enrollment, Revocation, Update
from runner.pki.certificates import parse_certificate, renewal_time
from runner.pki.keyspecs import key_spec_of
from runner.pki.profile import differences
from runner.plan.case import Case, Decision, decide
from runner.plan.profiles import wanted_profile
from runner.plan.steps import Reason, Verb
from runner.plan.words import spell_span, spell_time
from runner.state.inventory import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from runner.manifest.model import RenewBefore
    from runner.pki.certificates import Certificate
    from runner.state.inventory import Held

FALLBACK_SHARE = 1 / 3
"""A certificate that lives no longer than its `renew_before` would be due at once, for ever; this is used instead."""


def _open_operation(case: Case[Any]) -> Decision | None:
    """The journal has an operation open whose request may be out: continue it, never a second one."""
    operation = case.open
    if operation is None or operation.stage is Stage.KEYED:
        return None
    if case.retry_unknown and operation.stage is Stage.SENT:
        return None
    words = {
        Stage.SENT: "the request was sent and no usable answer came; the same octets go out again",
        Stage.WAITING: "the CA said waiting; it is asked again",
        Stage.ISSUED: "a certificate came and is not confirmed yet",
        Stage.CONFIRMED: "a certificate is confirmed and not installed yet",
    }[operation.stage]
    note = f" ({operation.note})" if operation.note else ""
    return decide(Verb.RESUME, f"open-{operation.stage.value}", f"since {spell_time(operation.at)}: {words}{note}")


def _foreign_key_in_the_way(case: Case[Enrollment]) -> Decision | None:
    """A key is to be generated where a key lies that we did not make: it is never overwritten."""
    if not case.item.key.generates or not case.key.exists or _owns_key(case) or case.present is not None:
        return None
    return decide(
        Verb.BLOCKED,
        "key-in-the-way",
        f"{case.item.key.path} exists and is not ours; name it in `key:` as file:…, or move it away",
    )


def _owns_key(case: Case[Any]) -> bool:
    paths = {case.held.key_path if case.held else None, case.open.key_path if case.open else None}
    return case.item.key.path in paths


def _unreadable_certificate(case: Case[Any]) -> Decision | None:
    """Something lies at the certificate's path that is no certificate."""
    if not case.output.exists or case.present is not None:
        return None
    if case.held is not None and case.held.certificate is not None:
        return decide(Verb.REINSTALL, "certificate-damaged", f"the certificate file is damaged: {case.output.problem}")
    path = case.item.output.certificate
    return decide(Verb.BLOCKED, "file-in-the-way", f"{path} is in the way: {case.output.problem}; move it away")


def _no_certificate(case: Case[Enrollment]) -> Decision | None:
    if case.output.exists:
        return None
    if case.held is None or case.held.certificate is None:
        return decide(Verb.ENROLL, "no-certificate", "no certificate yet")
    held = parse_certificate(case.held.certificate)
    if _fits_key(case, held) and held.not_after > case.now:
        return decide(Verb.REINSTALL, "certificate-missing", "the certificate file is missing; the state has it")
    return decide(Verb.ENROLL, "certificate-missing", "the certificate file is missing")


def _no_key(case: Case[Enrollment]) -> Decision | None:
    if case.key.exists:
        return None
    return decide(Verb.ENROLL, "key-missing", "the key file is missing")


def _other_key(case: Case[Enrollment]) -> Decision | None:
    """The pair on disk must be a pair. Where the state holds the certificate of this key, that is put back."""
    present = _sure(case)
    if _fits_key(case, present):
        return None
    if case.held and case.held.certificate and _fits_key(case, parse_certificate(case.held.certificate)):
        return decide(Verb.REINSTALL, "certificate-replaced", "the certificate file is not the one for this key")
    if case.item.key.generates and not _owns_key(case):
        return decide(
            Verb.BLOCKED, "key-in-the-way", f"certificate and key do not match, and {case.item.key.path} is not ours"
        )
    return decide(Verb.ENROLL, "key-mismatch", "the certificate does not match the key")


def _fits_key(case: Case[Any], certificate: Certificate) -> bool:
    """Whether the key file is the certificate's. A sealed one is compared with the digest in the state."""
    if case.key.public_key_info is not None:
        return case.key.public_key_info == certificate.public_key_info
    if case.key.sealed:
        return case.held is None or case.held.key_digest in (None, case.key.digest)
    return False


def _replaced_by_update(case: Case[Enrollment]) -> Decision | None:
    """An update of this certificate was asked for and made: its item holds the successor."""
    successor = case.inventory.updated().get(_sure(case).fingerprint)
    if successor is None or successor.certificate is None:
        return None
    certificate = parse_certificate(successor.certificate)
    if _due(certificate, case.item.renew_before) > case.now:
        until = spell_time(certificate.not_after)
        return decide(Verb.KEEP, "updated", f'updated by "{successor.item}", whose certificate is good until {until}')
    return decide(Verb.ENROLL, "successor-due", f'its successor "{successor.item}" is due')


def _revoked(case: Case[Enrollment]) -> Decision | None:
    revocation = case.inventory.revoked().get(_sure(case).fingerprint)
    if revocation is None:
        return None
    return decide(Verb.ENROLL, "revoked", f'revoked by "{revocation.item}" on {spell_time(revocation.at)}')


def _expired(case: Case[Enrollment]) -> Decision | None:
    present = _sure(case)
    if present.not_after > case.now:
        return None
    return decide(Verb.ENROLL, "expired", f"expired {spell_span(case.now - present.not_after)} ago")


def _drift(case: Case[Enrollment]) -> Decision | None:
    """Field by field, unless the entry is word for word what was granted before (grantedWithMods is no drift)."""
    present = _sure(case)
    if case.held is not None and case.held.digest == case.item.digest and case.is_held(present):
        return None
    reference = case.facts.certificate(case.item.template.reference).certificate
    found = [Reason(d.field, d.text) for d in differences(wanted_profile(case.item.template, reference), present)]
    if case.item.key.spec is not None and key_spec_of(present.public_key_info) != case.item.key.spec:
        found.append(Reason("key_type", f"key is {key_spec_of(present.public_key_info)}, not {case.item.key.spec}"))
    return Decision(Verb.REISSUE, tuple(found)) if found else None


def _due_for_renewal(case: Case[Enrollment]) -> Decision | None:
    present, window = _sure(case), case.item.renew_before
    if window is None or _due(present, window) > case.now:
        return None
    verb = Verb.REKEY if case.item.key.generates else Verb.RENEW
    asked = spell_span(window.before) if window.before is not None else f"{(window.share or 0):.0%} of its life"
    return decide(verb, "due", f"expires in {spell_span(present.not_after - case.now)} (renew_before {asked})")


def _due(certificate: Certificate, window: RenewBefore | None) -> datetime:
    """When it is due; never before a certificate was two thirds through a life that is shorter than the window."""
    if window is None:
        return certificate.not_after
    due = renewal_time(certificate, window.before, window.share)
    if due <= certificate.not_before:
        return renewal_time(certificate, None, FALLBACK_SHARE)
    return due


def _good(case: Case[Enrollment]) -> Decision | None:
    present = _sure(case)
    return decide(Verb.KEEP, "good", f"good until {spell_time(present.not_after)}")


def _sure(case: Case[Any]) -> Certificate:
    """The certificate that is there; the rules before have dealt with its absence."""
    if case.present is None:
        raise AssertionError(f"the rules for {case.item.name} forgot that there may be no certificate")
    return case.present


def _done_before(case: Case[Any]) -> Decision | None:
    """A one-time entry that was carried out as it stands."""
    held = case.held
    if held is None or held.digest != case.item.digest:
        return None
    return decide(Verb.KEEP, "done", f"{held.outcome} on {spell_time(held.at)}")


def _update_files_missing(case: Case[Update]) -> Decision | None:
    held: Held | None = case.held
    if held is None or held.digest != case.item.digest or held.certificate is None or case.output.exists:
        return None
    return decide(Verb.REINSTALL, "certificate-missing", "the certificate file is missing; the state has it")


def _nothing_to_work_on(case: Case[Any]) -> Decision | None:
    """The certificate to update or revoke: there, or about to be made by an item before."""
    path = case.item.certificate
    facts = case.facts.certificate(path)
    if facts.certificate is not None or path in case.makers:
        return None
    words = facts.problem or "there is no such file"
    return decide(Verb.BLOCKED, "certificate-missing", f"the certificate {path} cannot be read: {words}")


def _update_too_late(case: Case[Update]) -> Decision | None:
    certificate = case.facts.certificate(case.item.certificate).certificate
    if certificate is None or certificate.not_after > case.now:
        return None
    words = f"{case.item.certificate} expired {spell_span(case.now - certificate.not_after)} ago and cannot sign a kur"
    return decide(Verb.BLOCKED, "expired", words)


def _new_key_in_the_way(case: Case[Update]) -> Decision | None:
    key = case.item.new_key
    mine = {case.held.key_path if case.held else None, case.open.key_path if case.open else None}
    if key is None or not key.generates or not case.facts.key(key.path).exists or key.path in mine:
        return None
    return decide(Verb.BLOCKED, "key-in-the-way", f"{key.path} exists and is not ours; choose another name for new_key")


def _update_asked(case: Case[Update]) -> Decision | None:
    verb = Verb.RENEW if case.item.new_key is None else Verb.REKEY
    return decide(verb, "asked", _first_time(case, "this update was not made yet"))


def _revocation_asked(case: Case[Revocation]) -> Decision | None:
    text = f"{_first_time(case, 'not revoked yet')} (reason {case.item.reason})"
    return decide(Verb.REVOKE, "asked", text)


def _first_time(case: Case[Any], words: str) -> str:
    return words if case.held is None else "the entry has changed since it was carried out"


ENROLLMENT: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    _open_operation,  # what is under way goes first
    _foreign_key_in_the_way,  # never overwrite a stranger's key
    _unreadable_certificate,
    _no_certificate,
    _no_key,
    _other_key,  # the files must be a pair
    _replaced_by_update,  # another item holds the successor
    _revoked,
    _expired,
    _drift,  # the certificate must say what the entry says
    _due_for_renewal,
    _good,
)
UPDATE: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    _open_operation,
    _update_files_missing,
    _done_before,  # once per change of the entry
    _nothing_to_work_on,
    _update_too_late,
    _new_key_in_the_way,
    _update_asked,
)
REVOCATION: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    _open_operation,
    _done_before,  # once per change of the entry, whatever lies in the file today
    _nothing_to_work_on,
    _revocation_asked,
)


def reasons_for(case: Case[Any]) -> Decision:
    """The first Decision of the item's list of rules; each list ends with a rule that always speaks."""
    rules = {Enrollment: ENROLLMENT, Update: UPDATE, Revocation: REVOCATION}[type(case.item)]
    return next(decision for rule in rules if (decision := rule(case)) is not None)
