"""What a plan is about to have certified and no manifest says: keys and requests in files, a certificate as a template.

Held against the policy, and told at the line that names the file. Pure, from the facts; validate, which opens no such
file, cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.manifest.model import Enrollment, Update
from runner.manifest.policing import alt_name_breaches, key_breaches, subject_breaches, told
from runner.pki.keyspecs import key_spec_of
from runner.pki.profile import profile_of
from runner.plan.case import key_url_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.errors import Diagnostic, Place
    from runner.manifest.model import Document
    from runner.manifest.policing import Breach
    from runner.manifest.policy import Policy
    from runner.plan.facts import Facts
    from runner.plan.steps import Plan

_CERTIFIES = ("ir", "cr", "p10cr", "kur")


def contents_refused(plan: Plan, document: Document, facts: Facts) -> tuple[Diagnostic, ...]:
    """What the policy has against the files that the plan's requests are made from."""
    policy = document.policy
    if policy is None:
        return ()
    items = (step.item for step in plan.steps if step.changes and step.request in _CERTIFIES)
    found = (breach for item in items if isinstance(item, Enrollment | Update) for breach in _of(item, policy, facts))
    return tuple(told(policy, breach) for breach in found)


def _of(item: Enrollment | Update, policy: Policy, facts: Facts) -> Iterator[Breach]:
    url = key_url_of(item)
    if url is not None and not url.generates:
        at = "new_key" if isinstance(item, Update) and item.new_key else "key"
        yield from _key(facts.key(url.path).public_key_info, item.at(at), policy)
    if isinstance(item, Enrollment):
        yield from _request(item, policy, facts)
        yield from _reference(item, policy, facts)


def _key(info: bytes | None, place: Place, policy: Policy) -> Iterator[Breach]:
    """A key that can be seen; one that is sealed, or in a token that is not there, cannot."""
    try:
        spec = key_spec_of(info) if info is not None else None
    except Malformed:
        return  # of a kind that is not known here: the policy has no word for it
    if spec is not None:
        yield from key_breaches(policy, spec, place)


def _request(item: Enrollment, policy: Policy, facts: Facts) -> Iterator[Breach]:
    request, place = facts.request(item.csr).request, item.at("csr")
    if request is not None:
        yield from _key(request.public_key_info, place, policy)
        yield from subject_breaches(policy, request.profile.subject, place)
        yield from alt_name_breaches(policy, request.profile.alt_names, place)


def _reference(item: Enrollment, policy: Policy, facts: Facts) -> Iterator[Breach]:
    """Names that the entry leaves to a certificate."""
    template, place = item.template, item.at("certificate")
    reference = facts.certificate(template.reference).certificate
    if reference is None:
        return
    profile = profile_of(reference)
    if template.subject is None:
        yield from subject_breaches(policy, profile.subject, place)
    if not template.alt_names:
        yield from alt_name_breaches(policy, profile.alt_names, place)
