"""ML-DSA and ML-KEM private keys in the forms that `cryptography` (50) does not read (RFC 9881 §6, RFC 9935 §6).

    CHOICE { seed [0] OCTET STRING, expandedKey OCTET STRING, both SEQUENCE { seed, expandedKey } }

OpenSSL 3.5 writes `both`: the seed is taken, and held against what can be seen of the public half in the expanded
key. `expandedKey` alone leads back to no seed: it is refused with words that say so.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING, Annotated

from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.primitives import INTEGER, OCTET_STRING
from runner.asn1.structures import decode, sequence
from runner.errors import Malformed
from runner.keystores.opening import opened
from runner.keystores.refusals import damaged, not_supported

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_PEM = regex(rb"-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----(.*?)-----END (?:ENCRYPTED )?PRIVATE KEY-----", DOTALL)
_MlDsa = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
_MlKem = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
_ML_DSA: dict[str, type[_MlDsa]] = {
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PrivateKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PrivateKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PrivateKey,
}
_ML_KEM: dict[str, type[_MlKem]] = {
    "2.16.840.1.101.3.4.4.2": mlkem.MLKEM768PrivateKey,
    "2.16.840.1.101.3.4.4.3": mlkem.MLKEM1024PrivateKey,
}
_EXPANDED = b"\x04"


@sequence
class PrivateKeyInfo:
    """OneAsymmetricKey (RFC 5958 §2) without attributes and public key, which these never have."""

    version: Annotated[int, INTEGER]
    private_key_algorithm: AlgorithmIdentifier
    private_key: Annotated[bytes, OCTET_STRING]


@sequence
class Both:
    """SEQUENCE { seed OCTET STRING, expandedKey OCTET STRING }."""

    seed: Annotated[bytes, OCTET_STRING]
    expanded: Annotated[bytes, OCTET_STRING]


def read_postquantum(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes | None:
    """The key, where it is one of these; None where it is anything else. KeyStoreError: it is, and cannot be used."""
    try:
        der = _der(octets)
        found = decode(PrivateKeyInfo, der if passphrase is None else opened(der, passphrase))
    except (Malformed, ValueError):
        return None
    oid = found.private_key_algorithm.algorithm
    if oid not in _ML_DSA and oid not in _ML_KEM:
        return None
    if found.private_key.startswith(_EXPANDED):
        raise not_supported("only the expanded form of an ML-DSA or ML-KEM key is in it; the seed is needed")
    try:
        both = decode(Both, found.private_key)
        return _ml_dsa(oid, both) if oid in _ML_DSA else _ml_kem(oid, both)
    except (Malformed, ValueError):
        raise damaged("its seed and its expanded key do not belong together") from None


def _der(octets: bytes) -> bytes:
    armour = _PEM.search(octets)
    return b64decode(b"".join(armour[1].split()), validate=True) if armour else octets


def _ml_dsa(oid: str, both: Both) -> PrivateKeyTypes:
    """In FIPS 204, skEncode begins rho ‖ K ‖ tr, and tr is the digest of the public key (§7.2)."""
    key = _ML_DSA[oid].from_seed_bytes(both.seed)
    public = key.public_key().public_bytes_raw()
    if both.expanded[:32] != public[:32] or both.expanded[64:128] != hashlib.shake_256(public).digest(64):
        raise ValueError
    return key


def _ml_kem(oid: str, both: Both) -> PrivateKeyTypes:
    """In FIPS 203, dk ends ek ‖ H(ek) ‖ z, and z is the second half of the seed (§6.1)."""
    key = _ML_KEM[oid].from_seed_bytes(both.seed)
    public = key.public_key().public_bytes_raw()
    if not both.expanded.endswith(public + hashlib.sha3_256(public).digest() + both.seed[32:]):
        raise ValueError
    return key
