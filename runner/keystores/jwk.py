"""JSON Web Keys (`jwk`, RFC 7517): RSA and EC (RFC 7518 §6, RFC 8812), Ed25519, Ed448, X25519 and X448 (RFC 8037)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519

from runner.keystores.numbers import rsa_key_of
from runner.keystores.refusals import cannot_hold, damaged, not_supported
from runner.keystores.soundness import sound

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal

_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
_Octets = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
_OKP: dict[str, type[_Octets]] = {
    "Ed25519": ed25519.Ed25519PrivateKey,
    "Ed448": ed448.Ed448PrivateKey,
    "X25519": x25519.X25519PrivateKey,
    "X448": x448.X448PrivateKey,
}
_RSA = ("n", "e", "d", "p", "q", "dp", "dq", "qi")
_TWICE = "a member is there twice"


def recognises(octets: bytes) -> bool:
    """Whether this is JSON that says what kind of key it is."""
    return octets.lstrip()[:1] == b"{" and b'"kty"' in octets


def is_sealed(octets: bytes) -> bool:  # noqa: ARG001 - every format is asked
    """Never: a sealed JSON Web Key is a JWE, which is not read."""
    return False


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:  # noqa: ARG001 - every format is given one
    """The key in it. Raises KeyStoreError."""
    try:
        said = json.loads(octets, object_pairs_hook=_each_once)
        return _read(said)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise damaged("it is not the JSON of a private key") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError(_TWICE)
    return dict(pairs)


def _read(said: dict[str, Any]) -> PrivateKeyTypes:
    kind = said["kty"]
    if kind == "RSA":
        n, e, d, p, q, dp, dq, qi = (_number(said[name]) for name in _RSA)
        return rsa_key_of(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)))
    if kind == "EC" and said["crv"] in _CURVES:
        public = ec.EllipticCurvePublicNumbers(_number(said["x"]), _number(said["y"]), _CURVES[said["crv"]])
        return sound(ec.EllipticCurvePrivateNumbers(_number(said["d"]), public).private_key())
    if kind == "OKP" and said["crv"] in _OKP:
        key = _OKP[said["crv"]].from_private_bytes(_octets(said["d"]))
        if key.public_key().public_bytes_raw() != _octets(said["x"]):
            raise damaged("its private and its public half do not belong together")
        return key
    raise not_supported("its kty and crv are of no kind that is known here")


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key as JSON. KeyStoreError where RFC 7518, 8037 and 8812 have no place for it, and for a passphrase."""
    if seal is not None:
        raise cannot_hold("jwk with a passphrase")
    return json.dumps(_members(key), indent=2).encode() + b"\n"


def _members(key: PrivateKeyTypes) -> dict[str, str]:
    if isinstance(key, rsa.RSAPrivateKey):
        secret, public = key.private_numbers(), key.private_numbers().public_numbers
        values = (public.n, public.e, secret.d, secret.p, secret.q, secret.dmp1, secret.dmq1, secret.iqmp)
        return {"kty": "RSA"} | {name: _text(_minimal(value)) for name, value in zip(_RSA, values, strict=True)}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _ec_members(key)
    for curve, kind in _OKP.items():
        if isinstance(key, kind):
            halves = {"x": key.public_key().public_bytes_raw(), "d": key.private_bytes_raw()}
            return {"kty": "OKP", "crv": curve} | {name: _text(half) for name, half in halves.items()}
    raise cannot_hold("jwk")


def _ec_members(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    named = {curve.name: name for name, curve in _CURVES.items()}
    if key.curve.name not in named:
        raise cannot_hold("jwk")
    size = (key.curve.key_size + 7) // 8
    secret, public = key.private_numbers(), key.private_numbers().public_numbers
    values = {"x": public.x, "y": public.y, "d": secret.private_value}
    members = {name: _text(value.to_bytes(size, "big")) for name, value in values.items()}
    return {"kty": "EC", "crv": named[key.curve.name]} | members


def _minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _text(octets: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(octets) != text:  # the decoder passes over what does not belong to its alphabet
        raise ValueError
    return octets


def _number(text: str) -> int:
    return int.from_bytes(_octets(text), "big")
