"""What the start of an apply leaves alone: modules that new keys and requests under a shared key do not need.

Each name here was taken out of the start because it cost something, and comes back unnoticed with one import.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.labs import Lab
from support.program import environment

SCRIPT = "import sys; from runner.cli.main import main; print(main(sys.argv[1:]), *sys.modules, file=sys.stderr)"
MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  lab: {{url: "{lab.url}", trust: [{lab.ca}], credential: lab}}
credentials:
  lab: {{psk: {{env: LAB_PSK}}}}
enrollments:
  - name: web-1
    authority: lab
    subject: C=FI, O=Example, CN=web-1
    key: generate://pkcs8@ec:p256/out/web-1
    output: {{file: out/web-1.crt}}
"""
LEFT_ALONE = {
    "cryptography.x509",  # a regular expression of 75 million instructions, a sixteenth of a start then
    "encodings.idna",
    "jsonschema",
    "pickle",
    "rich",
    "runner.asn1.archive",
    "runner.asn1.cms",
    "runner.asn1.infotypes",
    "runner.asn1.signed",
    "runner.cli.review",
    "runner.cli.trace",
    "runner.cli.watching",
    "runner.cmp.agreement",
    "runner.cmp.tidings",
    "runner.execute.backup",
    "runner.execute.fetch",
    "runner.execute.hooks",
    "runner.execute.policies",
    "runner.execute.recovering",
    "runner.execute.relaying",
    "runner.execute.worker",
    "runner.keystores.commands",
    "runner.keystores.jks",
    "runner.keystores.pkcs12",
    "runner.keystores.postquantum",
    "runner.keystores.sealing",
    "runner.keystores.tokens",
    "runner.pki.certification_requests",
    "runner.pki.decryption_proofs",
    "runner.pki.envelopes",
    "runner.pki.kems",
    "runner.ra",
    "runner.report.evidence",
    "tempfile",
    "zoneinfo",
}


LEFT_ALONE_BY_A_PLAN = {"asyncio", "cryptography", "runner.cmp", "runner.transports", "ssl", "tempfile"}
MODULES_OF_OURS = 260
"""That an apply loads: each takes half a million instructions, if nothing is in it."""


def run(lab, folder, *argv):
    """Its exit status, and the modules that a command on the manifest has loaded when it ends."""
    manifest = folder / "m.yaml"
    manifest.write_text(MANIFEST.format(lab=lab))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *argv, str(manifest)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment(LAB_PSK=lab.psk),
    )
    status, *modules = done.stderr.splitlines()[-1].split()
    return status, set(modules)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab") / "lab")
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def loaded(lab, tmp_path_factory):
    """The modules that an apply of one enrolment has loaded when it ends."""
    status, modules = run(lab, tmp_path_factory.mktemp("apply"), "apply")
    assert status == "0"
    return modules


def test_an_apply_loads_what_it_needs(loaded):
    assert {"asyncio", "runner.execute.operation", "runner.transports.http"} <= loaded
    assert len([name for name in loaded if name.startswith("runner")]) <= MODULES_OF_OURS


@pytest.mark.parametrize("name", sorted(LEFT_ALONE))
def test_and_leaves_alone(name, loaded):
    assert name not in loaded


def test_a_plan_without_keys_leaves_even_more_alone(lab, tmp_path):
    status, modules = run(lab, tmp_path, "plan")
    assert status == "2"
    assert not modules & LEFT_ALONE_BY_A_PLAN


def test_what_is_left_at_the_end_is_not_looked_through_for_garbage():
    script = "import gc; from runner.__main__ import main; main(); print(gc.get_freeze_count(), gc.get_count()[0])"
    command = [sys.executable, "-c", script, "schema", "plan"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    frozen, young = map(int, done.stdout.splitlines()[-1].split())
    assert frozen > 1000 > young
