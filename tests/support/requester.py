"""Requesters who speak CMP by hand: messages from runner.asn1, protection from hashlib and `cryptography`.

They share nothing with the lab but the codec, check every answer's protection and marks, and can be made to lie.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.cmp import (
    FAIL_INFO,
    IMPLICIT_CONFIRM,
    PKI_BODY,
    PKI_STATUS,
    CertStatus,
    InfoTypeAndValue,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
    PollReq,
    RevDetails,
)
from runner.asn1.crmf import CertReqMsg, CertRequest, CertTemplate, POPOSigningKey
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.pki.extensions import REASON_CODE, Extension
from runner.pki.names import directory_name, parse_name

ECDSA_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.10045.4.3.2")
IMPLICIT = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=b"\x05\x00")
SHA256, HMAC_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"
_numbers = count(1)


def marks(prefix: bytes) -> bytes:
    """Sixteen octets that nobody had before."""
    return prefix.ljust(8, b"-") + next(_numbers).to_bytes(8, "big")


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def spki(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def signature(key, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def pbm_parameters(salt=b"salt-of-the-test", count=500, owf=SHA256, mac=HMAC_SHA256) -> bytes:
    return encode(
        PBMParameter(
            salt=salt,
            owf=AlgorithmIdentifier(algorithm=owf),
            iteration_count=count,
            mac=AlgorithmIdentifier(algorithm=mac),
        )
    )


def pbm(secret: bytes, parameters: bytes, data: bytes) -> bytes:
    """PasswordBasedMac, written out from RFC 4211 §4.4."""
    told = decode(PBMParameter, parameters)
    names = {SHA256: "sha256", "1.3.14.3.2.26": "sha1", HMAC_SHA256: "sha256", "1.3.6.1.5.5.8.1.2": "sha1"}
    key = secret + told.salt
    for _ in range(told.iteration_count):
        key = hashlib.new(names[told.owf.algorithm], key).digest()
    return hmac.new(key, data, names[told.mac.algorithm]).digest()


@dataclass
class Secret:
    """Protection by a shared secret."""

    reference: bytes
    secret: bytes
    parameters: bytes = field(default_factory=pbm_parameters)
    extra_certs: tuple[bytes, ...] = ()

    @property
    def header(self) -> dict:
        algorithm = AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=self.parameters)
        sender = directory_name(parse_name(f"CN={self.reference.decode()}").der)
        return {"sender": sender, "sender_kid": self.reference, "protection_alg": algorithm}

    def protect(self, data: bytes) -> bytes:
        return pbm(self.secret, self.parameters, data)


@dataclass
class Signature:
    """Protection by a certificate's key."""

    certificate: bytes
    key: ec.EllipticCurvePrivateKey
    send_certificate: bool = True

    @property
    def extra_certs(self) -> tuple[bytes, ...]:
        return (self.certificate,) if self.send_certificate else ()

    @property
    def header(self) -> dict:
        subject = x509.load_der_x509_certificate(self.certificate).subject.public_bytes()
        return {"sender": directory_name(subject), "protection_alg": ECDSA_SHA256}

    def protect(self, data: bytes) -> bytes:
        return signature(self.key, data)


@dataclass
class Said:
    """An answer, taken apart."""

    octets: bytes
    message: PKIMessage

    @property
    def kind(self) -> str:
        return self.message.body.name

    @property
    def content(self):
        return self.message.body.value

    @property
    def header(self) -> PKIHeader:
        return self.message.header

    @property
    def info(self) -> PKIStatusInfo:
        if self.kind == "error":
            return self.content.pki_status_info
        return self.content.status[0] if self.kind == "rp" else self.content.response[0].status

    @property
    def status(self) -> str:
        return PKI_STATUS[self.info.status]

    @property
    def fail_info(self) -> list[str]:
        return [FAIL_INFO[bit] for bit in sorted(self.info.fail_info)]

    @property
    def refusal(self) -> tuple[str, str, list[str]]:
        return self.kind, self.status, self.fail_info

    @property
    def der(self) -> bytes:
        """The certificate in it."""
        return self.content.response[0].certified_key_pair.cert_or_enc_cert.value

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @property
    def implicit(self) -> bool:
        return any(item.info_type == IMPLICIT_CONFIRM for item in self.header.general_info)


def template(key, subject="C=FI, O=Plant, CN=web-1", **more) -> CertTemplate:
    name = None if subject is None else parse_name(subject).der
    return CertTemplate(subject=name, public_key=spki(key), **more)


