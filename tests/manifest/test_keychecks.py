"""What a manifest is told about its keys: what cannot be, what is weak, and what silences it."""

from __future__ import annotations

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest
from runner.pki.keyurls import Sealing

HEAD = 'apiVersion: cmp-batch/v1\nauthorities: {lab: {url: "lab:"}}\n'


def loaded(folder, key, more="", output="out/a"):
    (folder / "m.yaml").write_text(
        f'{HEAD}enrollments:\n  - {{name: a, subject: CN=a, key: "{key}", output: {output}{more}}}\n', encoding="utf-8"
    )
    return load_manifest([folder / "m.yaml"])


def refused(folder, *arguments):
    with pytest.raises(BadInput) as caught:
        loaded(folder, *arguments)
    return "\n".join(f"{each.summary} {each.why} {each.next_step}" for each in caught.value.diagnostics)


@pytest.mark.parametrize(
    "key",
    [
        "generate://pkcs8@rsa:1024/a",
        "generate://pkcs8@dsa:3072/a",
        "generate://ssh1:${env:P}@rsa:2048/a",
        "generate://ssh2:${env:P}@rsa:2048/a",
    ],
)
def test_what_is_weak_works_with_a_warning_that_can_be_silenced(tmp_path, key):
    warnings = loaded(tmp_path, key).warnings
    assert len(warnings) == 1
    assert "allow_weak" in warnings[0].next_step
    assert loaded(tmp_path, key, ", allow_weak: true").warnings == ()


@pytest.mark.parametrize(
    "store",
    ["jks: {file: a.jks, passphrase: {env: P}}", "pkcs12: {file: a.p12, passphrase: {env: P}, profile: legacy}"],
)
def test_weak_stores_warn_too(tmp_path, store):
    key = "generate://pkcs8@ec:p256/a"
    assert len(loaded(tmp_path, key, output=f"{{prefix: a, {store}}}").warnings) == 1
    assert loaded(tmp_path, key, output=f"{{prefix: a, {store}, allow_weak: true}}").warnings == ()


@pytest.mark.parametrize("kind", ["x25519", "x448", "ml-kem-768", "ml-kem-1024"])
def test_keys_that_cannot_sign_are_welcome(tmp_path, kind):
    """They prove possession by opening the certificate."""
    assert loaded(tmp_path, f"generate://pkcs8@{kind}/a").warnings == ()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("generate://ssh1@ec:p256/a", "ssh1 holds rsa only"),
        ("generate://pkcs1:x@rsa/a", "cannot hold a passphrase"),
        ("generate://ssh2@ed25519/a", "use pkcs8"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_with_its_place_in_the_url(tmp_path, key, words):
    told = refused(tmp_path, key)
    assert words in told
    assert "at character 12" in told
    assert "generate://pkcs8" in told


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (", kdf: scrypt, kdf_rounds: 1000", "power of two"),
        (", kdf_rounds: 10", "protects nothing"),
        (", kdf: argon2", "kdf"),
    ],
)
def test_the_work_of_a_passphrase_is_checked(tmp_path, more, words):
    assert words in refused(tmp_path, "generate://pkcs8s:${env:P}@ec/a", more)


def test_the_work_of_a_passphrase_reaches_the_key(tmp_path):
    document = loaded(tmp_path, "generate://pkcs8s:${env:P}@ec/a", ", kdf: scrypt, kdf_rounds: 4096")
    assert document.items[0].key.sealing == Sealing("scrypt", 4096)
    assert loaded(tmp_path, "generate://pkcs8@ec/a", ", kdf_rounds: 4096").items[0].key.sealing == Sealing()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('{prefix: a, mode: "999"}', "permission bits"),
        ('{prefix: a, mode: "0044"}', "could not read"),
        ('{prefix: a, key_mode: "0644"}', "everybody"),
        ("{prefix: a, pkcs12: {file: a.p12}}", "passphrase"),
        ("{prefix: a, chain: out/}", "is a folder"),
        ("{prefix: a, chain: same, trust: same}", "two things go into"),
    ],
)
def test_outputs_that_cannot_be(tmp_path, output, words):
    assert words in refused(tmp_path, "generate://pkcs8@ec/a", "", output)


def test_a_passphrase_in_the_manifest_works_with_a_warning_and_is_not_shown(tmp_path):
    output = "{prefix: a, pkcs12: {file: a.p12, passphrase: hunter2}}"
    document = loaded(tmp_path, "generate://pkcs8@ec/a", output=output)
    assert "secret stands in the manifest" in document.warnings[0].summary
    assert "hunter2" not in repr(document)


def test_entropy_must_be_there(tmp_path):
    (tmp_path / "m.yaml").write_text(f"{HEAD}entropy: noise.bin\n", encoding="utf-8")
    with pytest.raises(BadInput, match="not found"):
        load_manifest([tmp_path / "m.yaml"])
    (tmp_path / "noise.bin").write_bytes(b"noise")
    assert [file.path for file in load_manifest([tmp_path / "m.yaml"]).entropy] == [str(tmp_path / "noise.bin")]


def test_owners_do_not_change_what_is_asked_for_and_stores_do(tmp_path):
    key = "generate://pkcs8@ec/a"
    plain = loaded(tmp_path, key, output="{prefix: a}").items[0].digest
    assert loaded(tmp_path, key, output='{prefix: a, owner: root, key_mode: "0640"}').items[0].digest == plain
    assert loaded(tmp_path, key, output="{prefix: a, chain: c}").items[0].digest != plain


def test_keys_elsewhere_are_no_files(tmp_path):
    (tmp_path / "m.yaml").write_text(
        f"{HEAD}revocations:\n"
        '  - {name: a, certificate: c.crt, key: "env:KEY"}\n'
        '  - {name: b, certificate: c.crt, key: "pkcs11:object=k?pin-source=env:PIN"}\n',
        encoding="utf-8",
    )
    (tmp_path / "c.crt").touch()
    assert [item.key.path for item in load_manifest([tmp_path / "m.yaml"]).items] == ["env:KEY", "pkcs11:object=k"]
