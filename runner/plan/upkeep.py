"""A pair that is there: what has become of its certificate, whether it says what the entry says, and when it is due.

Rules of reasons.py, in its order; those of pairs.py have spoken before.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.pki.certificates import parse_certificate
from runner.pki.keyspecs import key_spec_of
from runner.pki.profile import differences
from runner.plan.case import Case, Decision, decide
from runner.plan.files import outside
from runner.plan.pairs import restored, sure
from runner.plan.profiles import wanted_profile
from runner.plan.seasons import due_at, held_back_until, is_too_long, opening
from runner.plan.standing import issuer_amiss
from runner.plan.steps import Reason, Verb
from runner.plan.words import spell_span, spell_time

if TYPE_CHECKING:
    from runner.manifest.model import Enrollment
    from runner.manifest.placing import RenewBefore
    from runner.pki.certificates import Certificate
    from runner.pki.keyspecs import KeySpec
    from runner.pki.profile import Profile
    from runner.state.inventory import Held


_CAME = ("issued", "updated")
"""What the state says of certificates that a CA has just sent."""


def older_certificate(case: Case[Enrollment]) -> Decision | None:
    """The file holds a certificate that this item has renewed since, for the same key: a backup, an old checkout."""
    successor = case.known.updated.get(sure(case).fingerprint)
    if successor is None or successor.item != case.item.name:
        return None
    decision = restored(case, "certificate-replaced", "the certificate file holds an older certificate")
    return decision if decision.verb is Verb.REINSTALL else None


def replaced_by_update(case: Case[Enrollment]) -> Decision | None:
    """An update of this certificate was asked for and made: its item holds the successor."""
    successor = _successor(case)
    if successor is None or successor.certificate is None or successor.item == case.item.name:
        return None
    certificate = parse_certificate(successor.certificate)
    if certificate.fingerprint in case.known.revoked:
        return decide(Verb.ENROLL, "revoked", f'its successor "{successor.item}" was revoked')
    if due_at(certificate, case.item) > case.now:
        until = spell_time(certificate.not_after)
        return decide(Verb.KEEP, "updated", f'updated by "{successor.item}", whose certificate is good until {until}')
    return decide(Verb.ENROLL, "successor-due", f'its successor "{successor.item}" is due')


def _successor(case: Case[Enrollment]) -> Held | None:
    """Who holds the last certificate of the line that begins with the one that is there."""
    fingerprint, found, seen = sure(case).fingerprint, None, set[str]()
    while (following := case.known.updated.get(fingerprint)) is not None and fingerprint not in seen:
        seen.add(fingerprint)
        found, fingerprint = following, sha256(following.certificate or b"").hexdigest()
    return found


def revoked(case: Case[Enrollment]) -> Decision | None:
    """The certificate was revoked, and the entry says that there should be one."""
    revocation = case.known.revoked.get(sure(case).fingerprint)
    if revocation is None:
        return None
    return decide(Verb.ENROLL, "revoked", f'revoked by "{revocation.item}" on {spell_time(revocation.at)}')


def expired(case: Case[Enrollment]) -> Decision | None:
    """It is over: too late for a kur."""
    present = sure(case)
    if present.not_after > case.now:
        return None
    held = case.held
    if held is not None and held.certificate == present.der and held.outcome in _CAME and held.at >= present.not_after:
        words = f"the CA issued it when it was over already ({spell_time(present.not_after)})"
        return decide(Verb.BLOCKED, "expired-when-issued", f"{words}; ask for another when its clock is right")
    return decide(Verb.ENROLL, "expired", f"expired {spell_span(case.now - present.not_after)} ago")


def drift(case: Case[Enrollment]) -> Decision | None:
    """Field by field, unless the entry is word for word what was granted before (grantedWithMods is no drift).

    The issuer counts always: whom the authority is trusted by may have changed since.
    """
    issuer = issuer_amiss(case)
    found = (*_differing(case), *([issuer] if issuer else []))
    return Decision(Verb.REISSUE, found) if found else None


def _differing(case: Case[Enrollment]) -> list[Reason]:
    present = sure(case)
    if case.as_done and case.held is not None and case.held.certificate == present.der:
        return []
    found = [Reason(d.field, d.text) for d in differences(_wanted(case), present)]
    wanted, kind = case.item.key.spec if case.item.key else None, _key_kind(present)
    if wanted is not None and not _as_wanted(wanted, kind, case.item.generation):
        found.append(Reason("key_type", f"key is {kind}, not {wanted}"))
    return found


def _wanted(case: Case[Enrollment]) -> Profile:
    """What the entry asks for; a PKCS #10 request says it all."""
    if case.request.request is not None:
        return case.request.request.profile
    return wanted_profile(case.item.template, case.facts.certificate(case.item.template.reference).certificate)


def _as_wanted(wanted: KeySpec, kind: str, generation: str) -> bool:
    """Whether a key is of the kind asked for; of the CA's making, its own taste counts, and an RSA key's length."""
    if generation:
        return generation == "central-any" or (wanted.kind == "rsa" and kind.startswith("rsa:")) or str(wanted) == kind
    return str(wanted) == kind


def _key_kind(certificate: Certificate) -> str:
    try:
        return str(key_spec_of(certificate.public_key_info))
    except Malformed:
        return "of a kind that is not known here"


def due_for_renewal(case: Case[Enrollment]) -> Decision | None:
    """It is due, and a window is open, or none would open in time."""
    present, before = sure(case), case.item.renew_before
    if before is None or due_at(present, case.item) > case.now:
        return None
    if held_back_until(present, case.item, case.now) is not None:
        return None
    verb = Verb.REKEY if case.generates else Verb.RENEW
    if case.item.csr is not None or not key_spec_of(present.public_key_info).can_sign:
        verb = Verb.ENROLL  # a kur is signed with the key that it replaces
    late = opening(case.item.renewal.windows, case.now) or case.now
    words = "; no window opens before that" if late > case.now else ""
    left = spell_span(present.not_after - case.now)
    return decide(verb, "due", f"expires in {left} ({_asked(present, before)}){words}")


def _asked(certificate: Certificate, window: RenewBefore) -> str:
    asked = spell_span(window.before) if window.before is not None else f"{(window.share or 0):.0%} of its life"
    if is_too_long(certificate, window):
        return f"renew_before {asked} is about all of its life: due when a third of it is left"
    return f"renew_before {asked}"


def waits_for_window(case: Case[Enrollment]) -> Decision | None:
    """It is due, and its window is not open."""
    present = sure(case)
    opens = held_back_until(present, case.item, case.now)
    if opens is None or due_at(present, case.item) > case.now:
        return None
    return decide(Verb.KEEP, "waits-for-window", f"due, and renewed from {spell_time(opens)} on, when a window opens")


def not_in_state(case: Case[Enrollment]) -> Decision | None:
    """A pair as it should be that the state does not know: it was there before, or was put there by hand."""
    present, held = sure(case), case.held
    if held is not None and held.certificate == present.der:
        return None
    words = "it is as asked for, and the state does not have it yet"
    if held is not None:
        words = "it is as asked for, and the state has another"
    reason = Reason("not-in-state", f"{words}; good until {spell_time(present.not_after)}")
    return Decision(Verb.ADOPT, (reason, *outside(case)))


def good(case: Case[Enrollment]) -> Decision | None:
    """Nothing to do."""
    return decide(Verb.KEEP, "good", f"good until {spell_time(sure(case).not_after)}")
