"""From a manifest to files and tokens, through the program itself and the lab: outputs, owners, backups, token keys."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from support.nameless import is_nameless, refuse_nameless
from support.softhsm import PIN
from support.tools import need

from runner.cli.main import main
from runner.errors import KeyStoreError
from runner.keystores.drafts import TEMPORARY_MARK
from runner.keystores.formats import read_any_key
from runner.keystores.keys import load_key
from runner.keystores.ownership import numbers_of
from runner.keystores.secrets import SecretReader
from runner.pki.certificates import certificates_in
from runner.pki.keyurls import parse_key_url
from runner.pki.signing import public_info

PASSPHRASE = "store pass 1"
STORES = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - name: Web
    subject: CN=web
    key: KEY
    output:
      prefix: out/web
      chain: out/chain.pem
      full_chain: out/full.pem
      trust: out/trust.pem
      pkcs12: {file: out/web.p12, passphrase: {env: STORE_PASS}, PROFILE}
      jks: {file: out/web.jks, passphrase: {env: STORE_PASS}}
      mode: "0640"
      key_mode: "0440"
      backup_files: true
      allow_weak: true
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORE_PASS", PASSPHRASE)
    monkeypatch.setenv("KEY_PASS", "key pass")
    monkeypatch.setenv("PIN", PIN)
    return tmp_path


def manifest(folder, text):
    (folder / "m.yaml").write_text(text, encoding="utf-8")


def stores(folder, key="generate://pkcs8@rsa:2048/out/web", profile="profile: modern"):
    manifest(folder, STORES.replace("KEY", key).replace("PROFILE", profile))


def applied(*more):
    return main(["apply", "--yes", "m.yaml", *more])


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def judged(*command):
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    return done.stdout + done.stderr


@pytest.mark.parametrize("profile", ["modern", "legacy"])
@pytest.mark.parametrize(
    "key",
    [
        "generate://pkcs8@rsa:2048/out/web",
        "generate://pkcs8s:${env:KEY_PASS}@ec:p256/out/web",
        "generate://openssh:${env:KEY_PASS}@ec:p384/out/web",
    ],
)
def test_stores_hold_the_pair(here, key, profile):
    stores(here, key, f"profile: {profile}, name: friend")
    assert applied() == 0
    out = here / "out"
    certificate = certificates_in((out / "web-0.crt").read_bytes())[0]
    assert public_info(read_any_key((out / "web.prv").read_bytes(), b"key pass")) == certificate.public_key_info
    found = pkcs12.load_pkcs12((out / "web.p12").read_bytes(), PASSPHRASE.encode())
    assert public_info(found.key) == certificate.public_key_info
    assert found.cert.certificate.public_bytes(Encoding.DER) == certificate.der
    assert found.cert.friendly_name == b"friend"
    legacy = ["-legacy"] if profile == "legacy" else []
    shown = judged(
        need("openssl"), "pkcs12", "-info", "-nodes", "-in", "out/web.p12", "-passin", "env:STORE_PASS", *legacy
    )
    assert (b"3-KeyTripleDES" in shown) is (profile == "legacy")
    assert (b"AES-256-CBC" in shown) is (profile == "modern")


def test_keytool_opens_both_stores(here):
    stores(here)
    assert applied() == 0
    tool = need("keytool")
    for name, kind, alias in (("web.p12", "PKCS12", "web"), ("web.jks", "JKS", "web")):
        arguments = ["-keystore", f"out/{name}", "-storetype", kind, "-storepass", PASSPHRASE, "-alias", alias]
        shown = judged(tool, "-list", "-v", *arguments)
        assert b"PrivateKeyEntry" in shown
        assert b"Certificate chain length: 2" in shown
        judged(tool, "-certreq", *arguments, "-keypass", PASSPHRASE)  # it signs with the key in it
    with pytest.raises(subprocess.CalledProcessError):
        judged(tool, "-list", "-keystore", "out/web.jks", "-storetype", "JKS", "-storepass", "wrong pass")


def test_chain_full_chain_and_trust(here):
    stores(here)
    assert applied() == 0
    leaf, root = (certificates_in((here / "out" / name).read_bytes())[0] for name in ("web-0.crt", "web-0.ca"))
    assert certificates_in((here / "out/chain.pem").read_bytes()) == (root,)  # there is no CA below the root
    assert certificates_in((here / "out/full.pem").read_bytes()) == (leaf,)
    assert certificates_in((here / "out/trust.pem").read_bytes()) == (root,)
    judged(need("openssl"), "verify", "-CAfile", "out/trust.pem", "-untrusted", "out/full.pem", "out/web-0.crt")


def test_modes_are_those_asked_for(here):
    stores(here)
    assert applied() == 0
    modes = {path.name: mode_of(path) for path in (here / "out").iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o440} == {"web.prv", "web.p12", "web.jks"}
    assert {mode for name, mode in modes.items() if mode != 0o440} == {0o640}


def test_a_second_generation_keeps_the_first_as_backups(here):
    stores(here)
    assert applied() == 0
    before = {path.name: path.read_bytes() for path in (here / "out").iterdir()}
    (here / "m.yaml").write_text((here / "m.yaml").read_text().replace("CN=web", "CN=web2"), encoding="utf-8")
    assert applied() == 0
    for name, octets in before.items():
        assert (here / "out" / f"{name}.bak").read_bytes() == octets, name
    after = certificates_in((here / "out/web-0.crt").read_bytes())[0]
    assert public_info(read_any_key((here / "out/web.prv").read_bytes())) == after.public_key_info
    old = certificates_in((here / "out/web-0.crt.bak").read_bytes())[0]
    assert public_info(read_any_key((here / "out/web.prv.bak").read_bytes())) == old.public_key_info
    assert mode_of(here / "out/web.prv.bak") == 0o440
    found = pkcs12.load_pkcs12((here / "out/web.p12").read_bytes(), PASSPHRASE.encode())
    assert public_info(found.key) == after.public_key_info


def test_what_is_missing_beside_a_certificate_is_made_again(here):
    stores(here)
    assert applied() == 0
    certificate = (here / "out/web-0.crt").read_bytes()
    for name in ("web.p12", "full.pem", "trust.pem"):
        (here / "out" / name).unlink()
    assert main(["plan", "m.yaml"]) == 2
    assert applied() == 0
    assert (here / "out/web-0.crt").read_bytes() == certificate
    found = pkcs12.load_pkcs12((here / "out/web.p12").read_bytes(), PASSPHRASE.encode())
    assert len(found.additional_certs) == 1
    assert main(["plan", "m.yaml"]) == 0


def test_a_store_of_somebody_else_is_never_overwritten(here):
    stores(here)
    (here / "out").mkdir()
    (here / "out/web.p12").write_bytes(b"somebody's")
    assert applied() == 3
    assert [path.name for path in (here / "out").iterdir()] == ["web.p12"]
    assert (here / "out/web.p12").read_bytes() == b"somebody's"


def test_a_store_of_somebody_else_is_not_overwritten_when_it_is_added_later(here):
    """An item that holds a certificate owns the stores that it wrote, and no others."""
    without = "apiVersion: cmp-batch/v1\nauthorities: {lab: {url: lab:}}\nenrollments:\n  - {name: web, subject: CN=a, "
    without += 'key: "generate://pkcs8@ec:p256/out/web", output: {prefix: out/web}}\n'
    manifest(here, without)
    assert applied() == 0
    foreign = here / "out/web.p12"
    foreign.write_bytes(b"somebody's")
    added = without.replace("out/web}}", "out/web, pkcs12: {file: out/web.p12, passphrase: {env: STORE_PASS}}}}")
    manifest(here, added.replace("CN=a", "CN=b"))
    assert applied() == 3
    assert foreign.read_bytes() == b"somebody's"
    foreign.unlink()
    assert applied() == 0
    ours = foreign.read_bytes()
    manifest(here, added.replace("CN=a", "CN=c"))
    assert applied() == 0
    assert foreign.read_bytes() != ours


def test_a_store_that_was_made_beside_a_certificate_is_ours_from_then_on(here):
    stores(here)
    assert applied() == 0
    (here / "out/web.p12").unlink()
    assert applied() == 0
    (here / "out/web-0.crt").unlink()
    assert applied() == 0
    assert main(["plan", "m.yaml"]) == 0


def test_a_passphrase_that_is_not_there_is_found_before_anything_is_sent(here, monkeypatch, capsys):
    stores(here)
    monkeypatch.delenv("STORE_PASS")
    assert applied() == 1
    assert "STORE_PASS" in capsys.readouterr().err
    assert not (here / "out").exists()


@pytest.mark.parametrize("line", ["owner: nobody-of-that-name", "group: nobody-of-that-name"])
def test_an_owner_that_is_not_there_is_found_before_anything_is_sent(here, capsys, line):
    stores(here)
    text = (here / "m.yaml").read_text().replace('mode: "0640"', f'mode: "0640"\n      {line}')
    manifest(here, text)
    assert applied() == 1
    assert "nobody-of-that-name" in capsys.readouterr().err
    assert not (here / "out").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_files_are_given_to_their_owner(here):
    stores(here)
    text = (
        (here / "m.yaml")
        .read_text()
        .replace('mode: "0640"', 'mode: "0640"\n      owner: "12345"\n      group: "54321"')
    )
    manifest(here, text)
    assert applied() == 0
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (here / "out").iterdir()}
    assert owners == {(12345, 54321)}


def test_others_than_root_give_nothing_away(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [1000])
    monkeypatch.setattr(os, "getegid", lambda: 1000)
    assert numbers_of("1000", "1000") == (1000, 1000)
    for owner, group in (("0", ""), ("", "0")):
        with pytest.raises(KeyStoreError, match="cannot be given"):
            numbers_of(owner, group)


@pytest.mark.parametrize("opening", [os.open, refuse_nameless()], ids=["nameless", "named"])
def test_no_key_can_be_read_by_others_at_any_moment(here, monkeypatch, opening):
    """Every file is looked at when it is opened, before the first octet goes in, under a umask that allows all."""
    seen = []

    def watched(path, flags, mode=0o777, *, dir_fd=None):
        descriptor = opening(path, flags, mode, dir_fd=dir_fd)
        if is_nameless(flags) or (flags & os.O_CREAT and TEMPORARY_MARK in str(path)):
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    old = os.umask(0)
    try:
        stores(here)
        assert applied() == 0
    finally:
        os.umask(old)
    assert len(seen) >= len(list((here / "out").iterdir()))
    assert set(seen) == {0o600}


TOKENS = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
credentials: {first: {certificate: out/first-0.crt, key: "FIRST"}}
enrollments:
  - {name: first, subject: CN=SUBJECT, key: "NEW-FIRST", output: {prefix: out/first, BACKUP}}
  - {name: second, subject: CN=second, credential: first, request: cr, key: "NEW-SECOND", output: out/second PROOF}
updates:
  - {name: third, certificate: out/second-0.crt, key: "SECOND", new_key: "NEW-THIRD", output: out/third}
revocations:
  - {name: gone, certificate: out/third-0.crt, key: "THIRD", depends_on: third}
  - {name: gone-too, certificate: out/first-0.crt, credential: first, depends_on: gone}
"""


