"""`inspect`: every kind of file by its content, judged by openssl; secrets and unknown content never."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import NOON
from support.certificates import KEY, certificate_der
from support.harm import harmful

from runner.cli import exits
from runner.cli.describe.blocks import block_text
from runner.cli.describe.content import describe
from runner.cli.main import main
from runner.errors import Malformed

GOLDEN = Path(__file__).parent / "golden"


def inspect(path, octets, capsys):
    path.write_bytes(octets)
    status = main(["inspect", str(path)])
    said = capsys.readouterr()
    return status, said.out, said.err


def openssl_says(openssl, *arguments, octets):
    return subprocess.run([openssl, *arguments], input=octets, capture_output=True, check=True).stdout.decode()


def rich_certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plant CA")])
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    names = [x509.DNSName("web.example"), x509.RFC822Name("a@b.example"), x509.DirectoryName(name)]
    return (
        x509.CertificateBuilder(name, name, KEY.public_key(), 2**80 + 5, NOON, NOON.replace(year=2060))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.2.3.4")]), False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier(b"\x01\x02"), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(b"\x03\x04", None, None), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.9.9"), b"secret?"), critical=False)
        .sign(KEY, None)
    )


def test_a_certificate_in_full():
    text = block_text(describe(rich_certificate().public_bytes(Encoding.PEM)))
    assert text == (GOLDEN / "certificate.txt").read_text(encoding="utf-8")


def test_fingerprints_and_serial_are_openssls(openssl, tmp_path, capsys):
    der = certificate_der()
    _, said, _ = inspect(tmp_path / "c", der, capsys)
    for digest in ("sha256", "sha1"):
        theirs = openssl_says(openssl, "x509", "-inform", "der", "-noout", "-fingerprint", f"-{digest}", octets=der)
        assert theirs.strip().partition("=")[2].replace(":", "").lower() in said
    assert "SerialNumber = 662316 (hex 0a1b2c)" in said


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_request_and_whether_it_proves_possession(encoding, tmp_path, capsys):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web-1")])
    names = x509.SubjectAlternativeName([x509.DNSName("web-1.example")])
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder(subject).add_extension(names, critical=False).sign(key, hashes.SHA256())
    )
    octets = request.public_bytes(encoding)
    status, said, _ = inspect(tmp_path / "r", octets, capsys)
    assert status == exits.OK
    assert said.startswith("CertificateRequest =\n  SubjectName = <CN=web-1>\n")
    assert "Signature = proves possession of the key" in said
    assert "KeyType = ec:p256" in said
    assert "SubjectAltName = dns=web-1.example" in said


def test_a_request_whose_signature_is_wrong_says_so(tmp_path, capsys):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web-1")])
    octets = bytearray(x509.CertificateSigningRequestBuilder(subject).sign(KEY, None).public_bytes(Encoding.DER))
    octets[-1] ^= 1
    _, said, _ = inspect(tmp_path / "r", bytes(octets), capsys)
    assert "Signature = does not verify" in said


def test_a_crl_lists_what_is_revoked(tmp_path, capsys):
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plant CA")])
    builder = x509.CertificateRevocationListBuilder(issuer, NOON, NOON.replace(month=4))
    builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    for serial in range(1, 26):
        one = x509.RevokedCertificateBuilder(serial, NOON)
        builder = builder.add_revoked_certificate(
            one.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), critical=False).build()
        )
    _, said, _ = inspect(tmp_path / "l", builder.sign(KEY, None).public_bytes(Encoding.DER), capsys)
    assert "IssuerName = <CN=Plant CA>" in said
    assert "CRLNumber = 7" in said
    assert "Count = 25" in said
    assert "20 (hex 14) = 2026-03-01T12:00:00Z superseded" in said
    assert "More = 5 not listed" in said


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        (Encoding.PEM, PrivateFormat.PKCS8),
        (Encoding.DER, PrivateFormat.PKCS8),
        (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
        (Encoding.DER, PrivateFormat.TraditionalOpenSSL),
        (Encoding.PEM, PrivateFormat.OpenSSH),
    ],
)
def test_private_keys_show_their_public_half_alone(encoding, form, openssl, tmp_path, capsys):
    import hashlib

    key = ec.generate_private_key(ec.SECP256R1())
    octets = key.private_bytes(encoding, form, NoEncryption())
    status, said, _ = inspect(tmp_path / "k", octets, capsys)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = subprocess.run(
        [openssl, "pkey", "-pubout", "-outform", "der"], input=pkcs8, capture_output=True, check=True
    ).stdout
    assert status == exits.OK
    assert said == (
        f"PrivateKey =\n  Sealed = no\n  KeyType = ec:p256\n  SHA-256 = {hashlib.sha256(public).hexdigest()}\n"
    )


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        (Encoding.PEM, PrivateFormat.PKCS8),
        (Encoding.DER, PrivateFormat.PKCS8),
        (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    ],
)
def test_a_sealed_key_stays_sealed(encoding, form, tmp_path, capsys):
    key = ec.generate_private_key(ec.SECP256R1())
    octets = key.private_bytes(encoding, form, BestAvailableEncryption(b"correct-horse"))
    status, said, _ = inspect(tmp_path / "k", octets, capsys)
    assert status == exits.OK
    assert said.startswith("PrivateKey =\n  Sealed = yes")
    assert "KeyType" not in said


def test_a_sealed_openssh_key_stays_sealed(tmp_path, capsys):
    # ssh-keygen -t ed25519 -N correct-horse -C x
    armoured = b"""-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAQAFYsCI
