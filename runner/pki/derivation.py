"""Keys from secrets: HKDF, the KDFs of X9.63 and X9.44, PBKDF2 (RFC 5869, SEC 1 §3.6.1, RFC 9690 §B, RFC 8018 §5.2).

Names of hashes are those of runner.asn1.algorithms.HASHES. The amount of work is checked before any is done.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from runner.asn1.algorithms import HASHES, HMACS, AlgorithmIdentifier
from runner.asn1.parameters import HKDFS, KDF2, KDF3, PBKDF2, PBKDF2Params
from runner.asn1.structures import decode
from runner.errors import Unauthentic

MAX_KEY_OCTETS = 8192
"""Siemens components ask for 4096; nobody needs more."""
MAX_WORK = 2_000_000
"""Iterations times output blocks of PBKDF2: about a second."""
SALT_OCTETS = (8, 256)
"""Shortest and longest salt that is accepted."""
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - in old key agreements; nothing here rests on collisions
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def hash_object(name: str) -> hashes.HashAlgorithm:
    """The hash of that name, as `cryptography` wants it."""
    return _HASHES[name]


def hash_name(algorithm: AlgorithmIdentifier) -> str:
    """The name of a hash algorithm; Unauthentic where it is not one that we know."""
    name = HASHES.get(algorithm.algorithm)
    if name is None:
        raise Unauthentic("a hash algorithm that we do not know", why=algorithm.algorithm)
    return name


def x963(hash_name: str, secret: bytes, length: int, info: bytes) -> bytes:
    """`length` octets from `secret` by the KDF of ANSI X9.63, which X9.44 calls KDF2."""
    return X963KDF(_HASHES[hash_name], length, info).derive(secret)


def hkdf(hash_name: str, secret: bytes, length: int, info: bytes, salt: bytes | None = None) -> bytes:
    """`length` octets from `secret` by HKDF (RFC 5869)."""
    return HKDF(_HASHES[hash_name], length, salt, info).derive(secret)


def check_kdf(kdf: AlgorithmIdentifier) -> None:
    """Unauthentic where `derive` does not know the function; tells nothing about a secret."""
    if kdf.algorithm in (KDF2, KDF3) and kdf.parameters is not None:
        hash_name(decode(AlgorithmIdentifier, kdf.parameters))
    elif kdf.algorithm not in HKDFS:
        raise Unauthentic("a key derivation function that we do not know", why=kdf.algorithm)


def derive(kdf: AlgorithmIdentifier, secret: bytes, length: int, info: bytes) -> bytes:
    """`length` octets from a KEM's shared secret: HKDF without salt (RFC 8619), KDF2 or KDF3 (RFC 9690 §B.2)."""
    check_kdf(kdf)
    if not 0 < length <= MAX_KEY_OCTETS:
        raise Unauthentic("a derived key of an unacceptable length is asked for", why=f"{length} octets")
    if kdf.algorithm in HKDFS:
        return hkdf(HKDFS[kdf.algorithm], secret, length, info)
    name = hash_name(decode(AlgorithmIdentifier, kdf.parameters or b""))
    if kdf.algorithm == KDF2:
        return x963(name, secret, length, info)
    return ConcatKDFHash(_HASHES[name], length, info).derive(secret)


def pbkdf2_parameters(algorithm: AlgorithmIdentifier, max_iterations: int) -> PBKDF2Params:
    """The parameters of PBKDF2, checked. Unauthentic for scrypt and others, foreign PRFs, and too much work."""
    if algorithm.algorithm != PBKDF2 or algorithm.parameters is None:
        raise Unauthentic("a key is to be derived from the secret in a way that we refuse", why=algorithm.algorithm)
    parameters = decode(PBKDF2Params, algorithm.parameters)
    if parameters.prf.algorithm not in HMACS:
        raise Unauthentic("PBKDF2 with a function that we do not know", why=parameters.prf.algorithm)
    length = prf_size(parameters) if parameters.key_length is None else parameters.key_length
    if not 0 < length <= MAX_KEY_OCTETS:
        raise Unauthentic("PBKDF2 asks for a key of an unacceptable length", why=f"{length} octets")
    check_iterations("PBKDF2", parameters.iteration_count, max_iterations)
    check_salt("PBKDF2", parameters.salt)
    if parameters.iteration_count * -(-length // prf_size(parameters)) > MAX_WORK:
        why = f"{parameters.iteration_count} iterations for {length} octets"
        raise Unauthentic("PBKDF2 asks for an unacceptable amount of work", why=why)
    return parameters


def check_iterations(who: str, count: int, most: int) -> None:
    """Unauthentic where a message asks for more hashing than we do for it."""
    if not 1 <= count <= most:
        why = f"iterationCount {count}; at most {most} are accepted"
        raise Unauthentic(f"{who} asks for an unacceptable amount of work", why=why)


def check_salt(who: str, salt: bytes) -> None:
    """Unauthentic where a salt is too short to be one, or absurdly long."""
    if not SALT_OCTETS[0] <= len(salt) <= SALT_OCTETS[1]:
        raise Unauthentic(f"{who} with an unacceptable salt", why=f"{len(salt)} octets")


def prf_size(parameters: PBKDF2Params) -> int:
    """The octets that one block of PBKDF2 yields."""
    return hashlib.new(HMACS[parameters.prf.algorithm]).digest_size


def pbkdf2(parameters: PBKDF2Params, secret: bytes, length: int) -> bytes:
    """`length` octets from `secret`; the parameters were checked by `pbkdf2_parameters`."""
    name = HMACS[parameters.prf.algorithm]
    return hashlib.pbkdf2_hmac(name, secret, parameters.salt, parameters.iteration_count, length)
