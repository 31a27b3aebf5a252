"""What we say, judged by `cryptography`, openssl and hashlib: bodies, proofs of possession, certHash."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from support.ambient import NOON
from support.answering import CA, DEVICE, KEY, PROOF, SUBJECT, Talk, issued, order
from support.hierarchy import END, name

from runner.asn1.algorithms import RSASSA_PSS, AlgorithmIdentifier
from runner.asn1.cmp import FAIL_INFO, PKI_BODY
from runner.asn1.crmf import OLD_CERT_ID, Control
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import Extension, Signed
from runner.cmp.request import Order, Request, cert_status, poll_body, request_body
from runner.errors import BadCertificate
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import CRL_REASONS
from runner.pki.names import parse_general_name, parse_name
from runner.pki.profile import Profile
from runner.pki.signers import PrivateKeySigner


def only(body: Chosen):
    """The one element of a body, as it is read back."""
    (element,) = PKI_BODY.decode(PKI_BODY.encode(body)).value
    return element


KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
ARGUMENTS = {
    "rsa": (padding.PKCS1v15(), hashes.SHA256()),
    "p256": (ec.ECDSA(hashes.SHA256()),),
    "p384": (ec.ECDSA(hashes.SHA384()),),
    "p521": (ec.ECDSA(hashes.SHA512()),),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("request_type", ["ir", "cr", "kur"])
def test_the_proof_is_a_signature_over_the_request(kind, request_type):
    signer = PrivateKeySigner(KEYS[kind]())
    body = request_body([Request(replace(order(request_type), public_key_info=signer.public_key_info), signer)])
    message = only(body)
    assert (body.name, message.popo.name) == (request_type, "signature")
    assert message.popo.value.poposk_input is None
    key = load_der_public_key(message.cert_req.cert_template.public_key)
    key.verify(message.popo.value.signature, encode(message.cert_req), *ARGUMENTS.get(kind, ()))


@pytest.mark.parametrize(("proof", "asked"), [(None, ""), (PROOF, "encryption")])
def test_a_key_that_does_not_sign_is_proved_by_opening_the_certificate(proof, asked):
    """subsequentMessage encrCert (RFC 4211 §4.2, §4.3): 0, in the tag of a key that agrees on secrets."""
    popo = only(request_body([Request(replace(order(), proof=asked), proof)])).popo
    assert popo == Chosen("keyAgreement", b"\x81\x01\x00")


def test_the_template_says_what_is_wanted_and_no_more():
    wanted = Profile(
        parse_name(SUBJECT),
        (parse_general_name("dns=a.example"), parse_general_name("ip=10.0.0.1")),
        ("digitalSignature", "keyEncipherment"),
        ("1.3.6.1.5.5.7.3.1",),
    )
    request = only(request_body([Request(replace(order(), wanted=wanted), PROOF)])).cert_req
    template = request.cert_template
    assert (request.cert_req_id, request.controls) == (0, ())
    assert (template.subject, template.public_key) == (parse_name(SUBJECT).der, PROOF.public_key_info)
    filled = {name for name in template.__dataclass_fields__ if getattr(template, name) not in (None, ())}
    assert filled == {"subject", "public_key", "extensions"}
    assert [(e.extn_id, e.critical) for e in template.extensions] == [
        ("2.5.29.17", False),
        ("2.5.29.15", True),
        ("2.5.29.37", False),
    ]


def test_alternative_names_are_critical_where_there_is_no_subject():
    wanted = Profile(parse_name(""), (parse_general_name("dns=a.example"),))
    template = only(request_body([Request(replace(order(), wanted=wanted), PROOF)])).cert_req.cert_template
    assert template.subject == b"\x30\x00"
    assert [(e.extn_id, e.critical) for e in template.extensions] == [("2.5.29.17", True)]


def test_an_update_names_the_certificate_that_it_replaces():
    controls = only(request_body([Request(order("kur"), PROOF)])).cert_req.controls
    assert [control.type for control in controls] == [OLD_CERT_ID]
    issuer = x509.DirectoryName(CA.certificate.subject)
    told = x509.SubjectAlternativeName([issuer]).public_bytes()[2:]
    serial = DEVICE.certificate.serial_number
    assert told in controls[0].value
    assert controls[0].value.endswith(bytes([2, 1, serial]) if serial < 128 else serial.to_bytes(2, "big")[-1:])


def test_controls_go_along():
    token = Control(type="1.3.6.1.5.5.7.5.1.1", value=b"\x0c\x01t")
    assert only(request_body([Request(order(controls=(token,)), PROOF)])).cert_req.controls == (token,)
    kur = only(request_body([Request(order("kur", controls=(token,)), PROOF)])).cert_req.controls
    assert [control.type for control in kur] == [OLD_CERT_ID, token.type]


def test_a_request_that_nobody_described():
    with pytest.raises(ValueError, match="ir needs to know what is wanted"):
        request_body([Request(Order("ir"), PROOF)])


@pytest.mark.parametrize("reason", CRL_REASONS)
def test_a_revocation_names_issuer_serial_and_reason(reason):
    details = only(request_body([Request(Order("rr", certificate=DEVICE.ours, reason=reason), None)]))
    template = details.cert_details
    filled = {name for name in template.__dataclass_fields__ if getattr(template, name) not in (None, ())}
    assert filled == {"serial_number", "issuer"}
    assert template.serial_number == DEVICE.certificate.serial_number
    assert template.issuer == CA.certificate.subject.public_bytes()
    assert details.crl_entry_details == (
        Extension(extn_id="2.5.29.21", extn_value=bytes([0x0A, 1, CRL_REASONS[reason]])),
    )


def test_a_revocation_by_issuer_and_serial_alone():
    by_number = Order("rr", issuer=parse_name("CN=The CA"), serial=77)
    details = only(request_body([Request(by_number, None)])).cert_details
    assert (details.serial_number, details.issuer) == (77, parse_name("CN=The CA").der)


def test_a_revocation_that_says_since_when():
    since = datetime(2026, 2, 1, tzinfo=UTC)
    entries = only(
        request_body([Request(Order("rr", certificate=DEVICE.ours, invalid_since=since), None)])
    ).crl_entry_details
    judge = x509.InvalidityDate(since.replace(tzinfo=None)).public_bytes()
    assert [(e.extn_id, e.extn_value) for e in entries[1:]] == [("2.5.29.24", judge)]


def test_a_revocation_of_nothing():
    with pytest.raises(ValueError, match="rr needs the certificate"):
        request_body([Request(Order("rr"), None)])


def test_a_poll():
    assert PKI_BODY.encode(poll_body([0])) == bytes.fromhex("b907300530030201 00".replace(" ", ""))
    assert only(poll_body([-1])).cert_req_id == -1


# certConf.

SIGNED_BY = {
    "RSA with SHA-256": ("rsa", hashes.SHA256(), {}, "-sha256"),
    "RSA with SHA-384": ("rsa", hashes.SHA384(), {}, "-sha384"),
    "RSA with SHA-512": ("rsa", hashes.SHA512(), {}, "-sha512"),
    "PSS with SHA-256": ("rsa", hashes.SHA256(), {"rsa_padding": hashes.SHA256()}, "-sha256"),
    "PSS with SHA-512": ("rsa", hashes.SHA512(), {"rsa_padding": hashes.SHA512()}, "-sha512"),
    "ECDSA with SHA-256": ("p256", hashes.SHA256(), {}, "-sha256"),
    "ECDSA with SHA-384": ("p384", hashes.SHA384(), {}, "-sha384"),
    "ECDSA with SHA-512": ("p256", hashes.SHA512(), {}, "-sha512"),
    "Ed25519": ("ed25519", None, {}, "-sha512"),
    "Ed448": ("ed448", None, {}, "-shake256"),
}


@pytest.mark.parametrize(("kind", "digest", "more", "option"), SIGNED_BY.values(), ids=SIGNED_BY.keys())
def test_the_hash_of_a_certificate_as_openssl_computes_it(openssl, kind, digest, more, option):
    builder = x509.CertificateBuilder(name("CA"), name("web"), KEY.public_key(), 1, NOON, END)
    if more:
        more = {"rsa_padding": padding.PSS(padding.MGF1(more["rsa_padding"]), padding.PSS.DIGEST_LENGTH)}
    der = builder.sign(KEYS[kind](), digest, **more).public_bytes(Encoding.DER)
    length = ["-xoflen", "64"] if option == "-shake256" else []
    told = subprocess.run([openssl, "dgst", option, *length, "-binary"], input=der, capture_output=True, check=True)
    status = cert_status(parse_certificate(der), 0, None, 2)
    assert status.cert_hash == told.stdout
    assert (status.cert_req_id, status.status_info, status.hash_alg) == (0, None, None)


def test_a_certificate_whose_signature_names_no_hash():
    """ML-DSA: we choose, and say so where the version lets us (RFC 9810 §5.3.18)."""
    certificate = replace(
        parse_certificate(issued()), signature_algorithm=AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.3.17")
    )
    by_3 = cert_status(certificate, 0, None, 3)
    by_2 = cert_status(certificate, 0, None, 2)
    assert by_3.cert_hash == by_2.cert_hash
    assert by_3.cert_hash in (hashlib.sha256(certificate.der).digest(), hashlib.sha512(certificate.der).digest())
    assert by_3.hash_alg is not None
    assert by_2.hash_alg is None


@pytest.mark.parametrize("fail_info", ["badCertTemplate", "incorrectData", "signerNotTrusted"])
def test_a_rejection_says_why(fail_info):
    problem = BadCertificate("it is not ours", why="not told to the CA", fail_info=fail_info)
    status = cert_status(parse_certificate(issued()), -1, problem, 2)
    assert status.cert_req_id == -1
    assert (status.status_info.status, status.status_info.status_string) == (2, ("it is not ours",))
    assert [FAIL_INFO[bit] for bit in status.status_info.fail_info] == [fail_info]


def test_a_certificate_with_parameters_of_pss_that_are_none_can_still_be_rejected():
    odd = AlgorithmIdentifier(algorithm=RSASSA_PSS, parameters=b"\x30\x01\xff")
    talk = Talk()
    offered = talk.offered(_signed_with(odd))
    assert talk.decides(offered.problem)
    assert talk.request.body.name == "certConf"


def _signed_with(algorithm) -> bytes:
    return encode(replace(decode(Signed, issued(signature=algorithm)), signature_algorithm=algorithm))
