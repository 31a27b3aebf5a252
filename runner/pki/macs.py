"""MAC protection by its AlgorithmIdentifier: PasswordBasedMac, PBMAC1, DHBasedMac, KEM-based MAC.

RFC 4211 §4.4 and RFC 9045; RFC 8018 §7.1 and RFC 9579; RFC 9810 §5.1.3.2 and §5.1.3.4.
`iterationCount` is the number of hash operations, exactly. Caps are checked before any work is done. Each scheme
goes with one kind of secret, so that nothing public ever becomes a key. What we send is chosen in mac_parameters.py.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from runner.asn1.algorithms import DER_NULL, PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.parameters import DH_BASED_MAC, KEM_BASED_MAC, PBMAC1, DHBMParameter, KemBMParameter, PBMAC1Params
from runner.asn1.structures import decode
from runner.errors import Unauthentic
from runner.pki.derivation import check_iterations, check_salt, hash_name, pbkdf2, pbkdf2_parameters
from runner.pki.mac_algorithms import expanded, key_size, mac_over, natural_size
from runner.pki.mac_parameters import MacParameters, mac_algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.asn1.parameters import PBKDF2Params

T = TypeVar("T")
MAX_ITERATIONS = 100_000
"""More than any known peer sends; a message that asks for more is refused unread."""
_CEILING = 1_000_000
_KEPT_KEYS = 64
_LONGEST_REMEMBERED = 256
"""Octets of a MAC's parameters; the key for them is kept."""
_BITS_FOR_OCTETS = 512
"""A longer keyLength may be meant in bits: Siemens components declare 4096 and derive 512 octets."""


class SharedSecret:
    """A secret agreed out of band. Derived keys are kept, so that a salt that returns costs nothing again.

    `max_iterations` is the most hashing that a peer may ask for. Its repr shows nothing; it cannot be pickled.
    """

    __slots__ = ("_keys", "_secret", "max_iterations")

    def __init__(self, secret: bytes, max_iterations: int = MAX_ITERATIONS) -> None:
        self._secret = secret
        self._keys: dict[object, Any] = {}
        self.max_iterations = min(max_iterations, _CEILING)

    def __repr__(self) -> str:
        return "<SharedSecret>"

    def __reduce__(self) -> str:
        raise TypeError("a shared secret does not leave the process")

    def key(self, salt: bytes, owf: str, iterations: int) -> bytes:
        """The key that `iterations` hashes make of secret and salt."""
        mark = (salt, owf, iterations)
        return self.kept(mark, lambda: _hashed(self._secret + salt, getattr(hashlib, owf), iterations))

    def pbkdf2_key(self, parameters: PBKDF2Params, length: int) -> bytes:
        """The key of `length` octets that PBKDF2 makes of it; the parameters have been checked."""
        return self.kept((parameters, length), lambda: pbkdf2(parameters, self._secret, length))

    def kept(self, mark: object, made: Callable[[], T]) -> T:
        """The key of that mark. The one used longest ago makes room: our own salt's key outlives those of servers."""
        key: T = self._keys.pop(mark, None) or made()
        if len(self._keys) >= _KEPT_KEYS:
            self._keys.pop(next(iter(self._keys)))
        self._keys[mark] = key
        return key


