"""Where results go and when they are due, as a manifest says it: frozen data, read by outputs.py and durations.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from datetime import timedelta

    from runner.manifest.credentials import SecretRef


@frozen
class Store:
    """A key store to be written: the key, its certificate and the CAs'. `kind` is `pkcs12` or `jks`."""

    kind: str
    path: str
    secret: SecretRef
    """Its passphrase."""
    name: str = ""
    """Friendly name or alias; empty: the item's name."""
    profile: str = "modern"


@frozen
class Ownership:
    """Whose the files are: names or numbers of user and group (empty: ours), permission bits, backups (NAME.bak)."""

    owner: str = ""
    group: str = ""
    mode: int = 0o644
    key_mode: int = 0o600
    """Of the private key and of stores with one."""
    backup: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether nothing about the key's file needs to be changed once it is written."""
        return (self.owner, self.group, self.key_mode) == ("", "", 0o600)


@frozen
class Output:
    """Where results go. Exactly one of `prefix` (PREFIX-0.crt, PREFIX-0.ca, …) and `file` (only it).

    Beside them, where they are said: the CAs' certificates (`chain`), the same with the issued one in front
    (`full_chain`), the trust anchors (`trust`), and key stores.
    """

    prefix: str | None = None
    file: str | None = None
    format: str = "pem"
    chain: str | None = None
    full_chain: str | None = None
    trust: str | None = None
    stores: tuple[Store, ...] = ()
    ownership: Ownership = Ownership()

    @property
    def certificate(self) -> str:
        """The path of the issued certificate."""
        return self.file if self.file is not None else f"{self.prefix}-0.crt"

    @property
    def extras(self) -> tuple[str, ...]:
        """The paths of everything beside the certificate whose name is known beforehand."""
        named = (self.chain, self.full_chain, self.trust)
        if named == (None, None, None) and not self.stores:
            return ()
        return (*filter(None, named), *(store.path for store in self.stores))


@frozen
class RenewBefore:
    """When a certificate is due: `before` its end, or when less than `share` (0 to 1) of its life is left."""

    before: timedelta | None = None
    share: float | None = None
