"""Every row of docs/migration.md at work: a line of ssh-cmpclient-g3, converted, and applied against the lab.

Each case says the old line and what shows that its options had their effect. Together the lines have every command
in each of its ways, and every option; that is checked, too.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from support.gates import microsocks, tinyproxy
from support.labs import Lab
from support.openssl_cmp import OpensslClient
from support.peers import Peer
from support.pending import left_pending
from support.program import program
from support.site import PeerSite

from runner.asn1.algorithms import PBMParameter
from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules
from runner.lab.services import Service
from runner.manifest.converting import converted
from runner.manifest.oldline import COMMANDS, FLAGS, HELP, WITH_VALUE, read_line
from runner.pki.certificates import to_pem

KEY = "-P generate://pkcs8@rsa:2048/web -o web"
NAMED = "-s C=FI,O=SSH,CN=web"
BY_PSK, BY_CERTIFICATE, BY_RA = "-p {psk}", "-c initial-0.crt -k initial.prv", "-R ra.crt -k ra.prv"
INITIALIZE = f"INITIALIZE {BY_PSK} -P generate://pkcs8@rsa:2048/initial -o initial -s C=FI,O=SSH,CN=initial -C ca.pem"


class House(PeerSite):
    """A folder where the old tool was at work, beside a lab that waits, keeps keys and knows an RA."""

    extra: ClassVar[dict] = {}

    def line(self, text, *options):
        """A line of the old tool, converted and applied."""
        known = {"psk": self.peer.lab.psk, "url": self.peer.url, "name": f"'{self.peer.lab.ca_name}'", **self.extra}
        words = shlex.split((text if "{url}" in text else f"{text} {{url}}").format(**known))
        self.path.write_text(converted(read_line(words), literal=True), encoding="utf-8")
        self.peer.requests.clear()
        return self.apply(*options)

    @property
    def first(self):
        """The first message that went out."""
        return decode(PKIMessage, self.peer.requests[0])

    def certificate(self, name):
        octets = self.file(name).read_bytes()
        load = x509.load_pem_x509_certificate if octets.startswith(b"-----") else x509.load_der_x509_certificate
        return load(octets)


def with_ra(house):
    certificate, key = house.peer.lab.make_ra("RA")
    house.file("ra.crt").write_bytes(to_pem(certificate))
    house.file("ra.prv").write_bytes(key)
    house.file("ra.prv").chmod(0o600)
    return house


RULES = LabRules(ra_names=("CN=RA",))


@pytest.fixture
def house(tmp_path, capsys):
    (tmp_path / "site").mkdir()
    with Peer(rules=RULES) as peer:
        yield with_ra(House(tmp_path / "site", capsys.readouterr, peer))


@pytest.fixture
def initial(house):
    """The house once the old INITIALIZE was done: initial.prv and initial-0.crt."""
    assert house.line(INITIALIZE).outcomes == {"initial": "issued"}
    return house


@dataclass(frozen=True)
class Row:
    """A line, and what is true of the house when it was applied."""

    line: str
    shows: object
    outcome: str = "issued"


def extension(house, kind, name="web-0.crt"):
    return house.certificate(name).extensions.get_extension_for_class(kind).value


def body_is(kind, signed=False):
    def shows(house):
        algorithm = house.first.header.protection_alg.algorithm
        return house.first.body.name == kind and algorithm.startswith("1.2.840.113533.7.66") is not signed

    return shows


def template(house):
    return house.first.body.value[0].cert_req.cert_template


ROWS = {
    "INITIALIZE by psk": Row(f"INITIALIZE {BY_PSK} {KEY} {NAMED} -C ca.pem", body_is("ir")),
    "INITIALIZE by RA": Row(f"INITIALIZE {BY_RA} {KEY} {NAMED} -C ca.pem", body_is("ir", signed=True)),
    "ENROLL by certificate": Row(f"ENROLL {BY_CERTIFICATE} {KEY} {NAMED} -C ca.pem", body_is("cr", signed=True)),
    "ENROLL by RA": Row(f"enroll {BY_RA} {KEY} {NAMED} -C ca.pem", body_is("cr", signed=True)),
    "UPDATE": Row(f"UPDATE {BY_CERTIFICATE} -o web -C ca.pem", body_is("kur", signed=True), "updated"),
    "UPDATE with a new key": Row(
        f"UPD {BY_CERTIFICATE} {KEY} -C ca.pem",
        lambda house: house.certificate("web-0.crt").public_key() != house.certificate("initial-0.crt").public_key(),
        "updated",
    ),
    "REVOKE by psk": Row(f"REVOKE {BY_PSK} -T initial-0.crt -C ca.pem", body_is("rr"), "revoked"),
    "REVOKE by certificate": Row(f"REVOKE {BY_CERTIFICATE} -T initial-0.crt -C ca.pem", body_is("rr", True), "revoked"),
    "REVOKE by RA": Row(f"REVOKE {BY_RA} -T initial-0.crt -C ca.pem", body_is("rr", signed=True), "revoked"),
    "-v 1": Row(f"INIT -v 1 {BY_PSK} {KEY} {NAMED} -C ca.pem", lambda house: house.first.header.pvno == 1),
    "-i": Row(
        f"INIT -i 3000 {BY_PSK} {KEY} {NAMED} -C ca.pem",
        lambda house: decode(PBMParameter, house.first.header.protection_alg.parameters).iteration_count == 3000,
    ),
    "-i by default": Row(
        f"INIT {BY_PSK} {KEY} {NAMED} -C ca.pem",
        lambda house: decode(PBMParameter, house.first.header.protection_alg.parameters).iteration_count == 1024,
    ),
    "-p of a file": Row(f"INIT -p psk {KEY} {NAMED} -C ca.pem", body_is("ir")),
    "-T": Row(
        f"INIT {BY_PSK} {KEY} -T initial-0.crt -C ca.pem",
        lambda house: house.certificate("web-0.crt").subject == house.certificate("initial-0.crt").subject,
    ),
    "-s with names": Row(
        f"INIT {BY_PSK} {KEY} -s 'C=FI,O=SSH,CN=web;IP=192.0.2.1;email=a@b.example;dns=b.example' -C ca.pem",
        lambda house: extension(house, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == ["b.example"],
    ),
    "-u": Row(
        f"INIT {BY_PSK} {KEY} {NAMED} -u digitalsignature -C ca.pem",
        lambda house: extension(house, x509.KeyUsage).digital_signature,
    ),
    "-U": Row(
        f"INIT {BY_PSK} {KEY} {NAMED} -U 'clientAuth;1.3.6.1.5.5.7.3.17' -C ca.pem",
        lambda house: "1.3.6.1.5.5.7.3.17" in [e.dotted_string for e in extension(house, x509.ExtendedKeyUsage)],
    ),
    "-E": Row(
        f"INIT -E {BY_PSK} {KEY} {NAMED} -u keyEncipherment -C ca.pem",
        lambda house: house.first.body.value[0].popo.name == "keyEncipherment",
    ),
    "-O": Row(
        f"INIT {BY_PSK} -P generate://pkcs8@rsa:2048/web -O only.crt {NAMED} -C ca.pem",
        lambda house: house.certificate("only.crt") and not house.file("only.crt-0.crt").exists(),
    ),
    "-N": Row(f"INIT -N noise {BY_PSK} {KEY} {NAMED} -C ca.pem", lambda house: house.file("web.prv").exists()),
    "-y -d -Z": Row(f"INIT -y -d 9 -Z soft:x {BY_PSK} {KEY} {NAMED} -C ca.pem", body_is("ir")),
    "the CA's name": Row(
        f"INIT {BY_PSK} {KEY} {NAMED} {{url}} {{name}}",
        lambda house: house.peer.lab.ca_name.der in house.peer.requests[0],
    ),
    "-P of a key that is there": Row(
        f"INIT {BY_PSK} -P file:initial.prv -o web {NAMED} -C ca.pem",
        lambda house: house.certificate("web-0.crt").public_key() == house.certificate("initial-0.crt").public_key(),
    ),
}


def test_every_command_and_every_option_is_in_a_line():
    """In this file's own words; options that ask for help have a test of their own below."""
    words = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in COMMANDS if re.search(rf'f?"{name} ', words)} == set(COMMANDS)
    assert set(re.findall(r"[ \"]-([A-Za-z])\b", words)) >= set(WITH_VALUE + FLAGS)


