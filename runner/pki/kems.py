"""Key encapsulation: ML-KEM-768 and -1024, and the key of the KEM-based MAC (RFC 9810 §5.1.3.4, RFC 9935).

ML-KEM-512 has no place in `cryptography`, hence none here. A ciphertext and its secret serve one operation only;
seeing to that is left to the callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import mlkem

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.infotypes import KemCiphertextInfo
from runner.asn1.parameters import KEM_BASED_MAC, ML_KEMS, KemBMParameter, KemOtherInfo
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import ProtocolError
from runner.pki.derivation import derive
from runner.pki.opening import cannot_open
from runner.pki.signing import load_public_key

if TYPE_CHECKING:
    from runner.pki.opening import Decrypter

_STATIC = ("CMP-KEM",)
_HKDF_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.1.9.16.3.28")
_HMAC_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9")
_MAC_KEY_OCTETS = 32


def encapsulate(public_key_info: bytes) -> tuple[bytes, KemCiphertextInfo]:
    """A fresh shared secret, and its ciphertext for the owner of the key. ProtocolError where it is no ML-KEM key."""
    key = load_public_key(public_key_info)
    if not isinstance(key, mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey):
        raise ProtocolError("the public key is of no key encapsulation that we know")
    secret, ciphertext = key.encapsulate()
    kem = AlgorithmIdentifier(algorithm=key_algorithm(public_key_info).algorithm)
    return secret, KemCiphertextInfo(kem=kem, ct=ciphertext)


def is_kem_key(public_key_info: bytes) -> bool:
    """Whether a key is one that can be encapsulated to here."""
    return key_algorithm(public_key_info).algorithm in ML_KEMS


def decapsulate(decrypter: Decrypter, info: KemCiphertextInfo) -> bytes:
    """The shared secret in a ciphertext; ProtocolError where it is not for our key.

    ML-KEM never fails on a wrong ciphertext of the right length (implicit rejection): the MAC will then be wrong.
    """
    if info.kem.algorithm not in ML_KEMS or key_algorithm(decrypter.public_key_info).algorithm != info.kem.algorithm:
        raise cannot_open()
    return decrypter.decapsulate(info.ct)


def key_algorithm(public_key_info: bytes) -> AlgorithmIdentifier:
    """The algorithm that a SubjectPublicKeyInfo names."""
    return decode(SubjectPublicKeyInfo, public_key_info).algorithm


def kem_mac_parameter(kem_context: bytes | None = None) -> KemBMParameter:
    """The parameters that we send: HKDF-SHA256, a key of 32 octets, HMAC-SHA256."""
    return KemBMParameter(kdf=_HKDF_SHA256, kem_context=kem_context, length=_MAC_KEY_OCTETS, mac=_HMAC_SHA256)


def kem_mac_algorithm() -> AlgorithmIdentifier:
    """The protectionAlg of a message with a KEM-based MAC, as we send it."""
    return AlgorithmIdentifier(algorithm=KEM_BASED_MAC, parameters=encode(kem_mac_parameter()))


def kem_mac_key(secret: bytes, parameter: KemBMParameter, transaction_id: bytes) -> bytes:
    """The MAC key: KDF(ss, len, KemOtherInfo). `transaction_id` is that of the message that carried the ciphertext.

    Unauthentic for a KDF or a length that is not acceptable.
    """
    other = KemOtherInfo(static_string=_STATIC, transaction_id=transaction_id, kem_context=parameter.kem_context)
    return derive(parameter.kdf, secret, parameter.length, encode(other))
