"""Looking at the disk for the planner: the certificates and keys that a Document's items are about.

No secret is read and nothing is shown of a file that is not what it should be: a sealed key
is seen from outside, and a key outside the manifest's folder is not opened at all.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.execute.outside import look_at_anchors, look_at_crls, look_outside
from runner.execute.reading import read_certificates, read_request
from runner.keystores.looking import KeyFile, key_facts, key_file_facts
from runner.manifest.model import Enrollment, Fetch, Revocation, Update
from runner.pki.profile import profile_of
from runner.plan.case import certificate_path_of, key_url_of
from runner.plan.facts import NO_CERTIFICATE, NO_KEY, NO_REQUEST, CertificateFacts, Facts, KeyFacts, RequestFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.keystores.folders import Folder
    from runner.manifest.model import AnyItem, Document
    from runner.pki.keyurls import KeyUrl


def observe(document: Document, folder: Folder) -> Facts:
    """The facts about every file that the document's items name. Raises nothing for a bad file: its facts say so.

    Where nothing is, nothing is noted: a plan of ten thousand new certificates has none of the files yet.
    """
    paths = {path for item in document.items for path in _certificates(item)}
    paths |= {authority.keeper for authority in document.authorities.values() if authority.keeper}
    urls = {url.path: url for item in document.items for url in _keys(item)}
    requests = {item.csr for item in document.items if isinstance(item, Enrollment) and item.csr is not None}
    folders: dict[str, str] = {}
    anchors = look_at_anchors(document.authorities)
    certificates = {path: found for path in paths if (found := look_at_certificate(path)).exists}
    keys = {path: seen for path, url in urls.items() if (seen := look_at_key(url, folder, folders)) is not NO_KEY}
    return Facts(
        certificates=certificates,
        keys=keys | dict(_beside(document)),
        requests={path: asked for path in requests if (asked := look_at_request(path)).exists},
        files=look_outside(document, folder, certificates, keys),
        anchors=anchors,
        crls=look_at_crls(document.authorities, anchors),
    )


def _certificates(item: AnyItem) -> Iterator[str]:
    yield from filter(None, (certificate_path_of(item),))
    if isinstance(item, Update):
        yield item.certificate
    if isinstance(item, Enrollment) and item.template.reference is not None:
        yield item.template.reference


def _keys(item: AnyItem) -> Iterator[KeyUrl]:
    url = key_url_of(item)
    if url is not None and not isinstance(item, Revocation | Fetch):
        yield url


def _beside(document: Document) -> Iterator[tuple[str, KeyFacts]]:
    """What lies at the places of key stores, chains and bundles: seen from outside only."""
    for item in document.items:
        for path in _further_files(item):
            yield path, KeyFacts(exists=os.path.lexists(path), unseen=True)


def _further_files(item: AnyItem) -> tuple[str, ...]:
    if isinstance(item, Fetch):
        return item.files
    return item.output.extras if not isinstance(item, Revocation | Fetch) else ()


def look_at_certificate(path: str) -> CertificateFacts:
    """The first certificate in a file. A device or a pipe is not even opened: that may do something."""
    if not os.path.lexists(path):
        return NO_CERTIFICATE
    if not _is_file(path):
        return CertificateFacts(exists=True, problem="it is not a file that can be looked at")
    try:
        certificate = read_certificates(path)[0]
        profile_of(certificate)  # what the rules will read must be readable
        return CertificateFacts(exists=True, certificate=certificate)
    except CmpBatchError as problem:
        return CertificateFacts(exists=True, problem=problem.why or problem.what)


def look_at_request(path: str) -> RequestFacts:
    """The PKCS #10 request in a file. What is no plain file is not even opened."""
    if not os.path.lexists(path):
        return NO_REQUEST
    if not _is_file(path):
        return RequestFacts(exists=True, problem="it is not a file that can be looked at")
    try:
        return RequestFacts(exists=True, request=read_request(path))
    except CmpBatchError as problem:
        return RequestFacts(exists=True, problem=problem.why or problem.what)


def look_at_key(url: KeyUrl, folder: Folder, folders: dict[str, str]) -> KeyFacts:
    """A key file, opened only where we may also write: elsewhere it is somebody else's. Tokens show what is public."""
    if not url.is_file:
        seen = key_facts(url)
        return KeyFacts(seen.exists, unseen=seen.sealed, public_key_info=seen.public_key_info, problem=seen.problem)
    try:
        real = folder.place(url.path, folders)
    except CmpBatchError as problem:
        return KeyFacts(exists=_is_file(url.path), unseen=True, problem=problem.why)
    return _plain(key_file_facts(Path(real))) if os.path.lexists(real) else NO_KEY


def _is_file(path: str) -> bool:
    """Whether a regular file is there, or a link leads to one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a Path costs more than the question
    except (OSError, ValueError):
        return False


def _plain(file: KeyFile) -> KeyFacts:
    return KeyFacts(
        exists=file.exists,
        sealed=file.sealed,
        public_key_info=file.public_key_info,
        digest=file.digest,
        problem=file.problem,
    )
