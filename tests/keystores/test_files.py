"""Files appear whole or not at all: modes from the first instant, order, durability, and what a crash leaves."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.nameless import refuse_nameless

from runner.errors import KeyStoreError
from runner.keystores.drafts import TEMPORARY_MARK
from runner.keystores.files import KEY_MODE, NewFile, move, read_file, replace, write_new
from runner.keystores.folders import Folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, params=["nameless", "named"])
def way(request, monkeypatch):
    """Everything here holds where the system knows files without a name, and where it does not."""
    if request.param == "named":
        monkeypatch.setattr(os, "open", refuse_nameless())
    return request.param


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def failing(monkeypatch, call: str, number: int, *, of: int) -> None:
    """Let the `of`-th use of os.`call` fail with errno `number`."""
    real, uses = getattr(os, call), []

    def instead(*args, **kwargs):
        uses.append(args)
        if len(uses) == of:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, instead)


def test_new_files_have_their_content_and_mode_whatever_the_umask(folder, tmp_path, entropy):
    before = os.umask(0o077)
    try:
        files = [NewFile(tmp_path / "a.prv", b"key", KEY_MODE), NewFile(tmp_path / "a.crt", b"certificate")]
        write_new(folder, files, entropy)
    finally:
        os.umask(before)
    assert names(tmp_path) == ["a.crt", "a.prv"]
    assert (tmp_path / "a.prv").read_bytes() == b"key"
    assert (mode_of(tmp_path / "a.prv"), mode_of(tmp_path / "a.crt")) == (0o600, 0o644)


@pytest.mark.parametrize("write", [write_new, replace])
def test_a_key_is_never_readable_by_others_not_even_for_an_instant(folder, tmp_path, entropy, monkeypatch, write):
    """Every system call on the way is watched; the umask does its worst."""
    seen = []
    for call in ("open", "write", "fsync", "link", "replace"):
        real = getattr(os, call)

        def watching(*args, _real=real, **kwargs):
            result = _real(*args, **kwargs)
            seen.extend((entry.name, mode_of(entry)) for entry in tmp_path.iterdir())
            return result

        monkeypatch.setattr(os, call, watching)
    before = os.umask(0)
    try:
        write(folder, [NewFile(tmp_path / "a.prv", b"key", KEY_MODE)], entropy)
    finally:
        os.umask(before)
    assert {mode for _, mode in seen} == {0o600}
    assert any(name == "a.prv" for name, _ in seen)


def test_a_file_that_exists_is_never_overwritten_by_a_new_one(folder, tmp_path, entropy):
    (tmp_path / "b.prv").write_bytes(b"precious")
    with pytest.raises(KeyStoreError, match="cannot create") as caught:
        write_new(folder, [NewFile(tmp_path / "a.prv", b"A"), NewFile(tmp_path / "b.prv", b"B")], entropy)
    assert "already" in caught.value.why
    assert names(tmp_path) == ["b.prv"]
    assert (tmp_path / "b.prv").read_bytes() == b"precious"


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(folder, tmp_path, entropy, monkeypatch, links):
    real = os.link

    def late(source, target, **kwargs):
        if target == "b.prv":
            (tmp_path / "b.prv").write_bytes(b"precious")
        if not links:
            raise OSError(errno.EPERM, "no hard links here")
        real(source, target, **kwargs)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(KeyStoreError, match="cannot create"):
        write_new(folder, [NewFile(tmp_path / "a.prv", b"A"), NewFile(tmp_path / "b.prv", b"B")], entropy)
    assert names(tmp_path) == ["b.prv"]
    assert (tmp_path / "b.prv").read_bytes() == b"precious"


def test_new_files_where_there_are_no_hard_links(folder, tmp_path, entropy, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EPERM, "no")))
    write_new(folder, [NewFile(tmp_path / "a.prv", b"A", KEY_MODE)], entropy)
    assert names(tmp_path) == ["a.prv"]
    assert (tmp_path / "a.prv").read_bytes() == b"A"
    failing(monkeypatch, "replace", errno.EIO, of=1)
    with pytest.raises(KeyStoreError):
        write_new(folder, [NewFile(tmp_path / "b.prv", b"B", KEY_MODE)], entropy)
    assert names(tmp_path) == ["a.prv"]


def test_the_same_path_twice_in_a_group_is_refused(folder, tmp_path, entropy):
    with pytest.raises(KeyStoreError):
        write_new(folder, [NewFile(tmp_path / "a", b"1"), NewFile(tmp_path / "a", b"2")], entropy)
    assert names(tmp_path) == []


def test_everything_is_written_then_synced_then_named(folder, tmp_path, entropy, monkeypatch):
    """Design §6: a group shares its stages, and each folder is synced once, at the end."""
    calls = []
    for call in ("write", "fsync", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(
            os, call, lambda *args, _real=real, _call=call, **kwargs: (calls.append(_call), _real(*args, **kwargs))[1]
        )
    (tmp_path / "sub").mkdir()
    for path in ("sub/c", "a", "b"):
        (tmp_path / path).write_bytes(b"old")
    replace(
        folder, [NewFile(tmp_path / "sub" / name if name == "c" else tmp_path / name, b"x") for name in "abc"], entropy
    )
    assert calls == ["write"] * 3 + ["fsync"] * 3 + ["replace"] * 3 + ["fsync"] * 2


def test_replacing_keeps_the_given_order(folder, tmp_path, entropy, monkeypatch):
    order = []
    for call in ("link", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(
            os, call, lambda old, new, _real=real, **kwargs: (_real(old, new, **kwargs), order.append(new))[0]
        )
    (tmp_path / "a").write_bytes(b"old")
    replace(folder, [NewFile(tmp_path / name, b"x") for name in ("z", "a", "m")], entropy)
    assert [name for name in order if TEMPORARY_MARK not in name] == ["z", "a", "m"]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failure_between_renames_leaves_every_file_whole(folder, tmp_path, entropy, monkeypatch, step):
    for name in "abc":
        (tmp_path / name).write_bytes(b"old" * 1000)
    failing(monkeypatch, "replace", errno.EIO, of=step)
    with pytest.raises(KeyStoreError, match="cannot write"):
        replace(folder, [NewFile(tmp_path / name, b"new" * 1000) for name in "abc"], entropy)
    expected = [b"new" * 1000] * (step - 1) + [b"old" * 1000] * (4 - step)
    assert [(tmp_path / name).read_bytes() for name in "abc"] == expected
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("call", "number", "step", "word"),
    [
        ("write", errno.ENOSPC, 2, "disk is full"),
        ("fsync", errno.EIO, 2, "disk reports"),
        ("open", errno.EACCES, 4, "permission"),
        ("open", errno.EROFS, 3, "read-only"),  # the first two: the folder, and the question what it knows
        ("link", errno.EDQUOT, 2, "quota"),
        ("link", errno.EDQUOT, 3, "quota"),
        ("fsync", errno.EIO, 4, "disk reports"),  # of the folder
    ],
)
def test_a_failed_group_of_new_files_leaves_nothing(folder, tmp_path, entropy, monkeypatch, call, number, step, word):
    failing(monkeypatch, call, number, of=step)
    with pytest.raises(KeyStoreError) as caught:
        write_new(folder, [NewFile(tmp_path / name, b"secret", KEY_MODE) for name in "abc"], entropy)
    monkeypatch.undo()
    assert word in caught.value.why
    assert caught.value.next_step
    assert names(tmp_path) == []


def test_content_never_shows_in_a_repr(tmp_path):
    assert "hunter2" not in repr(NewFile(tmp_path / "a", b"hunter2"))


def test_a_short_write_is_continued(folder, tmp_path, entropy, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, octets: real(fd, octets[:3]))
    write_new(folder, [NewFile(tmp_path / "a", b"0123456789")], entropy)
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_file_systems_that_cannot_sync_folders_are_fine(folder, tmp_path, entropy, monkeypatch):
    failing(monkeypatch, "fsync", errno.EINVAL, of=2)
    write_new(folder, [NewFile(tmp_path / "a", b"A")], entropy)
    assert names(tmp_path) == ["a"]


def test_long_names_still_have_a_temporary_one(folder, tmp_path, entropy):
    name = "\N{SNOWMAN}" * 85  # 255 octets
    write_new(folder, [NewFile(tmp_path / name, b"A")], entropy)
    assert names(tmp_path) == [name]
    with pytest.raises(KeyStoreError) as caught:
        write_new(folder, [NewFile(tmp_path / (name + "x"), b"A")], entropy)
    assert "longer" in caught.value.why


def test_a_group_of_64_files(folder, tmp_path, entropy):
    files = [NewFile(tmp_path / f"out/{number}.prv", bytes((number,)), KEY_MODE) for number in range(64)]
    write_new(folder, files, entropy)
    replace(folder, [NewFile(file.path, file.content * 2) for file in files], entropy)
    assert [file.path.read_bytes() for file in files] == [file.content * 2 for file in files]
    assert len(names(tmp_path / "out")) == 64


def test_an_empty_group_does_nothing(folder, tmp_path, entropy):
    write_new(folder, [], entropy)
    replace(folder, [], entropy)
    move(folder, [])
    assert names(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from runner.keystores.files import NewFile, replace
from runner.keystores.drafts import TEMPORARY_MARK
from runner.keystores.folders import Folder
from runner.system import SystemEntropy
from support.nameless import refuse_nameless
base, step = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[3] == "named":
    os.open = refuse_nameless()
uses, real = [], os.replace
def killing(*args, **kwargs):
    uses.append(args)
    if len(uses) == step:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **kwargs)
os.replace = killing
replace(Folder(base), [NewFile(base / name, b"new" * 1000) for name in "ab"], SystemEntropy())
"""


