"""Private keys that the lab has: made for requesters, or entrusted to it; and to whom they go out again.

RFC 9483 §4.1.6, RFC 4211 §6.4, RFC 9810 §5.3.7 and §5.3.8. At rest a key is an EncKeyWithID in an
EnvelopedData to the archive's key. Whatever cannot be opened is refused in one and the same words: the lab is nobody's
decryption oracle (RFC 9810 §8.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from runner.asn1.algorithms import RSA_ENCRYPTION
from runner.asn1.archive import ENCRYPTED_KEY, PKI_ARCHIVE_OPTIONS
from runner.asn1.cmp import CMP_2021
from runner.asn1.cms import ENC_KEY_WITH_ID, ENVELOPED_DATA, ContentInfo, EnvelopedData
from runner.asn1.primitives import UTF8_STRING
from runner.asn1.signed import EncKeyWithID, OneAsymmetricKey
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.lab.rules import Rejection
from runner.lab.senders import CertificateSender, SecretSender
from runner.lab.services import ARCHIVE, ENCRYPTION, KEY_GENERATION
from runner.pki.envelopes import (
    Recipient,
    SecretRecipient,
    open_envelope,
    recipient_of,
    recipient_of_request,
    seal_envelope,
)
from runner.pki.opening import PrivateKeyDecrypter
from runner.pki.private_keys import Judgement, open_private_key, seal_private_key, seal_private_key_v2
from runner.pki.signers import PrivateKeySigner
from runner.pki.signing import load_public_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.asn1.crmf import CertReqMsg
    from runner.lab.office import Office
    from runner.lab.received import Request

_PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"
_ARCHIVE_OPTIONS = "1.3.6.1.5.5.7.5.1.4"
_RSA_BITS = 2048
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "06082a8648ce3d030107": ec.SECP256R1,
    "06052b81040022": ec.SECP384R1,
    "06052b81040023": ec.SECP521R1,
}
_MAKERS: dict[str, Callable[[], PrivateKeyTypes]] = {
    RSA_ENCRYPTION: lambda: rsa.generate_private_key(65537, _RSA_BITS),
    "1.3.101.110": x25519.X25519PrivateKey.generate,
    "1.3.101.111": x448.X448PrivateKey.generate,
    "1.3.101.112": ed25519.Ed25519PrivateKey.generate,
    "1.3.101.113": ed448.Ed448PrivateKey.generate,
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PrivateKey.generate,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PrivateKey.generate,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PrivateKey.generate,
    "2.16.840.1.101.3.4.4.2": mlkem.MLKEM768PrivateKey.generate,
    "2.16.840.1.101.3.4.4.3": mlkem.MLKEM1024PrivateKey.generate,
}
_EC = "1.2.840.10045.2.1"
_ENCRYPTED_TO = (
    rsa.RSAPublicKey,
    ec.EllipticCurvePublicKey,
    x25519.X25519PublicKey,
    x448.X448PublicKey,
    mlkem.MLKEM768PublicKey,
    mlkem.MLKEM1024PublicKey,
)


def make_key(wish: bytes | None) -> tuple[bytes, bytes]:
    """(PrivateKeyInfo, SubjectPublicKeyInfo) of a fresh key: as wished by a key without bits; else P-256."""
    key = ec.generate_private_key(ec.SECP256R1()) if wish is None else _wished(wish)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _wished(wish: bytes) -> PrivateKeyTypes:
    algorithm = decode(SubjectPublicKeyInfo, wish).algorithm
    curve = _CURVES.get((algorithm.parameters or b"").hex()) if algorithm.algorithm == _EC else None
    if curve is not None:
        return ec.generate_private_key(curve())
    maker = _MAKERS.get(algorithm.algorithm)
    if maker is None:
        raise Rejection("badAlg", f"keys of {algorithm.algorithm} with these parameters are not made here")
    return maker()


def is_wish(public_key: bytes | None) -> bool:
    """Whether a CertTemplate leaves it to the CA to make the key: there is none, or its bits are missing."""
    try:
        return public_key is None or decode(SubjectPublicKeyInfo, public_key).subject_public_key == b""
    except Malformed:
        return False


def decrypts(public_key: bytes, pvno: int) -> bool:
    """Whether something can be encrypted to a key; CMP 2000 can do that for RSA alone."""
    return isinstance(load_public_key(public_key), _ENCRYPTED_TO if pvno >= CMP_2021 else rsa.RSAPublicKey)


def keep(office: Office, serial: int, private_key_info: bytes, subject: str) -> None:
    """Put the private key of a certificate into the archive."""
    key = EncKeyWithID(private_key=decode(OneAsymmetricKey, private_key_info), identifier=UTF8_STRING.encode(subject))
    to = recipient_of(office.service(ARCHIVE).certificate)
    sealed = seal_envelope(ENC_KEY_WITH_ID, encode(key), to, office.entropy)
    office.storage.keep_key(serial, encode(ContentInfo(content_type=ENVELOPED_DATA, content=encode(sealed))))


def kept(office: Office, serial: int) -> bytes:
    """A private key (PrivateKeyInfo, DER) from the archive."""
    envelope = decode(EnvelopedData, decode(ContentInfo, office.storage.key(serial)).content)
    return encode(decode(EncKeyWithID, open_envelope(envelope, _decrypter(office.service(ARCHIVE).key))).private_key)


def _decrypter(key: PrivateKeyTypes) -> PrivateKeyDecrypter:
    return PrivateKeyDecrypter(key)  # type: ignore[arg-type]  # services.py makes keys that decrypt for these purposes


def _control(message: CertReqMsg, oid: str) -> bytes | None:
    return next((control.value for control in message.cert_req.controls if control.type == oid), None)


def entrusted(office: Office, message: CertReqMsg, public_key: bytes, generated: bytes) -> bytes:
    """The private key that goes into the archive, as pkiArchiveOptions asks; empty where it does not."""
    value = _control(message, _ARCHIVE_OPTIONS)
    if value is None:
        return b""
    chosen = PKI_ARCHIVE_OPTIONS.decode(value)
    if chosen.name == "encryptedPrivKey":
        return opened(office, ENCRYPTED_KEY.encode(chosen.value), public_key)
    if chosen.name == "archiveRemGenPrivKey" and (generated or not chosen.value):
        return generated if chosen.value else b""
    raise Rejection("badRequest", f"pkiArchiveOptions: {chosen.name} is not taken for this request")


def opened(office: Office, encrypted_key: bytes, public_key: bytes) -> bytes:
    """The private key in an EncryptedKey for the CA. It is that of `public_key`; nothing is told of any other."""
    decrypter = _decrypter(office.service(ENCRYPTION).key)
    try:
        package = open_private_key(encrypted_key, decrypter, Judgement(office.now(), unsigned=True))
        if load_public_key(package.public_key_info) == load_public_key(public_key):
            return package.private_key_info
    except (ProtocolError, Unauthentic, Malformed):
        pass
    raise Rejection("badRequest", "the private key that came cannot be opened, or is not that of the request")


def seal_for(office: Office, request: Request, message: CertReqMsg, private_key_info: bytes) -> bytes:
    """The EncryptedKey (DER) in which a private key goes out to who asks."""
    own = _control(message, _PROTOCOL_ENCR_KEY)
    if request.header.pvno < CMP_2021:
        return seal_private_key_v2(private_key_info, own or b"", office.entropy)
    authority = office.service(KEY_GENERATION)
    signer = PrivateKeySigner(authority.key)  # type: ignore[arg-type]  # a P-256 key
    to = _recipient(office, request, own)
    return seal_private_key(private_key_info, to, office.entropy, signer, (authority.certificate,))


def _recipient(office: Office, request: Request, own: bytes | None) -> Recipient:
    if own is not None:
        return recipient_of_request(own, 0)
    if isinstance(request.sender, SecretSender):
        return SecretRecipient(office.secret)
    if isinstance(request.sender, CertificateSender):
        return recipient_of(request.sender.certificate)
    raise Rejection("badMessageCheck", "nobody is known to whom a key could go")


def reachable(office: Office, request: Request, message: CertReqMsg) -> None:
    """A private key could go out to who asks; Rejection where nothing can be encrypted to what he has."""
    own = _control(message, _PROTOCOL_ENCR_KEY)
    if request.header.pvno < CMP_2021:
        if own is None or not isinstance(load_public_key(own), rsa.RSAPublicKey):
            raise Rejection("badCertTemplate", "in CMP 2000 a private key goes out to an RSA key in protocolEncrKey")
        return
    to = _recipient(office, request, own)
    if not isinstance(to, SecretRecipient) and not isinstance(load_public_key(to.public_key_info), _ENCRYPTED_TO):
        raise Rejection("badCertTemplate", "nothing can be encrypted to your key: send one in protocolEncrKey")
