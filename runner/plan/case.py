"""One item's Case: everything that its rules may look at, gathered beforehand. And the Decision that they come to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from runner.manifest.digests import asks_the_same, is_same
from runner.manifest.model import AnyItem, Enrollment, Fetch, Revocation, Update
from runner.manifest.tunnel import TunnelRequest
from runner.pki.certificates import parse_certificate
from runner.plan.facts import KeyFacts
from runner.plan.steps import Reason, Verb
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl
    from runner.plan.facts import CertificateFacts, Facts, RequestFacts
    from runner.state.inventory import Held, Inventory, Open

Planned = AnyItem | TunnelRequest
"""What a step can be about: an entry of the manifest, or a request that a tunnel found."""
ItemT = TypeVar("ItemT", bound=Planned)
STAGED_SUFFIX = ".next"
"""A file that waits to take the place of one in use: KEY.next, and .next2 where that name is taken."""


@frozen
class Decision:
    """What a rule says: a verb and why."""

    verb: Verb
    reasons: tuple[Reason, ...]


@lru_cache(maxsize=256)
def decide(verb: Verb, code: str, text: str) -> Decision:
    """A Decision with one reason. Thousands of items come to the very same."""
    return Decision(verb, (Reason(code, text),))


@frozen
class Known:
    """What is known at `now`, the same for every item of a plan. `makers`: path → the item that will make the file.

    `overwriters`: path of a certificate → the update that puts its successor in the same file. `updated` and
    `revoked`: fingerprint of a certificate → the item that updated or revoked it.
    """

    facts: Facts
    inventory: Inventory
    now: datetime
    makers: Mapping[str, str]
    overwriters: Mapping[str, str]
    updated: Mapping[str, Held]
    revoked: Mapping[str, Held]
    retry_unknown: bool = False
    names: Collection[str] = frozenset()
    """Of the authorities and credentials that the manifests have."""


@frozen
class Case(Generic[ItemT]):
    """An item and all that is known of it."""

    item: ItemT
    known: Known

    @property
    def held(self) -> Held | None:
        """What the state says of this item."""
        return self.known.inventory.held.get(self.item.name)

    @property
    def open(self) -> Open | None:
        """The operation that the journal has open for it."""
        return self.known.inventory.open.get(self.item.name)

    @property
    def now(self) -> datetime:
        """The moment that is decided for."""
        return self.known.now

    @property
    def facts(self) -> Facts:
        """What is on the disk."""
        return self.known.facts

    @property
    def output(self) -> CertificateFacts:
        """The certificate file that the item is to bring about; of a revocation, the certificate to revoke."""
        return self.facts.certificate(certificate_path_of(self.item))

    @property
    def present(self) -> Certificate | None:
        """The certificate in that file."""
        return self.output.certificate

    @property
    def key(self) -> KeyFacts:
        """The key file that belongs to that certificate; of a key that is elsewhere, what its request shows."""
        if not isinstance(self.item, Enrollment) or self.item.csr is None:
            return self.facts.key(key_path_of(self.item))
        seen, found = self.request, self.request.request
        return KeyFacts(exists=seen.exists, public_key_info=found.public_key_info if found else None)

    @property
    def request(self) -> RequestFacts:
        """The PKCS #10 request that an enrollment names."""
        return self.facts.request(self.item.csr if isinstance(self.item, Enrollment) else None)

    @property
    def generates(self) -> bool:
        """Whether the item makes its key."""
        url = key_url_of(self.item)
        return url is not None and url.generates

    @property
    def held_certificate(self) -> Certificate | None:
        """The certificate that the state holds for this item."""
        return parse_certificate(self.held.certificate) if self.held and self.held.certificate else None

    @property
    def as_done(self) -> bool:
        """Whether the entry is the one that was carried out: word for word, or under other names of what it refers to.

        A name that is gone from the manifests was changed; one that is still there means somebody else than today's.
        """
        held, item = self.held, self.item
        if held is None or is_same(held.digest, item.digest):
            return held is not None
        names = ((held.authority, item.authority), (held.credential, item.credential or ""))
        renamed = all(then == now or then not in self.known.names for then, now in names)
        return renamed and asks_the_same(held.digest, item.digest)


def key_url_of(item: Planned) -> KeyUrl | None:
    """The URL of the key that an item's certificate is for."""
    if isinstance(item, TunnelRequest):
        return None
    if isinstance(item, Update):
        return item.new_key or item.key
    return None if isinstance(item, Fetch) else item.key


def certificate_path_of(item: Planned) -> str | None:
    """The file of the certificate that an item brings about; of a revocation, of the one to revoke."""
    if isinstance(item, Fetch):
        return None
    return item.certificate if isinstance(item, Revocation | TunnelRequest) else item.output.certificate


def key_path_of(item: Planned) -> str | None:
    """The file of that key."""
    url = key_url_of(item)
    return None if url is None else url.path
