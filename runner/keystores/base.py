"""A private key at hand: what every store gives, whichever file or device the key comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runner.pki.keyspecs import KeySpec
    from runner.pki.signing import Signer


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that was opened or made. It signs; the private half itself stays inside the signer."""

    signer: Signer
    spec: KeySpec
    public_key_info: bytes
    """DER SubjectPublicKeyInfo."""
    path: Path
    """Its file; for a key elsewhere, the path of its KeyUrl."""
