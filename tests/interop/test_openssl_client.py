"""`openssl cmp` as the client, our lab as the CA, HTTP between them: every command, both kinds of protection."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import subprocess
import threading

import pytest
from cryptography import x509

from runner.lab.authority import open_lab
from runner.lab.rules import LabRules
from runner.serving.http import serve
from runner.system import SystemClock, SystemEntropy


class Served:
    """A lab behind its HTTP server, in a thread with a loop of its own, until `stop`."""

    def __init__(self, folder, **rules):
        self.folder = folder
        self.lab = open_lab(folder, SystemClock(), SystemEntropy(), LabRules(**rules))
        self._ready = queue.Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self.url = self._ready.get(timeout=5)

    async def _run(self):
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            await serve(self.lab.respond, ready=self._ready.put)

    def stop(self):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout=5)
        self.lab.close()
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`served(waiting_polls=1)` → a lab with these rules, running."""
    running = {}

    def start(**rules):
        mark = str(sorted(rules.items()))
        if mark not in running:
            running[mark] = Served(tmp_path_factory.mktemp("lab") / "lab", **rules)
        return running[mark]

    yield start
    for each in running.values():
        each.stop()


class Client:
    """A folder with keys and certificates, and `openssl cmp` in it."""

    def __init__(self, openssl, folder, ca):
        self._openssl = openssl
        self.folder = folder
        self.ca = ca
        reference, _, self.secret = ca.lab.psk.partition(":")
        self._by_secret = ("-ref", reference, "-secret", f"pass:{self.secret}")

    def run(self, *words):
        command = [self._openssl, *words]
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, cwd=self.folder, **both, text=True, timeout=30, check=False)

    def key(self, name, curve="prime256v1"):
        assert self.run("ecparam", "-name", curve, "-genkey", "-noout", "-out", name).returncode == 0
        return name

    def cmp(self, command, *words, secret=None):
        by_secret = ("-ref", "lab", "-secret", f"pass:{secret}") if secret else self._by_secret
        protection = () if "-cert" in words or "-unprotected_requests" in words else by_secret
        where = ("-server", self.ca.url.removeprefix("http://"), "-path", "/pkix/", "-no_proxy", "127.0.0.1")
        return self.run("cmp", "-config", "", "-batch", *where, "-cmd", command, *protection, *words)

    def signed(self, name="holder"):
        """Words that sign with a certificate that this client has."""
        return ("-cert", f"{name}.pem", "-key", f"{name}.key", "-trusted", str(self.ca.lab.ca_certificate_path))

    def enrolled(self, name="holder", *words):
        """A certificate of its own, enrolled by the secret."""
        done = self.cmp(
            "ir", "-newkey", self.key(f"{name}.key"), "-subject", f"/C=FI/CN={name}", "-certout", f"{name}.pem", *words
        )
        assert done.returncode == 0, done.stdout
        return self

    def certificate(self, name):
        return x509.load_pem_x509_certificate((self.folder / name).read_bytes())

    def verify(self, *names):
        root = str(self.ca.lab.ca_certificate_path)
        done = self.run("verify", "-x509_strict", "-CAfile", root, *names)
        assert done.returncode == 0, done.stdout

    def state(self, name):
        known = self.ca.lab._office.ledger.certificate(self.certificate(name).serial_number)
        return known.state.value


@pytest.fixture
def client(openssl, tmp_path, served):
    return Client(openssl, tmp_path, served())


def messages(done) -> list[str]:
    """The bodies that went to and fro, in openssl's words."""
    marks = ("CMP info: sending ", "CMP info: received ")
    lines = (line.partition("CMP info: ") for line in done.stdout.splitlines() if line.startswith(marks))
    return [words.split()[1] for _, _, words in lines if words.split()[1].isupper()]


EXPLICIT = ["CERTCONF", "PKICONF"]