ZjtlUHg7ZoDPihAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIAfmCFlf9yCjWG+v
sHKmX/tWntsiZFbctuZUCl1lGg7AAAAAkFalVSJTxZgKWnfRqu/qldJYb11De7FDcZvqnQ
5mlRqWZZse1egyPmoVlYtzOkjspAWTwnK1RCH1oumyBmWMSl4Ag4kptPM782PjnX34wAZU
blegnMDCyG+FQakcem2gAw905ScCZQNKjowwUdSpGJYE3AUo4NkxOEj2dlrF17SoR2b9sC
Wg+TEE/z0iMEStnw==
-----END OPENSSH PRIVATE KEY-----
"""
    status, said, _ = inspect(tmp_path / "k", armoured, capsys)
    assert status == exits.OK
    assert said.startswith("PrivateKey =\n  Sealed = yes")


def test_public_keys(tmp_path, capsys):
    key = rsa.generate_private_key(65537, 2048).public_key()
    for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        for encoding in (Encoding.PEM, Encoding.DER):
            _, said, _ = inspect(tmp_path / "p", key.public_bytes(encoding, form), capsys)
            assert said.startswith("PublicKey =\n  KeyType = rsa:2048\n  SHA-256 = ")


def test_a_file_with_several_things_shows_them_all(tmp_path, capsys):
    pem = rich_certificate().public_bytes(Encoding.PEM)
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _, said, _ = inspect(tmp_path / "both", b"a comment\n" + pem + key, capsys)
    assert [line for line in said.splitlines() if not line.startswith(" ")] == ["Certificate =", "PrivateKey ="]


def test_several_files_are_named_and_one_bad_does_not_hide_the_rest(tmp_path, capsys):
    (tmp_path / "a").write_bytes(certificate_der())
    (tmp_path / "b").write_bytes(b"no such thing")
    (tmp_path / "c").write_bytes(certificate_der("web-2"))
    assert main(["inspect", *(str(tmp_path / name) for name in "abcd")]) == exits.ERROR
    said = capsys.readouterr()
    assert f"{tmp_path / 'a'}:\nCertificate =" in said.out
    assert "CN=web-2" in said.out
    assert said.err.count("error: ") == 2
    assert "2 errors" in said.err


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"password=hunter2\n",
        b"\x30\x0ahunter2...",
        b"\x30\x82\xff\xffhunter2",
        b"-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN HUNTER KEY-----\naHVudGVyMg==\n-----END HUNTER KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\naHVudGVyMg==\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_unknown_content_is_an_error_that_quotes_none_of_it(octets, tmp_path, capsys):
    status, out, err = inspect(tmp_path / "x", octets, capsys)
    assert status == exits.ERROR
    assert out == ""
    assert "hunter2" not in err
    assert "aHVudGVyMg" not in err


def test_what_cannot_be_opened_or_is_too_large_is_said(tmp_path, capsys, monkeypatch):
    assert main(["inspect", str(tmp_path / "none")]) == exits.ERROR
    assert "No such file" in capsys.readouterr().err
    monkeypatch.setattr("runner.cli.inspect._LARGEST", 10)
    status, _, err = inspect(tmp_path / "x", bytes(11), capsys)
    assert status == exits.ERROR
    assert "too large" in err


def test_names_in_certificates_steer_nothing(tmp_path, capsys):
    _, said, _ = inspect(tmp_path / "c", certificate_der("\x1b[31mred\r\n\x9b2J\u202egnp.exe\u2028"), capsys)
    assert "\\1B[31mred" in said
    assert not harmful(said)


@given(st.data())
def test_damaged_content_is_described_or_refused(data):
    octets = bytearray(rich_certificate().public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        text = block_text(describe(bytes(octets)))
    except Malformed:
        return
    assert not harmful(text)


MESSAGES = {
    "CR_Insta": ["Type = cr", "SubjectName = <CN=test1>", "ProofOfPossession = signature", "KeyType = ec:p256"],
    "CP_Insta": ["Type = cp", "Status = accepted", "SerialNumber = 141919229 (hex 087583fd)", "ExtraCerts ="],
    "CertConf_Insta": [
        "Type = certConf",
        "CertHash = e0663f0d4f656a821af74d8720292806f55a7ce71fb3075e474c51d3072495b5",
    ],
    "PKIConf_Insta": ["Type = pkiconf", "TransactionID = 7348bbd1da6d90c582f02821af5afff4"],
    "PollRep_Insta": ["Type = pollRep", "CheckAfter = 60 s"],
    "RR_Insta": ["Type = rr", "IssuerName = <C=FI, O=Insta Demo, CN=Insta Demo CA>"],
    "RP_Insta": ["Type = rp", "Status = accepted", "ProtectionAlg = rsa-pkcs1-sha256"],
    "Error_Insta": ["Type = error", "Status = rejection", "FailInfo = badMessageCheck"],
    "P10CR_Insta": ["Type = p10cr", "CertificateRequest ="],
    "GenP_Insta": ["Type = genp", "InfoType = signKeyPairTypes"],
    "IP_waitingStatus_PBM": ["Type = ip", "Status = waiting", "CAPubs ="],
    "CR_protected_PBM_1234": ["ProtectionAlg = PasswordBasedMac"],
    "IR_unprotected": ["Type = ir", "Protection = none"],
}
"""Recorded messages of other implementations (vectors/INDEX.md says of which), and what they hold."""


@pytest.mark.parametrize("name", MESSAGES)
def test_recorded_messages(name, vectors, capsys):
    path = next((vectors / "openssl-msgs").glob(f"{name}.*"))
    assert main(["inspect", str(path)]) == exits.OK
    said = capsys.readouterr().out
    assert said.startswith("PKIMessage =\n  Header =\n    Version = 2\n")
    assert [line for line in MESSAGES[name] if line not in said] == []


@pytest.mark.filterwarnings("ignore")  # what cryptography thinks of old keys
def test_every_recorded_file_is_described_or_refused(vectors):
    for path in sorted(path for path in vectors.rglob("*") if path.is_file()):
        try:
            text = block_text(describe(path.read_bytes()))
        except Malformed:
            continue
        assert text
        assert not harmful(text)
