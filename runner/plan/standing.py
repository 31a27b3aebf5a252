"""How a certificate stands with its CA: whether it still leads to the authority's trust, and what the CRLs say of it.

Both are asked of files alone. Where they say nothing, nothing is held against the certificate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Unauthentic
from runner.pki.certificates import parse_certificate, split_certificates
from runner.pki.names import same_name
from runner.plan.case import Case, Decision, decide
from runner.plan.pairs import sure
from runner.plan.steps import Reason, Verb
from runner.plan.words import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from runner.manifest.model import Enrollment
    from runner.pki.certificates import Certificate
    from runner.pki.crls import Revoked
    from runner.plan.facts import Facts, FileFacts


def revoked_per_crl(case: Case[Enrollment]) -> Decision | None:
    """A CRL of its authority lists it, and the entry says that there should be a certificate."""
    for facts in case.facts.crls.get(case.item.authority, ()):
        entry = facts.crl.entry(sure(case)) if facts.crl else None
        if entry is not None:
            return decide(Verb.ENROLL, "revoked", f"revoked per CRL {facts.path}{_when_and_why(entry)}")
    return None


def crl_notes(facts: Facts, now: datetime) -> tuple[str, ...]:
    """CRLs that a manifest names and that say nothing, or nothing new: what they might have said is not known."""
    told = []
    for authority, crls in sorted(facts.crls.items()):
        for seen in crls:
            if seen.problem:
                told.append(f"the CRL {seen.path} of {authority} is not used: {seen.problem}")
            elif seen.crl is not None and seen.crl.next_update is not None and seen.crl.next_update < now:
                since = spell_time(seen.crl.next_update)
                told.append(f"the CRL {seen.path} of {authority} is out of date since {since}; fetch a new one")
    return tuple(told)


def _when_and_why(entry: Revoked) -> str:
    return f" on {spell_time(entry.at)}" + (f" ({entry.reason})" if entry.reason else "")


def issuer_amiss(case: Case[Enrollment]) -> Reason | None:
    """Its issuer is not the one it was, or does not lead to the trust of its authority (any more)."""
    anchors, present = case.facts.anchors.get(case.item.authority, ()), sure(case)
    if not anchors:
        return None
    chain, held = split_certificates(case.held.chain if case.held else b""), _as_held(case, present)
    if held and chain and any(chain[-1].der == anchor.der for anchor in anchors):
        return None  # it was followed to that anchor when it came
    known = (*chain, *_beside(case))
    if held and not chain and not any(same_name(each.subject.der, present.issuer.der) for each in (*anchors, *known)):
        return None  # an older state does not say which CAs are between them
    return None if _leads(present, known, anchors, case) else Reason("issuer", _words(case, present))


def _as_held(case: Case[Enrollment], present: Certificate) -> bool:
    return case.held is not None and case.held.certificate == present.der


def _leads(
    present: Certificate, known: Sequence[Certificate], anchors: Sequence[Certificate], case: Case[Enrollment]
) -> bool:
    from runner.pki.paths import find_path  # noqa: PLC0415 - it verifies signatures, which takes all of cryptography

    try:
        find_path(present, known, anchors, max(case.now, present.not_before))
    except Unauthentic:
        return False
    return True


def _words(case: Case[Enrollment], present: Certificate) -> str:
    held = case.held_certificate
    if held is not None and not same_name(held.issuer.der, present.issuer.der):
        return f'issuer is "{present.issuer}", not "{held.issuer}"'
    return f'its issuer "{present.issuer}" does not lead to the trust of {case.item.authority}'


def _beside(case: Case[Enrollment]) -> list[Certificate]:
    """The CA certificates that lie beside it."""
    output, files = case.item.output, case.facts.files
    places = [path for path in (output.chain, output.full_chain) if path is not None]
    if output.prefix is not None:
        places += ca_places(output.prefix, files)
    return [parse_certificate(der) for path in places if path in files for der in files[path].certificates]


def ca_places(prefix: str, files: Mapping[str, FileFacts]) -> list[str]:
    """PREFIX-0.ca and those that follow it, as far as they were looked at."""
    found: list[str] = []
    while (place := f"{prefix}-{len(found)}.ca") in files:
        found.append(place)
    return found
