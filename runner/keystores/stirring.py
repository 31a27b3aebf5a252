"""Further chance for key generation (-N, `entropy:`): mixed into the generator that makes keys, never in its place.

`cryptography` brings an OpenSSL of its own, whose generator the `ssl` module does not reach; its RAND_add does. There
(crypto/rand, EVP_RAND_reseed) the octets are additional input of a reseeding from the system's source: a file that
everybody knows makes nothing weaker. No entropy is credited to it. Tokens use their own generators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.bindings.openssl.binding import Binding

from runner.errors import KeyStoreError
from runner.keystores.files import read_file

if TYPE_CHECKING:
    from pathlib import Path

NO_CREDIT = 0.0


def stir(path: Path, library: Any = None) -> None:
    """Mix the octets of a file into the generator of `library` (of `cryptography`). KeyStoreError: it cannot be read.

    An empty file is refused too: whoever names one expects something of it.
    """
    octets = read_file(path)
    if not octets:
        raise KeyStoreError(f"{path} holds no octets to mix in", next_step="give a file with random content")
    openssl = (library or Binding()).lib
    if not hasattr(openssl, "RAND_add"):
        raise KeyStoreError(
            "this build of `cryptography` takes no further entropy",
            why="its OpenSSL has no RAND_add",
            next_step="leave out entropy:; the system's own source is used in any case",
        )
    openssl.RAND_add(octets, len(octets), NO_CREDIT)