def cert_req(key, wanted=None, *, cert_req_id=0, controls=(), popo="signature", signer=None) -> CertReqMsg:
    """One CertReqMsg with its proof by signature, or with the `popo` that is given."""
    request = CertRequest(cert_req_id=cert_req_id, cert_template=wanted or template(key), controls=controls)
    if popo == "signature":
        proof = POPOSigningKey(algorithm=ECDSA_SHA256, signature=signature(signer or key, encode(request)))
        popo = Chosen("signature", proof)
    return CertReqMsg(cert_req=request, popo=popo)


class Requester:
    """One who speaks to a lab with some protection; a transaction at a time."""

    def __init__(self, lab, protection):
        self.lab = lab
        self.protection = protection
        self.sent = b""
        self.begin()

    def begin(self):
        self.transaction_id = marks(b"tid")
        self.last = None
        return self

    def message(self, kind, content, *, general_info=(), tamper=lambda octets: octets, **header) -> bytes:
        """A protected message; keywords replace parts of the header."""
        fields = {
            "pvno": 2,
            "recipient": directory_name(self.lab.ca_name.der),
            "transaction_id": self.transaction_id,
            "sender_nonce": marks(b"nonce"),
            "recip_nonce": None if self.last is None else self.last.header.sender_nonce,
            "general_info": general_info,
            **self.protection.header,
            **header,
        }
        body = PKI_BODY.encode(Chosen(kind, content))
        protected = tlv(0x30, encode(PKIHeader(**fields)) + body)
        return encode(
            PKIMessage(
                header=PKIHeader(**fields),
                body=Chosen(kind, content),
                protection=tamper(self.protection.protect(protected)),
                extra_certs=self.protection.extra_certs,
            )
        )

    def ask(self, kind, content, **options) -> Said:
        return self.send(self.message(kind, content, **options))

    def send(self, octets: bytes) -> Said:
        """Send octets; the answer must be marked as the answer to them, and be protected rightly."""
        self.sent = octets
        said = heard(self.lab, self.lab.respond(octets), self.protection)
        asked = decode(PKIMessage, octets).header
        assert said.header.transaction_id == asked.transaction_id
        assert said.header.recip_nonce == asked.sender_nonce
        assert said.header.recipient == asked.sender
        if said.kind != "error":
            self.last = said
        return said

    def enrol(self, key, wanted=None, *, kind="ir", implicit=False, **options) -> Said:
        info = (IMPLICIT,) if implicit else ()
        return self.begin().ask(kind, (cert_req(key, wanted, **options),), general_info=info)

    def confirm(self, said, *, status=None, cert_hash=None, **more) -> Said:
        info = None if status is None else PKIStatusInfo(status=PKI_STATUS.index(status))
        value = hashlib.sha256(said.der).digest() if cert_hash is None else cert_hash
        identifier = said.content.response[0].cert_req_id
        content = CertStatus(cert_hash=value, cert_req_id=identifier, status_info=info, **more)
        return self.ask("certConf", (content,))

    def poll(self, cert_req_id=0) -> Said:
        return self.ask("pollReq", (PollReq(cert_req_id=cert_req_id),))

    def revoke(self, serial, reason=None, issuer=None) -> Said:
        value = () if reason is None else (Extension(extn_id=REASON_CODE, extn_value=bytes((10, 1, reason))),)
        named = CertTemplate(issuer=issuer or self.lab.ca_name.der, serial_number=serial)
        return self.begin().ask("rr", (RevDetails(cert_details=named, crl_entry_details=value),))

    def holder(self, subject="C=FI, O=Plant, CN=web-1", **more) -> Requester:
        """Somebody who holds a confirmed certificate from this lab."""
        key = new_key()
        said = self.enrol(key, template(key, subject, **more), implicit=True)
        assert said.status == "accepted"
        return Requester(self.lab, Signature(said.der, key))

    @property
    def serial(self) -> int:
        return x509.load_der_x509_certificate(self.protection.certificate).serial_number


def heard(lab, octets: bytes, protection) -> Said:
    """An answer whose protection is right: the CA's signature, or a MAC where there was a good one in the request."""
    message = decode(PKIMessage, octets)
    protected = tlv(0x30, b"".join(elements(octets, *open_sequence(octets), 4)[:2]))
    assert message.header.sender == directory_name(lab.ca_name.der)
    if message.header.protection_alg.algorithm == PASSWORD_BASED_MAC:
        assert message.header.sender_kid == protection.reference
        assert message.protection == pbm(protection.secret, message.header.protection_alg.parameters, protected)
    else:
        assert message.extra_certs[:1] == (lab.ca_certificate,)
        ca = x509.load_der_x509_certificate(lab.ca_certificate)
        ca.public_key().verify(message.protection, protected, ec.ECDSA(hashes.SHA256()))
    return Said(octets, message)


def newcomer_to(lab) -> Requester:
    reference, _, secret = lab.psk.partition(":")
    return Requester(lab, Secret(reference.encode(), secret.encode()))
