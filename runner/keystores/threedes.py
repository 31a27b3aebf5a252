"""What ssh.com and SSH 1 seal keys with: 3DES under MD5 of the passphrase, with a zero vector.

For files of an age that knew nothing better; a passphrase protects little here.
"""

from __future__ import annotations

from hashlib import md5

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 8
_ZERO = bytes(BLOCK)


def outer_encrypt(passphrase: bytes, octets: bytes) -> bytes:
    """3DES in (outer) CBC as ssh.com does it; `octets` are whole blocks."""
    return _encrypted(_outer_key(passphrase), octets)


def outer_decrypt(passphrase: bytes, octets: bytes) -> bytes:
    """The reverse of outer_encrypt."""
    return _decrypted(_outer_key(passphrase), octets)


def inner_encrypt(passphrase: bytes, octets: bytes) -> bytes:
    """Three passes of single DES, each in a CBC of its own, as SSH 1 does it; `octets` are whole blocks."""
    first, second = _inner_keys(passphrase)
    return _encrypted(first, _decrypted(second, _encrypted(first, octets)))


def inner_decrypt(passphrase: bytes, octets: bytes) -> bytes:
    """The reverse of inner_encrypt."""
    first, second = _inner_keys(passphrase)
    return _decrypted(first, _encrypted(second, _decrypted(first, octets)))


def _outer_key(passphrase: bytes) -> bytes:
    head = _md5(passphrase)
    return (head + _md5(passphrase + head))[:24]


def _inner_keys(passphrase: bytes) -> tuple[bytes, bytes]:
    """Two single-DES keys; DES is 3DES with one key three times."""
    digest = _md5(passphrase)
    return digest[:8] * 3, digest[8:] * 3


def _md5(octets: bytes) -> bytes:
    return md5(octets, usedforsecurity=False).digest()


def _encrypted(key: bytes, octets: bytes) -> bytes:
    encryptor = Cipher(TripleDES(key), CBC(_ZERO)).encryptor()
    return encryptor.update(octets) + encryptor.finalize()


def _decrypted(key: bytes, octets: bytes) -> bytes:
    decryptor = Cipher(TripleDES(key), CBC(_ZERO)).decryptor()
    return decryptor.update(octets) + decryptor.finalize()
