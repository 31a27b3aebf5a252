"""A key in a token as a Signer and a Decrypter: what is signed and opened goes in, what comes of it comes out.

ECDSA hashes here and signs there, and its two numbers are put in DER (RFC 3279 §2.2.3): every token knows CKM_ECDSA.
The key itself never leaves the token.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runner.asn1.algorithms import DER_NULL, ECDSA_SIGNATURES, ED25519, RSA_SIGNATURES, AlgorithmIdentifier
from runner.errors import KeyStoreError
from runner.keystores.tokenmodules import binding
from runner.keystores.tokenobjects import private_key
from runner.keystores.tokenpool import session
from runner.pki.opening import cannot_open, rsa_padding
from runner.pki.signers import SignatureChoice
from runner.pki.signing import load_public_key
from runner.system import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Mapping

_REJECTION = SystemEntropy().octets(32)
"""What stands in for a secret that was not well padded (implicit rejection), the same for the same ciphertext."""


class TokenKey:
    """A Signer and Decrypter whose key is in a token. Its repr shows where, and nothing secret."""

    def __init__(
        self,
        path: str,
        public_key_info: bytes,
        pin: bytes | None,
        choice: SignatureChoice = SignatureChoice(),
    ) -> None:
        self._path = path
        self._pin = pin
        self.public_key_info = public_key_info
        self._public = load_public_key(public_key_info)
        self._digest = choice.digest or _suitable(self._public)
        self.algorithm = self._algorithm(choice)

    def __repr__(self) -> str:
        return f"<TokenKey {self._path}>"

    def _algorithm(self, choice: SignatureChoice) -> AlgorithmIdentifier:
        if choice.pss:
            raise KeyStoreError(
                "keys in tokens do not sign with RSASSA-PSS here", next_step="leave the choice of signature out"
            )
        if isinstance(self._public, rsa.RSAPublicKey):
            return AlgorithmIdentifier(algorithm=_oid(RSA_SIGNATURES, self._digest), parameters=DER_NULL)
        if isinstance(self._public, ec.EllipticCurvePublicKey):
            return AlgorithmIdentifier(algorithm=_oid(ECDSA_SIGNATURES, self._digest))
        if isinstance(self._public, ed25519.Ed25519PublicKey):
            return AlgorithmIdentifier(algorithm=ED25519)
        raise KeyStoreError(
            f"the key {self._path} is of a kind that is not used in tokens",
            next_step="use rsa, ec or ed25519 there",
        )

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`. KeyStoreError where the token does not make it."""
        mechanism = binding().Mechanism
        with session(self._path, self._pin) as (borrowed, uri):
            key = private_key(borrowed, uri)
            if isinstance(self._public, rsa.RSAPublicKey):
                return bytes(key.sign(data, mechanism=mechanism[f"{self._digest.upper()}_RSA_PKCS"]))
            if isinstance(self._public, ec.EllipticCurvePublicKey):
                digest = hashlib.new(self._digest, data).digest()
                return _in_der(bytes(key.sign(digest, mechanism=mechanism.ECDSA)))
            return bytes(key.sign(data, mechanism=mechanism.EDDSA))

    def decrypt(self, algorithm: AlgorithmIdentifier, ciphertext: bytes) -> bytes:
        """As in runner.pki.opening.Decrypter, inside the token."""
        padding = rsa_padding(algorithm)
        with session(self._path, self._pin) as (borrowed, uri):
            return self._decrypted(private_key(borrowed, uri), padding, ciphertext)

    def _decrypted(self, key: Any, padding: object, ciphertext: bytes) -> bytes:
        errors, mechanism = binding().exceptions, binding().Mechanism
        try:
            if isinstance(padding, OAEP):
                oaep = {"mechanism": mechanism.RSA_PKCS_OAEP, "mechanism_param": _oaep(padding)}
                return bytes(key.decrypt(ciphertext, **oaep))
            return bytes(key.decrypt(ciphertext, mechanism=mechanism.RSA_PKCS))
        except (errors.EncryptedDataInvalid, errors.EncryptedDataLenRange, errors.GeneralError, errors.ArgumentsBad):
            if isinstance(padding, OAEP) or not isinstance(self._public, rsa.RSAPublicKey):
                raise cannot_open() from None
            return hmac.digest(_REJECTION, ciphertext, "sha256")

    def agree(self, public_key_info: bytes) -> bytes:
        """As in runner.pki.opening.Decrypter, inside the token; EC only."""
        peer = load_public_key(public_key_info)
        if not (isinstance(peer, ec.EllipticCurvePublicKey) and isinstance(self._public, ec.EllipticCurvePublicKey)):
            raise cannot_open()
        if peer.curve.name != self._public.curve.name:
            raise cannot_open()
        point = peer.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        pkcs11 = binding()
        open_template = {pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True}
        octets = (self._public.curve.key_size + 7) // 8
        with session(self._path, self._pin) as (borrowed, uri):
            secret = private_key(borrowed, uri).derive_key(
                pkcs11.KeyType.GENERIC_SECRET,
                octets * 8,
                mechanism_param=(pkcs11.KDF.NULL, None, point),
                template=open_template,
            )
            return bytes(secret[pkcs11.Attribute.VALUE]).rjust(octets, b"\0")

    def decapsulate(self, ciphertext: bytes) -> bytes:  # noqa: ARG002 - as in Decrypter
        """Never: tokens of today hold no ML-KEM keys for us."""
        raise cannot_open()


def _suitable(public: object) -> str:
    """The hash that suits a key: that of the curve's strength (RFC 9481 §3.2), else SHA-256."""
    bits = public.curve.key_size if isinstance(public, ec.EllipticCurvePublicKey) else 0
    strengths = ((512, "sha512"), (384, "sha384"), (0, "sha256"))
    return next(digest for least, digest in strengths if bits >= least)


def _oid(names: Mapping[str, str], digest: str) -> str:
    for oid, name in names.items():
        if name == digest:
            return oid
    raise KeyStoreError(f"a key in a token does not sign with {digest}", next_step="use sha256, sha384 or sha512")


def _in_der(signature: bytes) -> bytes:
    """The numbers r ‖ s, as tokens give it, as Ecdsa-Sig-Value."""
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _oaep(padding: OAEP) -> tuple[Any, Any, bytes | None]:
    """CK_RSA_PKCS_OAEP_PARAMS. The library's padding hides its parts, and has no other door."""
    pkcs11, mask = binding(), padding.mgf
    digest = padding.algorithm.name.upper()
    mask_digest = mask._algorithm.name.upper() if isinstance(mask, MGF1) else digest  # noqa: SLF001
    hash_mechanism = pkcs11.Mechanism.SHA_1 if digest == "SHA1" else pkcs11.Mechanism[digest]
    return hash_mechanism, pkcs11.MGF[mask_digest], padding._label  # noqa: SLF001
