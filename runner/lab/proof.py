"""Public keys and the proof that a requester holds the private one (RFC 4211 §4).

By signature: over the CertRequest as it came, or over a POPOSigningKeyInput. By decryption: of the certificate, of a
challenge, or by sending the private key to the CA. raVerified is believed of the RAs that the lab trusts, alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519

from runner.asn1.archive import CHALLENGE_RESP, ENCR_CERT, ENCRYPTED_KEY, POPO_PRIV_KEY
from runner.asn1.crmf import PKMACValue
from runner.asn1.der import SEQUENCE_TAG, read_header, tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import Malformed, Unauthentic
from runner.lab.keeping import opened
from runner.lab.received import cert_request
from runner.lab.rules import Rejection
from runner.lab.senders import SecretSender
from runner.pki.macs import verify_mac
from runner.pki.signing import load_public_key, verify_signature

if TYPE_CHECKING:
    from runner.asn1.crmf import CertReqMsg, POPOSigningKey
    from runner.lab.office import Office
    from runner.lab.received import Request

_RSA_BITS = (1024, 16_384)
_SENDER_TAG = 0xA0


_CERTIFIED_KEYS = (
    ec.EllipticCurvePublicKey,
    ed25519.Ed25519PublicKey,
    ed448.Ed448PublicKey,
    dsa.DSAPublicKey,
    mldsa.MLDSA44PublicKey,
    mldsa.MLDSA65PublicKey,
    mldsa.MLDSA87PublicKey,
    x25519.X25519PublicKey,
    x448.X448PublicKey,
    mlkem.MLKEM768PublicKey,
    mlkem.MLKEM1024PublicKey,
)
"""Kinds of keys that are certified in every size; RSA is measured."""


def acceptable_key(public_key_info: bytes) -> None:
    """The key is of a kind and size that the lab certifies."""
    try:
        key = load_public_key(public_key_info)
    except Malformed as problem:
        raise Rejection("badAlg", "the public key cannot be read, or is of an unknown kind") from problem
    if isinstance(key, rsa.RSAPublicKey):
        if not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
            raise Rejection("badAlg", f"an RSA key of {key.key_size} bits; {_RSA_BITS[0]} to {_RSA_BITS[1]} are taken")
    elif not isinstance(key, _CERTIFIED_KEYS):
        raise Rejection("badAlg", "keys of this kind are not certified here")


def by_decryption(message: CertReqMsg) -> bool:
    """Whether the requester will prove possession by opening a certificate that comes encrypted (RFC 4211 §4.2)."""
    inner = _private_key_proof(message)
    return inner is not None and inner.name == "subsequentMessage" and inner.value == ENCR_CERT


def by_challenge(message: CertReqMsg) -> bool:
    """Whether the requester will prove possession by answering a challenge (RFC 4211 §4.2)."""
    inner = _private_key_proof(message)
    return inner is not None and inner.name == "subsequentMessage" and inner.value == CHALLENGE_RESP


def _private_key_proof(message: CertReqMsg) -> Chosen | None:
    """The POPOPrivKey of a proof by a key that decrypts."""
    popo = message.popo
    if popo is None or popo.name not in ("keyEncipherment", "keyAgreement"):
        return None
    return POPO_PRIV_KEY.decode(popo.value)


def _by_sending_it(office: Office, message: CertReqMsg, public_key: bytes) -> bool:
    """Whether the private key itself came, encrypted to the CA (RFC 4211 §4.2: thisMessage, encryptedKey)."""
    inner = _private_key_proof(message)
    if inner is None or inner.name not in ("thisMessage", "encryptedKey"):
        return False
    key = inner.value if inner.name == "thisMessage" else ENCRYPTED_KEY.encode(Chosen("envelopedData", inner.value))
    try:
        opened(office, key, public_key)
    except Rejection as rejection:
        raise Rejection("badPOP", rejection.what) from None
    return True


def proven(office: Office, request: Request, number: int, public_key: bytes) -> None:
    """The requester holds the private key of what the request with this number is to certify."""
    message: CertReqMsg = request.content[number]
    if message.popo is None:
        raise Rejection("badPOP", "there is no proof of possession")
    if by_decryption(message) or by_challenge(message):
        return  # whoever confirms the certificate has opened it, whoever goes on has answered the challenge
    if _by_sending_it(office, message, public_key):
        return
    if message.popo.name == "raVerified" and office.is_ra(request.sender):
        return
    if message.popo.name != "signature":
        raise Rejection("badPOP", f"proof of possession by {message.popo.name} is not accepted here")
    proof: POPOSigningKey = message.popo.value
    data = _signed_data(office, request, number, public_key)
    if not verify_signature(public_key, proof.algorithm, proof.signature, data):
        raise Rejection("badPOP", "the proof of possession is not by the private key of the public key")


def _signed_data(office: Office, request: Request, number: int, public_key: bytes) -> bytes:
    """What the proof is a signature over."""
    proof: POPOSigningKey = request.content[number].popo.value
    if proof.poposk_input is None:
        return cert_request(request.received.body, number)
    if proof.poposk_input.public_key != public_key:
        raise Rejection("badPOP", "poposkInput is about another public key")
    _identified(office, request, proof.poposk_input.auth_info, public_key)
    return encode(proof.poposk_input)


def _identified(office: Office, request: Request, auth_info: bytes, public_key: bytes) -> None:
    """The authInfo is the sender of the message, or a MAC over the public key by the shared secret."""
    tag, start, stop = read_header(auth_info, 0, len(auth_info))
    if tag == _SENDER_TAG:
        if auth_info[start:stop] != request.header.sender:
            raise Rejection("badPOP", "the sender in poposkInput is not the sender of the message")
        return
    if not isinstance(request.sender, SecretSender):
        raise Rejection("badPOP", "publicKeyMAC in a message that is not protected by a secret")
    value = decode(PKMACValue, tlv(SEQUENCE_TAG, auth_info[start:stop]))  # the text of RFC 2511 has [1] around it
    try:
        right = verify_mac(office.secret, value.alg_id, value.value, public_key)
    except Unauthentic as problem:
        raise Rejection("badPOP", f"publicKeyMAC: {problem.what}") from problem
    if not right:
        raise Rejection("badPOP", "publicKeyMAC is not by the shared secret")
