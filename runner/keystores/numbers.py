"""RSA and DSA keys from bare numbers, as older formats hold them; every redundant number is held to its word."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from runner.keystores.refusals import damaged
from runner.keystores.soundness import sound


def rsa_key(*, n: int, e: int, d: int, p: int, q: int, u: int) -> rsa.RSAPrivateKey:
    """A key whose coefficient `u` is p⁻¹ mod q. KeyStoreError where the numbers contradict each other."""
    if min(p, q) <= 1 or u * p % q != 1:
        raise damaged("its numbers contradict each other")
    # RFC 8017 has the coefficient the other way about: with p and q exchanged, u is it
    return rsa_key_of(rsa.RSAPrivateNumbers(q, p, d, d % (q - 1), d % (p - 1), u, rsa.RSAPublicNumbers(e, n)))


def rsa_key_of(numbers: rsa.RSAPrivateNumbers) -> rsa.RSAPrivateKey:
    """The key of these numbers. `cryptography` takes 0.3 s to check them (4096 bits); soundness.sound replaces that."""
    try:
        key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    except ValueError:
        raise damaged("its numbers are those of no RSA key") from None
    sound(key)
    return key


def dsa_key(*, p: int, q: int, g: int, y: int, x: int) -> dsa.DSAPrivateKey:
    """A key of these numbers. KeyStoreError where they contradict each other."""
    public = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))
    try:
        key = dsa.DSAPrivateNumbers(x, public).private_key()
    except ValueError:
        raise damaged("its numbers are those of no DSA key") from None
    sound(key)
    return key
