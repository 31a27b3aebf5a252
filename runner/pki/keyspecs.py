"""Kinds and sizes of keys, as manifests and key URLs spell them: `rsa:3072`, `ec:p256`, `ed25519`, `ml-dsa-65`.

Text to KeySpec and back, and the KeySpec of a public key. Making keys is left to runner.keystores. `cryptography` is
imported once there is a key: a plan that finds none answers the sooner.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from runner.errors import Malformed
from runner.values import frozen

RSA_SIZES = (1024, 8192)
"""Smallest and largest modulus accepted, in bits."""
DSA_SIZES = ("1024", "2048", "3072")
"""The lengths of p that FIPS 186-4 §4.2 knows."""
CURVES = {
    "p256": "secp256r1",
    "p384": "secp384r1",
    "p521": "secp521r1",
    "brainpoolp256r1": "brainpoolP256r1",
    "brainpoolp384r1": "brainpoolP384r1",
    "brainpoolp512r1": "brainpoolP512r1",
    "secp256k1": "secp256k1",
}
"""Our name of a curve → the name in SEC 2 or RFC 5639, which `cryptography` uses."""
_SHORT_NAMES = {full: short for short, full in CURVES.items()}
_ALIASES = {"p-256": "p256", "p-384": "p384", "p-521": "p521", "secp256r1": "p256", "prime256v1": "p256"}
_ALIASES |= {"secp384r1": "p384", "secp521r1": "p521", "256": "p256", "384": "p384", "521": "p521"}
_ALIASES |= {
    f"{short}{size}": f"brainpoolp{size}r1"
    for size in (256, 384, 512)
    for short in ("brainpool", "bp", "brainpoolp", "brainpool-p")
}
_SIGNING = ("ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87")
AGREEING = ("x25519", "x448", "ml-kem-768", "ml-kem-1024")
"""Key types that encrypt or agree on secrets, and cannot sign."""
FIXED = (*_SIGNING, *AGREEING)
"""Key types that come in one size."""
KINDS = ("rsa", "dsa", "ec", *FIXED)
_TODAYS_RSA = 2048


@frozen
class KeySpec:
    """A key type and its size: `detail` is the length in bits for rsa and dsa, a key of CURVES for ec, else empty."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.detail}" if self.detail else self.kind

    @property
    def is_weak(self) -> bool:
        """Whether it is below today's minimum: RSA shorter than 2048 bits, DSA of any length (FIPS 186-5)."""
        return self.kind == "dsa" or (self.kind == "rsa" and int(self.detail) < _TODAYS_RSA)

    @property
    def bits(self) -> int | None:
        """Its length in bits, of an elliptic curve that of the field; None for kinds that come in one size."""
        digits = "".join(filter(str.isdigit, self.detail.partition("r1")[0].partition("k1")[0]))
        return int(digits) if digits else None

    @property
    def can_sign(self) -> bool:
        """Whether such a key can prove its possession by a signature."""
        return self.kind not in AGREEING

    @property
    def can_open(self) -> bool:
        """Whether such a key can prove its possession by opening what is encrypted to it."""
        return self.kind in ("rsa", "ec", *AGREEING)


@lru_cache(maxsize=64)
def parse_key_spec(text: str) -> KeySpec:
    """`rsa:3072` → KeySpec. Sizes have defaults (rsa:3072, dsa:2048, ec:p256). ValueError says what fits."""
    kind, _, detail = text.strip().lower().partition(":")
    if kind == "rsa":
        return KeySpec("rsa", _rsa_size(detail or "3072"))
    if kind in ("dsa", "dss"):
        return KeySpec("dsa", _dsa_size(detail or "2048"))
    if kind in ("ec", "ecdsa"):
        return KeySpec("ec", _curve(detail or "p256"))
    if kind.startswith("ml") and (kind + detail).replace("-", "") in _ML:
        return KeySpec(_ML[(kind + detail).replace("-", "")])
    if kind in FIXED:
        if detail:
            raise ValueError(f"{kind} has one size only; write {kind!r}")
        return KeySpec(kind)
    raise ValueError(f"unknown key type {kind!r}: {_near(kind, KINDS)}")


_ML = {kind.replace("-", ""): kind for kind in FIXED if kind.startswith("ml-")}
"""`ml-dsa:65` and `mldsa65` are ml-dsa-65."""


def _rsa_size(detail: str) -> str:
    low, high = RSA_SIZES
    if not (detail.isascii() and detail.isdigit() and len(detail) <= 9 and low <= int(detail) <= high):  # noqa: PLR2004
        raise ValueError(f"rsa takes a size from {low} to {high} bits, not {detail!r}")
    return str(int(detail))


def _dsa_size(detail: str) -> str:
    if detail not in DSA_SIZES:
        raise ValueError(f"dsa takes a size of {', '.join(DSA_SIZES)} bits, not {detail!r}")
    return detail


def _curve(detail: str) -> str:
    curve = _ALIASES.get(detail, detail)
    if curve not in CURVES:
        raise ValueError(f"unknown curve {detail!r}: {_near(detail, tuple(CURVES))}")
    return curve


def _near(word: str, known: tuple[str, ...]) -> str:
    """`one of a, b, c`, with the nearest first to be seen."""
    close = get_close_matches(word, known, n=1)
    return f"{f'did you mean {close[0]}? ' if close else ''}one of {', '.join(known)}"


def key_spec_of(public_key_info: bytes) -> KeySpec:
    """The KeySpec of a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Malformed where it is no key that we know."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(public_key_info)
    except Exception as problem:
        raise Malformed("a public key cannot be read", why=str(problem)) from problem
    return spec_of_public_key(key)


def spec_of_public_key(key: object) -> KeySpec:
    """The KeySpec of a public key of `cryptography`."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return _one("ec", _SHORT_NAMES.get(key.curve.name, key.curve.name))
    if isinstance(key, rsa.RSAPublicKey):
        return _one("rsa", str(key.key_size))
    if isinstance(key, dsa.DSAPublicKey):
        return _one("dsa", str(key.key_size))
    name = type(key).__name__.removesuffix("PublicKey").lower()
    return _one(_ML.get(name, name))


@lru_cache(maxsize=64)
def _one(kind: str, detail: str = "") -> KeySpec:
    """One KeySpec for all keys of a kind: results of ten thousand items share it."""
    return KeySpec(kind, detail)
