"""The files of one item: what a certificate becomes on the disk, tried out before it is confirmed where that is asked.

install.py has the form of files and the order of their appearing, trial.py how they are put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import BadCertificate, CmpBatchError
from runner.execute.install import installation, is_taken, key_target, refuse_lost_key
from runner.execute.reading import read_certificates
from runner.execute.stores import made_beside, sealed, stores_of
from runner.execute.trial import copy_of_key, is_held_back, roll_back, tried
from runner.manifest.model import Fetch, Revocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.cmp.dialogue import Offered
    from runner.execute.desk import Desk, Installation
    from runner.execute.hooks import HookRun
    from runner.execute.record import Record
    from runner.manifest.model import AnyItem
    from runner.manifest.placing import Output
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl


class Filing:
    """Where an item's results go. `hooks` is what came of verifying them."""

    def __init__(self, desk: Desk, item: AnyItem, url: KeyUrl | None, record: Record) -> None:
        self._desk = desk
        self._item = item
        self._url = url
        self._record = record
        self.hooks: tuple[HookRun, ...] = ()

    @property
    def output(self) -> Output:
        """Where the item's certificate goes."""
        if isinstance(self._item, Revocation | Fetch):
            raise CmpBatchError(f"a certificate came for {self._item.name}, which brings about none")
        return self._item.output

    def key_target(self) -> str | None:
        """Where the key is to be in the end."""
        held = self._desk.inventory.held.get(self._item.name)
        return key_target(self._url, self._record.key_path, (held.key_path if held else None,))

    async def files(self, path: tuple[Certificate, ...], key_now: str | None) -> tuple[Installation, str]:
        """Everything that belongs to a certificate, the key at its place; and the seals of its stores.

        Raises KeyStoreError where something is in the way.
        """
        held, target = self._desk.inventory.held.get(self._item.name), self.key_target()
        refuse_lost_key(path[0], key_now, target)
        await self._record.claim(stores_of(self._item, (held.stores if held else "", self._record.last.stores)))
        beside = await made_beside(self._desk, self._item, path, key_now)
        made = key_now if self._url is not None and self._url.generates else None
        return installation(self.output, path, made, target, beside), sealed(self._item, beside)

    @property
    def trial(self) -> Callable[[Offered], Awaitable[BadCertificate | None]] | None:
        """What a certificate has to stand before it is confirmed; None: nothing more."""
        return self._stand if self._desk.review is not None or is_held_back(self._item) else None

    async def _stand(self, offered: Offered) -> BadCertificate | None:
        """First the person's word, then its place."""
        review = self._desk.review
        if review is not None and not await review(self._item.name, offered.certificate):
            return BadCertificate("the certificate was not accepted", why="somebody looked at it and said no")
        return await self.try_out(offered) if is_held_back(self._item) else None

    async def try_out(self, offered: Offered) -> BadCertificate | None:
        """`commit: after-install`: everything is in its place, and verified; where it is no good, it is put back."""
        key_now, target = self._record.key_path, self.key_target()
        if key_now != target:
            key_now = await copy_of_key(self._desk, key_now)
        files, _ = await self.files(offered.path, key_now)
        problem, self.hooks = await tried(self._desk, self._item, files, target)
        return problem

    async def undo(self, certificate: Certificate) -> None:
        """The CA disowned a certificate: where a trial has put it in its place, what was there before is put back."""
        if not is_taken(self.output.certificate) or read_certificates(self.output.certificate)[0] != certificate:
            return
        files, _ = await self.files((certificate,), self._record.key_path)
        await roll_back(self._desk, files)
