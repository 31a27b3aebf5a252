"""What `output` asks for beside the certificate: chain, full chain, trust bundle, PKCS#12 and JKS stores.

Made in memory, as files that install.py puts in place together with the certificate. Keys and passphrases are read
here; the formats themselves are in runner.keystores.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import KeyStoreError, ProtocolError
from runner.execute.install import ca_files, is_taken
from runner.execute.reading import read_certificates
from runner.keystores.files import NewFile
from runner.keystores.keys import private_key_of
from runner.manifest.model import Fetch, Revocation
from runner.pki.certificates import split_certificates, to_pem
from runner.pki.paths import find_path
from runner.plan.case import key_url_of
from runner.plan.files import below_root, seals_of
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.execute.desk import Desk
    from runner.keystores.secrets import SecretReader
    from runner.manifest.model import AnyItem
    from runner.manifest.placing import Output, Store
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl
    from runner.pki.signers import PrivateKey


@frozen
class Issued:
    """What was issued to whom: the certificate and its CAs, the anchors of the authority, the item's name."""

    name: str
    path: tuple[Certificate, ...]
    anchors: tuple[Certificate, ...]


@frozen
class Materials:
    """What making them takes: secrets, the time, chance."""

    secrets: SecretReader
    now: datetime
    entropy: Entropy


async def made_beside(
    desk: Desk, item: AnyItem, path: tuple[Certificate, ...], key_now: str | None
) -> tuple[NewFile, ...]:
    """What an item's output asks for beside the certificate; deriving keys from passphrases takes a moment."""
    if isinstance(item, Revocation | Fetch) or not item.output.extras:
        return ()
    issued = Issued(item.name, path, desk.access(item.authority).anchors)
    materials = Materials(desk.keyring.secrets, desk.clock.now(), desk.entropy)
    return await desk.in_thread(beside, item.output, issued, key_url_of(item), key_now, materials)


def known_path(desk: Desk, item: AnyItem, certificate: Certificate) -> tuple[Certificate, ...]:
    """The path of a certificate that we hold: as the state has it, or by the CA certificates that lie beside it."""
    held = desk.inventory.held.get(item.name)
    if held is not None and held.chain and held.certificate == certificate.der:
        return (certificate, *split_certificates(held.chain))
    intermediates: list[Certificate] = []
    for place in _with_cas(item.output) if not isinstance(item, Revocation | Fetch) else ():
        intermediates.extend(read_certificates(place))
    try:
        return find_path(certificate, intermediates, desk.access(item.authority).anchors, desk.clock.now())
    except ProtocolError:
        return (certificate,)


def _with_cas(output: Output) -> Iterator[str]:
    """The files beside a certificate that may hold those of its CAs."""
    yield from ca_files(output)
    yield from (path for path in (output.chain, output.full_chain) if path is not None and is_taken(path))


def beside(
    output: Output, issued: Issued, url: KeyUrl | None, key_now: str | None, materials: Materials
) -> tuple[NewFile, ...]:
    """The files beside the certificate. The key is read from where it is now. KeyStoreError, SecretError."""
    files = list(_bundles(output, issued))
    if output.stores and url is not None:
        place = url if key_now is None or not url.is_file else replace(url, path=key_now)
        key = private_key_of(place, materials.secrets)
        files += [_store(store, key, issued, output.ownership.key_mode, materials) for store in output.stores]
    return tuple(files)


def _bundles(output: Output, issued: Issued) -> Iterator[NewFile]:
    mode, authorities = output.ownership.mode, below_root(issued.path[1:])
    bundles: tuple[tuple[str | None, Sequence[Certificate]], ...] = (
        (output.chain, authorities or issued.path[1:]),
        (output.full_chain, (issued.path[0], *authorities)),
        (output.trust, tuple(dict.fromkeys(issued.anchors))),
    )
    for place, certificates in bundles:
        if place is not None:
            yield NewFile(Path(place), b"".join(to_pem(each.der) for each in certificates), mode)


def _store(store: Store, key: PrivateKey, issued: Issued, mode: int, materials: Materials) -> NewFile:
    passphrase = materials.secrets.read(store.secret.kind, store.secret.value).reveal()
    name = store.name or issued.name
    if store.kind == "jks":
        from runner.keystores import jks  # noqa: PLC0415 - few outputs have a store

        now, entropy = materials.now, materials.entropy
        octets = jks.store(key, issued.path, passphrase, name=name, now=now, entropy=entropy)
    else:
        from runner.keystores import pkcs12  # noqa: PLC0415 - it takes all of cryptography.x509: 90 million instructions

        octets = pkcs12.store(key, issued.path, passphrase, name=name, profile=store.profile)
    return NewFile(Path(store.path), octets, mode)


def stores_of(item: AnyItem, known: Iterable[str]) -> str:
    """The key stores that are an item's own, a line each, for the state: those in `known` and those of its entry.

    `known` are such texts of before. Raises KeyStoreError where the entry names a store that is there and not known.
    """
    before = [path for text in known for path in text.split("\n") if path]
    now = [store.path for store in item.output.stores] if not isinstance(item, Revocation | Fetch) else []
    for path in now:
        if path not in before and is_taken(path):
            raise KeyStoreError(f"{path} exists and is not ours", next_step="move it away, or name another file")
    return "\n".join(dict.fromkeys([*before, *now]))


def sealed(item: AnyItem, files: Iterable[NewFile]) -> str:
    """The key stores among files that are about to be written, as the state remembers them."""
    stores = [store.path for store in item.output.stores] if not isinstance(item, Revocation | Fetch) else []
    return seals_of([(str(file.path), file.content) for file in files if str(file.path) in stores])
