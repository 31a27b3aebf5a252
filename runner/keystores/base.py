"""A private key at hand: what every store gives, whichever file or device the key comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from runner.pki.keyspecs import KeySpec
    from runner.pki.opening import Decrypter
    from runner.pki.signing import Signer


@frozen
class StoredKey:
    """A key that was opened or made. It signs, or opens what is encrypted to it; the private half stays inside."""

    signer: Signer | None
    """None: the key is of a kind that cannot sign."""
    spec: KeySpec
    public_key_info: bytes
    """DER SubjectPublicKeyInfo."""
    path: Path
    """Its file; for a key elsewhere, the path of its KeyUrl."""
    opener: Decrypter | None = None
    """None: the key is of a kind that cannot decrypt, nor agree on a key."""
