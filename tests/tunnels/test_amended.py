"""Requests that the RA changes, from the manifest to the CA with raVerified and back, in whatever form they came."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.openssl_cmp import OpensslClient
from support.site import PeerSite

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules

AMENDING = """
templates:
  device: {alt_names: ["dns=default.example"], key_usage: [digitalSignature]}
tunnels:
  - name: line
    credential: desk
    requests: inbox
    output: outbox
    psks: {file: devices.psk}
    template: device
    override: {subject: "O=Plant, CN=line-7", extended_key_usage: [clientAuth]}
    approve: {names: [any]}
"""
TRUSTED = LabRules(ra_names=("CN=RA",))


@pytest.fixture
def line(tmp_path, capsys, peer):
    """A tunnel that changes requests, whose RA is a holder of an ordinary certificate with the name CN=RA desk."""
    (tmp_path / "site" / "inbox").mkdir(parents=True)
    site = PeerSite(tmp_path / "site", capsys.readouterr, peer)
    site.file("devices.psk").write_text("dev:device secret\n")
    desk = 'enrollments:\n  - {name: desk, subject: CN=RA desk, key: "generate://pkcs8@ec:p256/ra", output: ra}\n'
    assert site.ask(desk).apply().status == 0
    credentials = 'psk: {psk: {file: psk}}\n  desk: {ra_certificate: ra-0.crt, key: "file:ra.prv"}'
    peer.lab._office.rules = TRUSTED
    return site.ask(AMENDING, credentials=credentials)


@pytest.fixture
def device(openssl, tmp_path):
    (tmp_path / "device").mkdir()
    return OpensslClient(openssl, tmp_path / "device", "-ref", "dev", "-secret", "pass:device secret")


SUBJECT = ("-subject", "/CN=dev-1", "-recipient", "/CN=RA")


def asked(device, line, command):
    """A request of openssl's in the inbox, and its options, with which it takes the answer up."""
    options = (
        ["-newkey", "dev-1.key", *SUBJECT] if command != "p10cr" else ["-csr", "dev-1.csr", "-recipient", "/CN=RA"]
    )
    if command == "p10cr":
        device.csr("dev-1")
    else:
        device.key("dev-1")
    target = line.file("inbox") / "dev-1.der"
    device.run(
        "cmp", "-cmd", command, *device.protection, *options, "-reqout", str(target), "-rspin", "/dev/null",
        "-certout", "x.crt",
    )  # fmt: skip
    return options


def is_as_amended(made):
    assert made.subject.rfc4514_string() == "CN=line-7,O=Plant"
    purposes = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["default.example"]


@pytest.mark.parametrize(("command", "kind"), [("ir", "ir"), ("cr", "cr"), ("p10cr", "cr")])
def test_a_changed_request_is_granted_as_it_was_changed(line, device, command, kind):
    options = asked(device, line, command)
    assert line.verbs()["line/dev-1.der"] == ("forward", ["asked", *["changed"] * 4])
    assert "subject: CN=dev-1 → O=Plant, CN=line-7" in line.plan().out
    line.peer.requests.clear()
    done = line.apply()
    assert done.outcomes["line/dev-1.der"] == "forwarded", done.items
    body = decode(PKIMessage, line.peer.requests[0]).body
    assert (body.name, body.value[0].popo.name, body.value[0].cert_req.cert_req_id) == (kind, "raVerified", 0)
    device.cmp(
        command, *options, "-reqin", str(line.file("inbox") / "dev-1.der"), "-certout", "dev-1.crt",
        "-rspin", str(line.file("outbox") / "dev-1.der.answer.der"), "-implicit_confirm",
    )  # fmt: skip
    made = x509.load_pem_x509_certificate((device.folder / "dev-1.crt").read_bytes())
    is_as_amended(made)
    answer = decode(PKIMessage, (line.file("outbox") / "dev-1.der.answer.der").read_bytes())
    assert answer.body.value.response[0].cert_req_id == (-1 if command == "p10cr" else 0)


def test_a_csr_is_changed(line, device):
    csr = device.csr("dev-1")
    (line.file("inbox") / "dev-1.csr").write_bytes(csr.read_bytes())
    assert line.apply().outcomes["line/dev-1.csr"] == "forwarded"
    is_as_amended(x509.load_pem_x509_certificate((line.file("outbox") / "dev-1.csr.crt").read_bytes()))


def test_a_ca_that_does_not_trust_the_ra_refuses_what_it_changed(line, device):
    line.peer.lab._office.rules = LabRules()
    asked(device, line, "ir")
    done = line.apply()
    assert done.outcomes["line/dev-1.der"] == "failed"
    assert done.items["line/dev-1.der"]["fail_info"] == ["badPOP"]