@pytest.mark.parametrize(("options", "more"), [((), EXPLICIT), (("-implicit_confirm",), [])])
def test_ir_by_secret(client, options, more):
    ca = str(client.ca.lab.ca_certificate_path)
    words = ("-newkey", client.key("web.key"), "-subject", "/C=FI/O=Plant/CN=web", "-sans", "web.example 10.0.0.1")
    done = client.cmp("ir", *words, "-certout", "web.pem", "-cacertsout", "ca.pem", "-out_trusted", ca, *options)
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["IR", "IP", *more]
    client.verify("web.pem")
    assert client.state("web.pem") == "confirmed"
    assert client.certificate("web.pem").subject.rfc4514_string() == "CN=web,O=Plant,C=FI"
    assert client.certificate("ca.pem") == x509.load_der_x509_certificate(client.ca.lab.ca_certificate)


@pytest.mark.parametrize("mac", ["hmac-sha1", "hmacWithSHA256", "hmacWithSHA512"])
@pytest.mark.parametrize("digest", ["sha256", "sha384"])
def test_ir_with_other_macs(client, mac, digest):
    client.enrolled("web", "-mac", mac, "-digest", digest)
    client.verify("web.pem")


@pytest.mark.parametrize(("options", "more"), [((), EXPLICIT), (("-implicit_confirm",), [])])
def test_cr_by_signature(client, options, more):
    client.enrolled()
    words = ("-newkey", client.key("two.key", "secp384r1"), "-subject", "/CN=two", "-certout", "two.pem")
    done = client.cmp("cr", *client.signed(), *words, *options)
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["CR", "CP", *more]
    client.verify("two.pem")
    assert client.state("two.pem") == "confirmed"


def test_ir_by_signature(client):
    client.enrolled()
    words = ("-newkey", client.key("two.key"), "-subject", "/CN=two", "-certout", "two.pem")
    done = client.cmp("ir", *client.signed(), *words)
    assert done.returncode == 0, done.stdout
    client.verify("two.pem")


def test_kur_and_then_with_the_new_certificate(client):
    client.enrolled("old", "-sans", "old.example")
    done = client.cmp("kur", *client.signed("old"), "-newkey", client.key("new.key"), "-certout", "new.pem")
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["KUR", "KUP", *EXPLICIT]
    client.verify("new.pem")
    old, new = client.certificate("old.pem"), client.certificate("new.pem")
    assert new.subject == old.subject
    names = [each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for each in (old, new)]
    assert names[0] == names[1]
    done = client.cmp("kur", *client.signed("new"), "-newkey", client.key("newer.key"), "-certout", "newer.pem")
    assert done.returncode == 0, done.stdout


