"""Kinds and sizes of keys, as manifests and key URLs spell them: `rsa:3072`, `ec:p256`, `ed25519`.

Text to KeySpec and back, and the KeySpec of a public key. Making keys is left to runner.keystores.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from runner.errors import Malformed

RSA_SIZES = (1024, 8192)
"""Smallest and largest modulus accepted, in bits."""
CURVES = {
    "p256": "secp256r1",
    "p384": "secp384r1",
    "p521": "secp521r1",
}
"""Our name of a curve → the name in SEC 2, which `cryptography` uses."""
_ALIASES = {"p-256": "p256", "p-384": "p384", "p-521": "p521", "secp256r1": "p256", "prime256v1": "p256"}
_ALIASES |= {"secp384r1": "p384", "secp521r1": "p521", "256": "p256", "384": "p384", "521": "p521"}
FIXED = ("ed25519", "ed448")
"""Key types that come in one size."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key type and its size: `detail` is the modulus length in bits for rsa, a key of CURVES for ec, else empty."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.detail}" if self.detail else self.kind

    @property
    def is_weak(self) -> bool:
        """Whether it is below today's minimum (RSA shorter than 2048 bits)."""
        return self.kind == "rsa" and int(self.detail) < 2048  # noqa: PLR2004 - the figure is the rule


def parse_key_spec(text: str) -> KeySpec:
    """`rsa:3072` → KeySpec. Sizes have defaults (rsa:3072, ec:p256). ValueError says what fits."""
    kind, _, detail = text.strip().lower().partition(":")
    if kind == "rsa":
        return KeySpec("rsa", _rsa_size(detail or "3072"))
    if kind in ("ec", "ecdsa"):
        curve = _ALIASES.get(detail, detail) or "p256"
        if curve not in CURVES:
            raise ValueError(f"unknown curve {detail!r}: one of {', '.join(CURVES)}")
        return KeySpec("ec", curve)
    if kind in FIXED:
        if detail:
            raise ValueError(f"{kind} has one size only; write {kind!r}")
        return KeySpec(kind)
    raise ValueError(f"unknown key type {kind!r}: one of rsa:BITS, ec:CURVE, {', '.join(FIXED)}")


def _rsa_size(detail: str) -> str:
    low, high = RSA_SIZES
    if not (detail.isascii() and detail.isdigit() and low <= int(detail) <= high):
        raise ValueError(f"rsa takes a size from {low} to {high} bits, not {detail!r}")
    return str(int(detail))


def key_spec_of(public_key_info: bytes) -> KeySpec:
    """The KeySpec of a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Malformed where it is no key that we know."""
    try:
        key = load_der_public_key(public_key_info)
    except Exception as problem:
        raise Malformed("a public key cannot be read", why=str(problem)) from problem
    if isinstance(key, rsa.RSAPublicKey):
        return KeySpec("rsa", str(key.key_size))
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = {full: short for short, full in CURVES.items()}
        return KeySpec("ec", names.get(key.curve.name, key.curve.name))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeySpec("ed25519")
    if isinstance(key, ed448.Ed448PublicKey):
        return KeySpec("ed448")
    return KeySpec(type(key).__name__.removesuffix("PublicKey").lower())
