"""The MAC itself, under whichever way its key was agreed: HMAC (RFC 2104) and AES-GMAC (RFC 9044).

How a key comes about (PasswordBasedMac, PBMAC1, DHBasedMac, KEM) is in macs.py.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runner.asn1.algorithms import HMACS, AlgorithmIdentifier
from runner.asn1.parameters import GMACS, GCMParameters
from runner.asn1.structures import decode
from runner.errors import Unauthentic

_TAG_OCTETS = (12, 16)
_NONCE_OCTETS = (12, 64)


def key_size(mac: AlgorithmIdentifier) -> int | None:
    """The octets of key that the MAC needs; None for HMAC, which takes any. Unauthentic for an unknown MAC."""
    if mac.algorithm in HMACS:
        return None
    if mac.algorithm not in GMACS:
        raise Unauthentic("the message is protected by a MAC that we do not know", why=mac.algorithm)
    return GMACS[mac.algorithm]


def natural_size(mac: AlgorithmIdentifier) -> int:
    """The octets of key that fit the MAC where nothing else is said: its key size, or its hash's output."""
    return key_size(mac) or hashlib.new(HMACS[mac.algorithm]).digest_size


def expanded(base: bytes, size: int | None, owf: str) -> bytes:
    """The MAC's key from BASEKEY (RFC 4211 §4.4): its leading octets, or BASEKEY ‖ OWF("1" ‖ BASEKEY) ‖ …."""
    if size is None:
        return base
    key, count = base, 0
    while len(key) < size:
        count += 1
        key += hashlib.new(owf, str(count).encode() + base).digest()
    return key[:size]


def mac_over(mac: AlgorithmIdentifier, key: bytes, data: bytes) -> bytes:
    """The MAC of `data`. Unauthentic where algorithm, parameters or key do not go together."""
    size = key_size(mac)
    if size is None:
        return hmac.digest(key, data, HMACS[mac.algorithm])
    if len(key) != size:
        raise Unauthentic("AES-GMAC with a key of another length", why=f"{len(key)} octets, not {size}")
    if mac.parameters is None:
        raise Unauthentic("AES-GMAC without a nonce")
    parameters = decode(GCMParameters, mac.parameters)
    if not (
        _TAG_OCTETS[0] <= parameters.length <= _TAG_OCTETS[1]
        and _NONCE_OCTETS[0] <= len(parameters.nonce) <= _NONCE_OCTETS[1]
    ):
        why = f"a nonce of {len(parameters.nonce)} octets, a tag of {parameters.length}"
        raise Unauthentic("AES-GMAC with unacceptable parameters", why=why)
    return AESGCM(key).encrypt(parameters.nonce, b"", data)[: parameters.length]