class AgreedSecret:
    """What a Diffie-Hellman agreement with the peer gave, for DHBasedMac. Its repr shows nothing."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def __repr__(self) -> str:
        return "<AgreedSecret>"

    def __reduce__(self) -> str:
        raise TypeError("an agreed secret does not leave the process")


class KemSecret:
    """What a KEM gave, and the transactionID of the message that carried its ciphertext. Its repr shows nothing."""

    __slots__ = ("octets", "transaction_id")

    def __init__(self, octets: bytes, transaction_id: bytes) -> None:
        self.octets = octets
        self.transaction_id = transaction_id

    def __repr__(self) -> str:
        return "<KemSecret>"

    def __reduce__(self) -> str:
        raise TypeError("a KEM's secret does not leave the process")


MacSecret = SharedSecret | AgreedSecret | KemSecret
"""The secrets that MACs come from; each scheme takes one kind."""


def password_based_mac(salt: bytes, iterations: int) -> AlgorithmIdentifier:
    """The AlgorithmIdentifier of what we send by default: SHA-256 and HMAC-SHA256 (RFC 9045 §4)."""
    return mac_algorithm(MacParameters(iterations=iterations), salt)


def compute_mac(secret: MacSecret, algorithm: AlgorithmIdentifier, data: bytes) -> bytes:
    """The MAC over `data`. Unauthentic where the algorithm, its parameters or the kind of secret are not acceptable."""
    mac, keys = _keyed(secret, algorithm)
    return mac_over(mac, next(keys), data)


def verify_mac(secret: MacSecret, algorithm: AlgorithmIdentifier, mac: bytes, data: bytes) -> bool:
    """Whether `mac` is the whole MAC over `data`; compared in constant time. Unauthentic as in `compute_mac`."""
    inner, keys = _keyed(secret, algorithm)
    return any(hmac.compare_digest(mac_over(inner, key, data), mac) for key in keys)


def is_mac(algorithm: AlgorithmIdentifier) -> bool:
    """Whether a protectionAlg is one of the MACs (else it may be a signature)."""
    return algorithm.algorithm in _SCHEMES


def _keyed(secret: MacSecret, algorithm: AlgorithmIdentifier) -> tuple[AlgorithmIdentifier, Iterator[bytes]]:
    """The inner MAC, and the key for it; further keys are readings of parameters that some peers get wrong."""
    scheme = _SCHEMES.get(algorithm.algorithm)
    if scheme is None:
        raise Unauthentic("the message is protected by a MAC that we do not know", why=algorithm.algorithm)
    if algorithm.parameters in (None, DER_NULL):
        raise Unauthentic(
            "the message's MAC says nothing of its parameters",
            why="nothing tells which salt and how many iterations its key was made with",
            next_step="cryptlib leaves them out of later messages: see `tolerate: [mac-as-before]`",
        )
    return scheme(secret, algorithm.parameters)


def _password_based(secret: MacSecret, octets: bytes) -> tuple[AlgorithmIdentifier, Iterator[bytes]]:
    secret = _of_kind(secret, SharedSecret)
    if len(octets) > _LONGEST_REMEMBERED:
        mac, key = _password_based_key(secret, octets)
    else:
        mac, key = secret.kept(octets, lambda: _password_based_key(secret, octets))
    return mac, iter((key,))


def _password_based_key(secret: SharedSecret, octets: bytes) -> tuple[AlgorithmIdentifier, bytes]:
    """The inner MAC and its key, by parameters (DER) that are checked before any work is done."""
    parameters = decode(PBMParameter, octets)
    owf, size = hash_name(parameters.owf), key_size(parameters.mac)
    check_iterations("PasswordBasedMac", parameters.iteration_count, secret.max_iterations)
    check_salt("PasswordBasedMac", parameters.salt)
    base = secret.key(parameters.salt, owf, parameters.iteration_count)
    return parameters.mac, expanded(base, size, owf)


def _pbmac1(secret: MacSecret, octets: bytes) -> tuple[AlgorithmIdentifier, Iterator[bytes]]:
    secret, outer = _of_kind(secret, SharedSecret), decode(PBMAC1Params, octets)
    mac, size = outer.message_auth_scheme, natural_size(outer.message_auth_scheme)
    parameters = pbkdf2_parameters(outer.key_derivation_func, secret.max_iterations)
    length = size if parameters.key_length is None else parameters.key_length
    lengths = (length, length // 8) if length > _BITS_FOR_OCTETS else (length,)
    return mac, (secret.pbkdf2_key(parameters, octets) for octets in lengths)


def _dh_based(secret: MacSecret, octets: bytes) -> tuple[AlgorithmIdentifier, Iterator[bytes]]:
    secret, parameters = _of_kind(secret, AgreedSecret), decode(DHBMParameter, octets)
    owf = hash_name(parameters.owf)
    base = hashlib.new(owf, secret.octets).digest()
    return parameters.mac, iter((expanded(base, key_size(parameters.mac), owf),))


def _kem_based(secret: MacSecret, octets: bytes) -> tuple[AlgorithmIdentifier, Iterator[bytes]]:
    secret, parameters = _of_kind(secret, KemSecret), decode(KemBMParameter, octets)
    key_size(parameters.mac)
    from runner.pki.kems import kem_mac_key  # noqa: PLC0415 - few have a KEM key

    return parameters.mac, iter((kem_mac_key(secret.octets, parameters, secret.transaction_id),))


_SCHEMES: dict[str, Callable[[MacSecret, bytes], tuple[AlgorithmIdentifier, Iterator[bytes]]]] = {
    PASSWORD_BASED_MAC: _password_based,
    PBMAC1: _pbmac1,
    DH_BASED_MAC: _dh_based,
    KEM_BASED_MAC: _kem_based,
}


def _of_kind(secret: MacSecret, kind: type[T]) -> T:
    return secret if isinstance(secret, kind) else _wrong_kind()


def _wrong_kind() -> NoReturn:
    raise Unauthentic("the message is protected by another kind of MAC than this exchange has a secret for")


def _hashed(octets: bytes, digest: Callable[[bytes], hashlib._Hash], times: int) -> bytes:
    for _ in range(times):
        octets = digest(octets).digest()
    return octets
