"""Key backup: the private key in the request, encrypted to who keeps keys for the CA (RFC 4211 §6.4).

The keeper's certificate comes from the manifest or from the CA's own protected answer, never from anywhere else:
whoever could name another would get the key. An EncryptedValue in CMP version 2, an EnvelopedData with
id-ct-encKeyWithID in version 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from runner.asn1.cmp import CMP_2021
from runner.asn1.infotypes import INFO_TYPES
from runner.cmp.inquiry import answer_to, inquire
from runner.errors import CmpBatchError, KeyStoreError, ProtocolError, Unauthentic
from runner.execute.line import Tally
from runner.keystores.keys import any_key_of
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import key_usages_in
from runner.pki.names import directory_name
from runner.pki.paths import find_path
from runner.pki.private_keys import backup_control
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from runner.asn1.crmf import Control
    from runner.cmp.dialogue import Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order
    from runner.execute.access import Access
    from runner.execute.desk import Desk
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl

_KEEPS = frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"})


@frozen
class Backup:
    """The control that carries the key, and the words about it."""

    control: Control
    remark: str


async def back_up(desk: Desk, access: Access, parties: Parties, url: KeyUrl, order: Order) -> Backup:
    """The key at `url` for the authority's keeper. KeyStoreError where it cannot be; the CA may have been asked."""
    keeper = await keeper_of(desk, access, parties)
    key = any_key_of(url, desk.keyring.secrets)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    named = directory_name(order.wanted.subject.der) if order.wanted and order.wanted.subject.text else None
    try:
        control = backup_control(plain, keeper, desk.entropy, identifier=named, enveloped=parties.pvno >= CMP_2021)
    except ProtocolError as problem:
        raise KeyStoreError(
            f'the key cannot be backed up for "{keeper.subject}"', why=problem.what, next_step=problem.next_step
        ) from problem
    return Backup(control, f"its private key was backed up for {described(keeper)}")


def described(keeper: Certificate) -> str:
    """Whom a key is encrypted to, so that a person can tell him from another."""
    return f'"{keeper.subject}" (SHA-256 {keeper.fingerprint})'


async def keeper_of(desk: Desk, access: Access, parties: Parties) -> Certificate:
    """Whose certificate backups are encrypted to; an authority that is to be asked is asked once a run."""
    if access.keeper is not None and not access.authority.asks_keeper:
        return access.keeper
    if "keeper" not in access.heard:
        access.heard["keeper"] = await _asked(desk, access, parties)
    return access.heard["keeper"]


async def _asked(desk: Desk, access: Access, parties: Parties) -> Certificate:
    """caProtEncCert, in a genp that is protected as every answer must be (RFC 9810 §5.3.19.1)."""
    wanted = INFO_TYPES["caProtEncCert"]
    inquiry = inquire(parties, desk.clock.now(), desk.entropy, about=wanted)
    octets = await access.line.exchange(inquiry.request, Tally(), "genm")
    try:
        answer = answer_to(inquiry, octets, parties, desk.clock.now())
        return _judged(_certificate_in(answer, wanted), access, desk.clock.now())
    except CmpBatchError as problem:
        raise KeyStoreError(
            "the CA was asked whom keys are to be backed up for, and its answer cannot be used",
            why=f"{problem.what}: {problem.why}" if problem.why else problem.what,
            next_step="name the certificate in the authority's encryption_certificate:",
        ) from problem


def _certificate_in(answer: Verified, wanted: str) -> Certificate:
    values = [item.info_value for item in answer.message.body.value if item.info_type == wanted]
    if len(values) != 1 or values[0] is None:
        raise ProtocolError("it names no certificate (caProtEncCert)")
    return parse_certificate(values[0])


def _judged(keeper: Certificate, access: Access, now: datetime) -> Certificate:
    usages = key_usages_in(keeper.extensions)
    if usages is not None and not usages & _KEEPS:
        raise Unauthentic(f'nothing may be encrypted to "{keeper.subject}"', why="its keyUsage is for signatures")
    if access.anchors:
        find_path(keeper, (), access.anchors, now)
    return keeper