@pytest.mark.parametrize("name", ROWS)
def test_a_line_does_what_it_did(initial, name):
    row = ROWS[name]
    initial.file("noise").write_bytes(os.urandom(64))
    done = initial.line(row.line)
    found = [outcome for name, outcome in done.outcomes.items() if name != "initial"]
    assert (done.status, found) == (0, [row.outcome]), (initial.path.read_text(), done)
    assert row.shows(initial)


def test_the_examples_of_the_manual(house):
    """Word for word, but for the key's length, the address that it leaves out, and where the CA is."""
    house.peer.lab._office.rules = LabRules(revoke_updated=True)
    done = house.line(
        f"ssh-cmpclient-g3 INITIALIZE -P generate://pkcs8@rsa:1024/initial -o initial {BY_PSK} "
        "-s 'C=FI,O=SSH,CN=Example/initial;IP=192.0.2.1' -u digitalsignature {url} {name}"
    )
    assert (done.status, done.outcomes) == (0, {"initial": "issued"}), done
    certificate = house.certificate("initial-0.crt")
    assert certificate.public_key().key_size == 1024
    assert certificate.subject.rfc4514_string() == "CN=Example/initial,O=SSH,C=FI"
    done = house.line(
        "ssh-cmpclient-g3 UPDATE -k initial.prv -c initial-0.crt -P generate://pkcs8@rsa:1024/updatedcert "
        "-o updatedcert {url} {name}"
    )
    assert (done.status, done.outcomes["updatedcert"]) == (0, "updated"), done
    assert house.certificate("updatedcert-0.crt").subject == certificate.subject


