"""All that running an item takes, handed in: the wires, the journal, the files, the keys, the clock, chance."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.keystores import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from runner.ambient import Clock, Entropy
    from runner.execute.access import Access, Keyring
    from runner.execute.grouped import Grouped
    from runner.keystores.base import StoredKey
    from runner.keystores.files import NewFile
    from runner.keystores.folders import Folder
    from runner.keystores.keys import KeyMaker
    from runner.manifest.model import Document
    from runner.pki.keyurls import KeyUrl
    from runner.plan.facts import Facts
    from runner.state.inventory import Inventory
    from runner.state.journal import Change


@dataclass(frozen=True, slots=True)
class Move:
    """A file that changes its name: a staged key that takes its place."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Installation:
    """Files that appear together, in this order: renames first, then files put in place."""

    moves: tuple[Move, ...]
    files: tuple[NewFile, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an item needs in order to run."""

    run: str
    document: Document
    inventory: Inventory
    facts: Facts
    accesses: Mapping[str, Access]
    keyring: Keyring
    maker: KeyMaker
    journal: Grouped[Change]
    creations: Grouped[NewFile]
    installations: Grouped[Installation]
    key_threads: Executor
    clock: Clock
    entropy: Entropy

    def access(self, authority: str) -> Access:
        """The authority of an item."""
        return self.accesses[authority]

    async def record(self, change: Change) -> None:
        """Journal a change; returns when it is durable."""
        await self.journal.do(change)

    async def make_key(self, url: KeyUrl, path: Path) -> StoredKey:
        """A new key, durable at `path` before this returns (design §5 promise 1)."""
        key, file = await self._made(url, path)
        await self.creations.do(file)
        return key

    async def _made(self, url: KeyUrl, path: Path) -> tuple[StoredKey, NewFile]:
        """RSA takes long and lets go of the interpreter meanwhile: threads. Others are quicker here (design §6)."""
        if url.passphrase or (url.spec is not None and url.spec.kind == "rsa"):
            return await asyncio.get_running_loop().run_in_executor(self.key_threads, self.maker.make, url, path)
        return self.maker.make(url, path)

    def load_key(self, url: KeyUrl, path: str | None = None) -> StoredKey:
        """The key at a URL, or at `path` with the URL's passphrase."""
        return self.keyring.key(url if path is None else replace(url, path=path))


def create_files(folder: Folder, entropy: Entropy, group: Sequence[NewFile]) -> None:
    """The writer behind Desk.creations."""
    files.write_new(folder, group, entropy)


def install_files(folder: Folder, entropy: Entropy, installations: Sequence[Installation]) -> None:
    """The writer behind Desk.installations: staged keys take their place, then the certificates theirs."""
    moves = [(m.source, m.target) for installation in installations for m in installation.moves]
    if moves:
        files.move(folder, moves)
    files.replace(folder, [file for installation in installations for file in installation.files], entropy)
