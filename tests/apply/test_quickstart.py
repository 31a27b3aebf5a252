"""The quickstart from plan to files, by the program itself; `openssl` judges what it wrote."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator
from support.program import program

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("web-p256", "web-rsa", "web-ed25519", "api", "gate", "gate-2")
CERTIFICATES = pytest.mark.parametrize("name", NAMES)


@dataclass(frozen=True)
class Quickstart:
    """A folder in which plan, and then apply, were run on the quickstart's manifest."""

    folder: Path
    plan: subprocess.CompletedProcess
    files_after_plan: list
    apply: subprocess.CompletedProcess

    def certificate(self, name: str) -> Path:
        return self.folder / "out" / f"{name}-0.crt"

    def key(self, name: str) -> Path:
        return self.folder / "out" / f"{name}.prv"

    @property
    def lab(self) -> Path:
        return self.folder / ".cmp-batch" / "lab"


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    shutil.copy(ROOT / "manifests" / "quickstart.yaml", folder)
    planned = program("plan", "quickstart.yaml", "--format", "json", cwd=folder)
    files = [path.name for path in folder.rglob("*")]
    applied = program("apply", "quickstart.yaml", "--report", "results.json", cwd=folder)
    return Quickstart(folder, planned, files, applied)


@pytest.fixture(scope="module")
def items(quickstart):
    report = json.loads((quickstart.folder / "results.json").read_text())
    return {item["name"]: item for item in report["items"]}


