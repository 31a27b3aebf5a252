"""Keys by their URLs: opened, made, and looked at."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import KeyStoreError, SecretError
from runner.keystores import sealing
from runner.keystores.files import KEY_MODE, write_new
from runner.keystores.folders import Folder
from runner.keystores.keys import KeyMaker, load_key, passphrase_of
from runner.keystores.looking import KeyFile, key_file_facts
from runner.keystores.secrets import SecretReader
from runner.pki.keyspecs import parse_key_spec
from runner.pki.keyurls import KeyUrl, parse_key_url
from runner.pki.signing import sign, verify_signature


@pytest.fixture
def secrets(tmp_path):
    (tmp_path / "pass").write_bytes(b"from the file\n")
    return SecretReader(tmp_path, {"PASS": "from the environment"}, allow_commands=False)


def made(tmp_path, secrets, entropy, url: str):
    """A key made and written as its URL says: (its URL, what was made, its file)."""
    parsed = parse_key_url(url)
    stored, file = KeyMaker(secrets, entropy).make(parsed, tmp_path / parsed.path)
    write_new(Folder(tmp_path), [file], entropy)
    return parsed, stored, file


@pytest.mark.parametrize(
    "url",
    [
        "generate://pkcs8@ec:p384/out/k",
        "generate://pkcs1@rsa:2048/out/k",
        "generate://pkcs8@ed25519/out/k",
        "generate://pkcs8s:literal@ec:p256/out/k",
        "generate://pkcs8s:${env:PASS}@ed448/out/k",
        "generate://pkcs8s:${file:pass}@ec:p256/out/k",
    ],
)
def test_a_key_that_is_made_is_the_key_that_is_loaded(tmp_path, secrets, entropy, url):
    parsed, stored, file = made(tmp_path, secrets, entropy, url)
    loaded = load_key(KeyUrl(path=parsed.path, passphrase=parsed.passphrase), secrets)
    assert (stored.path, file.mode) == (tmp_path / "out/k.prv", KEY_MODE)
    assert loaded.spec == stored.spec == parsed.spec
    assert loaded.path == stored.path
    assert loaded.public_key_info == stored.public_key_info == stored.signer.public_key_info
    signature = sign(loaded.signer, b"data")
    assert verify_signature(stored.public_key_info, signature.algorithm, signature.bits, b"data")


def test_passphrases_resolve_to_what_openssl_needs(tmp_path, secrets, entropy, openssl):
    for reference, passphrase in (
        ("${env:PASS}", "from the environment"),
        ("${file:pass}", "from the file"),
        ("%24x", "$x"),
    ):
        _, _, file = made(tmp_path, secrets, entropy, f"generate://pkcs8s:{reference}@ec:p256/{passphrase[-5:]}")
        command = [openssl, "pkey", "-noout", "-in", file.path, "-passin", f"pass:{passphrase}"]
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_key_without_passphrase_has_none(secrets):
    assert passphrase_of(parse_key_url("file:k.prv"), secrets) is None


@pytest.mark.parametrize(
    "reference", ["${env:UNSET}", "${file:gone}", "${command:id}", "${hunter2}", "${env:PASS}x", "${env:}"]
)
def test_references_that_lead_nowhere(secrets, reference):
    with pytest.raises(SecretError) as caught:
        passphrase_of(KeyUrl(path="k.prv", passphrase=reference), secrets)
    assert "hunter2" not in str(caught.value)


def test_loading_says_which_file_and_why(tmp_path, secrets, entropy):
    made(tmp_path, secrets, entropy, "generate://pkcs8s:hunter2@ec:p256/k")
    (tmp_path / "junk.prv").write_bytes(b"hunter2")
    for url, word in (
        ("file:k.prv", "needs a passphrase"),
        ("file://wrong/k.prv", "does not open"),
        ("junk.prv", "not a private key"),
        ("gone.prv", "cannot read"),
    ):
        with pytest.raises(KeyStoreError, match=word) as caught:
            load_key(parse_key_url(url), secrets)
        assert str(tmp_path) in caught.value.what
        assert "hunter2" not in f"{caught.value.what}{caught.value.why}{caught.value.next_step}"


def test_only_generate_urls_make_keys(tmp_path, secrets, entropy):
    with pytest.raises(KeyStoreError, match="exists") as caught:
        KeyMaker(secrets, entropy).make(parse_key_url("file://hunter2/k.prv"), tmp_path / "k.prv")
    assert "hunter2" not in str(caught.value)


def test_a_passphrase_is_derived_once_for_all_keys_and_threads(tmp_path, secrets, entropy, monkeypatch):
    seals = []
    real = sealing.Seal
    monkeypatch.setattr(sealing, "Seal", lambda *args: (seals.append(args), real(*args))[1])
    maker = KeyMaker(secrets, entropy)
    url = parse_key_url("generate://pkcs8s:${env:PASS}@ed25519/k")
    threads = [threading.Thread(target=maker.make, args=(url, tmp_path / f"{number}.prv")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [args[0] for args in seals] == [b"from the environment"]


def test_facts_of_a_plain_key(tmp_path, secrets, entropy):
    _, stored, file = made(tmp_path, secrets, entropy, "generate://pkcs8@rsa:2048/k")
    assert key_file_facts(file.path) == KeyFile(
        file.path, exists=True, mode=0o600, public_key_info=stored.public_key_info
    )
    file.path.chmod(0o640)
    assert key_file_facts(file.path).mode == 0o640


def test_facts_of_a_sealed_key(tmp_path, secrets, entropy):
    _, _, file = made(tmp_path, secrets, entropy, "generate://pkcs8s:${env:PASS}@ec:p256/k")
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert key_file_facts(file.path) == KeyFile(file.path, exists=True, mode=0o600, sealed=True, digest=digest)


def test_facts_of_what_is_not_there(tmp_path):
    assert key_file_facts(tmp_path / "gone") == KeyFile(tmp_path / "gone")
    assert key_file_facts(tmp_path / "gone/deeper") == KeyFile(tmp_path / "gone/deeper")


def test_facts_of_what_is_no_key(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "shadow").write_bytes(b"root:hunter2:19000:0:99999:7:::\n")
    (tmp_path / "large").write_bytes(b"hunter2" * 200_000)
    for name, word in (
        ("pipe", "not a file"),
        ("dangling", "link to nothing"),
        ("shadow", "not a private key"),
        ("large", "longer"),
        ("", "folder"),
        ("a\0b", "cannot be looked at"),
        ("shadow/deeper", "cannot be looked at"),
    ):
        facts = key_file_facts(tmp_path / name)
        assert word in facts.problem
        assert "hunter2" not in facts.problem
        assert (facts.sealed, facts.digest, facts.public_key_info) == (False, None, None)


@given(st.binary(max_size=300))
def test_facts_never_raise_and_never_quote(tmp_path_factory, octets):
    path = tmp_path_factory.mktemp("facts") / "k"
    path.write_bytes(b"hunter2" + octets)
    assert "hunter2" not in key_file_facts(path).problem
    assert key_file_facts(path).problem


def test_a_spec_travels_through_the_file(tmp_path, secrets, entropy):
    for text in ("ec:p521", "ed448"):
        parsed, _, _ = made(tmp_path, secrets, entropy, f"generate://pkcs8@{text}/{text.partition(':')[0]}")
        assert load_key(KeyUrl(path=parsed.path), secrets).spec == parse_key_spec(text)
