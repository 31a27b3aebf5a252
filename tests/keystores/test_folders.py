"""Writing stays inside: escapes by `..`, by absolute paths and by symbolic links, early and late."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import KeyStoreError
from runner.keystores.files import NewFile, write_new
from runner.keystores.folders import Folder

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are looked up in /proc")


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "plant"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def test_paths_below_the_base_pass(base):
    (base / "real").mkdir()
    (base / "alias").symlink_to("real")
    folder = Folder(base)
    assert folder.check(base / "a.crt") == base / "a.crt"
    assert folder.check(Path("new/deep/a.crt")) == base / "new/deep/a.crt"
    assert folder.check(base / "x/../a.crt") == base / "a.crt"
    assert folder.check(base / "alias/a.crt") == base / "real/a.crt"


@pytest.mark.parametrize(
    "path", ["../a.crt", "x/../../a.crt", "/etc/a.crt", "/", "..", "../plant-2/a.crt", "bad\0name"]
)
def test_paths_that_leave_the_base_are_refused(base, path):
    with pytest.raises(KeyStoreError):
        Folder(base).check(Path(path))


def test_a_relative_base_is_taken_from_where_we_are(base, monkeypatch):
    monkeypatch.chdir(base.parent)
    assert Folder(Path("plant")).check(Path("a.crt")) == base / "a.crt"
    assert Folder(Path("plant")).check(base / "a.crt") == base / "a.crt"


def test_a_base_that_is_reached_through_a_link_is_itself(base, tmp_path):
    (tmp_path / "link").symlink_to(base)
    folder = Folder(tmp_path / "link")
    assert folder.check(tmp_path / "link" / "a.crt") == base / "a.crt"
    assert folder.check(base / "a.crt") == base / "a.crt"


def test_links_that_lead_out_are_refused(base, outside):
    (base / "out").symlink_to(outside)
    (base / "new").symlink_to(outside / "not-there-yet")
    (base / "up").symlink_to("..")
    for path in ("out/a.crt", "new/a.crt", "up/a.crt", "out/sub/a.crt"):
        with pytest.raises(KeyStoreError, match="may not be written") as caught:
            Folder(base).check(Path(path))
        assert "symbolic link" in caught.value.why


def test_a_link_cannot_be_the_file_itself(base, outside):
    (base / "a.crt").symlink_to(base / "b.crt")
    (base / "c.crt").symlink_to(outside / "c.crt")
    for name in ("a.crt", "c.crt"):
        with pytest.raises(KeyStoreError, match="may not be written"):
            Folder(base).check(base / name)


def test_a_folder_cannot_be_the_file_itself(base):
    (base / "out").mkdir()
    for path in ("out", "."):
        with pytest.raises(KeyStoreError, match="may not be written") as caught:
            Folder(base).check(Path(path))
        assert "folder" in caught.value.why


def test_an_allowed_path_opens_that_and_no_more(base, outside):
    folder = Folder(base, (outside,))
    assert folder.check(outside / "deep/a.crt") == outside / "deep/a.crt"
    with pytest.raises(KeyStoreError):
        folder.check(outside.parent / "a.crt")
    with pytest.raises(KeyStoreError):
        folder.check(outside.parent / "outside-2/a.crt")


def test_an_allowed_path_may_be_one_file(base, outside, entropy):
    folder = Folder(base, (outside / "a.crt",))
    write_new(folder, [NewFile(outside / "a.crt", b"A")], entropy)
    assert (outside / "a.crt").read_bytes() == b"A"
    with pytest.raises(KeyStoreError):
        folder.check(outside / "b.crt")


def test_an_allowed_folder_is_made_where_it_is_missing(base, outside, entropy):
    target = outside / "not/yet/a.crt"
    write_new(Folder(base, (outside / "not",)), [NewFile(target, b"A")], entropy)
    assert target.read_bytes() == b"A"


@needs_proc
def test_missing_folders_are_made_and_made_durable(base, entropy, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(Path(f"/proc/self/fd/{fd}").readlink()), fsync(fd))[1])
    write_new(Folder(base), [NewFile(base / "one/two/a.crt", b"A")], entropy)
    assert [base, base / "one", base / "one/two"] == [path for path in synced if path.is_dir()]


def test_a_link_that_appears_after_the_check_is_not_followed(base, outside, entropy, monkeypatch):
    """The race: the folder is checked, then replaced by a link, then written to."""
    (base / "out").mkdir()
    folder = Folder(base)
    opened = folder.open

    def swapped(parent):
        (base / "out").rmdir()
        (base / "out").symlink_to(outside)
        return opened(parent)

    monkeypatch.setattr(Folder, "open", lambda _, parent: swapped(parent))
    with pytest.raises(KeyStoreError):
        write_new(folder, [NewFile(base / "out/a.crt", b"A")], entropy)
    assert list(outside.iterdir()) == []


@needs_proc
def test_no_descriptor_is_left_open(base, outside, entropy):
    before = len(list(Path("/proc/self/fd").iterdir()))
    (base / "file").write_bytes(b"")
    write_new(Folder(base), [NewFile(base / "one/two/a.crt", b"A")], entropy)
    with pytest.raises(KeyStoreError):
        write_new(Folder(base), [NewFile(base / "file/a.crt", b"A")], entropy)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
