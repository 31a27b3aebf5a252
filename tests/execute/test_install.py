"""Which files an issued certificate becomes, where they wait, and what may not be overwritten."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.ambient import CountingEntropy
from support.certificates import certificate_der

from runner.errors import KeyStoreError
from runner.execute.desk import Installation, Move, install_files
from runner.execute.install import aside, installation, key_target, place_for_new, refuse_lost_key
from runner.keystores.files import NewFile
from runner.keystores.folders import Folder
from runner.manifest.placing import Output
from runner.pki.certificates import parse_certificate, to_pem
from runner.pki.keyurls import parse_key_url

PATH = tuple(parse_certificate(certificate_der(name)) for name in ("web", "issuing", "root"))


def names(installed):
    return [file.path.name for file in installed.files], [(m.source.name, m.target.name) for m in installed.moves]


def test_a_certificate_and_its_path_under_the_names_of_the_seed():
    installed = installation(Output(prefix="out/web"), PATH, "out/web.prv", "out/web.prv")
    assert names(installed) == (["web-0.crt", "web-0.ca", "web-1.ca"], [])
    assert [file.content for file in installed.files] == [to_pem(each.der) for each in PATH]
    assert {file.mode for file in installed.files} == {0o644}


def test_a_single_file_is_the_certificate_alone_in_der_on_request():
    installed = installation(Output(file="web.der", format="der"), PATH, None, None)
    assert names(installed) == (["web.der"], [])
    assert installed.files[0].content == PATH[0].der


def test_where_a_key_moves_everything_waits_beside_and_moves_with_it_the_key_first():
    installed = installation(Output(prefix="out/web"), PATH[:2], "out/web.prv.next", "out/web.prv")
    assert names(installed) == (
        ["web-0.crt.next", "web-0.ca.next"],
        [("web.prv.next", "web.prv"), ("web-0.crt.next", "web-0.crt"), ("web-0.ca.next", "web-0.ca")],
    )


def test_a_certificate_is_put_aside_under_a_name_of_its_own():
    assert names(aside(Output(prefix="out/web"), PATH[0])) == (["web-0.crt.unconfirmed"], [])


def test_a_new_file_is_never_made_over_anything(tmp_path):
    place = str(tmp_path / "k.prv")
    found = []
    for _ in range(4):
        found.append(place_for_new(place))
        Path(found[-1]).symlink_to("nowhere")
    assert [Path(each).name for each in found] == ["k.prv", "k.prv.next", "k.prv.next2", "k.prv.next3"]


class TestKeyTarget:
    """Where the key goes; and what it must not replace."""

    @pytest.fixture
    def generated(self, tmp_path):
        return replace(parse_key_url("generate://pkcs8@ec:p256/k"), path=str(tmp_path / "k.prv"))

    def test_a_free_place_is_taken(self, generated):
        assert key_target(generated, "/elsewhere/k.prv", ()) == generated.path

    def test_a_staged_key_replaces_what_it_waited_for(self, generated):
        Path(generated.path).touch()
        assert key_target(generated, generated.path + ".next", ()) == generated.path
        assert key_target(generated, generated.path + ".next2", ()) == generated.path

    def test_a_key_that_is_ours_may_be_replaced(self, generated):
        Path(generated.path).touch()
        assert key_target(generated, "/elsewhere/k.prv", (None, generated.path)) == generated.path

    def test_any_other_may_not(self, generated):
        Path(generated.path).touch()
        assert key_target(generated, "/elsewhere/k.prv", (None,)) == "/elsewhere/k.prv"

    def test_nor_one_that_the_entry_names_and_does_not_make(self, generated):
        named = replace(generated, spec=None)
        assert key_target(named, "/elsewhere/k.prv", (generated.path,)) == "/elsewhere/k.prv"

    def test_without_a_key_there_is_nowhere_to_go(self, generated):
        assert key_target(None, "/elsewhere/k.prv", ()) == "/elsewhere/k.prv"
        assert key_target(generated, None, ()) is None


class TestInstallFiles:
    """The writer: durable first, then the names; and done again without harm."""

    @pytest.fixture
    def write(self, tmp_path):
        return lambda *installations: install_files(Folder(tmp_path), CountingEntropy(), installations)

    def rekey(self, tmp_path, name="k"):
        (tmp_path / f"{name}.prv").write_bytes(b"old key")
        (tmp_path / f"{name}.crt").write_bytes(b"old certificate")
        (tmp_path / f"{name}.prv.next").write_bytes(b"new key")
        return Installation(
            (NewFile(tmp_path / f"{name}.crt.next", b"new certificate"),),
            (
                Move(tmp_path / f"{name}.prv.next", tmp_path / f"{name}.prv"),
                Move(tmp_path / f"{name}.crt.next", tmp_path / f"{name}.crt"),
            ),
        )

    def pair(self, tmp_path, name="k"):
        return (tmp_path / f"{name}.prv").read_bytes(), (tmp_path / f"{name}.crt").read_bytes()

    def test_the_new_pair_takes_the_place_of_the_old(self, tmp_path, write):
        write(self.rekey(tmp_path))
        assert self.pair(tmp_path) == (b"new key", b"new certificate")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["k.crt", "k.prv"]

    def test_after_a_crash_between_the_two_names_it_is_finished(self, tmp_path, write):
        again = self.rekey(tmp_path)
        (tmp_path / "k.prv.next").rename(tmp_path / "k.prv")
        write(again)
        assert self.pair(tmp_path) == (b"new key", b"new certificate")

    def test_a_folder_that_is_gone_for_one_does_not_spoil_the_other(self, tmp_path, write):
        """As Grouped does it: together, and where that fails, each alone."""
        good, bad = self.rekey(tmp_path, "good"), self.rekey(tmp_path, "bad")
        (tmp_path / "bad.prv").unlink()
        (tmp_path / "bad.prv").mkdir()
        with pytest.raises(KeyStoreError):
            write(good, bad)
        write(good)
        with pytest.raises(KeyStoreError):
            write(bad)
        assert self.pair(tmp_path, "good") == (b"new key", b"new certificate")
        assert (tmp_path / "bad.prv.next").read_bytes() == b"new key"

    def test_nothing_is_renamed_before_everything_is_durable(self, tmp_path, write, monkeypatch):
        calls = []
        for name in ("fsync", "replace"):
            real = getattr(os, name)
            monkeypatch.setattr(
                os, name, lambda *a, name=name, real=real, **o: (calls.append((name, a[:1])), real(*a, **o))[1]
            )
        write(self.rekey(tmp_path, "a"), self.rekey(tmp_path, "b"))
        first = calls.index(("replace", ("a.prv.next",)))
        assert [call[0] for call in calls[first:]] == ["replace"] * 4 + ["fsync"]
        assert [call[0] for call in calls[:first]].count("fsync") >= 3


class TestLostKey:
    """A key that waited and is gone."""

    def test_the_old_pair_is_not_broken_for_it(self, tmp_path):
        from cryptography.hazmat.primitives import serialization
        from support.certificates import KEY

        pem = KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "k.prv").write_bytes(pem)
        other = parse_certificate(other_certificate())
        waited, place = str(tmp_path / "k.prv.next"), str(tmp_path / "k.prv")
        with pytest.raises(KeyStoreError, match="is gone"):
            refuse_lost_key(other, waited, place)
        refuse_lost_key(parse_certificate(certificate_der()), waited, place)  # it took its place before the crash
        refuse_lost_key(other, place, place)
        refuse_lost_key(other, None, None)
        (tmp_path / "k.prv.next").touch()
        refuse_lost_key(other, waited, place)


def other_certificate():
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from support.ambient import NOON

    key, name = Ed25519PrivateKey.from_private_bytes(bytes(32)), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON + timedelta(days=1))
    return builder.sign(key, None).public_bytes(Encoding.DER)
