"""The other end of KEM-based MACs (RFC 9810 §5.1.3.4), before the real lab; its derivation is `cryptography`'s.

It takes a client's KEM certificate, or has a KEM key of its own; what is inside its messages the lab decides, which is
asked under its own shared secret.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from support.requester import pbm, pbm_parameters

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.asn1.cmp import (
    FAIL_INFO,
    PKI_BODY,
    PKI_STATUS,
    ErrorMsgContent,
    InfoTypeAndValue,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
)
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.parameters import KemBMParameter
from runner.asn1.structures import Chosen, decode, encode
from runner.pki.certificates import parse_certificate

_ITEM = "1.3.6.1.5.5.7.4.24"
_KEM_BASED_MAC = "1.2.840.113533.7.66.16"
_HKDF = AlgorithmIdentifier(algorithm="1.2.840.113549.1.9.16.3.28")
_HMAC = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9")
_ML_KEM_768, _ML_KEM_1024 = "2.16.840.1.101.3.4.4.2", "2.16.840.1.101.3.4.4.3"


def mac_key(secret: bytes, transaction: bytes) -> bytes:
    """KemOtherInfo by hand: SEQUENCE { SEQUENCE { UTF8String "CMP-KEM" }, OCTET STRING transactionID }."""
    static = tlv(0x30, tlv(0x0C, b"CMP-KEM"))
    info = tlv(0x30, static + tlv(0x04, transaction))
    return HKDF(hashes.SHA256(), 32, None, info).derive(secret)


def kem_algorithm():
    parameter = KemBMParameter(kdf=_HKDF, length=32, mac=_HMAC)
    return AlgorithmIdentifier(algorithm=_KEM_BASED_MAC, parameters=encode(parameter))


def protected_octets(octets):
    start, stop = open_sequence(octets)
    header, body, *_ = elements(octets, start, stop, 4)
    return tlv(0x30, header + body)


@dataclass
class KemServer:
    """`behave` of a Peer. `own` is a KEM key of its own, whose certificate it may `announce`."""

    own: object = None
    certificate: bytes = b""
    announces: bool = False
    spoils: bool = False
    other_transaction: bool = False
    secrets: dict = field(default_factory=dict)
    heard: list = field(default_factory=list)

    def __call__(self, lab, request, number):
        message = decode(PKIMessage, request)
        self.heard.append(message)
        header = message.header
        if message.body.name == "genm" and message.body.value[0].info_type == _ITEM:
            return self._gives(message)
        items = {item.info_type: item.info_value for item in header.general_info}
        if self.own is not None and _ITEM in items:
            ciphertext = _ciphertext(items[_ITEM])
            self.secrets[header.transaction_id] = self.own.decapsulate(ciphertext)
        if self.announces and header.transaction_id not in self.secrets:
            return self._announce(message)
        if header.protection_alg.algorithm == _KEM_BASED_MAC:
            self._judge(message, request)
        return self._answer(lab, message, request)

    def _gives(self, message):
        """A genp without protection, with a ciphertext for the certificate in extraCerts."""
        assert message.protection is None
        assert message.header.protection_alg is None
        public = mlkem_public(parse_certificate(message.extra_certs[0]).public_key_info)
        secret, ciphertext = public.encapsulate()
        self.secrets[message.header.transaction_id] = secret
        value = tlv(
            0x30,
            encode(
                AlgorithmIdentifier(
                    algorithm=_ML_KEM_768 if isinstance(public, mlkem.MLKEM768PublicKey) else _ML_KEM_1024
                )
            )
            + tlv(0x04, ciphertext),
        )
        body = Chosen("genp", (InfoTypeAndValue(info_type=_ITEM, info_value=value),))
        return encode(PKIMessage(header=_reply(message), body=body))

    def _judge(self, message, request):
        key = mac_key(self.secrets[message.header.transaction_id], message.header.transaction_id)
        assert message.header.protection_alg == kem_algorithm()
        assert hmac.digest(key, protected_octets(request), "sha256") == message.protection

    def _announce(self, message):
        status = PKIStatusInfo(
            status=PKI_STATUS.index("rejection"), fail_info=frozenset({FAIL_INFO.index("wrongIntegrity")})
        )
        body = Chosen("error", ErrorMsgContent(pki_status_info=status))
        return encode(PKIMessage(header=_reply(message), body=body, extra_certs=(self.certificate,)))

    def _answer(self, lab, message, request):
        """The lab's answer. What speaks of a KEM goes to it under its secret and without, and its answer comes back."""
        header = message.header
        of_kem = header.protection_alg.algorithm == _KEM_BASED_MAC or _ITEM in _types(header)
        asked = self._for_lab(lab, message) if of_kem else request
        answer = decode(PKIMessage, lab.respond(asked))
        if self.own is None:
            return self._signed(lab, answer)
        transaction = message.header.transaction_id
        key = mac_key(self.secrets[transaction], bytes(16) if self.other_transaction else transaction)
        header = replace(answer.header, protection_alg=kem_algorithm())
        part = tlv(0x30, encode(header) + PKI_BODY.encode(answer.body))
        bits = hmac.digest(key, part + (b"!" if self.spoils else b""), "sha256")
        return encode(PKIMessage(header=header, body=answer.body, protection=bits))

    def _for_lab(self, lab, message):
        reference, _, key = lab.psk.partition(":")
        parameters = pbm_parameters()
        algorithm = AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=parameters)
        first = message.body.name == "ir"
        header = replace(
            message.header,
            protection_alg=algorithm,
            sender_kid=reference.encode(),
            general_info=tuple(item for item in message.header.general_info if item.info_type != _ITEM),
            recip_nonce=None if first else message.header.recip_nonce,
        )
        part = tlv(0x30, encode(header) + PKI_BODY.encode(message.body))
        return encode(PKIMessage(header=header, body=message.body, protection=pbm(key.encode(), parameters, part)))

    def _signed(self, lab, answer):
        """The client's KEM proves nothing of the CA: it signs."""
        signer = lab._office.issuer.signer
        header = replace(answer.header, protection_alg=signer.algorithm, sender_kid=None)
        part = tlv(0x30, encode(header) + PKI_BODY.encode(answer.body))
        return encode(
            PKIMessage(header=header, body=answer.body, protection=signer.sign(part), extra_certs=(lab.ca_certificate,))
        )


def _types(header) -> list[str]:
    return [item.info_type for item in header.general_info]


def _reply(message) -> PKIHeader:
    header = message.header
    return PKIHeader(
        pvno=header.pvno,
        sender=header.recipient,
        recipient=header.sender,
        transaction_id=header.transaction_id,
        sender_nonce=b"a nonce of the server",
        recip_nonce=header.sender_nonce,
    )


def _ciphertext(value: bytes) -> bytes:
    start, stop = open_sequence(value)
    _, ciphertext = elements(value, start, stop, 2)
    inner, end = 4 if ciphertext[1] == 0x82 else 2, len(ciphertext)
    return ciphertext[inner:end]


def mlkem_public(info: bytes):
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(info)
