"""Steps that say nothing to a CA: files written again from what the state holds, and pairs taken into the state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.execute.install import reinstallation
from runner.execute.record import Record
from runner.execute.results import Result, unchanged_result
from runner.execute.stores import known_path, made_beside, sealed, stores_of
from runner.keystores.looking import key_file_facts
from runner.manifest.digests import asks_the_same
from runner.manifest.model import Fetch, Revocation
from runner.pki.certificates import parse_certificate
from runner.plan.case import certificate_path_of, key_path_of, key_url_of
from runner.plan.steps import Verb
from runner.state.inventory import Held
from runner.state.journal import Change
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from runner.execute.desk import Desk
    from runner.manifest.model import AnyItem
    from runner.manifest.tunnel import TunnelRequest
    from runner.pki.certificates import Certificate
    from runner.plan.steps import Plan, Step
    from runner.state.inventory import Inventory

FROM_STATE = ("certificate-missing", "certificate-damaged", "certificate-replaced")
"""Reasons for which the certificate itself is written again."""


async def reinstall(step: Step, desk: Desk) -> Result:
    """Write again what the state holds, and give it the permissions that it should have."""
    held = desk.inventory.held.get(step.item.name)
    if held is None or held.certificate is None:
        raise CmpBatchError(f"the state holds no certificate for {step.item.name}", next_step="run apply again")
    if any(reason.code in FROM_STATE for reason in step.reasons):
        words = "the certificate file was written again from the state"
    else:
        words = f"files were written again: {'; '.join(reason.text for reason in step.reasons)}"
    certificate = await _written(step, desk, held)
    return unchanged_result(step, certificate, warnings=(words,))


async def adopt(step: Step, desk: Desk) -> Result:
    """Take what is there into the state: from now on it is ours."""
    certificate = desk.facts.certificate(certificate_path_of(step.item)).certificate
    if certificate is None:
        raise CmpBatchError(f"there is no certificate to adopt for {step.item.name}", next_step="run apply again")
    path = known_path(desk, step.entry, certificate)
    held = Held(
        item=step.item.name,
        digest=step.item.digest,
        outcome="adopted",
        at=desk.clock.now(),
        certificate=certificate.der,
        certificate_path=certificate_path_of(step.item),
        key_path=key_path_of(step.item),
        key_digest=_key_digest(step),
        chain=b"".join(each.der for each in path[1:]),
        authority=step.item.authority,
        credential=step.item.credential or "",
        on_remove=step.item.on_remove,
    )
    await Record(step, desk).amend(held)
    if len(step.reasons) > 1:  # its files are not all as they should be
        await _written(step, desk, held)
    return unchanged_result(step, certificate, warnings=("taken into the state",))


async def forget(step: Step, desk: Desk) -> Result:
    """Let the state forget what no manifest speaks of any more; its files are left alone."""
    held = desk.inventory.held.get(step.item.name)
    await Record(step, desk).forget()
    certificate = parse_certificate(held.certificate) if held and held.certificate else None
    path = held.certificate_path if held else None
    result = unchanged_result(step, certificate, warnings=("forgotten; its files are left alone",))
    return replace(result, certificate_path=path)


def remembered(plan: Plan, inventory: Inventory, run: str, now: datetime) -> list[Change]:
    """For items that stay as they are: what their entries call it, and how they are to be removed one day."""
    found = []
    for step in plan.steps if inventory.held else ():
        item, held = step.item, inventory.held.get(step.item.name)
        if step.verb is not Verb.KEEP or held is None:
            continue
        told = _as_said(held, item) if asks_the_same(held.digest, item.digest) or held.certificate else held
        if told != held:
            found.append(Change(item.name, run, inventory.open.get(item.name), held=told, note="remembered", at=now))
    return found


def _as_said(held: Held, item: AnyItem | TunnelRequest) -> Held:
    """Names that were changed are the entry's from now on: one of them may come to mean somebody else."""
    digest = item.digest if asks_the_same(held.digest, item.digest) else held.digest
    credential = item.credential or ""
    return replace(held, digest=digest, authority=item.authority, credential=credential, on_remove=item.on_remove)


def _key_digest(step: Step) -> str | None:
    """Of a sealed key, which is known by its file from now on."""
    url = key_url_of(step.item)
    return key_file_facts(Path(url.path)).digest if url is not None and url.is_file else None


async def _written(step: Step, desk: Desk, held: Held) -> Certificate:
    """All files of the pair that is held, once more; the stores are claimed before, and known by their seals after."""
    item = step.entry
    if isinstance(item, Revocation | Fetch):
        raise CmpBatchError(f"{item.name} brings about no certificate")
    certificate = parse_certificate(held.certificate or b"")
    path = known_path(desk, item, certificate)
    record = Record(step, desk)
    claimed = replace(held, stores=stores_of(item, (held.stores,)))
    await record.amend(claimed)
    beside = await made_beside(desk, item, path, held.key_path)
    url = key_url_of(item)
    ours = held.key_path if url is not None and url.generates else None
    await desk.installations.do(reinstallation(item.output, path, ours, beside))
    await record.amend(replace(claimed, seals=sealed(item, beside), chain=b"".join(each.der for each in path[1:])))
    return certificate


QUIET: Mapping[Verb, Callable[[Step, Desk], Awaitable[Result]]] = {
    Verb.REINSTALL: reinstall,
    Verb.ADOPT: adopt,
    Verb.FORGET: forget,
}
"""Verbs for which no CA is asked → what carries them out."""
