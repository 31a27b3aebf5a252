"""Files that have no name until they are whole: where the system knows them and where not, and what a kill leaves."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.nameless import is_nameless, refuse_nameless, without_proc

from runner.errors import KeyStoreError
from runner.keystores.drafts import TEMPORARY_MARK, Drafting, NamedDraft, NamelessDraft
from runner.keystores.files import KEY_MODE, NewFile, replace, write_new
from runner.keystores.folders import Folder

ROOT = Path(__file__).resolve().parents[2]


def names(path):
    return sorted(entry.name for entry in path.iterdir())


@pytest.fixture
def opened(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def nameless(opened, entropy):
    """Only where the file system of the tests knows files without a name."""
    if Drafting().way(opened, entropy) is not NamelessDraft:
        pytest.skip("the file system of the temporary folder has no O_TMPFILE")


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """The names that were in the folder after each system call of a group."""
    met = set()
    for call in ("open", "write", "fsync", "link", "replace"):
        real = getattr(os, call)

        def watching(*arguments, _real=real, **options):
            result = _real(*arguments, **options)
            met.update(names(tmp_path))
            return result

        monkeypatch.setattr(os, call, watching)
    return met


@pytest.mark.parametrize("write", [write_new, replace])
def test_a_new_file_has_no_name_but_its_own(nameless, tmp_path, entropy, seen, write):
    folder = Folder(tmp_path)
    write(folder, [NewFile(tmp_path / "first", b"1")], entropy)  # the file system is asked
    seen.clear()
    write(folder, [NewFile(tmp_path / name, b"x") for name in "ab"], entropy)
    assert seen == {"first", "a", "b"}


def test_only_a_file_that_takes_the_place_of_another_has_a_temporary_name(nameless, tmp_path, entropy, seen):
    for content in (b"old", b"new"):
        replace(Folder(tmp_path), [NewFile(tmp_path / "a", content)], entropy)
    assert any(name.startswith(f".a{TEMPORARY_MARK}") for name in seen)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("call", ["open", "link"])
@pytest.mark.parametrize("write", [write_new, replace])
def test_where_the_way_is_not_known_the_other_one_is_taken(tmp_path, entropy, monkeypatch, write, call):
    monkeypatch.setattr(os, call, {"open": refuse_nameless, "link": without_proc}[call]())
    write(Folder(tmp_path), [NewFile(tmp_path / name, b"x", KEY_MODE) for name in "ab"], entropy)
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"x"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_file_system_is_asked_once(tmp_path, entropy, monkeypatch):
    asked, refusing = [], refuse_nameless()

    def watching(path, flags, *mode, **options):
        asked.extend([path] if is_nameless(flags) else [])
        return refusing(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", watching)
    folder = Folder(tmp_path)
    for number in range(3):
        files = [NewFile(tmp_path / f"{number}/{name}", b"x") for name in "ab"]
        write_new(folder, files, entropy)
        replace(folder, files, entropy)
    assert asked == ["."]


def test_each_file_system_is_asked_for_itself(opened, entropy, monkeypatch):
    drafting = Drafting()
    first = drafting.way(opened, entropy)
    monkeypatch.setattr(os, "open", refuse_nameless())
    assert drafting.way(opened, entropy) is first
    device = os.fstat(opened).st_dev
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0, 0, device + 1, *[0] * 7)))
    assert drafting.way(opened, entropy) is NamedDraft


@pytest.mark.parametrize("call", ["none", "fsync", "link"])
@pytest.mark.parametrize("write", [write_new, replace])
def test_no_file_stays_open(tmp_path, entropy, monkeypatch, write, call):
    def failing(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a").write_bytes(b"old")
    before = names(Path("/proc/self/fd"))
    if call != "none":
        monkeypatch.setattr(os, call, failing)
    files = [NewFile(tmp_path / ("b" if write is write_new else "a"), b"x"), NewFile(tmp_path / "c", b"x")]
    if call == "none" or (write, call) == (replace, "link"):  # what cannot be linked can still be renamed
        write(Folder(tmp_path), files, entropy)
    else:
        with pytest.raises(KeyStoreError):
            write(Folder(tmp_path), files, entropy)
        assert names(tmp_path) == ["a"]
    assert names(Path("/proc/self/fd")) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from runner.keystores.files import NewFile, write_new
from runner.keystores.folders import Folder
from runner.system import SystemEntropy
base, call = Path(sys.argv[1]), sys.argv[2]
folder = Folder(base)
write_new(folder, [NewFile(base / "first", b"whole" * 1000)], SystemEntropy())
setattr(os, call, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
write_new(folder, [NewFile(base / name, b"whole" * 1000) for name in "ab"], SystemEntropy())
"""


@pytest.mark.parametrize("call", ["fchmod", "write", "fsync", "link"])
def test_kill_minus_nine_leaves_nothing_of_new_files(nameless, tmp_path, call):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, call], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) == ["first"]