@pytest.mark.parametrize("step", [1, 2])
def test_kill_minus_nine_leaves_whole_files_and_recognisable_leftovers(tmp_path, step, way):
    for name in "ab":
        (tmp_path / name).write_bytes(b"old" * 1000)
    command = [sys.executable, "-c", KILLED, tmp_path, str(step), way]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(command, check=False, timeout=60, env=environ)
    assert done.returncode == -9
    assert (tmp_path / "a").read_bytes() == (b"old", b"new")[step - 1] * 1000
    assert (tmp_path / "b").read_bytes() == b"old" * 1000
    leftovers = [name for name in names(tmp_path) if name not in ("a", "b")]
    assert len(leftovers) == {"nameless": 1, "named": 3 - step}[way]
    assert all(name.startswith(".") and TEMPORARY_MARK in name for name in leftovers)


def test_moving_a_staged_key_into_place(folder, tmp_path, entropy):
    write_new(folder, [NewFile(tmp_path / "stage/k.prv", b"new", KEY_MODE)], entropy)
    (tmp_path / "k.prv").write_bytes(b"old")
    move(folder, [(tmp_path / "stage/k.prv", tmp_path / "k.prv")])
    assert (tmp_path / "k.prv").read_bytes() == b"new"
    assert mode_of(tmp_path / "k.prv") == 0o600
    assert names(tmp_path / "stage") == []


