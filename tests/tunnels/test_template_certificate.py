"""A certificate as a tunnel's template, the old tool's TUNNEL -T: what requests get is read from it."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from support.openssl_cmp import OpensslClient
from support.site import PeerSite

from runner.lab.rules import LabRules

USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")


def pattern():
    """Somebody's certificate: O=Plant, CN=pattern, dns=pattern.example, for signatures and key agreement of clients."""
    key, day = ec.generate_private_key(ec.SECP256R1()), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Plant"), x509.NameAttribute(NameOID.COMMON_NAME, "pattern")]
    )
    wanted = {usage: usage in ("digital_signature", "key_agreement") for usage in USAGES}
    usage = x509.KeyUsage(**wanted, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 7, day, day + dt.timedelta(365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pattern.example")]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


TUNNEL = """
templates:
  device: {{{template}}}
tunnels:
  - name: line
    requests: inbox
    output: outbox
    template: device
    override: {{{override}}}
    approve: {{names: [any]}}
"""


@pytest.fixture
def line(tmp_path, capsys, peer):
    (tmp_path / "site" / "inbox").mkdir(parents=True)
    site = PeerSite(tmp_path / "site", capsys.readouterr, peer)
    site.file("old.crt").write_bytes(pattern().public_bytes(Encoding.DER))
    peer.lab._office.rules = LabRules(ra_names=("*",))
    return site


def tunnel(line, *, template="key_usage: [digitalSignature]", override="extended_key_usage: [serverAuth]"):
    items = TUNNEL.format(template=template, override=override)
    desk = 'enrollments:\n  - {name: desk, subject: CN=RA desk, key: "generate://pkcs8@ec:p256/ra", output: ra}\n'
    credentials = 'psk: {psk: {file: psk}}\n  desk: {ra_certificate: ra-0.crt, key: "file:ra.prv"}'
    if not line.file("ra-0.crt").exists():
        assert line.ask(desk).apply().status == 0
    return line.ask(items.replace("requests:", "credential: desk\n    requests:"), credentials=credentials)


def csr(line, openssl, *more):
    device = OpensslClient(openssl, line.folder)
    (line.file("inbox") / "dev.csr").write_bytes(device.csr("dev", *more).read_bytes())


def made(line):
    done = line.apply()
    assert done.outcomes == {"line/dev.csr": "forwarded"}, done
    return x509.load_pem_x509_certificate((line.file("outbox") / "dev.csr.crt").read_bytes())


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_what_a_request_says_is_replaced_by_what_the_certificate_says(line, openssl):
    tunnel(line, override="certificate: old.crt, key_usage: [digitalSignature]")
    csr(line, openssl, "-addext", "subjectAltName=DNS:own.example")
    said = line.plan().out
    assert "subject: CN=dev → O=Plant, CN=pattern" in said
    assert "alt_names: dns=own.example → dns=pattern.example" in said
    certificate = made(line)
    assert certificate.subject.rfc4514_string() == "CN=pattern,O=Plant"
    assert extension(certificate, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == ["pattern.example"]
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = extension(certificate, x509.KeyUsage)
    assert (usage.digital_signature, usage.key_agreement) == (True, False)  # key_usage beside it wins


def test_what_a_request_leaves_open_is_filled_in_from_it(line, openssl):
    tunnel(line, template="certificate: old.crt")
    csr(line, openssl, "-addext", "subjectAltName=DNS:own.example")
    certificate = made(line)
    assert certificate.subject.rfc4514_string() == "CN=dev"
    assert extension(certificate, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == ["own.example"]
    assert extension(certificate, x509.KeyUsage).key_agreement
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_template_that_is_not_there_is_told_at_its_place(line, openssl):
    tunnel(line, override="certificate: lost.crt")
    csr(line, openssl)
    done = line.plan()
    assert done.status == 1
    assert "file not found: lost.crt" in done.err
    assert "site.yaml:" in done.err


@pytest.mark.parametrize("content", [b"", b"\x30\x03\x02\x01\x01"])
def test_a_template_that_is_no_certificate_stops_the_tunnel_and_nothing_is_sent(line, openssl, content):
    tunnel(line, override="certificate: old.crt")
    line.file("old.crt").write_bytes(content)
    csr(line, openssl)
    line.peer.requests.clear()
    assert line.verbs() == {"line/dev.csr": ("blocked", ["template-unreadable"])}
    assert "old.crt cannot be used: " in line.plan().out
    done = line.apply()
    assert (done.status, line.peer.requests) == (1, [])
    assert "site.yaml:" in done.err
    assert not line.file("outbox").exists()
