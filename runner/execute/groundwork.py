"""What preparing an item works with and comes to: its step, whose protection, which key and where it is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import SecretError
from runner.execute.install import place_for_new, place_in_token
from runner.execute.spending import credential_of
from runner.manifest.digests import asks_the_same
from runner.plan.steps import Verb
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.cmp.dialogue import Parties
    from runner.cmp.protection import Protection
    from runner.cmp.request import Order
    from runner.execute.access import Access, Keyring
    from runner.execute.desk import Desk
    from runner.keystores.base import StoredKey
    from runner.manifest.model import AnyItem, Document
    from runner.pki.keyurls import KeyUrl
    from runner.plan.steps import Step
    from runner.state.inventory import Open


@frozen
class Prepared:
    """Ready to talk. `key` is the one to be certified; its file is `key_now`, perhaps under a staging name."""

    order: Order
    parties: Parties
    key: StoredKey | None = None
    key_now: str | None = None
    remarks: tuple[str, ...] = ()
    """What a person should know of it once it is done."""
    reference: str = ""
    """What the transport is asked for the answer with, where the request went out long ago."""


@frozen
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
        if not self.resumed or self.before is None:
            return False
        return not asks_the_same(self.before.digest, self.step.item.digest)


def protection_of(desk: Desk, item: AnyItem) -> Protection:
    """The item's credential; the embedded lab has one for everybody."""
    return protection_at(desk.access(item.authority), desk.keyring, desk.document, item)


def protection_at(access: Access, keyring: Keyring, document: Document, item: AnyItem) -> Protection:
    """The same, of what there is without a desk."""
    if item.credential is not None:
        return keyring.protection(credential_of(document, item), access.authority.server.mac)
    handed_out = access.handed_out
    if handed_out is None:
        raise SecretError(
            f"{item.name} has no credential",
            why=f"authority {item.authority} wants to know who asks",
            next_step="add `credential:` to the item or to its authority",
        )
    return handed_out


async def key_for(preparation: Preparation, url: KeyUrl) -> tuple[StoredKey, str]:
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
