"""Keys by their URLs: opening one, making one, and looking at one without opening it.

The grammar of key URLs is in runner.pki.keyurls; what the octets mean in runner.keystores.formats. A passphrase in
a URL is `${env:VARIABLE}`, `${file:PATH}` or, as older tools had it, the passphrase itself.
"""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, KeyStoreError, SecretError
from runner.keystores.base import StoredKey
from runner.keystores.files import KEY_MODE, NewFile, read_file
from runner.keystores.formats import is_sealed, read_private_key, write_private_key
from runner.keystores.generate import generate_key
from runner.keystores.sealing import Seal
from runner.pki.keyspecs import key_spec_of
from runner.pki.signing import PrivateKey, PrivateKeySigner

if TYPE_CHECKING:
    from pathlib import Path

    from runner.ambient import Entropy
    from runner.keystores.secrets import Secret, SecretReader
    from runner.pki.keyurls import KeyUrl

_REFERENCE = re.compile(r"\$\{(env|file):([^{}]+)\}\Z")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What can be seen of a key file without its passphrase; `problem` says in words what is wrong with it."""

    path: Path
    exists: bool = False
    mode: int | None = None
    """Its permission bits."""
    sealed: bool = False
    digest: str | None = None
    """SHA-256 (hex) of a sealed file, whose key cannot be seen."""
    public_key_info: bytes | None = None
    """DER, of a file that is not sealed."""
    problem: str = ""


def load_key(url: KeyUrl, secrets: SecretReader) -> StoredKey:
    """The key that exists at a URL. KeyStoreError names the file and what is wrong; SecretError is the passphrase's."""
    path = secrets.base / url.path
    octets = read_file(path)
    secret = passphrase_of(url, secrets)
    try:
        key = read_private_key(octets, secret.reveal() if secret else None)
    except KeyStoreError as problem:
        raise KeyStoreError(f"{path}: {problem.what}", why=problem.why, next_step=problem.next_step) from None
    return _stored(key, path)


def passphrase_of(url: KeyUrl, secrets: SecretReader) -> Secret | None:
    """The passphrase in a key URL, read where it is a reference; None where there is none. Raises SecretError."""
    if not url.passphrase:
        return None
    reference = _REFERENCE.match(url.passphrase)
    if reference:
        return secrets.read(reference[1], reference[2])
    if url.passphrase.startswith("${"):
        raise SecretError(
            f"the passphrase of {url.path} is a reference of an unknown form",
            next_step="use ${env:NAME} or ${file:PATH}",
        )
    return secrets.read("literal", url.passphrase)


class KeyMaker:
    """Makes the keys that `generate:` URLs ask for. One serves a whole run; threads may share it."""

    def __init__(self, secrets: SecretReader, entropy: Entropy) -> None:
        self._secrets = secrets
        self._entropy = entropy
        self._seals: dict[str, Seal] = {}
        self._lock = Lock()

    def make(self, url: KeyUrl, path: Path) -> tuple[StoredKey, NewFile]:
        """A new key, and the file that will hold it at `path`; nothing is written yet.

        Raises KeyStoreError where the URL names a key that exists, SecretError for its passphrase.
        """
        if url.spec is None:
            raise KeyStoreError(f"{url} is a key that exists, not one to be made")
        seal = self._seal(url) if url.passphrase else None
        key = generate_key(url.spec)
        content = write_private_key(key, url.savetype, seal)
        return _stored(key, path), NewFile(path, content, KEY_MODE)

    def check_passphrase(self, url: KeyUrl) -> None:
        """Resolve the passphrase of a key to be made. Raises SecretError."""
        if url.passphrase:
            self._seal(url)

    def _seal(self, url: KeyUrl) -> Seal:
        """One seal for each passphrase: deriving it is the slow part."""
        with self._lock:
            if url.passphrase not in self._seals:
                secret = passphrase_of(url, self._secrets)
                self._seals[url.passphrase] = Seal(secret.reveal() if secret else b"", self._entropy)
            return self._seals[url.passphrase]


def _stored(key: PrivateKey, path: Path) -> StoredKey:
    signer = PrivateKeySigner(key)
    return StoredKey(signer, key_spec_of(signer.public_key_info), signer.public_key_info, path)


def key_file_facts(path: Path) -> KeyFile:
    """What there is at `path`, for the planner. Reads no secret, raises nothing, shows nothing of the content."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return KeyFile(path, problem="it is a symbolic link to nothing" if path.is_symlink() else "")
    except (OSError, ValueError):
        return KeyFile(path, problem="it cannot be looked at: check the path and its permissions")
    mode = stat.S_IMODE(found.st_mode)
    try:
        return _seen(path, mode, read_file(path))
    except CmpBatchError as problem:
        words = f"{problem.what}: {problem.why}" if problem.why else problem.what
        return KeyFile(path, exists=True, mode=mode, problem=words)


def _seen(path: Path, mode: int, octets: bytes) -> KeyFile:
    if is_sealed(octets):
        return KeyFile(path, exists=True, mode=mode, sealed=True, digest=hashlib.sha256(octets).hexdigest())
    info = PrivateKeySigner(read_private_key(octets)).public_key_info
    return KeyFile(path, exists=True, mode=mode, public_key_info=info)
