"""Keys by their URLs: opening one, and making one. Looking at one without opening it is left to looking.py.

The grammar of key URLs is in runner.pki.keyurls; what the octets of a file mean in runner.keystores.formats; keys in
tokens are left to runner.keystores.tokens. A passphrase in a URL, or the PIN of a token, is `${env:VARIABLE}`,
`${file:PATH}` or, as older tools had it, the passphrase itself.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from runner.errors import KeyStoreError, SecretError
from runner.keystores.base import StoredKey
from runner.keystores.files import KEY_MODE, NewFile, read_file
from runner.keystores.formats import read_any_key, read_private_key, write_private_key
from runner.keystores.generate import generate_key
from runner.keystores.stirring import stir
from runner.pki.keyspecs import spec_of_public_key
from runner.pki.keyurls import ENV_SCHEME
from runner.pki.opening import DecryptionKey, PrivateKeyDecrypter
from runner.pki.signers import PrivateKey, PrivateKeySigner, SignatureChoice
from runner.pki.signing import info_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.ambient import Entropy
    from runner.keystores.sealing import Seal
    from runner.keystores.secrets import Secret, SecretReader
    from runner.pki.keyspecs import KeySpec
    from runner.pki.keyurls import KeyUrl, Sealing

KeyT = TypeVar("KeyT", bound="PrivateKeyTypes")
_REFERENCE = re.compile(r"\$\{(env|file):([^{}]+)\}\Z")


def load_key(
    url: KeyUrl,
    secrets: SecretReader,
    choice: SignatureChoice = SignatureChoice(),
) -> StoredKey:
    """The key that exists at a URL, to sign as `choice` says.

    KeyStoreError names it and what is wrong; SecretError is the passphrase's.
    """
    if url.kept == "token":
        from runner.keystores import tokens  # noqa: PLC0415 - few keys are in one

        return tokens.load(url.path, _pin(url, secrets), choice)
    return _stored(_opened(url, secrets, read_any_key), Path(_place(url, secrets)), choice)


def private_key_of(url: KeyUrl, secrets: SecretReader) -> PrivateKey:
    """The private key itself, for a file that is to hold it; a key in a token never leaves it. Raises as load_key."""
    return _opened(url, secrets, read_private_key)


def any_key_of(url: KeyUrl, secrets: SecretReader) -> PrivateKeyTypes:
    """The same for keys of every kind, those that only decrypt too."""
    return _opened(url, secrets, read_any_key)


def _opened(url: KeyUrl, secrets: SecretReader, read: Callable[[bytes, bytes | None], KeyT]) -> KeyT:
    if url.kept == "token":
        step = "leave out pkcs12:, jks: and backup:"
        raise KeyStoreError(f"the key {url.path} does not leave its token", next_step=step)
    octets = _octets(url, secrets)
    secret = passphrase_of(url, secrets)
    try:
        return read(octets, secret.reveal() if secret else None)
    except KeyStoreError as problem:
        place = _place(url, secrets)
        raise KeyStoreError(f"{place}: {problem.what}", why=problem.why, next_step=problem.next_step) from None


def _place(url: KeyUrl, secrets: SecretReader) -> str:
    return str(secrets.base / url.path) if url.is_file else url.path


def _octets(url: KeyUrl, secrets: SecretReader) -> bytes:
    if url.kept == "env":
        return secrets.read("env", url.path.removeprefix(ENV_SCHEME)).reveal()
    return read_file(secrets.base / url.path)


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
        self._seals: dict[tuple[str, Sealing], Seal] = {}
        self._lock = Lock()

    def make(self, url: KeyUrl, path: Path) -> tuple[StoredKey, NewFile]:
        """A new key, and the file that will hold it at `path`; nothing is written yet.

        Raises KeyStoreError where the URL names a key that exists, SecretError for its passphrase.
        """
        if url.spec is None or url.kept != "file":
            raise KeyStoreError(f"{url} is a key that exists, or one in a token, and no file to be made")
        return self._in_file(generate_key(url.spec), url, path)

    def hold(self, url: KeyUrl, path: Path, private_key_info: bytes) -> tuple[StoredKey, NewFile]:
        """A key that came from elsewhere (PrivateKeyInfo, DER), and the file for it in the URL's format. As `make`."""
        return self._in_file(read_any_key(private_key_info), url, path)

    def _in_file(self, key: PrivateKeyTypes, url: KeyUrl, path: Path) -> tuple[StoredKey, NewFile]:
        seal = self._seal(url) if url.passphrase else None
        content = write_private_key(key, url.savetype, seal)
        return _stored(key, path), NewFile(path, content, KEY_MODE)

    def fleeting(self, spec: KeySpec) -> StoredKey:
        """A new key that is kept nowhere. KeyStoreError."""
        return _stored(generate_key(spec), Path("in memory"))

    def make_in_token(self, url: KeyUrl, uri: str) -> StoredKey:
        """A new key inside its token, under the label of `uri`; it is durable before this returns.

        Raises KeyStoreError, also where a key of that label is there already; SecretError for the PIN.
        """
        if url.spec is None or url.kept != "token":
            raise KeyStoreError(f"{url} is not a key to be made in a token")
        from runner.keystores import tokens  # noqa: PLC0415 - few keys are in one

        return tokens.generate(uri, url.spec, _pin(url, self._secrets), self._entropy)

    def stir(self, path: str) -> None:
        """Mix the octets of a file into the generation of keys, beside the system's own source. KeyStoreError."""
        stir(self._secrets.base / path)

    def check_passphrase(self, url: KeyUrl) -> None:
        """Resolve the passphrase of a key to be made, or its token and PIN. Raises SecretError, KeyStoreError."""
        if url.kept == "token" and url.spec is not None:
            from runner.keystores import tokens  # noqa: PLC0415 - few keys are in one

            tokens.check(url.path, url.spec, _pin(url, self._secrets))
        elif url.passphrase:
            self._seal(url)

    def _seal(self, url: KeyUrl) -> Seal:
        """One seal for each passphrase: deriving it is the slow part."""
        from runner.keystores.sealing import Seal  # noqa: PLC0415 - few keys are sealed

        with self._lock:
            if (url.passphrase, url.sealing) not in self._seals:
                secret = passphrase_of(url, self._secrets)
                seal = Seal(secret.reveal() if secret else b"", self._entropy, url.sealing)
                self._seals[(url.passphrase, url.sealing)] = seal
            return self._seals[(url.passphrase, url.sealing)]


