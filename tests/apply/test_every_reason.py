"""Every reason for a revocation (RFC 5280 §5.3.1), in each version of CMP; openssl reads the CRL that follows."""

from __future__ import annotations

import subprocess

import pytest

IN_OPENSSL = {
    "keyCompromise": "Key Compromise",
    "cACompromise": "CA Compromise",
    "affiliationChanged": "Affiliation Changed",
    "superseded": "Superseded",
    "cessationOfOperation": "Cessation Of Operation",
    "certificateHold": "Certificate Hold",
    "privilegeWithdrawn": "Privilege Withdrawn",
    "aACompromise": "AA Compromise",
}
REASONS = [*IN_OPENSSL, "unspecified"]
ENROLLED = """\
enrollments:
  - name: "e-${reason}"
    for_each: {reason: [%s]}
    subject: "CN=${reason}"
    key: "generate://pkcs8@ec:p256/${reason}"
    output: "${reason}"
"""
REVOKED = """\
revocations:
  - name: "r-${reason}"
    for_each: {reason: [%s]}
    certificate: "${reason}-0.crt"
    reason: "${reason}"
"""


def crl(site, openssl):
    """The revoked certificates: subject's reason as openssl has it, by serial number."""
    path = site.folder / ".cmp-batch" / "lab" / "crl.pem"
    said = subprocess.run([openssl, "crl", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True)
    entries = said.stdout.split("Serial Number: ")[1:]
    return {entry.split()[0].lower(): entry for entry in entries}


def serial(site, openssl, name):
    command = [openssl, "x509", "-in", site.file(f"{name}-0.crt"), "-noout", "-serial"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return said.stdout.strip().partition("=")[2].lower()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_reason_arrives_in_the_crl(site, openssl, version):
    authority = f"authorities:\n  lab: {{url: 'lab:', version: {version}}}\n"
    names = ", ".join(REASONS)
    done = site.write(authority + ENROLLED % names).apply()
    assert set(done.outcomes.values()) == {"issued"}, done.items
    done = site.write(authority + REVOKED % names).apply()
    assert done.outcomes == {f"r-{reason}": "revoked" for reason in REASONS}, done.items
    listed = crl(site, openssl)
    assert len(listed) == len(REASONS)
    for reason in REASONS:
        entry = listed[serial(site, openssl, reason)]
        words = IN_OPENSSL.get(reason)
        assert ("CRL Reason Code" in entry) == (words is not None), entry
        assert words is None or words in entry
    held = "revocations:\n  - {name: free, certificate: certificateHold-0.crt, reason: removeFromCRL}\n"
    assert site.write(authority + held).apply().outcomes == {"free": "revoked"}
    assert serial(site, openssl, "certificateHold") not in crl(site, openssl)
