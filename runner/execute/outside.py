"""Output files seen from outside, and what authorities are trusted by: the rest of what the planner is shown.

Whose a file is, its permission bits, its format; the certificates in a chain; of a key store its digest alone, and
that only where we may also write.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.execute.reading import read_certificates
from runner.keystores.files import read_file
from runner.manifest.model import Fetch, Revocation
from runner.pki.certificates import certificate_ders_in, is_der
from runner.plan.case import key_url_of
from runner.plan.facts import MISSING, CrlFacts, FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runner.keystores.folders import Folder
    from runner.manifest.model import AnyItem, Authority
    from runner.manifest.placing import Output
    from runner.pki.certificates import Certificate

MOST_IN_CRL = 64 * 1024 * 1024
"""Octets of a CRL; a million entries fit."""
MOST_CAS = 16
"""PREFIX-N.ca files that are looked at."""


def look_outside(item: AnyItem, folder: Folder, is_there: Callable[[str], bool]) -> Iterator[tuple[str, FileFacts]]:
    """FileFacts by path, of everything that its output names; `is_there`: whether a certificate or key was found."""
    if isinstance(item, Revocation | Fetch):
        return
    output, url = item.output, key_url_of(item)
    if is_there(path := output.certificate):
        yield path, look_at(path, _formed)
        yield from _cas(output)
    if url is not None and url.generates and url.is_file and is_there(url.path):
        yield url.path, look_at(url.path)
    for path in filter(None, (output.chain, output.full_chain, output.trust)):
        yield path, look_at(path, _certified)
    for store in output.stores:
        yield store.path, look_at(store.path, _digested if _is_ours(store.path, folder) else _nothing)


def _cas(output: Output) -> Iterator[tuple[str, FileFacts]]:
    """PREFIX-N.ca up to the first that is missing, and one more: the second may have been lost."""
    gaps = 0
    for number in range(MOST_CAS if output.prefix is not None else 0):
        path = f"{output.prefix}-{number}.ca"
        facts = look_at(path, _certified)
        yield path, facts
        gaps += facts is MISSING
        if gaps > 1:
            return


def _nothing(path: str) -> dict[str, object]:  # noqa: ARG001 - one of several that look
    return {}


def _formed(path: str) -> dict[str, object]:
    """The first octets tell; the rest was read before."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return {"form": "der" if is_der(os.read(descriptor, 2)) else "pem"}
    finally:
        os.close(descriptor)


def _certified(path: str) -> dict[str, object]:
    octets = read_file(Path(path))
    return {"form": "der" if is_der(octets) else "pem", "certificates": _shared(octets)}


def _digested(path: str) -> dict[str, object]:
    return {"digest": sha256(read_file(Path(path))).hexdigest()}


@lru_cache(maxsize=512)
def _shared(octets: bytes) -> tuple[bytes, ...]:
    """Thousands of items have the very same CAs beside them."""
    return certificate_ders_in(octets)


def look_at(path: str, look: Callable[[str], dict[str, object]] = _nothing) -> FileFacts:
    """A file from outside, and what `look` sees of it. What is no plain file is not opened."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the question
    except (OSError, ValueError):
        return MISSING if not os.path.lexists(path) else FileFacts()
    if not stat.S_ISREG(found.st_mode):
        return FileFacts()
    try:
        seen = look(path)
    except (CmpBatchError, OSError):
        seen = {}
    return FileFacts(mode=stat.S_IMODE(found.st_mode), owner=_user(found.st_uid), group=_group(found.st_gid), **seen)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _user(number: int) -> tuple[str, ...]:
    try:
        return str(number), pwd.getpwuid(number).pw_name
    except KeyError:
        return (str(number),)


@lru_cache(maxsize=256)
def _group(number: int) -> tuple[str, ...]:
    try:
        return str(number), grp.getgrgid(number).gr_name
    except KeyError:
        return (str(number),)


def _is_ours(path: str, folder: Folder) -> bool:
    try:
        folder.check(Path(path))
    except CmpBatchError:
        return False
    return True


def look_at_anchors(authorities: Mapping[str, Authority]) -> dict[str, tuple[Certificate, ...]]:
    """Authority → its trust anchors; those of which a file cannot be read are left out, for apply to tell."""
    found = {name: _anchors(authority) for name, authority in authorities.items()}
    return {name: anchors for name, anchors in found.items() if anchors}


def _anchors(authority: Authority) -> tuple[Certificate, ...]:
    """In the order of runner.execute.access."""
    try:
        trusted = [each for path in authority.trust for each in read_certificates(path)]
        own = read_certificates(authority.certificate)[:1] if authority.certificate else ()
    except CmpBatchError:
        return ()
    return (*trusted, *own)


def look_at_crls(
    authorities: Mapping[str, Authority], anchors: Mapping[str, tuple[Certificate, ...]]
) -> dict[str, tuple[CrlFacts, ...]]:
    """Authority → the CRLs that the manifest names for it. One counts where the authority's own trust signed it."""
    return {
        name: tuple(facts for path in authority.crls for facts in _crls(path, anchors.get(name, ())))
        for name, authority in authorities.items()
        if authority.crls
    }


def _crls(path: str, anchors: tuple[Certificate, ...]) -> Iterator[CrlFacts]:
    from runner.pki.crls import crls_in, is_signed_by_one_of  # noqa: PLC0415 - few manifests name any

    if not os.path.lexists(path):
        yield CrlFacts(path, problem="there is no such file yet")
        return
    try:
        found = crls_in(read_file(Path(path), MOST_IN_CRL))
    except CmpBatchError as problem:
        yield CrlFacts(path, problem=problem.why or problem.what)
        return
    for crl in found:
        signed = is_signed_by_one_of(crl, anchors)
        words = f'nothing that the authority is trusted by has signed the CRL of "{crl.issuer}"'
        yield CrlFacts(path, crl) if signed else CrlFacts(path, problem=words)