def test_p10cr(client):
    words = ("-subj", "/C=FI/CN=p10", "-addext", "subjectAltName=DNS:p10.example", "-out", "p10.csr")
    assert client.run("req", "-new", "-key", client.key("p10.key"), *words).returncode == 0
    done = client.cmp("p10cr", "-csr", "p10.csr", "-certout", "p10.pem")
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["P10CR", "CP", *EXPLICIT]
    client.verify("p10.pem")
    names = client.certificate("p10.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["p10.example"]


def test_rr_by_signature_and_the_crl_that_follows(client):
    client.enrolled().enrolled("other")
    done = client.cmp("rr", *client.signed(), "-oldcert", "holder.pem", "-revreason", "4")
    assert done.returncode == 0, done.stdout
    assert "revocation accepted" in done.stdout
    options = ("-crl_check", "-CRLfile", str(client.ca.folder / "crl.pem"))
    root = str(client.ca.lab.ca_certificate_path)
    done = client.run("verify", "-CAfile", root, *options, "holder.pem", "other.pem")
    assert "certificate revoked" in done.stdout
    assert "other.pem: OK" in done.stdout


def test_rr_by_secret_and_once_more(client):
    client.enrolled()
    words = ("-oldcert", "holder.pem", "-revreason", "1")
    assert client.cmp("rr", *words).returncode == 0
    done = client.cmp("rr", *words)
    assert done.returncode != 0
    assert "certRevoked" in done.stdout
    done = client.cmp("cr", *client.signed(), "-newkey", client.key("k"), "-subject", "/CN=x", "-certout", "x.pem")
    assert done.returncode != 0
    assert "certRevoked" in done.stdout


@pytest.mark.parametrize("by_signature", [False, True])
def test_genm(client, by_signature):
    words = client.enrolled().signed() if by_signature else ()
    done = client.cmp("genm", "-infotype", "caCerts", *words)
    assert done.returncode == 0, done.stdout
    assert "id-it-caCerts" in done.stdout


def test_polling(openssl, tmp_path, served):
    client = Client(openssl, tmp_path, served(waiting_polls=2, check_after=0))
    words = ("-newkey", client.key("web.key"), "-subject", "/CN=web", "-certout", "web.pem")
    done = client.cmp("ir", *words)
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["IR", "IP", "POLLREQ", "POLLREP", "POLLREQ", "POLLREP", "POLLREQ", "IP", *EXPLICIT]
    client.verify("web.pem")


def refused(client, *words, secret=None):
    """What openssl says of the lab's refusal; nothing was issued."""
    before = len(list((client.ca.folder / "issued").iterdir()))
    words += ("-newkey", client.key("web.key"), "-subject", "/CN=web", "-certout", "web.pem")
    if "-cert" not in words:
        words += ("-trusted", str(client.ca.lab.ca_certificate_path))
    done = client.cmp("ir", *words, secret=secret)
    assert done.returncode != 0
    assert not (client.folder / "web.pem").exists()
    assert len(list((client.ca.folder / "issued").iterdir())) == before
    return done.stdout


def test_a_wrong_secret_is_refused(client):
    assert "badMessageCheck" in refused(client, secret="wrong")


def test_an_unprotected_request_is_refused(client):
    assert "badMessageCheck" in refused(client, "-unprotected_requests")


@pytest.mark.parametrize("popo", ["-1", "0"])
def test_a_request_without_proof_is_refused(client, popo):
    assert "badPOP" in refused(client, "-popo", popo)


def test_a_signer_from_elsewhere_is_refused(client):
    words = ("-x509", "-subj", "/CN=stranger", "-days", "2", "-key", client.key("stranger.key"), "-out", "stranger.pem")
    assert client.run("req", "-new", *words).returncode == 0
    assert "signerNotTrusted" in refused(client, *client.signed("stranger"))


def test_a_certificate_that_is_rejected_by_openssl_is_revoked(client):
    client.run(
        "req", "-x509", "-new", "-subj", "/CN=other root", "-days", "2", "-key", client.key("o.key"), "-out", "o.pem"
    )
    words = ("-newkey", client.key("web.key"), "-subject", "/CN=web", "-certout", "web.pem", "-out_trusted", "o.pem")
    done = client.cmp("ir", *words)
    assert done.returncode != 0
    assert messages(done) == ["IR", "IP", *EXPLICIT]
    newest = max((client.ca.folder / "issued").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    serial = x509.load_pem_x509_certificate(newest.read_bytes()).serial_number
    crl = x509.load_pem_x509_crl((client.ca.folder / "crl.pem").read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None


def test_signed_answers_to_a_secret(openssl, tmp_path, served):
    client = Client(openssl, tmp_path, served(signed_answers=True))
    client.enrolled("web", "-trusted", str(client.ca.lab.ca_certificate_path))
    client.verify("web.pem")


def test_an_update_revokes_what_it_replaces(openssl, tmp_path, served):
    client = Client(openssl, tmp_path, served(revoke_updated=True)).enrolled("old")
    done = client.cmp("kur", *client.signed("old"), "-newkey", client.key("new.key"), "-certout", "new.pem")
    assert done.returncode == 0, done.stdout
    assert (client.state("old.pem"), client.state("new.pem")) == ("revoked", "confirmed")


def test_unprotected_errors_are_told_apart(openssl, tmp_path, served):
    client = Client(openssl, tmp_path, served(unprotected_errors=True))
    words = ("-newkey", client.key("web.key"), "-subject", "/CN=web", "-certout", "web.pem")
    for more, told in (((), False), (("-unprotected_errors",), True)):
        done = client.cmp("ir", *words, *more, secret="wrong")
        assert done.returncode != 0
        assert ("ignoring missing protection of error response" in done.stdout) is told, done.stdout


def test_a_certificate_that_comes_encrypted(openssl, tmp_path, served):
    client = Client(openssl, tmp_path, served(encrypted_certificates=True))
    assert client.run("genrsa", "-out", "web.key", "2048").returncode == 0
    done = client.cmp("ir", "-newkey", "web.key", "-subject", "/CN=web", "-certout", "web.pem")
    assert done.returncode == 0, done.stdout
    client.verify("web.pem")
    assert client.state("web.pem") == "confirmed"


def test_other_manners_end_well(openssl, tmp_path, served):
    rules = {"implicit_unasked": True, "backdate": 60, "lifetime": 3600, "ca_pubs": False}
    client = Client(openssl, tmp_path, served(**rules)).enrolled("web")
    life = client.certificate("web.pem")
    assert (life.not_valid_after_utc - life.not_valid_before_utc).total_seconds() == 3600


def signing_with(client, name, words, subject="/C=FI/CN=holder"):
    """A key that `openssl genpkey` makes, and its certificate of the lab's."""
    assert client.run("genpkey", *words, "-out", f"{name}.key").returncode == 0
    done = client.cmp("ir", "-newkey", f"{name}.key", "-subject", subject, "-certout", f"{name}.pem")
    assert done.returncode == 0, done.stdout
    return client


@pytest.mark.parametrize(
    ("words", "digest"),
    [
        (("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "sha256"),
        (("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "sha512"),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"), "sha384"),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"), "sha512"),
    ],
)
def test_signatures_by_other_keys(client, words, digest):
    signing_with(client, "op", words)
    more = ("-newkey", client.key("two.key"), "-subject", "/CN=two", "-certout", "two.pem", "-digest", digest)
    done = client.cmp("cr", *client.signed("op"), *more)
    assert done.returncode == 0, done.stdout
    client.verify("two.pem")


@pytest.mark.parametrize("kind", ["rsa:2048", "ec:p384", "ec:p521", "ed25519"])
def test_a_ca_with_another_key(openssl, tmp_path, served, kind):
    """Certificates, answers and certHash by an algorithm that is not the usual one."""
    client = Client(openssl, tmp_path, served(ca_key=kind)).enrolled("op")
    words = ("-newkey", client.key("two.key"), "-subject", "/CN=two", "-certout", "two.pem")
    done = client.cmp("cr", *client.signed("op"), *words)
    assert done.returncode == 0, done.stdout
    assert messages(done) == ["CR", "CP", *EXPLICIT]
    client.verify("op.pem", "two.pem")
    assert client.state("two.pem") == "confirmed"


@pytest.mark.parametrize("algorithm", ["ED25519", "ED448"])
def test_keys_of_edwards_curves_are_proved(client, algorithm):
    """`openssl cmp` of version 3.0 proves possession of them, and protects no message with them."""
    signing_with(client, "ed", ("-algorithm", algorithm))
    client.verify("ed.pem")
    assert client.state("ed.pem") == "confirmed"


def test_a_ca_with_an_ed448_key(openssl, tmp_path, served):
    """RFC 9481 §3.3 wants 64 octets of SHAKE256 in certHash; `openssl cmp` of version 3.0 sends 32."""
    client = Client(openssl, tmp_path, served(ca_key="ed448")).enrolled("op", "-implicit_confirm")
    client.verify("op.pem")
    words = ("-newkey", client.key("two.key"), "-subject", "/CN=two", "-certout", "two.pem")
    done = client.cmp("ir", *words)
    assert "certHash is not the hash of the certificate" in done.stdout
