"""Looking at the disk for the planner: the certificates and keys that a Document's items are about.

No secret is read and nothing is shown of a file that is not what it should be (design §5 promise 10): a sealed key
is seen from outside, and a key outside the manifest's folder is not opened at all.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.execute.access import read_certificates
from runner.keystores.keys import KeyFile, key_file_facts
from runner.manifest.model import Enrollment, Revocation, Update
from runner.plan.case import certificate_path_of, key_path_of
from runner.plan.facts import CertificateFacts, Facts, KeyFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.keystores.folders import Folder
    from runner.manifest.model import AnyItem, Document


def observe(document: Document, folder: Folder) -> Facts:
    """The facts about every file that the document's items name. Raises nothing for a bad file: its facts say so."""
    certificates = {path for item in document.items for path in _certificates(item)}
    keys = {path for item in document.items for path in _keys(item)}
    return Facts(
        certificates={path: look_at_certificate(path) for path in certificates},
        keys={path: look_at_key(path, folder) for path in keys},
    )


def _certificates(item: AnyItem) -> Iterator[str]:
    yield certificate_path_of(item)
    if isinstance(item, Update):
        yield item.certificate
    if isinstance(item, Enrollment) and item.template.reference is not None:
        yield item.template.reference


def _keys(item: AnyItem) -> Iterator[str]:
    path = key_path_of(item)
    if path is not None and not isinstance(item, Revocation):
        yield path


def look_at_certificate(path: str) -> CertificateFacts:
    """The first certificate in a file."""
    try:
        Path(path).lstat()
    except (OSError, ValueError):
        return CertificateFacts()
    try:
        return CertificateFacts(exists=True, certificate=read_certificates(path)[0])
    except CmpBatchError as problem:
        return CertificateFacts(exists=True, problem=problem.why or problem.what)


def look_at_key(path: str, folder: Folder) -> KeyFacts:
    """A key file, opened only where we may also write: elsewhere it is somebody else's."""
    try:
        real = folder.check(Path(path))
    except CmpBatchError as problem:
        return KeyFacts(exists=_is_there(path), problem=problem.why)
    return _plain(key_file_facts(real))


def _is_there(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def _plain(file: KeyFile) -> KeyFacts:
    return KeyFacts(file.exists, file.sealed, file.public_key_info, file.digest, file.problem)