@pytest.fixture(scope="module")
def judge(openssl):
    """`judge("x509", …)` → what openssl prints; it must be content."""

    def run(*argv):
        done = subprocess.run([openssl, *map(str, argv)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_plan_says_what_will_be_asked_and_touches_nothing(quickstart):
    assert (quickstart.plan.returncode, quickstart.plan.stderr) == (2, "")
    assert quickstart.files_after_plan == ["quickstart.yaml"]
    steps = {step["item"]: step for step in json.loads(quickstart.plan.stdout)["steps"]}
    assert {name: (step["verb"], step["request"]) for name, step in steps.items()} == {
        "web-p256": ("enroll", "ir"),
        "web-rsa": ("enroll", "ir"),
        "web-ed25519": ("enroll", "ir"),
        "api": ("enroll", "cr"),
        "gate": ("enroll", "ir"),
        "rotate-gate": ("rekey", "kur"),
        "old-gate": ("revoke", "rr"),
    }
    assert steps["api"]["needs"] == ["web-p256"]
    assert set(steps["old-gate"]["needs"]) == {"gate", "rotate-gate"}


def test_the_first_apply_does_everything(quickstart, items):
    assert quickstart.apply.returncode == 0
    outcomes = {name: item["outcome"] for name, item in items.items()}
    assert outcomes == {
        **dict.fromkeys(("web-p256", "web-rsa", "web-ed25519", "api", "gate"), "issued"),
        "rotate-gate": "updated",
        "old-gate": "revoked",
    }
    assert all(item["error"] is None for item in items.values())
    assert "5 issued, 1 updated, 1 revoked" in quickstart.apply.stdout
    assert "\x1b" not in quickstart.apply.stdout + quickstart.apply.stderr


def test_the_report_fits_its_schema_and_counts(quickstart):
    report = json.loads((quickstart.folder / "results.json").read_text())
    schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(report)
    assert {outcome: n for outcome, n in report["summary"].items() if n} == {"issued": 5, "updated": 1, "revoked": 1}


def test_files_have_the_seed_tools_names_and_sound_modes(quickstart):
    files = {path.name: path for path in (quickstart.folder / "out").iterdir()}
    assert set(files) == {f"{name}{suffix}" for name in NAMES for suffix in (".prv", "-0.crt", "-0.ca")}
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in files.items()}
    assert {mode for name, mode in modes.items() if name.endswith(".prv")} == {0o600}
    assert {mode for name, mode in modes.items() if not name.endswith(".prv")} == {0o644}
    assert stat.S_IMODE((quickstart.folder / ".cmp-batch").stat().st_mode) == 0o700
    assert stat.S_IMODE((quickstart.folder / ".cmp-batch" / "state.db").stat().st_mode) == 0o600


@CERTIFICATES
def test_openssl_verifies_the_certificate_with_the_ca_file_beside_it(quickstart, judge, name):
    certificate = quickstart.certificate(name)
    anchor = certificate.with_suffix(".ca")
    assert anchor.read_bytes() == (quickstart.lab / "ca.pem").read_bytes()
    assert judge("verify", "-x509_strict", "-CAfile", anchor, certificate).endswith(": OK\n")


@CERTIFICATES
def test_openssl_finds_key_and_certificate_to_be_a_pair(quickstart, judge, name):
    assert "Key is valid" in judge("pkey", "-in", quickstart.key(name), "-noout", "-check")
    public = judge("pkey", "-in", quickstart.key(name), "-pubout")
    assert public == judge("x509", "-in", quickstart.certificate(name), "-noout", "-pubkey")


@pytest.mark.parametrize(
    ("name", "subject", "alt_names"),
    [
        ("web-rsa", "C = FI, O = Example, CN = web-rsa", "DNS:web-rsa.example.com, IP Address:192.0.2.2"),
        ("api", "C = FI, O = Example, CN = api", "DNS:api.example.com"),
        ("gate-2", "C = FI, O = Example, CN = gate", None),
    ],
)
def test_openssl_reads_what_the_manifest_says(quickstart, judge, name, subject, alt_names):
    certificate = quickstart.certificate(name)
    assert judge("x509", "-in", certificate, "-noout", "-subject") == f"subject={subject}\n"
    said = judge("x509", "-in", certificate, "-noout", "-ext", "subjectAltName,keyUsage,extendedKeyUsage")
    assert (alt_names or "") in said
    if alt_names:
        assert "Digital Signature" in said
        assert "TLS Web Server Authentication" in said


@pytest.mark.parametrize(("item", "name"), [("web-p256", "web-p256"), ("api", "api"), ("rotate-gate", "gate-2")])
def test_the_report_describes_the_certificate_and_the_key(quickstart, items, judge, item, name):
    said, path = items[item]["certificate"], quickstart.certificate(name)
    seen = x509.load_pem_x509_certificate(path.read_bytes())
    assert (said["path"], items[item]["key"]["path"]) == (str(path), str(quickstart.key(name)))
    assert int(said["serial"], 16) == seen.serial_number
    fingerprint = judge("x509", "-in", path, "-noout", "-fingerprint", "-sha256").strip().partition("=")[2]
    assert said["sha256"] == fingerprint.replace(":", "").lower()
    assert said["not_after"] == seen.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said["not_before"] == seen.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_revoked_certificate_is_on_the_crl_and_no_other(quickstart, judge):
    crl, ca = quickstart.lab / "crl.pem", quickstart.lab / "ca.pem"
    serial = judge("x509", "-in", quickstart.certificate("gate"), "-noout", "-serial").strip().partition("=")[2]
    said = judge("crl", "-in", crl, "-noout", "-text", "-CAfile", ca)
    assert said.count("Serial Number: ") == 1
    assert f"Serial Number: {serial}\n" in said
    assert "Superseded" in said
    assert judge("verify", "-crl_check", "-CRLfile", crl, "-CAfile", ca, quickstart.certificate("gate-2"))


def test_openssl_refuses_the_revoked_certificate(quickstart, openssl):
    command = [openssl, "verify", "-crl_check", "-CRLfile", quickstart.lab / "crl.pem"]
    command += ["-CAfile", quickstart.lab / "ca.pem", quickstart.certificate("gate")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "certificate revoked" in done.stderr


def test_the_second_apply_changes_nothing_and_asks_nobody(quickstart):
    before = {path: path.read_bytes() for root in ("out", ".cmp-batch/lab") for path in files_of(quickstart, root)}
    done = program("apply", "quickstart.yaml", "--report", "again.json", cwd=quickstart.folder)
    assert done.returncode == 0
    assert "7 unchanged" in done.stdout
    report = json.loads((quickstart.folder / "again.json").read_text())
    assert {outcome: count for outcome, count in report["summary"].items() if count} == {"unchanged": 7}
    assert {item["attempts"] for item in report["items"]} == {0}
    after = {path: path.read_bytes() for root in ("out", ".cmp-batch/lab") for path in files_of(quickstart, root)}
    assert after == before
    planned = program("plan", "quickstart.yaml", cwd=quickstart.folder)
    assert planned.returncode == 0


def files_of(quickstart, root):
    return [path for path in (quickstart.folder / root).rglob("*") if path.is_file()]
