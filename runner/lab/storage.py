"""Where a lab's things are: in memory, or in a folder that later openings find again.

    ca.key (0600), ca.pem     the CA; after a roll-over ca-2.key, ca-2.pem and so on, with the links between them
    encryption.key, .pem      what others encrypt to for the CA, once somebody asked for it
    psk (0600)                reference:key, the secret that newcomers share with it
    issued/SERIAL.crt         every certificate, by its serial number in lower-case hex
    keys/SERIAL.p7m (0600)    private keys in the archive, encrypted to archive.key (keeping.py)
    crl.pem                   the current CRL
    ledger.jsonl              what the lab remembers (ledger.py); locked while a process has the folder open

CA and secret are durable before they are used. Certificates and ledger are written, not fsynced: a crash of the
program loses nothing, a crash of the machine the last seconds. A ledger's last line may be torn; it was never answered.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from runner.errors import Refused, StateError
from runner.pki.certificates import certificates_in, to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_OWNER_ONLY = 0o600
_EVERYBODY = 0o644


class Storage(Protocol):
    """What the lab needs of a place."""

    publishes: bool
    """Whether there is a place for CRLs."""

    def kept(self, name: str, make: Callable[[], bytes], *, secret: bool = False) -> bytes:
        """The content of a file; made where there is none."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def lines(self) -> Iterable[str]:
        """The ledger, line by line; read once, before anything is appended."""
        ...

    def append(self, line: str) -> None:
        """One more line of the ledger, whole or not at all. Raises OSError."""
        ...

    def keep_certificate(self, serial: int, der: bytes) -> None:
        """Keep a certificate."""
        ...

    def certificate(self, serial: int) -> bytes:
        """A certificate that was kept, DER."""
        ...

    def keep_key(self, serial: int, sealed: bytes) -> None:
        """Keep the private key of a certificate, encrypted, durably."""
        ...

    def key(self, serial: int) -> bytes:
        """A private key that was kept, as it was."""
        ...

    def publish_crl(self, der: bytes) -> None:
        """Put a CRL in place of the last."""
        ...

    def close(self) -> None:
        """Let go of the place; whatever was kept stays."""
        ...


class Memory:
    """A place that is gone with the process."""

    publishes = False

    def __init__(self) -> None:
        self._certificates: dict[int, bytes] = {}
        self._keys: dict[int, bytes] = {}
        self._files: dict[str, bytes] = {}

    def kept(self, name: str, make: Callable[[], bytes], *, secret: bool = False) -> bytes:  # noqa: ARG002
        """The content of a file; made where there is none."""
        if name not in self._files:
            self._files[name] = make()
        return self._files[name]

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._files

    def lines(self) -> Iterable[str]:
        """No lines."""
        return ()

    def append(self, line: str) -> None:
        """The ledger's own memory is all there is."""

    def keep_certificate(self, serial: int, der: bytes) -> None:
        """Keep a certificate."""
        self._certificates[serial] = der

    def certificate(self, serial: int) -> bytes:
        """A certificate that was kept, DER."""
        return self._certificates[serial]

    def keep_key(self, serial: int, sealed: bytes) -> None:
        """Keep the private key of a certificate, encrypted."""
        self._keys[serial] = sealed

    def key(self, serial: int) -> bytes:
        """A private key that was kept, as it was."""
        return self._keys[serial]

    def publish_crl(self, der: bytes) -> None:
        """There is nobody to read it."""

    def close(self) -> None:
        """Nothing to let go of."""


_RECENT = 256
"""Certificates that are still at hand: what was issued is sent, and confirmed a moment later."""


class Folder:
    """A folder, made where it is missing. Refused where another process has it open; StateError where it fails."""

    publishes = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._recent: dict[int, bytes] = {}
        with _told(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "issued").mkdir(exist_ok=True)
            self._ledger = _locked(path / "ledger.jsonl")

    def kept(self, name: str, make: Callable[[], bytes], *, secret: bool = False) -> bytes:
        """The content of a file; made where there is none, durably."""
        path = self.path / name
        with _told(path), suppress(FileNotFoundError):
            return path.read_bytes()
        content = make()
        with _told(path):
            _put(path, content, _OWNER_ONLY if secret else _EVERYBODY, durable=True)
        return content

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def lines(self) -> Iterator[str]:
        """The ledger, line by line; a torn last line is cut off."""
        whole = 0
        with _told(self.path), os.fdopen(os.dup(self._ledger), "rb") as file:
            file.seek(0)
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    yield line.decode("utf-8", "replace")
            os.ftruncate(self._ledger, whole)

    def append(self, line: str) -> None:
        """One more line of the ledger, whole or not at all. Raises OSError."""
        octets = line.encode() + b"\n"
        written = os.write(self._ledger, octets)
        if written != len(octets):
            os.ftruncate(self._ledger, os.fstat(self._ledger).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _certificate_path(self, serial: int) -> Path:
        return self.path / "issued" / f"{serial:x}.crt"

    def keep_certificate(self, serial: int, der: bytes) -> None:
        """Keep a certificate, PEM. Raises OSError."""
        self._certificate_path(serial).write_bytes(to_pem(der))
        if len(self._recent) == _RECENT:
            del self._recent[next(iter(self._recent))]
        self._recent[serial] = der

    def certificate(self, serial: int) -> bytes:
        """A certificate that was kept, DER. Raises OSError where its file is gone."""
        if serial in self._recent:
            return self._recent[serial]
        return certificates_in(self._certificate_path(serial).read_bytes())[0].der

    def keep_key(self, serial: int, sealed: bytes) -> None:
        """Keep the private key of a certificate, encrypted, durably. Raises OSError."""
        (self.path / "keys").mkdir(mode=0o700, exist_ok=True)
        _put(self._key_path(serial), sealed, _OWNER_ONLY, durable=True)

    def key(self, serial: int) -> bytes:
        """A private key that was kept, as it was. Raises OSError where its file is gone."""
        return self._key_path(serial).read_bytes()

    def _key_path(self, serial: int) -> Path:
        return self.path / "keys" / f"{serial:x}.p7m"

    def publish_crl(self, der: bytes) -> None:
        """Put a CRL in place of the last. Raises OSError."""
        _put(self.path / "crl.pem", to_pem(der, "X509 CRL"), _EVERYBODY)

    def close(self) -> None:
        """Unlock the folder."""
        if self._ledger >= 0:
            os.close(self._ledger)
            self._ledger = -1


def _locked(path: Path) -> int:
    """A descriptor of the ledger, ours alone. Raises OSError, and Refused where it is another's."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        os.close(descriptor)
        raise Refused(
            f"the lab in {path.parent} is open in another process",
            why="one process at a time writes its ledger",
            next_step="wait for it to end, or give this run another folder",
        ) from problem
    return descriptor


def _put(path: Path, content: bytes, mode: int, *, durable: bool = False) -> None:
    """Write a file under a temporary name, and rename it. The folder is ours alone, so the name is free."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(descriptor)
    draft.replace(path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise StateError(
            f"the lab cannot use {path}",
            why=problem.strerror or type(problem).__name__,
            next_step="check the folder's permissions and the disk, or choose another folder",
        ) from problem
