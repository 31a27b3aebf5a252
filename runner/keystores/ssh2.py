"""ssh.com's private keys of Secure Shell 2 (`ssh2`, also `secsh2`, `secsh`): RSA and DSA, plain or under 3DES.

A text armour with headers around a blob of 32-bit lengths and numbers with their length in bits.
Nobody has published how such files hold EC or Ed25519 keys: those are refused.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from runner.keystores.numbers import dsa_key, rsa_key
from runner.keystores.octetreader import OctetReader, Short, number, string
from runner.keystores.refusals import cannot_hold, damaged, does_not_open, needs_passphrase, not_supported
from runner.keystores.threedes import BLOCK, outer_decrypt, outer_encrypt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal

_BEGIN = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
_END = b"---- END SSH2 ENCRYPTED PRIVATE KEY ----"
_MAGIC = 0x3F6FF9EB
_RSA = b"if-modn{sign{rsa-pkcs1-sha1},encrypt{rsa-pkcs1v2-oaep}}"
_DSA = b"dl-modp{sign{dsa-nist-sha1},dh{plain}}"
_NONE, _THREE_DES = b"none", b"3des-cbc"
_LINE = 70


def recognises(octets: bytes) -> bool:
    """Whether this is such a file."""
    return _BEGIN in octets


def is_sealed(octets: bytes) -> bool:
    """Whether its cipher is another than `none`."""
    return _opened_armour(octets)[1] != _NONE


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """The key in it. Raises KeyStoreError."""
    kind, cipher, encrypted = _opened_armour(octets)
    try:
        payload = OctetReader(OctetReader(_plain(cipher, encrypted, passphrase)).string())
        return _key(kind, payload)
    except Short:
        raise (does_not_open() if cipher != _NONE else damaged("its lengths contradict each other")) from None


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key as such a file, under 3DES where there is a seal. KeyStoreError for other keys than RSA and DSA."""
    kind, payload = _payload(key)
    plain, cipher = string(payload), _NONE
    if seal is not None:
        plain, cipher = plain + seal.entropy.octets(-len(plain) % BLOCK), _THREE_DES
        plain = outer_encrypt(seal.passphrase, plain)
    inner = string(kind) + string(cipher) + string(plain)
    blob = _MAGIC.to_bytes(4, "big") + (len(inner) + 8).to_bytes(4, "big") + inner
    text = b64encode(blob)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return b"\n".join((_BEGIN, b'Comment: "cmp-batch"', *lines, _END, b""))


def _opened_armour(octets: bytes) -> tuple[bytes, bytes, bytes]:
    """Key type, cipher and what it enciphers."""
    try:
        blob = b64decode(_body(octets), validate=True)
        reader = OctetReader(blob)
        magic, length = reader.uint(4), reader.uint(4)
        kind, cipher, encrypted = reader.string(), reader.string(), reader.string()
    except (ValueError, Short):
        raise damaged("what its armour holds is cut short or no base64") from None
    if (magic, length) != (_MAGIC, len(blob)) or reader.rest():
        raise damaged("what its armour holds is not as long as it says")
    if cipher not in (_NONE, _THREE_DES):
        raise not_supported("its cipher is neither none nor 3des-cbc")
    return kind, cipher, encrypted


def _body(octets: bytes) -> bytes:
    """The base64 of the armour. A header has a colon, and goes on where its line ends in a backslash."""
    lines = iter(octets.partition(_BEGIN)[2].splitlines()[1:])
    body: list[bytes] = []
    for line in lines:
        text = line.strip()
        if text == _END:
            return b"".join(body)
        if b":" not in text:
            body.append(text)
        while text.endswith(b"\\"):
            text = next(lines, b"").strip()
    raise damaged("its armour has no end")


def _plain(cipher: bytes, encrypted: bytes, passphrase: bytes | None) -> bytes:
    if cipher == _NONE:
        return encrypted
    if not passphrase:
        raise needs_passphrase()
    if len(encrypted) % BLOCK:
        raise damaged("its enciphered part does not consist of whole blocks")
    return outer_decrypt(passphrase, encrypted)


def _key(kind: bytes, payload: OctetReader) -> PrivateKeyTypes:
    if kind.startswith(b"if-modn"):
        e, d, n, u, p, q = (payload.number(4) for _ in range(6))
        key: PrivateKeyTypes = rsa_key(n=n, e=e, d=d, p=p, q=q, u=u)
    elif kind.startswith(b"dl-modp"):
        if payload.uint(4):
            raise not_supported("its DSA parameters are predefined ones")
        p, g, q, y, x = (payload.number(4) for _ in range(5))
        key = dsa_key(p=p, q=q, g=g, y=y, x=x)
    else:
        raise not_supported("its key is neither RSA nor DSA")
    if payload.rest():
        raise Short
    return key


def _payload(key: PrivateKeyTypes) -> tuple[bytes, bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        secret = key.private_numbers()
        p, q = sorted((secret.p, secret.q))
        public = secret.public_numbers
        return _RSA, b"".join(number(value, 4) for value in (public.e, secret.d, public.n, pow(p, -1, q), p, q))
    if isinstance(key, dsa.DSAPrivateKey):
        numbers = key.private_numbers()
        y, domain = numbers.public_numbers.y, numbers.public_numbers.parameter_numbers
        values = (domain.p, domain.g, domain.q, y, numbers.x)
        return _DSA, bytes(4) + b"".join(number(value, 4) for value in values)
    raise cannot_hold("ssh2")
