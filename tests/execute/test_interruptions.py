"""A process that ends at every single event of every kind of operation, and the one after it that makes it good.

The same promises as in tests/crash, where real processes are killed; here every event has its turn, before and after.
Judged after each: no key lost, nothing issued that we do not hold, nothing asked for twice, a pair on the disk.
"""

from __future__ import annotations

import subprocess
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.stage import Stage

from runner.state.inventory import Stage as At

MANIFEST = """
enrollments:
  - name: web
    subject: "C=FI, CN=web"
    key: "KEY"
    output: out/web
    renew_before: 30d
"""
FLOWS = {
    "ir": {"key": "generate://pkcs8@ec:p256/out/web"},
    "ir, implicit": {"key": "generate://pkcs8@ec:p256/out/web", "implicit": True},
    "ir, a key that is there": {"key": "file:my.prv"},
    "ir, waiting": {"key": "generate://pkcs8@ec:p256/out/web", "rules": {"waiting_polls": 1, "check_after": 5}},
    "ir, refused at first": {"key": "generate://pkcs8@ec:p256/out/web", "first": "refuses"},
    "ir, disowned at first": {"key": "generate://pkcs8@ec:p256/out/web", "first": "disowns"},
    "kur, new key": {"key": "generate://pkcs8@ec:p256/out/web", "due": True},
    "kur, new key, implicit": {"key": "generate://pkcs8@ec:p256/out/web", "due": True, "implicit": True},
    "kur, same key": {"key": "file:my.prv", "due": True},
    "rr": {"key": "generate://pkcs8@ec:p256/out/web", "revoke": True},
}


def prepared(folder, flow):
    """The stage as it is before the apply that will be killed; and how many certificates there are then."""
    stage = Stage(folder, **flow.get("rules", {}))
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", stage.path("my.prv")], check=True, capture_output=True
    )
    stage.write(MANIFEST.replace("KEY", flow["key"]))
    if flow.get("implicit"):
        stage.edit("credential: psk", "credential: psk, implicit_confirm: true")
    if flow.get("due"):
        stage.apply()
        stage.loop.jump(345 * 86_400)
    if flow.get("revoke"):
        stage.apply()
        stage.write("revocations: [{name: rev, certificate: out/web-0.crt, credential: psk}]\n")
    if flow.get("first") == "refuses":
        stage.play(stage.ca.refuses("badRequest"))
    if flow.get("first") == "disowns":
        stage.play(stage.ca.answers, stage.ca.refuses("badRequest"))
    stage.events.clear()
    return stage


def converge(stage, most=8):
    """Apply until there is nothing to do; time goes on in between."""
    for _ in range(most):
        if all(verb == "keep" for verb in stage.verbs().values()):
            return
        outcomes = stage.outcomes()
        assert "unknown" not in outcomes.values()
        stage.loop.jump(60)
    raise AssertionError(f"there is no end to it: {stage.codes()}")


def all_is_well(stage, flow, before):
    if flow.get("first") == "disowns":  # with a second certificate, where we heard that the first was disowned
        assert stage.ca.issued == len({octets for _, kind, octets in stage.ca.sent if kind == "ir"}) <= 2
    else:
        assert stage.ca.issued - before == (0 if flow.get("revoke") else 1)
    assert not stage.inventory.open
    strays = [name for name in stage.files if ".cmp-batch-" in name or name.endswith(".next")]
    assert strays == []
    key_file = "my.prv" if "my.prv" in flow["key"] else "out/web.prv"
    key = load_pem_private_key(stage.path(key_file).read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(stage.path("out/web-0.crt").read_bytes())
    assert certificate.public_key() == key.public_key()
    if not flow.get("revoke"):
        assert stage.inventory.held["web"].certificate == stage.certificate("out/web-0.crt").der
        assert stage.ca.lab._office.ledger.certificate(certificate.serial_number).state.value == "confirmed"
    else:
        assert stage.ca.lab._office.ledger.certificate(certificate.serial_number).state.value == "revoked"


def events_in(folder, flow):
    rehearsal = prepared(folder, flow)
    try:
        rehearsal.apply()
        return len(rehearsal.events)
    finally:
        rehearsal.close()


@pytest.mark.parametrize("name", FLOWS)
def test_killed_at_every_event(tmp_path, name):
    flow, numbers = FLOWS[name], count()
    for number in range(events_in(fresh(tmp_path, numbers), flow)):
        stage = prepared(fresh(tmp_path, numbers), flow)
        try:
            before = stage.ca.issued
            assert stage.killed_at(number)
            stage.ca.script.clear()
            converge(stage)
            all_is_well(stage, flow, before)
        finally:
            stage.close()


@pytest.mark.parametrize("name", ["ir", "kur, new key"])
def test_killed_again_and_again(tmp_path, name):
    """Each process comes one event further than the one before it: a machine that reboots all the time."""
    flow, numbers = FLOWS[name], count()
    stage = prepared(fresh(tmp_path, numbers), flow)
    try:
        before = stage.ca.issued
        for number in range(1, 40):
            if not stage.killed_at(number):
                break
            stage.loop.jump(1)
        converge(stage)
        all_is_well(stage, flow, before)
    finally:
        stage.close()


def fresh(tmp_path, numbers):
    folder = tmp_path / str(next(numbers))
    folder.mkdir()
    return folder


def test_a_certificate_that_we_reject_is_not_installed_by_the_next_process(tmp_path):
    """Bad and confirmed at once (implicitConfirm): whatever moment the process ends at."""
    flow, numbers = FLOWS["ir, implicit"], count()
    for number in range(12):
        stage = prepared(fresh(tmp_path, numbers), flow)
        try:
            good = stage.path("ca.pem").read_bytes()
            stage.path("ca.pem").write_bytes(other_anchor(stage))
            stage.killed_at(number)
            stage.outcomes()
            assert not stage.path("out/web-0.crt").exists()
            assert stage.inventory.open["web"].stage in (At.KEYED, At.SENT)
            stage.path("ca.pem").write_bytes(good)
        finally:
            stage.close()


def other_anchor(stage):
    from support.ambient import CountingEntropy

    from runner.lab.authority import open_lab
    from runner.pki.certificates import to_pem

    return to_pem(open_lab(None, stage.clock, CountingEntropy(count(1 << 50))).ca_certificate)
