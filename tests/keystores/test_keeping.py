"""Files that are replaced and kept, given away, or marked; and what there is of work factors in sealed keys."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.ambient import CountingEntropy
from support.nameless import refuse_nameless

from runner.errors import KeyStoreError
from runner.keystores.files import Mark, NewFile, mark, move, replace
from runner.keystores.folders import Folder
from runner.keystores.formats import read_private_key, write_private_key
from runner.keystores.keys import passphrase_of
from runner.keystores.sealing import Seal
from runner.keystores.secrets import SecretReader
from runner.pki.keyurls import Sealing, parse_key_url
from runner.pki.signing import public_info


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(params=["links", "only names", "no links"])
def file_system(request, monkeypatch):
    """A file system with hard links; one without files that have no name; and one without hard links."""
    if request.param != "links":
        monkeypatch.setattr(os, "open", refuse_nameless())
    if request.param == "no links":
        real = os.link

        def link(source, target, **more):
            if not os.path.lexists(f"/proc/self/fd/{more['src_dir_fd']}/{source}"):
                real(source, target, **more)
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", link)


def put(folder, path, content, **more):
    replace(folder, [NewFile(path, content, **more)], CountingEntropy())


def test_the_previous_generation_is_kept_once(file_system, folder, tmp_path):
    path = tmp_path / "f"
    for content in (b"one", b"two", b"three"):
        put(folder, path, content, mode=0o640, backup=True)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"f": b"three", "f.bak": b"two"}
    assert (tmp_path / "f.bak").stat().st_mode & 0o777 == 0o640


def test_without_backup_nothing_is_kept(folder, tmp_path):
    for content in (b"one", b"two"):
        put(folder, tmp_path / "f", content)
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_what_a_move_covers_is_kept_where_that_is_asked_for(file_system, folder, tmp_path):
    for name in ("a", "a.next", "b", "b.next"):
        (tmp_path / name).write_bytes(name.encode())
    pairs = [(tmp_path / f"{name}.next", tmp_path / name) for name in ("a", "b")]
    move(folder, pairs, {tmp_path / "a"})
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "a": b"a.next",
        "a.bak": b"a",
        "b": b"b.next",
    }


def test_a_folder_in_the_place_of_a_backup_stops_it(folder, tmp_path):
    put(folder, tmp_path / "f", b"one")
    (tmp_path / "f.bak").mkdir()
    with pytest.raises(KeyStoreError):
        put(folder, tmp_path / "f", b"two", backup=True)
    assert (tmp_path / "f").read_bytes() == b"one"


def test_marks_follow_no_link_and_do_not_leave_the_folder(folder, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "shadow"
    outside.write_bytes(b"x")
    outside.chmod(0o600)
    (tmp_path / "link").symlink_to(outside)
    for path in (tmp_path / "link", outside):
        with pytest.raises(KeyStoreError):
            mark(folder, [Mark(path, 0o644)])
    assert outside.stat().st_mode & 0o777 == 0o600
    put(folder, tmp_path / "f", b"x", mode=0o600)
    mark(folder, [Mark(tmp_path / "f", 0o440)])
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o440


@pytest.mark.skipif(os.geteuid() == 0, reason="root may give files away")
def test_a_file_that_cannot_be_given_away_is_not_written(folder, tmp_path):
    with pytest.raises(KeyStoreError):
        put(folder, tmp_path / "f", b"x", owner=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sealing", "shown"),
    [
        (Sealing("pbkdf2", 12345), ":3039"),
        (Sealing("scrypt", 4096), ":1000"),
        (Sealing("scrypt", 0), ":4000"),
    ],
    ids=str,
)
def test_the_work_asked_for_is_in_the_file_and_openssl_does_it(sealing, shown, openssl, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    octets = write_private_key(key, "pkcs8s", Seal(b"pass 1", CountingEntropy(), sealing))
    run = {"input": octets, "capture_output": True}
    text = subprocess.run([openssl, "asn1parse"], check=True, **run).stdout.decode()
    assert (sealing.kdf if sealing.kdf == "scrypt" else "PBKDF2") in text
    assert shown in text
    subprocess.run([openssl, "pkey", "-noout", "-passin", "pass:pass 1"], check=True, **run)
    assert public_info(read_private_key(octets, b"pass 1")) == public_info(key)


@pytest.mark.parametrize(("written", "octets"), [("%FF", b"\xff"), ("%C3%A4", b"\xc3\xa4"), ("a%20b", b"a b")])
def test_octets_in_a_url_are_the_passphrase_whatever_they_are(written, octets, tmp_path):
    url = parse_key_url(f"file://{written}/k")
    secret = passphrase_of(url, SecretReader(tmp_path, {}, False))
    assert secret is not None
    assert secret.reveal() == octets
