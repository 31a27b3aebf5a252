"""A tunnel as data: a registration authority between files of requests and a CA, and each request that it finds."""

from __future__ import annotations

from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.manifest.model import NO_LABELS, Template
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.errors import Place
    from runner.manifest.credentials import SecretRef
    from runner.pki.keyspecs import KeySpec
    from runner.pki.name_patterns import NamePattern

SEPARATOR = "/"
"""Between a tunnel's name and a request's in the name of an item; no name in a manifest has one."""


@frozen
class Approval:
    """What is approved: `ask` a person, or whatever fits all the rules. An empty rule is none."""

    ask: bool = False
    names: tuple[NamePattern, ...] = ()
    kinds: tuple[KeySpec, ...] = ()
    by_ca: bool = False
    usages: tuple[str, ...] = ()
    once: bool = False


@frozen(kw_only=True)
class Tunnel:
    """An entry of `tunnels`. `sources` are absolute paths, patterns or folders; `output` a folder, or beside each."""

    name: str
    place: Place
    authority: str
    credential: str | None
    sources: tuple[str, ...]
    output: str | None = None
    watch: bool = False
    patience: float | None = None
    """Seconds without a new request after which watching ends; None: a signal ends it."""
    psks: SecretRef | None = None
    trust: tuple[str, ...] = ()
    template: Template = field(default_factory=Template)
    override: Template = field(default_factory=Template)
    approval: Approval = field(default_factory=Approval)
    nested: bool = False
    batch: int = 1
    """Nested requests that go to the CA in one message, at most."""
    original: bool = False
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS, hash=False)
    """Words of the user's own, to choose its requests by."""
    digest: str = ""
    """Of what decides whether and how a request is forwarded: one that was refused is judged again where it differs."""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    def at(self, key: str) -> Place:
        """Where `key` of this entry was written; the entry itself where it was not."""
        return self.places.get(key, self.place)


@frozen(kw_only=True)
class TunnelRequest:
    """One request that a tunnel found. `content` is the SHA-256 (hex) of the file; empty: it cannot be read."""

    name: str
    tunnel: Tunnel
    path: str
    answer: str
    """The file of the CMP answer."""
    certificate: str
    """The file of the certificate."""
    content: str = ""

    @property
    def place(self) -> Place:
        """The tunnel's entry."""
        return self.tunnel.place

    @property
    def authority(self) -> str:
        """The authority that it goes to."""
        return self.tunnel.authority

    @property
    def credential(self) -> str | None:
        """What it is forwarded with."""
        return self.tunnel.credential

    @property
    def labels(self) -> Mapping[str, str]:
        """What --target may choose it by."""
        return {**self.tunnel.labels, "tunnel": self.tunnel.name}

    @property
    def on_remove(self) -> str:
        """What becomes of it when its file is gone: it is remembered, or it might be forwarded again."""
        return "keep"

    @property
    def digest(self) -> str:
        """What identifies the request: its tunnel and its octets."""
        return sha256(f"{self.tunnel.name}\n{self.content}".encode()).hexdigest()

    @property
    def verdict(self) -> str:
        """What identifies a refusal of it: the request, and what it was judged by."""
        return verdict_of(self.digest, self.tunnel)


def verdict_of(digest: str, tunnel: Tunnel) -> str:
    """What identifies the refusal of a request with that digest."""
    return sha256(f"{digest}\n{tunnel.digest}".encode()).hexdigest()
