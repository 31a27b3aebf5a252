"""Fresh private keys of every kind that a manifest can ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from runner.errors import KeyStoreError

if TYPE_CHECKING:
    from runner.pki.keyspecs import KeySpec
    from runner.pki.signing import PrivateKey

_PUBLIC_EXPONENT = 65537
_CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


def generate_key(spec: KeySpec) -> PrivateKey:
    """A new key, from the random generator of `cryptography`; RSA takes long and lets other threads run meanwhile.

    Raises KeyStoreError for kinds that exist but cannot be made here (those that key_spec_of names).
    """
    if spec.kind == "rsa":
        return rsa.generate_private_key(_PUBLIC_EXPONENT, int(spec.detail))
    if spec.kind == "ec" and spec.detail in _CURVES:
        return ec.generate_private_key(_CURVES[spec.detail])
    if spec.kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if spec.kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    raise KeyStoreError(
        f"a key of the kind {spec} cannot be generated",
        next_step=f"ask for rsa:BITS, ec with one of {', '.join(_CURVES)}, ed25519 or ed448",
    )
