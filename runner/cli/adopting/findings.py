"""Looks through folders for private keys and certificates, and puts those together that belong together.

Every format that key stores read is known; the content decides, not the name. Sealed keys are noted and left alone, so
is what cannot be one entry of a manifest. Symbolic links are not followed, hidden folders not entered.
"""

from __future__ import annotations

import os
import stat
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.adopting.entries import relative
from runner.errors import CmpBatchError
from runner.keystores.files import read_file
from runner.keystores.formats import is_sealed, read_any_key
from runner.manifest.source import can_stand
from runner.pki.certificates import certificates_in, is_der
from runner.pki.extensions import basic_constraints_in
from runner.pki.profile import profile_of
from runner.pki.signing import public_info
from runner.values import frozen, mutable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from runner.pki.certificates import Certificate

LARGEST = 1 << 20
"""Octets of a file that may be a key or a certificate."""


@frozen
class Pair:
    """A certificate and the key that it is for."""

    certificate: Certificate
    path: Path
    key: Path
    form: str
    mode: int
    further: int = 0
    """Certificates behind the first in the same file."""


@mutable
class Findings:
    """What was found: pairs, the CAs' certificates with the file of each, and notes on everything else."""

    pairs: list[Pair] = field(default_factory=list)
    authorities: dict[bytes, tuple[Certificate, Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@mutable
class _Seen:
    keys: dict[bytes, Path] = field(default_factory=dict)
    certificates: list[Pair] = field(default_factory=list)


def search(folders: Sequence[Path], base: Path, now: datetime) -> Findings:
    """Everything below some folders, for a manifest in `base`; a file that cannot be read or named there is noted."""
    found, seen = Findings(), _Seen()
    for path in dict.fromkeys(path for folder in folders for path in files_below(folder)):
        if can_stand(relative(path, base)):
            _look(path, found, seen)
        elif _matters(path):
            found.notes.append(f"{path}: its path holds a character that cannot stand in a manifest; left out")
    _match(found, seen, now)
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files, by name; of a file, itself."""
    if not folder.is_dir():
        yield folder
        return
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and not path.is_symlink() and path.is_file():
                yield path


def _matters(path: Path) -> bool:
    """Whether anything would have been said of the file: it is a key or a certificate, or cannot be read."""
    found, seen = Findings(), _Seen()
    _look(path, found, seen)
    return bool(found.notes or found.authorities or seen.keys or seen.certificates)


def _look(path: Path, found: Findings, seen: _Seen) -> None:
    try:
        octets = read_file(path, LARGEST)
    except CmpBatchError as problem:
        found.notes.append(f"{path}: {problem.why or problem.what}")
        return
    key = _key(path, octets, found)
    certificates = _certificates(octets)
    if not certificates:
        if key is not None:
            seen.keys.setdefault(key, path)
        return
    if key is not None:
        found.notes.append(f"{path}: key and certificate are in one file, which a renewal would overwrite; left out")
        return
    first, *further = certificates
    for each in certificates:
        if basic_constraints_in(each.extensions).ca:
            found.authorities.setdefault(each.der, (each, path))
    if not basic_constraints_in(first.extensions).ca:
        mode = stat.S_IMODE(path.stat().st_mode)
        form = "der" if is_der(octets) else "pem"
        seen.certificates.append(Pair(first, path, path, form, mode, len(further)))


def _key(path: Path, octets: bytes, found: Findings) -> bytes | None:
    """The SubjectPublicKeyInfo of the key in a file; None where there is none that can be seen."""
    if is_sealed(octets):
        found.notes.append(f"{path}: a sealed key or store; left out, since its passphrase is not asked for")
        return None
    try:
        return public_info(read_any_key(octets))
    except CmpBatchError:
        return None


def _certificates(octets: bytes) -> tuple[Certificate, ...]:
    try:
        certificates = certificates_in(octets)
        for each in certificates:
            profile_of(each)  # what plans will read must be readable
            basic_constraints_in(each.extensions)
    except CmpBatchError:
        return ()
    return certificates


def _match(found: Findings, seen: _Seen, now: datetime) -> None:
    """Of several certificates for one key the one that is good for longest; what has expired is left out."""
    chosen: dict[bytes, Pair] = {}
    for each in sorted(seen.certificates, key=lambda pair: pair.certificate.not_after, reverse=True):
        key = seen.keys.get(each.certificate.public_key_info)
        if key is None:
            found.notes.append(f"{each.path}: its private key was not found; left out")
        elif each.certificate.not_after <= now:
            found.notes.append(f"{each.path}: expired on {each.certificate.not_after:%Y-%m-%d}; left out")
        elif (first := chosen.get(each.certificate.public_key_info)) is not None:
            found.notes.append(f"{each.path}: {first.path} is for the same key; left out")
        else:
            made = Pair(each.certificate, each.path, key, each.form, each.mode, each.further)
            chosen[each.certificate.public_key_info] = made
    found.pairs = sorted(chosen.values(), key=lambda pair: pair.path)
    paired = {pair.certificate.public_key_info for pair in found.pairs}
    found.notes += [
        f"{path}: no certificate for this key was found" for info, path in seen.keys.items() if info not in paired
    ]
