"""What an issued certificate becomes on disk: PREFIX-0.crt, the CA certificates of its path as PREFIX-N.ca, the key.

Names are those of `ssh-cmpclient-g3`. Where no key changes its place, each file is replaced by one
rename, and any mixture of old and new is a working pair. Where a new key takes the place of one that is in use, two
names cannot change in one step on any file system that we know. So the new files wait, whole and durable, beside
their places (KEY.next, PREFIX-0.crt.next), and are then renamed one straight after the other, with nothing in between:
at every moment one whole pair is on the disk, the old one, the new one, or for the instant between two renames the
new key and PREFIX-0.crt.next. A crash in that instant is mended by the next apply: the journal has the certificate.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import KeyStoreError
from runner.execute.desk import Installation, Move
from runner.keystores.files import Mark, NewFile
from runner.keystores.looking import key_file_facts
from runner.keystores.ownership import numbers_of
from runner.pki.certificates import to_pem
from runner.pki.tokenuris import is_token, parse_token_uri, with_suffix
from runner.plan.case import STAGED_SUFFIX
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from runner.manifest.placing import Output, Ownership
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl


def is_taken(path: str) -> bool:
    """Whether something has that name, if only a link to nothing."""
    return os.path.lexists(path)


def place_for_new(path: str) -> str:
    """Where a new file may be made: its place, or beside it where something is in the way; never over anything."""
    place, number = path, 1
    while is_taken(place):
        place = path + STAGED_SUFFIX + (str(number) if number > 1 else "")
        number += 1
    return place


def place_in_token(path: str, is_there: Callable[[str], bool]) -> str:
    """The same for a key in a token: its label, or one beside it where that is taken."""
    uri, _ = parse_token_uri(path)
    place, number = path, 1
    while is_there(place):
        place = str(with_suffix(uri, STAGED_SUFFIX + (str(number) if number > 1 else "")))
        number += 1
    return place


def key_target(url: KeyUrl | None, key_now: str | None, ours: Collection[str | None]) -> str | None:
    """Where the key is to be in the end; where it is, if what lies at its place is not ours to replace.

    `ours`: the places of keys that the state has for this item.
    """
    if url is None or key_now is None:
        return key_now
    if not url.is_file:
        return url.path if url.generates else key_now
    staged = key_now.startswith(url.path + STAGED_SUFFIX)
    free = url.generates and (staged or url.path in ours or not is_taken(url.path))
    return url.path if free else key_now


def refuse_lost_key(certificate: Certificate, key_now: str | None, target: str | None) -> None:
    """A key that is neither where it waited nor at its place is lost: its certificate must not replace a good one."""
    if key_now is None or target is None or key_now == target or is_taken(key_now):
        return
    if key_file_facts(Path(target)).public_key_info not in (None, certificate.public_key_info):
        raise KeyStoreError(f"the key {key_now} is gone", why="a certificate was issued for it", next_step="restore it")


def installation(
    output: Output,
    path: tuple[Certificate, ...],
    key_now: str | None,
    target: str | None,
    beside: tuple[NewFile, ...] = (),
) -> Installation:
    """The files for `path`, whose first certificate was issued, and those `beside` it (stores.py).

    The key moves from where it is now to `target`; both are None, or not paths, where there is no key file of ours.
    """
    return _installation(output, path, key_now, target, beside, _key_marks(output.ownership, key_now))


def reinstallation(
    output: Output, path: tuple[Certificate, ...], key: str | None, beside: tuple[NewFile, ...]
) -> Installation:
    """The same files once more, for the pair that is there; the key, where it is ours, gets its permissions again."""
    usual = output.ownership.is_usual and key is not None and not is_token(key) and is_taken(key)
    marks = (Mark(Path(key), output.ownership.key_mode),) if usual and key else _key_marks(output.ownership, key)
    return _installation(output, path, None, None, beside, marks)


def _installation(
    output: Output,
    path: tuple[Certificate, ...],
    key_now: str | None,
    target: str | None,
    beside: tuple[NewFile, ...],
    marks: tuple[Mark, ...],
) -> Installation:
    certificates = {output.certificate: path[0]}
    if output.prefix is not None:
        certificates |= {f"{output.prefix}-{number}.ca": issuer for number, issuer in enumerate(path[1:])}
    mode, backup = output.ownership.mode, output.ownership.backup
    owner, group = numbers_of(output.ownership.owner, output.ownership.group)
    owned = [
        *(replace(file, owner=owner, group=group, backup=backup) for file in beside),
        *(
            NewFile(Path(place), written(certificate, output.format), mode, owner, group, backup)
            for place, certificate in certificates.items()
        ),
    ]
    if key_now is None or target is None or key_now == target or is_token(target):
        return Installation(tuple(owned), (), marks)
    waiting = tuple(replace(file, path=_beside(file.path), backup=False) for file in owned)
    moves = [Move(_beside(file.path), file.path, backup) for file in owned]
    return Installation(waiting, (Move(Path(key_now), Path(target), backup), *moves), marks)


def _key_marks(ownership: Ownership, key_now: str | None) -> tuple[Mark, ...]:
    """The key's owner and permissions, where they are not those that it was made with."""
    if key_now is None or is_token(key_now) or ownership.is_usual:
        return ()
    owner, group = numbers_of(ownership.owner, ownership.group)
    return (Mark(Path(key_now), ownership.key_mode, owner, group),)


def ca_files(output: Output) -> Iterator[str]:
    """The CA certificates that were written beside a certificate, as far as they are there."""
    number = 0
    while output.prefix is not None and is_taken(place := f"{output.prefix}-{number}.ca"):
        yield place
        number += 1


def aside(output: Output, certificate: Certificate) -> Installation:
    """A certificate that the CA issued and that is not in use: kept beside, under a name that is easily recognized."""
    place = Path(f"{output.certificate}.unconfirmed")
    return Installation((NewFile(place, written(certificate, output.format)),), ())


def _beside(path: Path) -> Path:
    return path.with_name(path.name + STAGED_SUFFIX)


def written(certificate: Certificate, form: str) -> bytes:
    """A certificate as the content of a file, PEM or DER."""
    return certificate.der if form == "der" else to_pem(certificate.der)
