"""Signed reports: openssl agrees, and a touched record is named."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.here import MANIFEST
from support.samples import full_run, issued, run_of

from runner.cli.main import main
from runner.report.canonical import canonical_json
from runner.report.digests import touched
from runner.report.json_report import run_to_json


def test_a_report_agrees_with_its_own_digests():
    assert touched(run_to_json(full_run())).parts == ()


def changed(change):
    report = json.loads(canonical_json(run_to_json(run_of(issued("a"), issued("b"), issued("c")))))
    change(report)
    return touched(report).parts


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: r["items"][1].update(outcome="failed"), ("item 'b'",)),
        (lambda r: r["items"][1]["certificate"].update(serial="00"), ("item 'b'",)),
        (lambda r: (r["items"][0].update(attempts=9), r["items"][2].update(name="d")), ("item 'a'", "item 'd'")),
        (lambda r: r["run"].update(manifest="other"), ("the head (run and summary)",)),
        (lambda r: r["summary"].update(failed=1), ("the head (run and summary)",)),
        (lambda r: r["items"].pop(), ("the number of items: 2, and 3 digests",)),
        (lambda r: r["digests"]["items"].pop(), ("the number of items: 3, and 2 digests", "the digests themselves")),
        (lambda r: r["items"].reverse(), ("item 'c'", "item 'a'")),
    ],
)
def test_what_was_touched_is_named(change, named):
    assert changed(change) == named


@pytest.fixture
def signer(tmp_path, monkeypatch, openssl):
    """A CA and a signer below it, made by openssl; the manifest beside them."""
    monkeypatch.chdir(tmp_path)

    def ran(*words):
        subprocess.run([openssl, *words], check=True, capture_output=True)

    def made(kind):
        ran(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Evidence CA",
        )
        ran("genpkey", "-algorithm", *kind, "-out", "s.key")
        ran("req", "-new", "-key", "s.key", "-subj", "/CN=Evidence signer", "-out", "s.csr")
        ran("x509", "-req", "-in", "s.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "s.pem", "-days", "30")

    (tmp_path / "m.yaml").write_text(MANIFEST)
    return made


KINDS = [("RSA",), ("EC", "-pkeyopt", "ec_paramgen_curve:P-384")]
"""What OpenSSL 3.0 verifies in CMS; EdDSA with signed attributes (RFC 8419) it does not."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
def test_openssl_agrees_with_a_signed_report(signer, openssl, capsys, kind):
    signer(kind)
    signing = ("--sign", "file:s.key", "--sign-certificate", "s.pem")
    assert main(["apply", "--yes", "m.yaml", "--report", "r.json", *signing]) == 0
    verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", "r.json.p7s", "-content", "r.json"]
    done = subprocess.run(
        [openssl, *verify, "-CAfile", "ca.pem", "-purpose", "any", "-out", "seen"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert main(["report", "verify", "r.json", "--trust", "ca.pem"]) == 0
    assert 'whole, 2 items, signed by "CN=Evidence signer"' in capsys.readouterr().out


def test_a_report_signed_with_ed25519_verifies(signer, capsys):
    signer(("ED25519",))
    signing = ("--sign", "file:s.key", "--sign-certificate", "s.pem")
    assert main(["apply", "--yes", "m.yaml", "--report", "r.json", *signing]) == 0
    assert main(["report", "verify", "r.json", "--trust", "ca.pem"]) == 0


def test_a_signed_report_that_was_touched_is_refused_by_name(signer, capsys, tmp_path):
    signer(KINDS[1])
    assert (
        main(["apply", "--yes", "m.yaml", "--report", "r.json", "--sign", "file:s.key", "--sign-certificate", "s.pem"])
        == 0
    )
    path = tmp_path / "r.json"
    report = json.loads(path.read_text())
    report["items"][1]["certificate"]["serial"] = "00"
    path.write_text(canonical_json(report))
    assert main(["report", "verify", "r.json", "--trust", "ca.pem"]) == 1
    assert "touched: item 'web-b'" in capsys.readouterr().err


def test_a_report_that_was_written_anew_does_not_fit_its_signature(signer, capsys, tmp_path):
    signer(KINDS[1])
    assert (
        main(["apply", "--yes", "m.yaml", "--report", "r.json", "--sign", "file:s.key", "--sign-certificate", "s.pem"])
        == 0
    )
    (tmp_path / "r.json").write_text(canonical_json(run_to_json(full_run())))
    assert main(["report", "verify", "r.json", "--trust", "ca.pem"]) == 1
    assert "changed after it was signed" in capsys.readouterr().err


def test_a_signer_whom_nobody_trusts_is_refused(signer, capsys, openssl):
    signer(KINDS[1])
    assert (
        main(["apply", "--yes", "m.yaml", "--report", "r.json", "--sign", "file:s.key", "--sign-certificate", "s.pem"])
        == 0
    )
    other = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "o.key", "-out", "o.pem", "-subj", "/CN=Other"]
    subprocess.run([openssl, *other], check=True, capture_output=True)
    assert main(["report", "verify", "r.json", "--trust", "o.pem"]) == 1
    assert "signed it and is not trusted" in capsys.readouterr().err
    assert main(["report", "verify", "r.json"]) == 0
    assert "compare that fingerprint" in capsys.readouterr().err


def test_an_unsigned_report_is_not_taken_for_a_signed_one(signer, capsys):
    assert main(["apply", "--yes", "m.yaml", "--report", "r.json"]) == 0
    assert main(["report", "verify", "r.json"]) == 1
    assert "nobody vouches for it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sign", "file:s.key", "--sign-certificate", "s.pem"), "add --report results.json"),
        (("--report", "r.json", "--sign", "file:s.key"), "name its certificate with --sign-certificate"),
        (("--report", "r.json", "--sign", "file:nothing.key", "--sign-certificate", "s.pem"), "nothing.key"),
        (("--report", "r.json", "--sign", "file:ca.key", "--sign-certificate", "s.pem"), "is not for the key"),
    ],
)
def test_what_cannot_sign_is_found_before_anything_is_sent(signer, capsys, tmp_path, words, told):
    signer(KINDS[1])
    assert main(["apply", "--yes", "m.yaml", *words]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".cmp-batch").exists()
