"""`tunnel serve`: openssl cmp as a device, an RA in a process of its own, and a lab behind it."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from support.openssl_cmp import OpensslClient
from support.peers import Reply
from support.requester import cert_req, new_key
from support.served import MANIFEST

from runner.asn1.cmp import FAIL_INFO, PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules


@pytest.fixture
def client(openssl, tmp_path):
    folder = tmp_path / "client"
    folder.mkdir()
    return lambda *protection: OpensslClient(openssl, folder, *protection)


def told(octets):
    return decode(PKIMessage, octets)


def fail_info(octets):
    body = told(octets).body
    info = body.value.pki_status_info if body.name == "error" else body.value.response[0].status
    return [FAIL_INFO[bit] for bit in info.fail_info]


def test_openssl_enrols_updates_and_revokes_through_it(served, client):
    served.start()
    door = ["-server", served.url.removeprefix("http://").rstrip("/"), "-path", "/", "-recipient", "/CN=RA"]
    secret = client("-ref", "dev", "-secret", "pass:device secret")
    trusted = ["-trusted", str(served.folder / "ca.pem")]
    secret.key("one")
    secret.cmp("ir", *door, *trusted, "-newkey", "one.key", "-subject", "/CN=one", "-certout", "one.crt")
    secret.key("two")
    secret.cmp(
        "cr", *door, *trusted, "-newkey", "two.key", "-subject", "/CN=two", "-certout", "two.crt", "-implicit_confirm"
    )
    csr = secret.csr("three")
    secret.cmp("p10cr", *door, *trusted, "-csr", str(csr), "-certout", "three.crt")
    secret.cmp("genm", *door, *trusted)
    signed = client("-cert", "one.crt", "-key", "one.key")
    signed.key("new")
    signed.cmp("kur", *door, *trusted, "-newkey", "new.key", "-certout", "new.crt")
    made = x509.load_pem_x509_certificate((signed.folder / "new.crt").read_bytes())
    assert made.subject.rfc4514_string() == "CN=one"
    newer = client("-cert", "new.crt", "-key", "new.key")
    newer.cmp("rr", *door, *trusted, "-oldcert", "new.crt", "-revreason", "1")
    status, said = served.stop()
    assert status == 0
    assert "kup" in said
    assert "rp" in said


def test_a_device_is_polled_through_it(served, client, peer):
    served.start()
    peer.lab._office.rules = LabRules(waiting_polls=1)
    door = ["-server", served.url.removeprefix("http://").rstrip("/"), "-path", "/", "-recipient", "/CN=RA"]
    device = client("-ref", "dev", "-secret", "pass:device secret")
    device.key("one")
    device.cmp("ir", *door, "-newkey", "one.key", "-subject", "/CN=one", "-certout", "one.crt", "-total_timeout", "30")
    assert (device.folder / "one.crt").exists()


def test_what_the_rules_do_not_approve_is_refused(served):
    served.start(names='["CN=line-*"]')
    octets = served.device().message("ir", (cert_req(new_key()),))
    assert fail_info(served.post(octets)) == ["notAuthorized"]
    assert fail_info(served.post(b"\x30\x80garbage")) == ["badDataFormat"]
    wrong = served.device(b"guess").message("ir", (cert_req(new_key()),))
    assert fail_info(served.post(wrong)) == ["badMessageCheck"]
    assert served.peer.requests == []


def test_the_same_octets_reach_the_ca_once(served):
    served.start()
    octets = served.device().message("ir", (cert_req(new_key()),))
    with ThreadPoolExecutor(8) as many:
        answers = set(many.map(served.post, [octets] * 8))
    assert len(answers) == 1
    assert len(served.peer.requests) == 1
    served.stop(signal.SIGKILL)
    served.start()
    assert {served.post(octets)} == answers
    assert len(served.peer.requests) == 1


def test_what_was_under_way_when_it_was_killed_is_finished(served):
    served.start()
    octets = served.device().message("ir", (cert_req(new_key()),))
    served.peer.behave = lambda lab, request, _: lab.respond(request) and Reply(hangs_up=True)
    assert fail_info(served.post(octets)) == ["systemUnavail"]
    served.stop(signal.SIGKILL)
    served.peer.behave = lambda lab, request, _: lab.respond(request)
    served.start()
    answer = told(served.post(octets))
    assert answer.body.name == "ip"
    assert len(set(served.peer.requests)) == 1
    assert len(list(served.peer.lab._office.ledger.certificates())) == 2  # the RA's own, and the device's


def test_a_secret_that_is_good_once_is_used_once_also_after_a_restart(served):
    served.start(names="[any], psk: once")
    first = served.device().message("ir", (cert_req(new_key()),))
    assert told(served.post(first)).body.name == "ip"
    served.stop()
    served.start(names="[any], psk: once")
    assert fail_info(served.post(served.device().message("ir", (cert_req(new_key()),)))) == ["notAuthorized"]


def test_other_machines_are_let_in_by_a_word_alone(served):
    served.start()
    served.stop()
    command = [sys.executable, "-m", "runner", "tunnel", "serve", "m.yaml", "line", "--host", "0.0.0.0"]  # noqa: S104
    done = subprocess.run(command, cwd=served.folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 6


@pytest.mark.parametrize(("name", "approve"), [("other", "{names: [any]}"), ("line", "ask")])
def test_what_cannot_be_served_is_refused(served, name, approve):
    text = MANIFEST.format(url=served.peer.url, names="[any]").replace("{names: [any]}", approve)
    (served.folder / "m.yaml").write_text(text)
    command = [sys.executable, "-m", "runner", "tunnel", "serve", "m.yaml", name]
    done = subprocess.run(command, cwd=served.folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "tunnel" in done.stderr
