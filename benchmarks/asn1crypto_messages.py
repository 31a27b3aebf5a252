"""The messages of codec.py by asn1crypto: the few structures of RFC 9810 and RFC 4211 that they need.

Kept apart because asn1crypto is no dependency: importing this raises ImportError where it is absent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from asn1crypto import core, keys, x509

if TYPE_CHECKING:
    from datetime import datetime
    from types import SimpleNamespace


class AlgorithmIdentifier(core.Sequence):
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]  # noqa: RUF012


class Header(core.Sequence):
    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("pvno", core.Integer),
        ("sender", x509.GeneralName),
        ("recipient", x509.GeneralName),
        ("message_time", core.GeneralizedTime, {"explicit": 0, "optional": True}),
        ("protection_alg", AlgorithmIdentifier, {"explicit": 1, "optional": True}),
        ("sender_kid", core.OctetString, {"explicit": 2, "optional": True}),
        ("recip_kid", core.OctetString, {"explicit": 3, "optional": True}),
        ("transaction_id", core.OctetString, {"explicit": 4, "optional": True}),
        ("sender_nonce", core.OctetString, {"explicit": 5, "optional": True}),
        ("recip_nonce", core.OctetString, {"explicit": 6, "optional": True}),
    ]


class CertTemplate(core.Sequence):
    _fields = [  # noqa: RUF012
        ("subject", x509.Name, {"explicit": 5, "optional": True}),
        ("public_key", keys.PublicKeyInfo, {"implicit": 6, "optional": True}),
        ("extensions", x509.Extensions, {"implicit": 9, "optional": True}),
    ]


class CertRequest(core.Sequence):
    _fields = [("cert_req_id", core.Integer), ("cert_template", CertTemplate)]  # noqa: RUF012


class POPOSigningKey(core.Sequence):
    _fields = [("algorithm", AlgorithmIdentifier), ("signature", core.OctetBitString)]  # noqa: RUF012


class ProofOfPossession(core.Choice):
    _alternatives = [  # noqa: RUF012
        ("ra_verified", core.Null, {"implicit": 0}),
        ("signature", POPOSigningKey, {"implicit": 1}),
    ]


class CertReqMsg(core.Sequence):
    _fields = [("cert_req", CertRequest), ("popo", ProofOfPossession, {"optional": True})]  # noqa: RUF012


class CertReqMessages(core.SequenceOf):
    _child_spec = CertReqMsg


class FreeText(core.SequenceOf):
    _child_spec = core.UTF8String


class StatusInfo(core.Sequence):
    _fields = [  # noqa: RUF012
        ("status", core.Integer),
        ("status_string", FreeText, {"optional": True}),
        ("fail_info", core.BitString, {"optional": True}),
    ]


class CertOrEncCert(core.Choice):
    _alternatives = [  # noqa: RUF012
        ("certificate", x509.Certificate, {"explicit": 0}),
        ("encrypted_cert", core.Any, {"explicit": 1}),
    ]


class CertifiedKeyPair(core.Sequence):
    _fields = [("cert_or_enc_cert", CertOrEncCert)]  # noqa: RUF012


class CertResponse(core.Sequence):
    _fields = [  # noqa: RUF012
        ("cert_req_id", core.Integer),
        ("status", StatusInfo),
        ("certified_key_pair", CertifiedKeyPair, {"optional": True}),
    ]


class CertResponses(core.SequenceOf):
    _child_spec = CertResponse


class Certificates(core.SequenceOf):
    _child_spec = x509.Certificate


class CertRep(core.Sequence):
    _fields = [  # noqa: RUF012
        ("ca_pubs", Certificates, {"explicit": 1, "optional": True}),
        ("response", CertResponses),
    ]


class CertStatus(core.Sequence):
    _fields = [("cert_hash", core.OctetString), ("cert_req_id", core.Integer)]  # noqa: RUF012


class CertConf(core.SequenceOf):
    _child_spec = CertStatus


class Body(core.Choice):
    _alternatives = [  # noqa: RUF012
        ("ir", CertReqMessages, {"explicit": 0}),
        ("ip", CertRep, {"explicit": 1}),
        ("cert_conf", CertConf, {"explicit": 24}),
    ]


class Message(core.Sequence):
    _fields = [  # noqa: RUF012
        ("header", Header),
        ("body", Body),
        ("protection", core.OctetBitString, {"explicit": 0, "optional": True}),
        ("extra_certs", Certificates, {"explicit": 1, "optional": True}),
    ]


class Messages:
    """The same three pieces of work as in codec.py; `fixed` holds the DER of names and extensions."""

    def __init__(self, now: datetime, it: SimpleNamespace, fixed: SimpleNamespace) -> None:
        self.now, self.it, self.fixed = now, it, fixed

    def _message(self, body: Body) -> bytes:
        fixed = self.fixed
        header = Header(
            {
                "pvno": 2,
                "sender": x509.GeneralName.load(fixed.sender),
                "recipient": x509.GeneralName.load(fixed.recipient),
                "message_time": self.now,
                "protection_alg": {"algorithm": fixed.mac.algorithm, "parameters": core.load(fixed.mac.parameters)},
                "sender_kid": b"3078",
                "transaction_id": b"transaction id 1",
                "sender_nonce": b"our sender nonce",
                "recip_nonce": b"their last nonce",
            }
        )
        return Message({"header": header, "body": body, "protection": bytes(32)}).dump()

    def initialization(self) -> bytes:
        template = {
            "subject": x509.Name.load(self.fixed.subject),
            "public_key": keys.PublicKeyInfo.load(self.it.key),
            "extensions": x509.Extensions.load(self.fixed.extensions),
        }
        proof = POPOSigningKey({"algorithm": {"algorithm": "1.3.101.112"}, "signature": bytes(64)})
        request = CertReqMsg(
            {
                "cert_req": {"cert_req_id": 0, "cert_template": template},
                "popo": ProofOfPossession("signature", proof),
            }
        )
        return self._message(Body("ir", CertReqMessages([request])))

    def confirmation(self) -> bytes:
        status = {"cert_hash": hashlib.sha256(self.it.certificate).digest(), "cert_req_id": 0}
        return self._message(Body("cert_conf", CertConf([status])))

    def read(self, octets: bytes) -> tuple[object, ...]:
        """Everything that our decoder has read by then: marks, status, and the certificates as octets."""
        message = Message.load(octets)
        header, content = message["header"], message["body"].chosen
        (response,) = content["response"]
        return (
            header["pvno"].native,
            header["message_time"].native,
            header["protection_alg"]["algorithm"].native,
            header["transaction_id"].native,
            header["sender_nonce"].native,
            header["recip_nonce"].native,
            response["status"]["status"].native,
            response["certified_key_pair"]["cert_or_enc_cert"].chosen.dump(),
            [certificate.dump() for certificate in content["ca_pubs"]],
            [certificate.dump() for certificate in message["extra_certs"]],
            message["protection"].native,
        )
