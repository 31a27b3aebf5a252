"""Before the first message: which key, which proof, whose protection, what order. One function for each kind of item.

A key to be generated is journalled (KEYED, with its place) and then made durable there; a key that an earlier
attempt left is used again, if it is still of the kind that is asked for. While another pair is in use, the new key
waits beside it under a staging name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2021
from runner.cmp.proving import ENCRYPTION, OPENING
from runner.cmp.request import Order
from runner.errors import KeyStoreError, SecretError
from runner.execute.access import parties, read_certificates, signature_protection
from runner.execute.backup import back_up
from runner.execute.install import place_for_new, place_in_token
from runner.manifest.model import Enrollment, Revocation, Update
from runner.pki.profile import profile_of
from runner.plan.case import key_url_of
from runner.plan.profiles import wanted_profile
from runner.plan.steps import Verb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.cmp.dialogue import Parties
    from runner.cmp.protection import Protection
    from runner.execute.desk import Desk
    from runner.keystores.base import StoredKey
    from runner.manifest.model import AnyItem
    from runner.pki.keyurls import KeyUrl
    from runner.pki.profile import Profile
    from runner.plan.steps import Step
    from runner.state.inventory import Open


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ready to talk. `key` is the one to be certified; its file is `key_now`, perhaps under a staging name."""

    order: Order
    parties: Parties
    key: StoredKey | None = None
    key_now: str | None = None
    remarks: tuple[str, ...] = ()
    """What a person should know of it once it is done."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A step to be prepared. `before`: its operation in the journal; `keyed(path)` journals where a key will be."""

    step: Step
    desk: Desk
    before: Open | None
    keyed: Callable[[str], Awaitable[None]]

    @property
    def resumed(self) -> bool:
        """Whether a request is out already, and what is prepared is judging its answer."""
        return self.before is not None and self.step.verb is Verb.RESUME

    @property
    def changed(self) -> bool:
        """Whether the entry is not any more the one that the request was made from: what was asked is not known."""
        return self.resumed and self.before is not None and self.before.digest != self.step.item.digest


async def prepare(preparation: Preparation) -> Prepared:
    """Read and make what the step needs. Raises KeyStoreError, SecretError, StateError; nothing was sent."""
    item = preparation.step.item
    if isinstance(item, Enrollment):
        return await _prepare_enrollment(preparation, item)
    if isinstance(item, Update):
        return await _prepare_update(preparation, item)
    return _prepare_revocation(preparation, item)


async def _prepare_enrollment(preparation: Preparation, item: Enrollment) -> Prepared:
    if preparation.step.request == "kur":
        old = Update(
            name=item.name,
            place=item.place,
            authority=item.authority,
            certificate=item.output.certificate,
            key=item.key,
            new_key=item.key if item.key.generates else None,
            output=item.output,
            proof=item.proof,
            backup=item.backup,
        )
        return await _prepare_update(preparation, old)
    ours = _protection(preparation.desk, item)
    key, key_now = await _key(preparation, item.key)
    wanted = None if preparation.changed else _wanted(item)
    order = Order(preparation.step.request, wanted, key.public_key_info, proof=item.proof)
    return await _whole(preparation, item, Prepared(order, _parties(preparation, item, ours, key, order), key, key_now))


def _wanted(item: Enrollment) -> Profile:
    reference = item.template.reference
    return wanted_profile(item.template, None if reference is None else read_certificates(reference)[0])


async def _prepare_update(preparation: Preparation, item: Update) -> Prepared:
    """A kur is signed with the certificate that it updates, unless the entry names another credential."""
    chain, old_key = read_certificates(item.certificate), preparation.desk.load_key(item.key)
    if item.credential is None:
        ours: Protection = signature_protection(chain, old_key)
    else:
        ours = _protection(preparation.desk, item)
    key, key_now = old_key, item.key.path
    if item.new_key is not None:
        key, key_now = await _key(preparation, item.new_key)
    wanted = None if preparation.changed else profile_of(chain[0])
    order = Order("kur", wanted, key.public_key_info, proof=item.proof, certificate=chain[0])
    return await _whole(preparation, item, Prepared(order, _parties(preparation, item, ours, key, order), key, key_now))


async def _whole(preparation: Preparation, item: Enrollment | Update, prepared: Prepared) -> Prepared:
    """With a key that can do what is asked of it, and its backup in the request."""
    key = prepared.key
    if key is not None and key.opener is None and (key.signer is None or prepared.order.proof in OPENING):
        raise KeyStoreError(f"the key {key.path} cannot prove itself by opening what is encrypted to it")
    if not item.backup or preparation.resumed or prepared.key_now is None:
        return prepared
    url = replace(key_url_of(item) or item.key, path=prepared.key_now)
    kept = await back_up(
        preparation.desk, preparation.desk.access(item.authority), prepared.parties, url, prepared.order
    )
    order = replace(prepared.order, controls=(*prepared.order.controls, kept.control))
    return replace(prepared, order=order, remarks=(*prepared.remarks, kept.remark))


def _prepare_revocation(preparation: Preparation, item: Revocation) -> Prepared:
    """An rr is protected by the credential, or signed with the very key of the certificate.

    The certificate is the one that the plan saw: an item before may have put another into the file meanwhile.
    """
    seen = preparation.desk.facts.certificate(item.certificate).certificate
    certificate = seen or read_certificates(item.certificate)[0]
    if item.credential is None and item.key is not None:
        ours: Protection = signature_protection((certificate,), preparation.desk.load_key(item.key))
    else:
        ours = _protection(preparation.desk, item)
    order = Order("rr", certificate=certificate, reason=item.reason)
    return Prepared(order, _parties(preparation, item, ours))


def _parties(
    preparation: Preparation,
    item: AnyItem,
    ours: Protection,
    key: StoredKey | None = None,
    order: Order | None = None,
) -> Parties:
    """We and the CA. Where a certificate will come encrypted in an EnvelopedData, CMP 2021 is spoken (dossier §1.5)."""
    both = parties(preparation.desk.access(item.authority), ours)
    if key is None or order is None:
        return both
    if key.signer is None or order.proof == ENCRYPTION:
        return replace(both, opener=key.opener, pvno=max(both.pvno, CMP_2021))
    return replace(both, opener=key.opener)


def _protection(desk: Desk, item: AnyItem) -> Protection:
    """The item's credential; the embedded lab has one for everybody."""
    if item.credential is not None:
        return desk.keyring.protection(desk.document.credentials[item.credential])
    handed_out = desk.access(item.authority).handed_out
    if handed_out is None:
        raise SecretError(
            f"{item.name} has no credential",
            why=f"authority {item.authority} wants to know who asks",
            next_step="add `credential:` to the item or to its authority",
        )
    return handed_out


async def _key(preparation: Preparation, url: KeyUrl) -> tuple[StoredKey, str]:
    """The key to be certified and where it is now."""
    desk, before = preparation.desk, preparation.before
    if preparation.resumed and before is not None and before.key_path is not None:
        return desk.load_key(url, before.key_path), before.key_path
    if not url.generates:
        return desk.load_key(url), url.path
    if before is not None and before.key_path is not None and desk.has_key(url, before.key_path):
        left = desk.load_key(url, before.key_path)
        if left.spec == url.spec:
            return left, before.key_path
    place = place_for_new(url.path) if url.is_file else place_in_token(url.path, lambda path: desk.has_key(url, path))
    await preparation.keyed(place)
    return await desk.make_key(url, Path(place)), place