def _stored(key: PrivateKeyTypes, path: Path, choice: SignatureChoice = SignatureChoice()) -> StoredKey:
    try:
        signer = PrivateKeySigner(key, choice) if isinstance(key, PrivateKey) else None
    except ValueError as problem:
        raise KeyStoreError(f"{path}: {problem}", next_step="leave the choice of signature out") from None
    opener = PrivateKeyDecrypter(key) if isinstance(key, DecryptionKey) else None
    public = key.public_key()
    return StoredKey(signer, spec_of_public_key(public), info_of(public), path, opener)


def key_is_there(url: KeyUrl, secrets: SecretReader) -> bool:
    """Whether there is a key, or anything, at a URL. Raises KeyStoreError, SecretError for a token."""
    if url.kept == "token":
        from runner.keystores import tokens  # noqa: PLC0415 - few keys are in one

        return tokens.is_there(url.path, _pin(url, secrets))
    return url.kept == "env" or os.path.lexists(secrets.base / url.path)


def promote_key(url: KeyUrl, waiting: str, secrets: SecretReader, *, backup: bool) -> None:
    """Let a key that waits in a token take the label of its URL; its predecessor goes. KeyStoreError, SecretError."""
    from runner.keystores import tokens  # noqa: PLC0415 - few keys are in one

    tokens.promote(waiting, url.path, _pin(url, secrets), backup=backup)


def _pin(url: KeyUrl, secrets: SecretReader) -> bytes | None:
    secret = passphrase_of(url, secrets)
    return secret.reveal() if secret else None
