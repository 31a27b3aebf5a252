"""All that running an item takes, handed in: the wires, the journal, the files, the keys, the clock, chance."""

from __future__ import annotations

import asyncio
import os
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from runner.execute.lobby import Lobby
from runner.execute.reading import read_certificates
from runner.keystores import files
from runner.keystores.keys import key_is_there, promote_key
from runner.pki.certificates import to_pem
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from runner.ambient import Clock, Entropy
    from runner.execute.access import Access, Keyring
    from runner.execute.batches import Batch
    from runner.execute.policies import Standing
    from runner.keystores.base import StoredKey
    from runner.keystores.files import Mark, NewFile
    from runner.keystores.folders import Folder
    from runner.keystores.keys import KeyMaker
    from runner.manifest.model import Document
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl
    from runner.plan.facts import Facts
    from runner.state.inventory import Inventory
    from runner.state.journal import Change, Entry, Journal


T = TypeVar("T")
WorkT_contra = TypeVar("WorkT_contra", contravariant=True)


class Durable(Protocol[WorkT_contra]):
    """Where work is made durable: by a group of this process, or by the parent of this worker."""

    async def do(self, work: WorkT_contra) -> None:
        """Returns when the work is durable; raises what stood in the way."""
        ...


@frozen
class Move:
    """A file that changes its name: one that waited and takes its place."""

    source: Path
    target: Path
    backup: bool = False
    """Whether what lies at `target` is kept as NAME.bak."""


@frozen
class Anchors:
    """Certificates (DER) that a file of trust anchors is to hold, beside those that it holds already."""

    path: Path
    certificates: tuple[bytes, ...]


@frozen
class Installation:
    """Files that appear together: all of them are durable, and marked, before the first of `moves` is made."""

    files: tuple[NewFile, ...]
    moves: tuple[Move, ...]
    marks: tuple[Mark, ...] = ()
    """Owners and permissions of files that are there, the key's."""
    removals: tuple[Path, ...] = ()
    """Keys of ours that served this operation alone; they go last."""
    anchors: tuple[Anchors, ...] = ()
    """Roots that become trusted; the one writer reads the file and adds them, so that none is lost."""


@frozen
class Desk:
    """What an item needs in order to run."""

    run: str
    document: Document
    inventory: Inventory
    facts: Facts
    accesses: Mapping[str, Access]
    keyring: Keyring
    maker: KeyMaker
    journal: Durable[Sequence[Change]]
    creations: Durable[NewFile]
    installations: Durable[Installation]
    key_threads: Executor
    clock: Clock
    entropy: Entropy
    lobby: Lobby = field(default_factory=Lobby)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """What the tunnels judge by, by their names."""
    approvals: Mapping[str, bool] = field(default_factory=dict)
    """What a person has said about requests that are to be approved, by their digests: another file has no approval."""
    batches: dict[str, Batch] = field(default_factory=dict)
    """Messages of tunnels that wait to go to the CA together."""
    review: Callable[[str, Certificate], Awaitable[bool]] | None = None
    """Asks a person whether the certificate of an item is accepted, before the CA hears of it."""

    def access(self, authority: str) -> Access:
        """The authority of an item."""
        return self.accesses[authority]

    async def record(self, changes: Sequence[Change]) -> None:
        """Journal changes, all or none; returns when they are durable."""
        await self.journal.do(changes)

    async def make_key(self, url: KeyUrl, path: Path) -> StoredKey:
        """A new key, durable at `path` before this returns."""
        if url.kept == "token":
            return await self.in_thread(self.maker.make_in_token, url, str(path))
        key, file = await self._made(url, path)
        await self.creations.do(file)
        return key

    async def in_thread(self, do: Callable[..., T], *args: object) -> T:
        """Something that takes long, or waits for a device, beside everything else."""
        return await asyncio.get_running_loop().run_in_executor(self.key_threads, partial(do, *args))

    async def _made(self, url: KeyUrl, path: Path) -> tuple[StoredKey, NewFile]:
        """RSA takes long and lets go of the interpreter meanwhile: threads. Others are quicker here."""
        if url.passphrase or (url.spec is not None and url.spec.kind == "rsa"):
            return await self.in_thread(self.maker.make, url, path)
        return self.maker.make(url, path)

    def has_key(self, url: KeyUrl, path: str) -> bool:
        """Whether there is a key, or anything, at `path`; a token is asked with the URL's PIN."""
        return key_is_there(replace(url, path=path), self.keyring.secrets)

    async def promote_key(self, url: KeyUrl, waiting: str, *, backup: bool) -> None:
        """Let a key that waits in a token take its place there."""
        await self.in_thread(partial(promote_key, backup=backup), url, waiting, self.keyring.secrets)

    def load_key(self, url: KeyUrl, path: str | None = None) -> StoredKey:
        """The key at a URL, or at `path` with the URL's passphrase."""
        return self.keyring.key(url if path is None else replace(url, path=path))


def record_changes(journal: Journal, group: Sequence[Sequence[Change | Entry]]) -> None:
    """The writer behind Desk.journal: one commit for the group."""
    journal.record([change for changes in group for change in changes])


def with_anchors(wanted: Sequence[Anchors]) -> list[files.NewFile]:
    """Files of anchors as they will be: what they hold, and more. KeyStoreError where one is no such file."""
    held: dict[Path, dict[bytes, None]] = {}
    for each in wanted:
        if each.path not in held:
            known = read_certificates(str(each.path)) if os.path.lexists(each.path) else ()
            held[each.path] = dict.fromkeys(certificate.der for certificate in known)
        held[each.path].update(dict.fromkeys(each.certificates))
    return [files.NewFile(path, b"".join(map(to_pem, anchors))) for path, anchors in held.items()]


def create_files(folder: Folder, entropy: Entropy, group: Sequence[NewFile]) -> None:
    """The writer behind Desk.creations."""
    files.write_new(folder, group, entropy)


def install_files(folder: Folder, entropy: Entropy, installations: Sequence[Installation]) -> None:
    """The writer behind Desk.installations. May be done again where it was cut short: moves that were made are over."""
    added = with_anchors([each for installation in installations for each in installation.anchors])
    usual = [file for installation in installations for file in installation.files]
    files.replace(folder, [*usual, *added], entropy)
    marks = [mark for installation in installations for mark in installation.marks if os.path.lexists(mark.path)]
    if marks:
        files.mark(folder, marks)
    moves = [move for installation in installations for move in installation.moves if os.path.lexists(move.source)]
    if moves:
        backed_up = {move.target for move in moves if move.backup}
        files.move(folder, [(move.source, move.target) for move in moves], backed_up)
    removals = [path for installation in installations for path in installation.removals if os.path.lexists(path)]
    if removals:
        files.remove(folder, removals)
