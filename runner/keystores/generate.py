"""Fresh private keys of every kind that a manifest can ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519

from runner.errors import KeyStoreError
from runner.pki.keyspecs import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.pki.keyspecs import KeySpec

_PUBLIC_EXPONENT = 65537
_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "brainpoolp256r1": ec.BrainpoolP256R1(),
    "brainpoolp384r1": ec.BrainpoolP384R1(),
    "brainpoolp512r1": ec.BrainpoolP512R1(),
    "secp256k1": ec.SECP256K1(),
}
_FIXED: Mapping[str, Callable[[], PrivateKeyTypes]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
    "ml-kem-768": mlkem.MLKEM768PrivateKey.generate,
    "ml-kem-1024": mlkem.MLKEM1024PrivateKey.generate,
}


def generate_key(spec: KeySpec) -> PrivateKeyTypes:
    """A new key, from the random generator of `cryptography`; RSA takes long and lets other threads run meanwhile.

    Raises KeyStoreError for kinds that exist but cannot be made here (those that key_spec_of names).
    """
    if spec.kind == "rsa":
        return rsa.generate_private_key(_PUBLIC_EXPONENT, int(spec.detail))
    if spec.kind == "dsa":
        return dsa.generate_private_key(int(spec.detail or "2048"))
    if spec.kind == "ec" and spec.detail in _CURVES:
        return ec.generate_private_key(_CURVES[spec.detail])
    if spec.kind in _FIXED:
        return _FIXED[spec.kind]()
    raise KeyStoreError(f"a key of the kind {spec} cannot be generated", next_step=f"ask for one of {', '.join(KINDS)}")