@pytest.fixture
def old_ca(tmp_path, capsys):
    """A house at a CA of those days: one RSA key signs, and is what backups are encrypted to."""
    (tmp_path / "site").mkdir()
    with Peer(rules=LabRules(ra_names=("CN=RA",), ca_key="rsa:2048")) as peer:
        office = peer.lab._office
        office._services["encryption"] = Service(office.issuer.signer._key, office.issuer.certificate)
        made = with_ra(House(tmp_path / "site", capsys.readouterr, peer))
        assert made.line(INITIALIZE).outcomes == {"initial": "issued"}
        yield made


@pytest.mark.parametrize("way", [BY_PSK, BY_CERTIFICATE, BY_RA])
def test_keys_are_backed_up_and_recovered(old_ca, way):
    """-B, then RECOVER by whoever entrusted the key, and by an RA."""
    maker = "INITIALIZE" if way != BY_CERTIFICATE else "ENROLL"
    named = NAMED if way != BY_CERTIFICATE else "-s C=FI,O=SSH,CN=initial"
    backup = old_ca.line(f"{maker} -B {way} {KEY} {named} -u keyEncipherment -C ca.pem")
    assert backup.outcomes["web"] == "issued", (old_ca.path.read_text(), backup)
    back = old_ca.line(f"RECOVER {way} {named} -o back -C ca.pem")
    assert back.outcomes["back"] == "recovered", (old_ca.path.read_text(), back)
    assert old_ca.certificate("back-0.crt") == old_ca.certificate("web-0.crt")
    assert old_ca.file("back-0.prv").exists()


TO_OPENSSL = {BY_PSK: (), BY_CERTIFICATE: ("initial-0.crt", "initial.prv"), BY_RA: ("ra.crt", "ra.prv")}


