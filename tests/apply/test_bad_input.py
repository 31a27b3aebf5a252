"""Bad input as a person meets it: each mistake at its place with its words, exit 1, nothing sent, nothing written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.issuing import issued, new_key, pkcs8, root
from support.site import FRESH, entries, entry


@pytest.fixture
def full(at_peer):
    """A PeerSite with files to make mistakes with."""
    ca = root("Test CA")
    for name in ("op", "other"):
        issued(ca, name).write(at_peer.folder, name)
    at_peer.file("sealed.prv").write_bytes(pkcs8(new_key(), b"right"))
    at_peer.file("folder").mkdir()
    return at_peer


def place_of(site, mark):
    """`file:line:column` of the last occurrence of `mark` in the manifest."""
    before = site.path.read_text().rpartition(mark)[0]
    return f"{site.path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def refused(site, *options):
    """The words of an apply that exits with 1, having sent and written nothing; `plan` has nothing to say instead."""
    before = site.everything()
    done = site.apply(*options)
    assert done.status == 1, done
    assert done.out == ""
    assert done.report == {}
    assert site.peer.requests == []
    assert site.everything() == before
    return done.err


MISTAKES = {
    "a section of the wrong type": ("enrollments: 7", "7", ["enrollments should be a list, not a number"]),
    "an unknown section": ("enrolments: []", "enrolments", ["unknown key 'enrolments'", "did you mean 'enrollments'?"]),
    "an unknown key": (
        FRESH.replace("subject", "subjct"),
        "subjct",
        ["unknown key 'subjct'", "next: did you mean 'subject'?"],
    ),
    "an undefined variable": (
        entries(entry().replace("CN=web", "CN=${nmae}")),
        "${nmae}",
        ["undefined variable 'nmae'", "--var nmae=…", "next: did you mean 'name'?"],
    ),
    "two items with one name": (
        entries(entry(), entry("generate://pkcs8@ec:p256/out/b", output="out/b")),
        "web, subject",
        ["two items are named 'web'", "the first is at"],
    ),
    "two items with one output": (
        entries(entry(), entry("generate://pkcs8@ec:p256/out/b", name="b")),
        "out/web}",
        ["two items write 'out/web-0.crt'", "'web' does so at"],
    ),
    "two items with one key": (
        entries(entry(), entry(name="b", output="out/b")),
        '"generate',
        ["two items write 'out/web.prv'", "'web' does so at"],
    ),
    "a key that is none": (
        entries(entry("file:ca.pem")),
        '"file:ca.pem"',
        ["ca.pem: it is not a private key", "it holds a certificate", "next: give the path of the private key"],
    ),
    "a key that is a folder": (entries(entry("file:folder")), '"file:folder"', ["'folder' is a folder, not a file"]),
    "a key that is not there": (
        entries(entry("file:no.prv")),
        '"file:no.prv"',
        ["file not found: no.prv", "no item makes it"],
    ),
    "a sealed key without passphrase": (
        entries(entry("file:sealed.prv")),
        '"file:sealed.prv"',
        ["sealed.prv: the private key is sealed and needs a passphrase", "file://${env:VARIABLE}/path"],
    ),
    "a sealed key with the wrong passphrase": (
        entries(entry("file://wrong/sealed.prv")),
        '"file://wrong',
        ["sealed.prv: the passphrase does not open the private key", "check the passphrase"],
    ),
    "a passphrase that is not there": (
        entries(entry("file://${env:NO_SUCH_VARIABLE}/sealed.prv")),
        '"file://$',
        ["the environment variable NO_SUCH_VARIABLE is not set", "next: set NO_SUCH_VARIABLE"],
    ),
    "a passphrase for a new key that is not there": (
        entries(entry("generate://pkcs8s:${env:NO_SUCH_VARIABLE}@ec:p256/out/web")),
        '"generate://pkcs8s',
        ["the environment variable NO_SUCH_VARIABLE is not set"],
    ),
    "a certificate outside the folder": (
        entries(entry(output="../web")),
        "../web",
        ["may not be written", "it is outside", "--allow-path"],
    ),
    "a key outside the folder": (
        entries(entry("generate://pkcs8@ec:p256/../web")),
        '"generate',
        ["web.prv may not be written", "it is outside", "--allow-path"],
    ),
    "a result among our own state": (
        entries(entry(output=".cmp-batch/web")),
        ".cmp-batch/web",
        ["may not be written", "cmp-batch keeps its own state there"],
    ),
    "no YAML": ("enrollments: [{name: web", None, ["this is not YAML"]),
    "a tab": ("enrollments:\n\t- {name: web}", None, ["a tab where YAML wants spaces", "next: indent with spaces"]),
}


@pytest.mark.parametrize(("items", "mark", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_an_entry(full, items, mark, words):
    said = refused(full.ask(items))
    if mark is not None:
        assert said.startswith(f"{place_of(full, mark)}: error: ")
    assert f"{full.path}:" in said
    assert all(word in said for word in words), said
    assert said.endswith("1 error\n")


CREDENTIALS = {
    "a variable that is not set": ("{psk: {env: NO_SUCH_VARIABLE}}", ["NO_SUCH_VARIABLE is not set", "next: set"]),
    "a secret file that is not there": ("{psk: {file: nowhere}}", ["file not found: nowhere"]),
    "a secret without a reference": ("{psk: {file: ca.pem}}", ["not of the form refnum:key", "no colon in it"]),
    "a key for another certificate": (
        '{certificate: op.crt, key: "file:other.key"}',
        ['the certificate "CN=op" is not for the key', "other.key", "their public keys differ", "belong together"],
    ),
    "a certificate that is not there": ('{certificate: no.crt, key: "file:op.key"}', ["file not found: no.crt"]),
    "a certificate that is none": (
        '{certificate: op.key, key: "file:op.key"}',
        ["op.key: there is no certificate in it", "PEM or DER"],
    ),
}


@pytest.mark.parametrize(("credential", "words"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_mistake_in_a_credential(full, credential, words):
    said = refused(full.ask(credentials=f"psk: {credential}"))
    assert said.startswith(f"{full.path}:12:")
    assert all(word in said for word in words), said
    assert said.endswith("1 error\n")


def test_a_trust_anchor_that_is_none(full):
    full.ask().path.write_text(full.path.read_text().replace("trust: [ca.pem]", "trust: [op.key]"))
    said = refused(full)
    assert said.startswith(f"{full.path}:")
    assert "op.key: there is no certificate in it" in said


def test_a_key_that_may_not_be_read(full, monkeypatch):
    opened = os.open

    def guarded(path, *given, **options):
        if Path(os.fsdecode(path)).name == "op.key":  # whoever runs the tests may be allowed everything
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *given, **options)

    full.ask(entries(entry("file:op.key")))
    monkeypatch.setattr(os, "open", guarded)
    said = refused(full)
    assert said.startswith(f"{place_of(full, chr(34) + 'file:op.key')}: error: ")
    assert "op.key" in said
    assert "permission" in said.lower()


def test_the_key_of_another_certificate_cannot_sign_its_update(full):
    full.ask('updates: [{name: rotate, certificate: op.crt, key: "file:other.key", output: out/op}]')
    said = refused(full)
    assert said.startswith(f"{place_of(full, chr(34) + 'file:other.key')}: error: ")
    assert 'the certificate "CN=op" is not for the key' in said


def test_the_key_of_another_certificate_cannot_sign_its_revocation(full):
    full.ask('revocations: [{name: lost, certificate: op.crt, key: "file:other.key"}]')
    assert 'the certificate "CN=op" is not for the key' in refused(full)


def test_all_findings_come_in_one_run_in_the_order_of_their_places(full):
    first, second = entry().replace("subject", "subjct"), entry(name="b").replace("output", "outptu")
    said = refused(full.ask(entries(first, second))).splitlines()
    found = [line for line in said if line.startswith(str(full.path))]
    places = [tuple(map(int, line.split(": ")[0].rsplit(":", 2)[1:])) for line in found]
    assert len(found) >= 2
    assert places == sorted(places)
    assert any("'subjct'" in line for line in found)
    assert any("'outptu'" in line for line in found)
    assert said[-1] == f"{len(found)} errors"


def test_what_can_be_read_but_not_used_comes_in_one_run_too(full):
    full.ask(
        entries(entry("file:sealed.prv"), entry("file:ca.pem", name="b", output="out/b")),
        credentials="psk: {psk: {env: NO_SUCH_VARIABLE}}",
    )
    said = refused(full)
    assert "sealed and needs a passphrase" in said
    assert "it is not a private key" in said
    assert "NO_SUCH_VARIABLE is not set" in said
    assert said.endswith("3 errors\n")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nowhere.yaml", ["nowhere.yaml", "next:"]),
        ("folder", ["folder"]),
        ("/dev/null", ["/dev/null"]),
    ],
)
def test_a_path_that_is_no_manifest(full, argument, words):
    before = full.everything()
    for command in ("validate", "plan", "apply"):
        done = full.run(command, full.folder / argument)
        assert done.status == 1
        assert all(word in done.err + done.out for word in words), done
    assert full.everything() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "wbe"], ["there is no item wbe", "did you mean web?"]),
        (["--report", "results.docx"], ["results.docx"]),
        (["--parallel", "0"], ["--parallel", "from 1 up"]),
        (["--max-failures", "some"], ["--max-failures"]),
        (["--var", "novalue"], ["--var", "NAME=VALUE"]),
        (["-C", "nowhere"], ["nowhere"]),
    ],
)
def test_a_slip_on_the_command_line(full, options, words):
    said = refused(full.ask(), *options)
    assert all(word in said for word in words), said


def test_a_report_that_cannot_be_written_is_found_before_anything_is_sent(full):
    said = refused(full.ask(), "--report", full.file("nowhere/results.json"))
    assert "nowhere" in said