def tokens(softhsm, spec, subject="first", backup="backup_files: true"):
    proof = ", proof_of_possession: encryption" if spec == "ec:p256" else ""
    text = TOKENS.replace("SUBJECT", subject).replace("BACKUP", backup).replace(" PROOF", proof)
    for number, name in enumerate(("FIRST", "SECOND", "THIRD")):
        label = f"e2e-{spec.replace(':', '-')}-{number}"
        text = text.replace(f"NEW-{name}", softhsm.generate(label, spec)).replace(
            f'"{name}"', f'"{softhsm.url(label)}"'
        )
    return text


@pytest.mark.parametrize("spec", ["ec:p256", "rsa:2048", "ed25519"])
def test_enroll_update_and_revoke_with_keys_in_a_token(here, softhsm, spec):
    """Subject and signer are in the token: cr by a credential, kur by the old key, rr by the key and a credential.

    The EC key proves itself by opening its certificate in the token (SoftHSM's OAEP, which RSA would take, is SHA-1's).
    """
    manifest(here, tokens(softhsm, spec))
    assert main(["plan", "m.yaml"]) == 2
    assert applied() == 0
    assert not list((here / "out").glob("*.prv"))
    for name in ("first", "second", "third"):
        certificate = certificates_in((here / f"out/{name}-0.crt").read_bytes())[0]
        label = f"e2e-{spec.replace(':', '-')}-{('first', 'second', 'third').index(name)}"
        held = load_key(parse_key_url(softhsm.url(label)), SecretReader(here, {"PIN": PIN}, False))
        assert held.public_key_info == certificate.public_key_info
        if spec == "rsa:2048":  # as pkcs11-tool sees it
            softhsm.tool("--read-object", "--type", "pubkey", "--label", label, "--output-file", "public.der")
            assert (here / "public.der").read_bytes() in certificate.public_key_info


