"""What the lab issues, judged by openssl and `cryptography`."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from support import requester as peer
from support.ambient import NOON

from runner.asn1.crmf import CertReqMsg, CertRequest, CertTemplate, POPOSigningKey
from runner.asn1.der import tlv
from runner.asn1.primitives import TIME
from runner.asn1.structures import Chosen, Explicit, encode
from runner.asn1.x509 import Extension
from runner.lab.authority import open_lab
from runner.pki.extensions import extended_key_usage, key_usage, subject_alt_name
from runner.pki.names import parse_general_name, parse_name
from runner.pki.signers import PrivateKeySigner

SAN = subject_alt_name((parse_general_name("dns=web-1.example"), parse_general_name("ip=10.0.0.1")), critical=False)
USAGE = key_usage(("digitalSignature", "keyEncipherment"))
EXTENDED = extended_key_usage(("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.17"))


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def verified(openssl, folder, lab, der, *options):
    (folder / "root.pem").write_bytes(pem(lab.ca_certificate))
    (folder / "leaf.pem").write_bytes(pem(der))
    command = [openssl, "verify", "-x509_strict", "-attime", str(int(NOON.timestamp()) + 60), *options]
    command += ["-CAfile", "root.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_root_says_what_it_is(lab):
    root = x509.load_der_x509_certificate(lab.ca_certificate)
    root.verify_directly_issued_by(root)
    assert "NOT FOR PRODUCTION" in root.subject.rfc4514_string()
    assert str(lab.ca_name).startswith("C=FI, O=cmp-batch lab, CN=Lab CA NOT FOR PRODUCTION ")
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign, usage.value.crl_sign) == (
        True,
    ) * 4
    assert (root.not_valid_before_utc, root.not_valid_after_utc) == (NOON, NOON + timedelta(days=3650))


def test_two_labs_differ_in_name_and_key(lab, clock, entropy):
    other = open_lab(None, clock, entropy)
    assert other.ca_name.der != lab.ca_name.der
    assert other.psk != lab.psk


def test_openssl_verifies_root_and_certificate_strictly(openssl, tmp_path, lab, newcomer):
    key = peer.new_key()
    said = newcomer.enrol(key, peer.template(key, extensions=(SAN, USAGE, EXTENDED)))
    assert said.refusal == ("ip", "accepted", [])
    purpose = ("-purpose", "sslserver", "-verify_hostname", "web-1.example")
    assert verified(openssl, tmp_path, lab, said.der, *purpose) == (0, "leaf.pem: OK\n")


@pytest.mark.parametrize(("own", "status"), [(True, "accepted"), (False, "grantedWithMods")])
def test_a_key_identifier_is_the_cas_to_choose(newcomer, own, status):
    key = peer.new_key()
    right = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    value = right.public_bytes() if own else b"\x04\x04mine"
    wanted = peer.template(key, extensions=(Extension(extn_id="2.5.29.14", extn_value=value),))
    said = newcomer.enrol(key, wanted)
    assert said.status == status
    assert said.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value == right


def test_subject_and_extensions_are_copied_octet_for_octet(newcomer):
    key = peer.new_key()
    name = parse_name("C=FI, O=Zweite Höhe, O=Erste, CN=web-1+SERIALNUMBER=7")
    wanted = CertTemplate(subject=name.der, public_key=peer.spki(key), extensions=(SAN, USAGE, EXTENDED))
    made = newcomer.enrol(key, wanted).certificate
    assert made.subject.public_bytes() == name.der
    assert name.der in made.tbs_certificate_bytes
    for extension in (SAN, USAGE, EXTENDED):
        found = made.extensions.get_extension_for_oid(x509.ObjectIdentifier(extension.extn_id))
        assert (found.critical, found.value.public_bytes()) == (extension.critical, extension.extn_value)
    assert made.public_key() == key.public_key()


def test_the_ca_adds_its_own_extensions(lab, newcomer):
    made = newcomer.enrol(peer.new_key()).certificate
    root = x509.load_der_x509_certificate(lab.ca_certificate)
    made.verify_directly_issued_by(root)
    extensions = made.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    expected = x509.SubjectKeyIdentifier.from_public_key(made.public_key())
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value == expected
    issuer = x509.SubjectKeyIdentifier.from_public_key(root.public_key()).digest
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == issuer


def test_serial_numbers_are_large_positive_and_different(newcomer):
    serials = {newcomer.enrol(peer.new_key()).certificate.serial_number for _ in range(5)}
    assert len(serials) == 5
    assert {serial.bit_length() for serial in serials} == {127}


def test_chance_that_repeats_itself_gives_no_serial_number_twice(clock):
    class Stuck:
        def octets(self, count):
            return b"\xff" * count

    newcomer = peer.newcomer_to(open_lab(None, clock, Stuck()))
    first, second = (newcomer.enrol(peer.new_key()).certificate.serial_number for _ in range(2))
    assert (first, second) == ((1 << 127) - 1, 1 << 127)


def validity(start, end):
    """OptionalValidity, whole."""
    return tlv(0x30, b"".join(Explicit(n, TIME).encode(at) for n, at in ((0, start), (1, end)) if at is not None))


@pytest.mark.parametrize(
    ("start", "end", "granted", "status"),
    [
        (None, None, (0, 365), "accepted"),
        (None, 10, (0, 10), "accepted"),
        (2, 5, (2, 5), "accepted"),
        (2, None, (2, 367), "accepted"),
        (-0.5, 5, (-0.5, 5), "accepted"),
        (-9, 5, (0, 5), "grantedWithMods"),
        (0, 99_999, (0, 3650), "grantedWithMods"),
    ],
)
def test_validity_is_as_asked_within_the_cas_own(newcomer, start, end, granted, status):
    key = peer.new_key()
    asked = validity(*(None if days is None else NOON + timedelta(days=days) for days in (start, end)))
    said = newcomer.enrol(key, peer.template(key, validity=asked))
    made = said.certificate
    assert said.status == status
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == tuple(NOON + timedelta(days=d) for d in granted)


@pytest.mark.parametrize(("start", "end"), [(5, 2), (9_999, None), (99_999, 100_000), (None, -1)])
def test_an_impossible_validity_is_refused(newcomer, start, end):
    key = peer.new_key()
    asked = validity(*(None if days is None else NOON + timedelta(days=days) for days in (start, end)))
    assert newcomer.enrol(key, peer.template(key, validity=asked)).refusal == ("ip", "rejection", ["badCertTemplate"])


def test_an_extension_that_the_lab_does_not_know_is_left_out_and_said_so(newcomer):
    key = peer.new_key()
    odd = Extension(extn_id="1.2.3.4.5", extn_value=b"\x05\x00")
    said = newcomer.enrol(key, peer.template(key, extensions=(USAGE, odd)))
    assert said.status == "grantedWithMods"
    assert "1.2.3.4.5" in said.info.status_string[0]
    assert {str(extension.oid.dotted_string) for extension in said.certificate.extensions} == {
        "2.5.29.15", "2.5.29.19", "2.5.29.14", "2.5.29.35",
    }  # fmt: skip


CA_TRUE = Extension(extn_id="2.5.29.19", critical=True, extn_value=bytes.fromhex("30030101ff"))
CERT_SIGN = key_usage(("digitalSignature", "keyCertSign"))


@pytest.mark.parametrize(
    ("extensions", "fail_info"),
    [
        ((CA_TRUE,), "unacceptedExtension"),
        ((CERT_SIGN,), "unacceptedExtension"),
        ((USAGE, USAGE), "badCertTemplate"),
        ((Extension(extn_id="2.5.29.17", extn_value=b"\x04\x01x"),), "badCertTemplate"),
        ((Extension(extn_id="2.5.29.37", extn_value=b"junk"),), "badCertTemplate"),
    ],
)
def test_extensions_that_are_refused(newcomer, extensions, fail_info):
    key = peer.new_key()
    said = newcomer.enrol(key, peer.template(key, extensions=extensions))
    assert said.refusal == ("ip", "rejection", [fail_info])


def test_a_subject_may_be_empty_where_there_are_alternative_names(openssl, tmp_path, lab, newcomer):
    key = peer.new_key()
    critical = subject_alt_name((parse_general_name("dns=web-1.example"),), critical=True)
    for subject in ("", None):
        said = newcomer.enrol(key, peer.template(key, subject, extensions=(critical,)))
        assert said.refusal == ("ip", "accepted", [])
        assert said.certificate.subject.public_bytes() == b"\x30\x00"
        assert verified(openssl, tmp_path, lab, said.der)[0] == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate,
        ed448.Ed448PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["p384", "p521", "ed25519", "ed448", "rsa"],
)
def test_keys_of_many_kinds_are_certified(openssl, tmp_path, lab, newcomer, make):
    key = make()
    signer = PrivateKeySigner(key)
    request = CertRequest(cert_req_id=0, cert_template=peer.template(key))
    proof = POPOSigningKey(algorithm=signer.algorithm, signature=signer.sign(encode(request)))
    said = newcomer.ask("ir", (CertReqMsg(cert_req=request, popo=Chosen("signature", proof)),))
    assert said.refusal == ("ip", "accepted", [])
    assert said.certificate.public_key() == key.public_key()
    assert verified(openssl, tmp_path, lab, said.der)[0] == 0


def crl_text(openssl, folder, lab, crl: bytes) -> str:
    (folder / "root.pem").write_bytes(pem(lab.ca_certificate))
    (folder / "crl.der").write_bytes(crl)
    command = [openssl, "crl", "-inform", "DER", "-in", "crl.der", "-CAfile", "root.pem", "-verify", "-noout", "-text"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify OK" in done.stdout + done.stderr
    return done.stdout


def test_an_empty_crl_is_one_that_openssl_verifies(openssl, tmp_path, lab):
    text = crl_text(openssl, tmp_path, lab, lab.crl)
    assert "No Revoked Certificates" in text
    assert "Version 2" in text


def test_a_revoked_certificate_is_in_the_crl_with_its_reason(openssl, tmp_path, lab, newcomer):
    holder, other = newcomer.holder(), newcomer.holder()
    holder.revoke(holder.serial, 1)
    newcomer.revoke(other.serial, 0)
    crl = lab.crl
    assert "Key Compromise" in crl_text(openssl, tmp_path, lab, crl)
    listed = {revoked.serial_number: revoked for revoked in x509.load_der_x509_crl(crl)}
    assert set(listed) == {holder.serial, other.serial}
    assert listed[holder.serial].revocation_date_utc == NOON
    assert len(listed[other.serial].extensions) == 0


def test_openssl_sees_the_revocation_through_the_crl(openssl, tmp_path, lab, newcomer):
    holder, other = newcomer.holder(), newcomer.holder()
    holder.revoke(holder.serial, 4)
    crl = x509.load_der_x509_crl(lab.crl)
    (tmp_path / "crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    options = ("-crl_check", "-CRLfile", "crl.pem")
    assert "certificate revoked" in verified(openssl, tmp_path, lab, holder.protection.certificate, *options)[1]
    assert verified(openssl, tmp_path, lab, other.protection.certificate, *options)[0] == 0


def test_crl_numbers_grow(lab):
    numbers = [
        x509.load_der_x509_crl(lab.crl).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for _ in range(3)
    ]
    assert numbers == sorted(set(numbers))


def test_extended_key_usage_reads_as_asked(newcomer):
    key = peer.new_key()
    made = newcomer.enrol(key, peer.template(key, extensions=(EXTENDED,))).certificate
    usages = made.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.IPSEC_IKE]
