"""PasswordBasedMac: a MAC from a shared secret (RFC 4211 §4.4, RFC 9045, RFC 9481 §6.1; dossier §2.2).

`iterationCount` is the number of hash operations, exactly. Caps are checked before any work is done. Other MACs
(PBMAC1, DHBasedMac, KEM) have their place beside this one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from runner.asn1.algorithms import HASHES, HMACS, PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.structures import decode, encode
from runner.errors import Unauthentic

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ITERATIONS = 100_000
"""More than any known peer sends; a message that asks for more is refused unread (dossier §7 no. 7)."""
_SALT = (8, 256)
_KEPT_KEYS = 64
_SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1")
_HMAC_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9")


class SharedSecret:
    """A secret agreed out of band. Derived keys are kept, so that a salt that returns costs nothing again.

    Its repr shows nothing; it cannot be pickled.
    """

    __slots__ = ("_keys", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keys: dict[tuple[bytes, str, int], bytes] = {}

    def __repr__(self) -> str:
        return "<SharedSecret>"

    def __reduce__(self) -> str:
        raise TypeError("a shared secret does not leave the process")

    def key(self, salt: bytes, owf: str, iterations: int) -> bytes:
        """The key that `iterations` hashes make of secret and salt."""
        mark = (salt, owf, iterations)
        if mark not in self._keys:
            if len(self._keys) >= _KEPT_KEYS:
                self._keys.pop(next(iter(self._keys)))
            self._keys[mark] = _hashed(self._secret + salt, getattr(hashlib, owf), iterations)
        return self._keys[mark]


def _hashed(octets: bytes, digest: Callable[[bytes], hashlib._Hash], times: int) -> bytes:
    for _ in range(times):
        octets = digest(octets).digest()
    return octets


def password_based_mac(salt: bytes, iterations: int) -> AlgorithmIdentifier:
    """The AlgorithmIdentifier of what we send: SHA-256 and HMAC-SHA256 (RFC 9045 §4)."""
    parameters = PBMParameter(salt=salt, owf=_SHA256, iteration_count=iterations, mac=_HMAC_SHA256)
    return AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=encode(parameters))


def compute_mac(secret: SharedSecret, algorithm: AlgorithmIdentifier, data: bytes) -> bytes:
    """The MAC over `data`. Unauthentic where the algorithm or its parameters are not acceptable."""
    if algorithm.algorithm != PASSWORD_BASED_MAC or algorithm.parameters is None:
        raise Unauthentic("the message is protected by a MAC that we do not know", why=algorithm.algorithm)
    parameters = decode(PBMParameter, algorithm.parameters)
    owf, mac = HASHES.get(parameters.owf.algorithm), HMACS.get(parameters.mac.algorithm)
    if owf is None or mac is None:
        why = f"owf {parameters.owf.algorithm}, mac {parameters.mac.algorithm}"
        raise Unauthentic("PasswordBasedMac with an algorithm that we do not know", why=why)
    if not 1 <= parameters.iteration_count <= MAX_ITERATIONS:
        why = f"iterationCount {parameters.iteration_count}; at most {MAX_ITERATIONS} are accepted"
        raise Unauthentic("PasswordBasedMac asks for an unacceptable amount of work", why=why)
    if not _SALT[0] <= len(parameters.salt) <= _SALT[1]:
        raise Unauthentic("PasswordBasedMac with an unacceptable salt", why=f"{len(parameters.salt)} octets")
    return hmac.digest(secret.key(parameters.salt, owf, parameters.iteration_count), data, mac)


def verify_mac(secret: SharedSecret, algorithm: AlgorithmIdentifier, mac: bytes, data: bytes) -> bool:
    """Whether `mac` is the whole MAC over `data`; compared in constant time."""
    return hmac.compare_digest(compute_mac(secret, algorithm, data), mac)
