"""TLS: whom we believe, and the words where we do not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runner.errors import NotSent
from runner.transports.dial import TlsSettings

CMP = b"\x30\x02\x05\x00"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: 4\r\n\r\n" + CMP


def _certificate(subject, key, issuer, issuer_key, *extensions, days=1):
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _signing():
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Pki:
    """A CA and the servers it names, as files."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        ca = (x509.BasicConstraints(ca=True, path_length=None), True), (_signing(), True)
        self.trust = self._write("ca.pem", _certificate("Test CA", self.key, "Test CA", self.key, *ca))

    def _write(self, name, *things):
        path = self.folder / name
        path.write_bytes(b"".join(thing.public_bytes(serialization.Encoding.PEM) for thing in things))
        return str(path)

    def server(self, *names, days=1):
        """A server's TLS context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        alt_names = (x509.SubjectAlternativeName(names), False)
        certificate = self._write("tls.pem", _certificate("server", key, "Test CA", self.key, alt_names, days=days))
        (self.folder / "tls.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, str(self.folder / "tls.key"))
        return context


HERE = x509.IPAddress(ip_address("127.0.0.1"))


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


def test_a_trusted_server_is_spoken_to_over_one_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER, close=False), tls=pki.server(HERE))
    assert outcomes(one, 4, scheme="https", tls=TlsSettings(pki.trust)) == [CMP] * 4
    assert one.connections == 1


def test_a_server_that_closes_over_tls_gets_a_new_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)), tls=pki.server(HERE))
    assert outcomes(one, 2, scheme="https", tls=TlsSettings(pki.trust)) == [CMP] * 2
    assert one.connections == 2


def test_a_server_that_announces_to_keep_tls_open_and_closes_gets_a_new_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    assert outcomes(one, 3, scheme="https", tls=TlsSettings(pki.trust)) == [CMP] * 3
    assert one.connections == 3


def refusal(found):
    [error] = found
    assert type(error) is NotSent
    assert error.next_step
    return error


def test_an_unknown_ca_is_not_trusted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    error = refusal(outcomes(one, scheme="https"))
    assert f"The TLS certificate of https://127.0.0.1:{one.port}/pkix/ is not acceptable" in error.what
    assert "local issuer certificate" in error.why
    assert "trust file" in error.next_step
    assert one.requests == []


def test_another_hosts_certificate_is_not_accepted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(x509.DNSName("other.example")))
    error = refusal(outcomes(one, scheme="https", tls=TlsSettings(pki.trust)))
    assert "127.0.0.1" in error.why
    assert "match" in error.why or "not valid for" in error.why


def test_an_expired_certificate_is_not_accepted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE, days=-1))
    assert "expired" in refusal(outcomes(one, scheme="https", tls=TlsSettings(pki.trust))).why


def test_a_server_of_old_tls_is_not_spoken_to(peer, saying, outcomes, pki):
    context = pki.server(HERE)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    error = refusal(outcomes(peer(saying(ANSWER), tls=context), scheme="https", tls=TlsSettings(pki.trust)))
    assert "TLS" in error.what + error.next_step


def test_a_plain_server_behind_https_is_recognised(peer, outcomes):
    async def plain(talk):
        talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await talk.client_left()

    error = refusal(outcomes(peer(plain), scheme="https"))
    assert "TLS with https://127.0.0.1" in error.what
    assert "plain http://" in error.next_step


def test_a_peer_that_hangs_up_during_the_handshake_was_not_sent(peer, outcomes):
    async def hangs_up(talk):
        await talk.reader.read(1)
        talk.reset()

    error = refusal(outcomes(peer(hangs_up), scheme="https"))
    assert "during the TLS handshake" in error.why


@pytest.mark.parametrize("content", [None, "no certificate here"])
def test_a_useless_trust_file_is_named(peer, saying, outcomes, pki, tmp_path, content):
    path = tmp_path / "anchors.pem"
    if content is not None:
        path.write_text(content)
    error = refusal(outcomes(peer(saying(ANSWER), tls=pki.server(HERE)), scheme="https", tls=TlsSettings(str(path))))
    assert str(path) in error.what
    assert error.why


def test_tls_settings_say_nothing_about_plain_http(peer, saying, outcomes, pki):
    assert outcomes(peer(saying(ANSWER)), tls=TlsSettings(pki.trust)) == [CMP]


def test_a_connection_that_ends_under_tls_while_idle_is_not_used_again(peer, saying, until, pki):
    async def run():
        async with peer(saying(ANSWER, close=False), tls=pki.server(HERE)).listening() as one:
            transport = one.transport(scheme="https", tls=TlsSettings(pki.trust))
            await transport.exchange(b"\x30\x00")
            one.talks[0].writer.transport.abort()
            await until(lambda: transport._idle[0]._reader.stirred)
            answer = await transport.exchange(b"\x30\x00")
            await transport.close()
            return answer, one.connections

    assert asyncio.run(run()) == (CMP, 2)