def test_a_renewed_key_takes_its_label_and_the_old_one_is_kept(here, softhsm):
    manifest(here, tokens(softhsm, "ec:p384").split("updates:", maxsplit=1)[0].replace("  - {name: second", "#"))
    assert applied() == 0
    old = certificates_in((here / "out/first-0.crt").read_bytes())[0]
    manifest(here, (here / "m.yaml").read_text().replace("CN=first", "CN=renewed"))
    assert applied() == 0
    new = certificates_in((here / "out/first-0.crt").read_bytes())[0]
    assert old.public_key_info != new.public_key_info
    assert main(["plan", "m.yaml"]) == 0
    shown = softhsm.tool("--list-objects", "--type", "privkey")
    assert "label:      e2e-ec-p384-0\n" in shown
    assert "label:      e2e-ec-p384-0.bak\n" in shown
    assert ".next" not in shown


def test_a_token_that_is_not_there_blocks_the_plan(here, softhsm, capsys):
    url = "generate://pkcs11:${env:PIN}@ec:p256/token=nowhere;object=a?module-name=softhsm2"
    manifest(
        here,
        tokens(softhsm, "ec:p256").split("enrollments", maxsplit=1)[0].split("credentials")[0]
        + f'enrollments: [{{name: a, subject: CN=a, key: "{url}", output: out/a}}]\n',
    )
    main(["plan", "m.yaml"])
    assert "no token that fits" in capsys.readouterr().out
    assert applied() == 3


def test_the_wrong_pin_is_found_before_anything_is_sent(here, softhsm, monkeypatch):
    """In a process of its own: a login lasts as long as its process."""
    program = "import sys; from runner.cli.main import main; sys.exit(main(sys.argv[1:]))"
    text = tokens(softhsm, "ec:p521").split("updates:", maxsplit=1)[0].replace("  - {name: second", "#")
    manifest(here, text)
    monkeypatch.setenv("PIN", "0000")
    done = subprocess.run(
        [sys.executable, "-c", program, "apply", "--yes", "m.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "does not accept the PIN" in done.stderr
    assert "0000" not in done.stdout + done.stderr
    assert not (here / "out").exists()
