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
from runner.plan.facts import (
    NO_CERTIFICATE,
    NO_KEY,
    NO_REQUEST,
    CertificateFacts,
    Facts,
    FileFacts,
    KeyFacts,
    RequestFacts,
)

if TYPE_CHECKING:
    from runner.keystores.folders import Folder
    from runner.manifest.model import AnyItem, Document
    from runner.pki.keyurls import KeyUrl


def observe(document: Document, folder: Folder) -> Facts:
    """The facts about every file that the document's items name. Raises nothing for a bad file: its facts say so.

    Where nothing is, nothing is noted: a plan of ten thousand new certificates has none of the files yet.
    """
    seen = _Seen(folder)
    for item in document.items:
        seen.look(item)
    for authority in document.authorities.values():
        if authority.keeper:
            seen.certificate(authority.keeper)
    anchors = look_at_anchors(document.authorities)
    return Facts(
        certificates=seen.certificates,
        keys=seen.keys | seen.beside,
        requests=seen.requests,
        files=seen.files,
        anchors=anchors,
        crls=look_at_crls(document.authorities, anchors),
    )


class _Seen:
    """What was found at the paths of the items that were looked at."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._folders: dict[str, str] = {}
        self.certificates: dict[str, CertificateFacts] = {}
        self.keys: dict[str, KeyFacts] = {}
        self.beside: dict[str, KeyFacts] = {}
        """At the places of key stores, chains and bundles: seen from outside only."""
        self.requests: dict[str, RequestFacts] = {}
        self.files: dict[str, FileFacts] = {}

    def look(self, item: AnyItem) -> None:
        """At everything that the item names."""
        for path in (certificate_path_of(item), *_further_certificates(item)):
            if path:
                self.certificate(path)
        url = key_url_of(item)
        if url is not None and not isinstance(item, Revocation):
            self._key(url)
        for path in _further_files(item):
            self.beside[path] = KeyFacts(exists=os.path.lexists(path), unseen=True)
        if isinstance(item, Enrollment) and item.csr is not None:
            self._request(item.csr)
        self.files.update(look_outside(item, self._folder, self._is_there))

    def _is_there(self, path: str) -> bool:
        return path in self.certificates or path in self.keys

    def certificate(self, path: str) -> None:
        """At a file that many items may name; it is read once."""
        if path not in self.certificates and (found := look_at_certificate(path)).exists:
            self.certificates[path] = found

    def _key(self, url: KeyUrl) -> None:
        if url.path not in self.keys and (found := look_at_key(url, self._folder, self._folders)) is not NO_KEY:
            self.keys[url.path] = found

    def _request(self, path: str) -> None:
        if path not in self.requests and (found := look_at_request(path)).exists:
            self.requests[path] = found


def _further_certificates(item: AnyItem) -> tuple[str | None, ...]:
    if isinstance(item, Update):
        return (item.certificate,)
    return (item.template.reference,) if isinstance(item, Enrollment) else ()


def _further_files(item: AnyItem) -> tuple[str, ...]:
    if isinstance(item, Fetch):
        return item.files
    return () if isinstance(item, Revocation) else item.output.extras


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
