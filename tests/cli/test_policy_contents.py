"""The policy, and what lies in files: keys, requests, certificates as templates. plan tells, apply refuses."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from support.planning import certificate

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
policy:
  min_key_bits: {{rsa: 2048, ec: 256}}
  allowed_names: {{subject: ["*.example.com", web], dns: ["*.example.com"]}}
  wildcards: false
  warn: {warn}
authorities: {{lab: {{url: "lab:"}}}}
enrollments:
  - name: web
    output: web
    {entry}
"""


def weak_key(folder):
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be weak
    kind = serialization.PrivateFormat.PKCS8
    octets = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    (folder / "weak.key").write_bytes(octets)
    return key


def request(folder):
    names = x509.SubjectAlternativeName([x509.DNSName("*.evil.example")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil.example")])
    builder = x509.CertificateSigningRequestBuilder(subject).add_extension(names, critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    (folder / "web.csr").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def run(tmp_path, capsys):
    weak_key(tmp_path)
    request(tmp_path)
    (tmp_path / "old.crt").write_bytes(certificate("C=FI, CN=other", alt_names=("dns=other.example.org",)))

    def go(command, entry, *more, warn="[max_issues]"):
        (tmp_path / "m.yaml").write_text(MANIFEST.format(entry=entry, warn=warn))
        status = main([command, str(tmp_path / "m.yaml"), *more])
        return status, capsys.readouterr().err.replace(f"{tmp_path}/", "")

    return go


FILES = {
    "a key": ('{subject: CN=web, key: "file:weak.key"}', ["m.yaml:11:", "min_key_bits: a key of 1024 bits"]),
    "a request": ("csr: web.csr", ["m.yaml:11:10", "'evil.example' is not allowed", "is a wildcard name"]),
    "a template": (
        '{certificate: old.crt, key: "generate://pkcs8@ec:p256/web"}',
        ["m.yaml:11:", "'other' is not allowed", "'dns=other.example.org' is not allowed"],
    ),
}


def spread(entry):
    """A flow mapping as lines of the entry."""
    return "\n    ".join(part.strip() for part in entry.strip("{}").split(", ")) if entry.startswith("{") else entry


@pytest.mark.parametrize(("entry", "words"), FILES.values(), ids=FILES)
def test_plan_tells_at_the_line_and_apply_refuses(run, tmp_path, entry, words):
    status, said = run("plan", spread(entry))
    assert status == 2
    assert all(word in said for word in words[1:]), said
    assert "m.yaml:1" in said
    before = sorted(path.name for path in tmp_path.iterdir())
    status, said = run("apply", spread(entry), "--yes")
    assert status == 6
    assert "the policy at m.yaml:2:1 says so" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_rules_that_only_warn_refuse_nothing(run):
    status, said = run("apply", spread(FILES["a key"][0]), "--yes", warn="[min_key_bits]")
    assert status == 0
    assert "warning: policy min_key_bits" in said
    assert run("plan", spread(FILES["a key"][0]))[1].count("policy") == 0, "what is done is not asked for again"


def test_what_the_entry_says_itself_wins_over_its_template(run):
    entry = '{certificate: old.crt, subject: CN=web, alt_names: ["dns=a.example.com"], key: "generate://pkcs8@ec/web"}'
    assert "policy" not in run("plan", spread(entry))[1]
