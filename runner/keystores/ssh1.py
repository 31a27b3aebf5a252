"""Private keys of Secure Shell 1 (`ssh1`, also `secsh1`): RSA, plain or under 3DES with inner CBC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from runner.keystores.numbers import rsa_key
from runner.keystores.octetreader import OctetReader, Short, number, string
from runner.keystores.refusals import cannot_hold, damaged, does_not_open, needs_passphrase, not_supported
from runner.keystores.threedes import BLOCK, inner_decrypt, inner_encrypt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal

_MARK = b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0"
_NONE, _THREE_DES = 0, 3
_COMMENT = b"cmp-batch"


def recognises(octets: bytes) -> bool:
    """Whether this is such a file."""
    return octets.startswith(_MARK)


def is_sealed(octets: bytes) -> bool:
    """Whether its cipher is another than none."""
    return octets[len(_MARK) : len(_MARK) + 1] != bytes((_NONE,))


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """The key in it. Raises KeyStoreError."""
    reader = OctetReader(octets[len(_MARK) :])
    try:
        cipher, reserved, bits = reader.uint(1), reader.uint(4), reader.uint(4)
        n, e = reader.number(2), reader.number(2)
        reader.string()  # the comment
        rest = reader.rest()
    except Short:
        raise damaged("its lengths contradict each other") from None
    if reserved or bits != n.bit_length():
        raise damaged("its head contradicts itself")
    return _key(n, e, OctetReader(_plain(cipher, rest, passphrase)), sealed=cipher != _NONE)


def _plain(cipher: int, rest: bytes, passphrase: bytes | None) -> bytes:
    if cipher == _NONE:
        return rest
    if cipher != _THREE_DES:
        raise not_supported("its cipher is neither none nor 3DES")
    if not passphrase:
        raise needs_passphrase()
    if len(rest) % BLOCK:
        raise damaged("its enciphered part does not consist of whole blocks")
    return inner_decrypt(passphrase, rest)


def _key(n: int, e: int, secret: OctetReader, *, sealed: bool) -> PrivateKeyTypes:
    try:
        d, u, q, p = _secret_numbers(secret)
    except Short:
        raise (does_not_open() if sealed else damaged("its lengths contradict each other")) from None
    return rsa_key(n=n, e=e, d=d, p=q, q=p, u=u)  # here u is q⁻¹ mod p


def _secret_numbers(secret: OctetReader) -> list[int]:
    if secret.take(2) != secret.take(2):
        raise Short
    numbers = [secret.number(2) for _ in range(4)]
    if secret.rest().strip(b"\0"):
        raise Short
    return numbers


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key as such a file, under 3DES where there is a seal. KeyStoreError for other keys than RSA."""
    if not isinstance(key, RSAPrivateKey):
        raise cannot_hold("ssh1")
    secret = key.private_numbers()
    n, e = secret.public_numbers.n, secret.public_numbers.e
    q, p = sorted((secret.p, secret.q))
    head = (_THREE_DES if seal else _NONE).to_bytes(1, "big") + bytes(4) + n.bit_length().to_bytes(4, "big")
    head += number(n, 2) + number(e, 2) + string(_COMMENT)
    check = seal.entropy.octets(2) if seal else bytes(2)
    plain = check * 2 + b"".join(number(value, 2) for value in (secret.d, pow(q, -1, p), q, p))
    plain += bytes(-len(plain) % BLOCK)
    return _MARK + head + (inner_encrypt(seal.passphrase, plain) if seal else plain)
