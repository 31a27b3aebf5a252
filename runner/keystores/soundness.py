"""Whether the numbers of a private key belong together, so that a damaged file never gives a wrong key.

RFC 8017 §3.2 (RSA), FIPS 186-4 §4 (DSA), SEC 1 §3.2 (EC). Ed25519, X25519, ML-DSA and the like are any octets at all:
nothing in them can contradict itself, which is why formats.py notes the digest of the public half beside those.
That primes are primes is not asked: whoever can forge a file so that all of this holds has a key of his own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from runner.keystores.refusals import damaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def sound(key: PrivateKeyTypes) -> PrivateKeyTypes:
    """The key itself; KeyStoreError where its numbers contradict each other."""
    if isinstance(key, rsa.RSAPrivateKey):
        fits = _rsa(key)
    elif isinstance(key, dsa.DSAPrivateKey):
        fits = _dsa(key)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        fits = _ec(key)
    else:
        return key
    if not fits:
        raise damaged("its numbers contradict each other")
    return key


def _rsa(key: rsa.RSAPrivateKey) -> bool:
    numbers = key.private_numbers()
    p, q, d, public = numbers.p, numbers.q, numbers.d, numbers.public_numbers
    return (
        public.n == p * q
        and public.e * d % (p - 1) == public.e * d % (q - 1) == 1
        and (numbers.dmp1, numbers.dmq1) == (d % (p - 1), d % (q - 1))
        and numbers.iqmp * q % p == 1
    )


def _dsa(key: dsa.DSAPrivateKey) -> bool:
    numbers = key.private_numbers()
    public, x = numbers.public_numbers, numbers.x
    p, q, g = public.parameter_numbers.p, public.parameter_numbers.q, public.parameter_numbers.g
    return (p - 1) % q == 0 and 1 < g < p and 0 < x < q and pow(g, q, p) == 1 and pow(g, x, p) == public.y


def _ec(key: ec.EllipticCurvePrivateKey) -> bool:
    numbers = key.private_numbers()
    return ec.derive_private_key(numbers.private_value, key.curve).public_key() == key.public_key()