def test_moving_syncs_both_folders_after_all_renames(folder, tmp_path, entropy, monkeypatch):
    write_new(folder, [NewFile(tmp_path / f"stage/{name}", b"x") for name in "ab"], entropy)
    calls = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(
            os, call, lambda *args, _real=real, _call=call, **kwargs: (calls.append(_call), _real(*args, **kwargs))[1]
        )
    move(folder, [(tmp_path / f"stage/{name}", tmp_path / name) for name in "ab"])
    assert calls == ["replace", "replace", "fsync", "fsync"]


def test_moving_what_is_not_there_or_not_ours(folder, tmp_path):
    (tmp_path / "k").write_bytes(b"kept")
    with pytest.raises(KeyStoreError, match="cannot move"):
        move(folder, [(tmp_path / "gone", tmp_path / "k")])
    with pytest.raises(KeyStoreError, match="may not be written"):
        move(folder, [(tmp_path / "k", tmp_path.parent / "k")])
    with pytest.raises(KeyStoreError, match="may not be written"):
        move(folder, [(Path("/etc/hostname"), tmp_path / "k")])
    assert (tmp_path / "k").read_bytes() == b"kept"


def test_reading_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("a")
    assert read_file(tmp_path / "a") == read_file(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(KeyStoreError) as caught:
        read_file(tmp_path / "a", 9)
    assert "longer than 9 octets" in caught.value.why


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "gone", tmp_path / "a\0b"):
        with pytest.raises(KeyStoreError, match="cannot read") as caught:
            read_file(path)
        assert caught.value.why
        assert caught.value.next_step
