"""What the codec costs: microseconds of CPU to encode an ir and a certConf, and to decode an ip with two certificates.

    python benchmarks/codec.py

asn1crypto, where it can be imported, does the same beside us; it is no dependency of ours.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import (
    CertifiedKeyPair,
    CertRepMessage,
    CertResponse,
    CertStatus,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
)
from runner.asn1.crmf import CertReqMsg, CertRequest, CertTemplate, POPOSigningKey
from runner.asn1.structures import Chosen, encode
from runner.asn1.x509 import EXTENSIONS as EXTENSIONS_CODEC
from runner.cmp.message import read_message
from runner.pki.extensions import key_usage, subject_alt_name
from runner.pki.macs import password_based_mac
from runner.pki.names import directory_name, parse_general_name, parse_name

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS, REPEATS = 300, 5
ED25519 = AlgorithmIdentifier(algorithm="1.3.101.112")
EXTENSIONS = (
    subject_alt_name([parse_general_name("dns=web-1.example.com")], critical=False),
    key_usage(["digitalSignature"]),
)
FIXED = SimpleNamespace(
    sender=directory_name(parse_name("CN=3078").der),
    recipient=directory_name(parse_name("C=FI, O=Example, CN=Plant CA").der),
    subject=parse_name("C=FI, O=Example, CN=web-1").der,
    extensions=EXTENSIONS_CODEC.encode(EXTENSIONS),
    mac=password_based_mac(b"salt of the test", 1024),
)
"""What a run makes once."""


def microseconds(work) -> float:
    """CPU time of one call, the best of some repeats."""
    work()
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(ROUNDS):
            work()
        best = min(best, time.process_time() - began)
    return best / ROUNDS * 1e6


def header() -> PKIHeader:
    return PKIHeader(
        pvno=2,
        sender=FIXED.sender,
        recipient=FIXED.recipient,
        message_time=NOW,
        protection_alg=FIXED.mac,
        sender_kid=b"3078",
        transaction_id=b"transaction id 1",
        sender_nonce=b"our sender nonce",
        recip_nonce=b"their last nonce",
    )


def initialization(key: bytes) -> PKIMessage:
    template = CertTemplate(subject=FIXED.subject, public_key=key, extensions=EXTENSIONS)
    proof = POPOSigningKey(algorithm=ED25519, signature=bytes(64))
    request = CertReqMsg(cert_req=CertRequest(cert_req_id=0, cert_template=template), popo=Chosen("signature", proof))
    return PKIMessage(header=header(), body=Chosen("ir", (request,)), protection=bytes(32))


def confirmation(certificate: bytes) -> PKIMessage:
    status = CertStatus(cert_hash=hashlib.sha256(certificate).digest(), cert_req_id=0)
    return PKIMessage(header=header(), body=Chosen("certConf", (status,)), protection=bytes(32))


def response(certificate: bytes, ca: bytes) -> PKIMessage:
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", certificate))
    granted = CertResponse(cert_req_id=0, status=PKIStatusInfo(status=0), certified_key_pair=pair)
    content = CertRepMessage(ca_pubs=(ca,), response=(granted,))
    return PKIMessage(header=header(), body=Chosen("ip", content), protection=bytes(32), extra_certs=(ca,))


def samples() -> SimpleNamespace:
    """A key, a CA certificate and a certificate, in DER."""
    ca_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    ca_name, name = (x509.Name.from_rfc4514_string(f"CN={cn},O=Example,C=FI") for cn in ("Plant CA", "web-1"))
    made = [
        x509.CertificateBuilder(ca_name, subject, public.public_key(), number, NOW, NOW + timedelta(days=90))
        .add_extension(x509.BasicConstraints(number == 1, None), critical=True)
        .sign(ca_key, None)
        .public_bytes(Encoding.DER)
        for number, (subject, public) in enumerate([(ca_name, ca_key), (name, key)], start=1)
    ]
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SimpleNamespace(ca=made[0], certificate=made[1], key=info)


def ours(it: SimpleNamespace) -> dict[str, float]:
    answer = encode(response(it.certificate, it.ca))
    return {
        "encode ir": microseconds(lambda: encode(initialization(it.key))),
        "encode certConf": microseconds(lambda: encode(confirmation(it.certificate))),
        "decode ip, two certificates": microseconds(lambda: read_message(answer)),
    }


def theirs(it: SimpleNamespace) -> dict[str, float]:
    """The same by asn1crypto; ImportError where it is absent."""
    other = import_module("asn1crypto_messages")
    messages, answer = other.Messages(NOW, it, FIXED), encode(response(it.certificate, it.ca))
    agreed = messages.initialization() == encode(initialization(it.key))
    if not (agreed and messages.confirmation() == encode(confirmation(it.certificate))):
        raise AssertionError("the two codecs do not agree")
    return {
        "encode ir": microseconds(messages.initialization),
        "encode certConf": microseconds(messages.confirmation),
        "decode ip, two certificates": microseconds(lambda: messages.read(answer)),
    }


def main() -> None:
    it = samples()
    figures = ours(it)
    try:
        beside = theirs(it)
    except ImportError:
        beside = {}
    print(f"{'microseconds of CPU':<30}{'ours':>8}{'asn1crypto':>14}")
    for what, figure in figures.items():
        print(f"{what:<30}{figure:>8.0f}{f'{beside[what]:.0f}' if beside else 'absent':>14}")
    if not beside:
        print("asn1crypto is not installed here; it is no dependency, and only this comparison wants it")


if __name__ == "__main__":
    main()
