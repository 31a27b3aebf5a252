"""Keys fetched from where the CA keeps them: krr, and what becomes of a krp (RFC 9810 §5.3.7, §5.3.8).

The protocol encryption key is durable before anything is sent, and is removed when the keys are. What comes is written
as PREFIX-N.prv and PREFIX-N.crt under the first numbers that are free: nothing is ever overwritten, and the same pair
twice is the same two files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cmp.framing import enveloping, hashing
from runner.cmp.proving import NONE
from runner.cmp.recovering import recovered_keys
from runner.cmp.request import Order
from runner.errors import KeyStoreError, ProtocolError
from runner.execute.access import parties
from runner.execute.asking import in_header
from runner.execute.central import protocol_key, with_protocol_key
from runner.execute.desk import Installation
from runner.execute.groundwork import Prepared, key_for, protection_of
from runner.execute.install import is_taken, written
from runner.execute.reading import read_certificates
from runner.keystores.files import NewFile
from runner.keystores.looking import key_file_facts
from runner.keystores.ownership import numbers_of
from runner.pki.keyspecs import KeySpec
from runner.plan.profiles import wanted_profile
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.cmp.dialogue import Dialogue, Parties
    from runner.cmp.recovering import RecoveredKey
    from runner.execute.desk import Desk
    from runner.execute.groundwork import Preparation
    from runner.keystores.base import StoredKey
    from runner.manifest.model import Authority, Recovery
    from runner.pki.certificates import Certificate

USUAL_PROTOCOL_KEY = KeySpec("rsa", "3072")
"""What every CA can encrypt to, in every version of CMP."""


@frozen
class Recovered:
    """What was written: the first certificate and its key's path, and the words for a person."""

    certificate: Certificate | None
    key_path: str | None
    remarks: tuple[str, ...]


def protocol_spec(authority: Authority) -> KeySpec:
    """The kind of protocol encryption key that an authority gets."""
    return authority.protocol_key or USUAL_PROTOCOL_KEY


def recovery_order(item: Recovery, own: StoredKey, new: StoredKey | None) -> Order:
    """Whose keys are wanted, what they are to be encrypted to, and the new key that is to be certified with it."""
    reference = read_certificates(item.certificate)[0] if item.certificate else None
    wanted = wanted_profile(item.template, reference)
    if new is None:
        return with_protocol_key(Order("krr", wanted, proof=NONE), own)
    return with_protocol_key(Order("krr", wanted, new.public_key_info), own)


def recovery_parties(both: Parties, item: Recovery, authority: Authority, own: StoredKey) -> Parties:
    """Parties that can open what comes. Where it must come in EnvelopedData, CMP 2021 is spoken."""
    both = both if item.key is None else hashing(both)
    pvno = both.pvno if own.spec.kind == "rsa" else enveloping(both)
    return replace(in_header(both, item.asking, authority.asking), key_opener=own.opener, pvno=pvno)


async def prepare_recovery(preparation: Preparation, item: Recovery) -> Prepared:
    """Ready to ask: the protocol encryption key is durable, and so is a new key that is to be certified."""
    desk, access = preparation.desk, preparation.desk.access(item.authority)
    own = await protocol_key(desk, item.saved, item.output.prefix or item.name, protocol_spec(access.authority))
    new, place = (None, None) if item.key is None else await key_for(preparation, item.key)
    order = recovery_order(item, own, new)
    both = parties(access, protection_of(desk, item))
    if new is not None:
        both = replace(both, opener=new.opener)
    return Prepared(order, recovery_parties(both, item, access.authority, own), new, place)


async def store_recovered(desk: Desk, item: Recovery, dialogue: Dialogue, both: Parties) -> Recovered:
    """Every key of the history in its files, durably. ProtocolError where not one of them can be used."""
    keys = recovered_keys(dialogue, both, desk.clock.now())
    good = [key for key in keys if key.private_key]
    problems = tuple(f'not recovered: "{key.certificate.subject}", {key.problem}' for key in keys if key.problem)
    if not good:
        what = "the CA sent no key that can be used"
        raise ProtocolError(what, why="; ".join(problems) or "the key history is empty", next_step="ask the CA")
    places = list(_places(item, good, reserved=1 if item.key is not None else 0))
    files = [file for key, place in places for file in await _files(desk, item, key, place)]
    await desk.installations.do(Installation(tuple(files), ()))
    told = tuple(f'"{key.certificate.subject}" serial {key.certificate.serial:x}: {place}.prv' for key, place in places)
    return Recovered(good[0].certificate, f"{places[0][1]}.prv", (*told, *problems))


def _places(item: Recovery, keys: Sequence[RecoveredKey], reserved: int) -> Iterator[tuple[RecoveredKey, str]]:
    """PREFIX-N for each key; where its own certificate lies already, from an attempt that was cut off, there."""
    number = reserved
    for key in keys:
        while not _is_free(place := f"{item.output.prefix}-{number}", key):
            number += 1
        number += 1
        yield key, place


def _is_free(place: str, key: RecoveredKey) -> bool:
    if not is_taken(f"{place}.crt"):
        return not is_taken(f"{place}.prv")
    try:
        same = read_certificates(f"{place}.crt")[0].der == key.certificate.der
    except KeyStoreError:
        return False
    seen = key_file_facts(Path(f"{place}.prv"))
    return same and seen.public_key_info in (None, key.certificate.public_key_info)


async def _files(desk: Desk, item: Recovery, key: RecoveredKey, place: str) -> tuple[NewFile, ...]:
    """The key first: a certificate without its key would look like a pair that is whole."""
    ownership = item.output.ownership
    owner, group = numbers_of(ownership.owner, ownership.group)
    path = Path(f"{place}.prv")
    _, file = await desk.in_thread(desk.maker.hold, item.saved, path, key.private_key)
    certificate = written(key.certificate, item.output.format)
    return (
        replace(file, mode=ownership.key_mode, owner=owner, group=group),
        NewFile(Path(f"{place}.crt"), certificate, ownership.mode, owner, group),
    )