@pytest.mark.parametrize("way", TO_OPENSSL)
def test_what_was_left_pending_is_polled_for(initial, openssl, way):
    """POLL -I: the request is of openssl's, which gives up while the CA waits."""
    initial.peer.lab._office.rules = replace(RULES, waiting_polls=2)
    identifier = left_pending(openssl, initial.folder, initial.peer, "other.key", TO_OPENSSL[way])
    initial.peer.lab._office.rules = RULES
    done = initial.line(f"POLL {way} -I {identifier} -P file:other.key -o late -C ca.pem")
    assert done.outcomes["late"] == "issued", (initial.path.read_text(), done)
    assert initial.first.body.name == "pollReq"
    assert initial.certificate("late-0.crt").subject.rfc4514_string() == "CN=late"


def test_requests_of_others_are_changed_and_forwarded(initial, openssl):
    """TUNNEL with all that it took: -T, -s, -u, -U, -y, -o."""
    device = OpensslClient(openssl, initial.folder)
    initial.file("inbox").mkdir()
    initial.file("inbox/dev.csr").write_bytes(device.csr("dev").read_bytes())
    initial.line(
        f"INIT {BY_PSK} -P generate://pkcs8@rsa:2048/old -o old "
        "-s 'CN=old;dns=old.example' -u keyEncipherment -C ca.pem"
    )
    done = initial.line(f"TUNNEL {BY_RA} -y -T old-0.crt -s O=SSH,CN=dev -U clientAuth -o answers -C ca.pem")
    assert done.outcomes["tunnel/dev.csr"] == "forwarded", (initial.path.read_text(), done)
    made = initial.certificate("answers/dev.csr.crt")
    assert made.subject.rfc4514_string() == "CN=dev,O=SSH"
    assert extension(initial, x509.SubjectAlternativeName, "answers/dev.csr.crt").get_values_for_type(x509.DNSName) == [
        "old.example"
    ]
    assert extension(initial, x509.KeyUsage, "answers/dev.csr.crt").key_encipherment


def test_a_tunnel_without_y_asks(initial, openssl):
    device = OpensslClient(openssl, initial.folder)
    initial.file("inbox").mkdir()
    initial.file("inbox/dev.csr").write_bytes(device.csr("dev").read_bytes())
    done = initial.line(f"TUNNEL {BY_RA} -u digitalSignature -C ca.pem")
    assert (done.status, done.outcomes["tunnel/dev.csr"]) == (4, "pending"), done


@pytest.mark.parametrize("gate", ["-S", "-H"])
def test_the_gate_is_on_the_way(house, gate, tmp_path):
    """-S with a user and networks that are reached directly, -H as the old tool wrote it."""
    far = house.line(f"INIT {gate} {DEAD[gate]} {BY_PSK} {KEY} {NAMED} -C ca.pem")
    assert (far.status, far.outcomes) == (3, {"web": "failed"})
    with (microsocks if gate == "-S" else tinyproxy)(tmp_path) as port:
        url = f"socks://me@127.0.0.1:{port}/10.0.0.0/8,192.168.0.0/16" if gate == "-S" else f"http://127.0.0.1:{port}/"
        done = house.line(f"INIT {gate} {url} {BY_PSK} {KEY} {NAMED} -C ca.pem")
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done


DEAD = {"-S": "socks://127.0.0.1:9", "-H": "http://127.0.0.1:9/"}


def test_plain_tcp(house, tmp_path):
    lab = Lab(tmp_path / "lab")
    try:
        house.file("ca.pem").write_bytes(lab.ca.read_bytes())
        house.extra = {"psk": lab.psk, "url": lab.tcp}
        done = house.line(f"INIT {BY_PSK} {KEY} {NAMED} -C ca.pem")
        assert done.outcomes == {"web": "issued"}, done
    finally:
        lab.stop()


PLACES = {"h": ("--help",), "F": ("schema", "manifest"), "e": ("init", "web.yaml")}
"""Options that ask for help, and what is asked instead."""


@pytest.mark.parametrize("letter", HELP)
def test_help_has_its_place(tmp_path, letter):
    done = program(*PLACES[letter], cwd=tmp_path)
    assert done.returncode == 0, done
    said = {"h": "usage: cmp-batch", "F": "keyEncipherment", "e": ""}[letter]
    assert said in done.stdout
    assert letter != "e" or "generate://" in (tmp_path / "web.yaml").read_text(encoding="utf-8")
