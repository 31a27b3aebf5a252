"""Keys that the CA makes for us (RFC 9483 §4.1.6): what is asked, what opens the answer, how it is kept.

The answer is encrypted to the credential: to its certificate's key, or under its shared secret. Where the authority has
a `protocol_encryption_key`, to a key that is made for this one operation and lies beside the key's place until it is
over (protocolEncrKey, RFC 4211 §6.6).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.asn1.crmf import Control
from runner.asn1.structures import Chosen
from runner.cmp.framing import enveloping
from runner.cmp.protection import MacProtection
from runner.cmp.proving import NONE
from runner.errors import KeyStoreError
from runner.execute.install import is_taken, place_for_new
from runner.manifest.model import Enrollment, Recovery, Update
from runner.pki.key_wishes import key_wish
from runner.pki.keyurls import KeyUrl
from runner.pki.savetypes import SAVE_TYPES
from runner.values import replace

if TYPE_CHECKING:
    from runner.cmp.dialogue import Parties
    from runner.cmp.request import Order
    from runner.execute.desk import Desk
    from runner.execute.record import Record
    from runner.keystores.base import StoredKey
    from runner.manifest.model import AnyItem
    from runner.pki.keyspecs import KeySpec
    from runner.pki.recipients import Opener

PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"
PROTOCOL_SUFFIX = ".protocol"
"""Behind the name of the key: the protocol encryption key of an operation that is under way."""
ANY = "central-any"


def is_central(item: AnyItem) -> bool:
    """Whether the CA is to make the key of an item."""
    return isinstance(item, Enrollment | Update) and bool(item.generation)


def served_once(item: AnyItem, place: str | None) -> tuple[Path, ...]:
    """The protocol encryption key of an operation: beside the place of its key, or of what a recovery writes."""
    if isinstance(item, Recovery):
        place = item.output.prefix
    elif not is_central(item):
        place = None
    return (Path(place + PROTOCOL_SUFFIX),) if place is not None else ()


def ordered(order: Order, item: Enrollment | Update, url: KeyUrl, *, any_kind: bool = False) -> Order:
    """The order for a certificate whose key the CA makes: a kind that is wished for, or none; no proof."""
    if url.spec is None:
        raise AssertionError(f"{item.name} has a key already")
    from runner.asn1.archive import PKI_ARCHIVE_OPTIONS  # noqa: PLC0415 - few keys are made by the CA
    from runner.pki.private_keys import PKI_ARCHIVE_OPTIONS_CONTROL  # noqa: PLC0415 - the same

    archive = Chosen("archiveRemGenPrivKey", True)
    keeping = Control(type=PKI_ARCHIVE_OPTIONS_CONTROL, value=PKI_ARCHIVE_OPTIONS.encode(archive))
    order = replace(order, proof=NONE, controls=(*order.controls, *((keeping,) if item.backup else ())))
    if any_kind or item.generation == ANY:
        return replace(order, public_key_info=b"", made_by_ca=SAVE_TYPES[url.savetype].holds)
    kind = "rsa" if url.spec.kind == "rsa" else str(url.spec)  # the length of an RSA key cannot be asked for
    return replace(order, public_key_info=key_wish(url.spec), made_by_ca=(kind,))


def with_protocol_key(order: Order, key: StoredKey) -> Order:
    """The order with the key that private keys are to be encrypted to."""
    return replace(order, controls=(*order.controls, Control(type=PROTOCOL_ENCR_KEY, value=key.public_key_info)))


async def protocol_key(desk: Desk, url: KeyUrl, place: str, spec: KeySpec) -> StoredKey:
    """An operation's protocol encryption key: durable before anything is sent, sealed as the key itself will be."""
    sealed = "pkcs8s" if url.passphrase else "pkcs8"
    own = KeyUrl(place + PROTOCOL_SUFFIX, sealed, spec, url.passphrase, sealing=url.sealing)
    if is_taken(own.path):
        return desk.load_key(own)
    return await desk.make_key(own, Path(own.path))


def opening(parties: Parties, opener: Opener | None, *, enveloped: bool) -> Parties:
    """Parties that can open a private key; in an EnvelopedData where nothing else is agreed (RFC 9810 §7)."""
    return replace(parties, key_opener=opener, pvno=enveloping(parties) if enveloped else parties.pvno)


def own_opener(parties: Parties, credential_key: StoredKey | None) -> Opener:
    """What the CA can encrypt to without a word: our secret, or the key that signs our messages."""
    if isinstance(parties.protection, MacProtection):
        return parties.protection.secret
    if credential_key is None or credential_key.opener is None:
        raise KeyStoreError(
            "a key that the CA makes could not be opened",
            why="the credential's key only signs, and nothing can be encrypted to it",
            next_step="use a psk, an RSA or EC credential, or the authority's protocol_encryption_key:",
        )
    return credential_key.opener


async def keep_key(desk: Desk, record: Record, url: KeyUrl | None, private_key_info: bytes) -> None:
    """Make a key that came durable at the place that the journal names. What is there already is never overwritten."""
    if url is None or record.key_path is None:
        raise AssertionError("a key came, and no place was made ready for it")
    key, file = await desk.in_thread(desk.maker.hold, url, Path(record.key_path), private_key_info)
    if is_taken(record.key_path):
        if desk.load_key(url, record.key_path).public_key_info == key.public_key_info:
            return
        record.key_is_at(place_for_new(url.path))
        file = replace(file, path=Path(record.key_path))
    await desk.creations.do(file)
