"""From a manifest of adopted pairs to the state: each is planned, and what would not be quiet is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Unauthentic
from runner.execute.observe import observe
from runner.keystores.folders import Folder
from runner.manifest.load import load_manifest
from runner.pki.paths import find_path
from runner.plan.case import certificate_path_of, key_path_of
from runner.plan.planner import make_plan
from runner.plan.steps import Verb
from runner.state.inventory import Held, Inventory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from runner.manifest.model import AnyItem, Document
    from runner.pki.certificates import Certificate
    from runner.plan.facts import Facts


def quiet_items(paths: Sequence[Path], base: Path, known: Iterable[Certificate], now: datetime) -> Mapping[str, Held]:
    """What the state is to hold for each entry that a plan would then keep as it is. Raises BadInput."""
    document = load_manifest(paths, base=base)
    facts = observe(document, Folder(base))
    authorities = tuple(known)
    held = {
        item.name: held_as_adopted(item, certificate, authorities, facts, now)
        for item in document.items
        if (certificate := facts.certificate(certificate_path_of(item)).certificate) is not None
    }
    return {name: each for name, each in held.items() if name in _kept(document, facts, held, now)}


def _kept(document: Document, facts: Facts, held: Mapping[str, Held], now: datetime) -> set[str]:
    plan = make_plan(document, facts, Inventory(held), now)
    return {step.item.name for step in plan.steps if step.verb is Verb.KEEP}


def held_as_adopted(
    item: AnyItem, certificate: Certificate, known: tuple[Certificate, ...], facts: Facts, now: datetime
) -> Held:
    """A pair that is there, as the state holds it from now on."""
    anchors = facts.anchors.get(item.authority, ())
    try:
        chain = find_path(certificate, known, anchors or tuple(c for c in known if c.is_self_issued), now)[1:]
    except Unauthentic:
        chain = ()
    return Held(
        item=item.name,
        digest=item.digest,
        outcome="adopted",
        at=now,
        certificate=certificate.der,
        certificate_path=certificate_path_of(item),
        key_path=key_path_of(item),
        chain=b"".join(each.der for each in chain),
        authority=item.authority,
        credential=item.credential or "",
        on_remove=item.on_remove,
    )
